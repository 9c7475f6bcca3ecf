"""Challenges and tokens: protocol/relay-api.md §3.

Both are sealed by a MAC under a key that all processes on one database share, so
each takes what another gave. The seal keeps junk away from the database; it is
not enough to be let in: sessions.py also asks whether the token was given to
somebody, and whether the challenge was answered before.
"""

from __future__ import annotations

import hmac
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from clisk_sync.refusals import Code, refuse
from clisk_vault.ids import DEVICE_ID_LENGTH, VAULT_ID_LENGTH, DeviceId, VaultId
from clisk_vault.keys import SecretBytes
from clisk_vault.labels import Label
from clisk_vault.primitives import Random, hmac_sha256

_TIME: Final = 8
_NONCE: Final = 16
_MAC: Final = 32
_CHALLENGE_BYTES: Final = _TIME + _NONCE + _MAC
_TOKEN_BYTES: Final = _TIME + VAULT_ID_LENGTH + DEVICE_ID_LENGTH + _NONCE + _MAC


class RelaySecret(SecretBytes):
    """Seals this relay's challenges and tokens."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Caller:
    """Who holds a valid token; whether still a member is asked each time."""

    vault: VaultId
    device: DeviceId


def now_ms() -> int:
    """Return the time in milliseconds since 1970."""
    return time.time_ns() // 1_000_000


class Authority:
    """Makes and checks what a device shows to be let in."""

    def __init__(
        self,
        secret: RelaySecret,
        *,
        challenge_seconds: float,
        token_seconds: float,
        clock: Callable[[], int] = now_ms,
        random: Random = os.urandom,
    ) -> None:
        self._secret = secret
        self._challenge_ms = int(challenge_seconds * 1000)
        self._token_ms = int(token_seconds * 1000)
        self._clock = clock
        self._random = random

    def new_challenge(self) -> tuple[bytes, int]:
        """Return a challenge and when it expires. Costs the relay no memory."""
        expires = self._clock() + self._challenge_ms
        body = expires.to_bytes(_TIME) + self._random(_NONCE)
        return self._sealed(Label.RELAY_CHALLENGE, body), expires

    def check_challenge(self, challenge: bytes) -> int:
        """Return when *challenge* expires.

        Raises:
            AuthError: not ours, or too old.
        """
        body = self._opened(Label.RELAY_CHALLENGE, challenge, _CHALLENGE_BYTES)
        expires = int.from_bytes(body[:_TIME])
        if expires < self._clock():
            raise refuse(Code.LOGIN_REFUSED)
        return expires

    def new_token(self, vault: VaultId, device: DeviceId) -> tuple[str, int]:
        """Return a token for *device* in *vault* and when it expires."""
        expires = self._clock() + self._token_ms
        # The nonce is what a thief of the key and of the token's hash lacks.
        body = expires.to_bytes(_TIME) + vault + device + self._random(_NONCE)
        return self._sealed(Label.RELAY_TOKEN, body).hex(), expires

    def now(self) -> int:
        """Return the time in milliseconds since 1970."""
        return self._clock()

    def check_token(self, token: str) -> tuple[Caller, int]:
        """Return whose token it is, and when it expires.

        Raises:
            AuthError: not ours, or too old.
        """
        try:
            raw = bytes.fromhex(token)
        except ValueError:
            raise refuse(Code.NOT_SIGNED_IN) from None
        body = self._opened(Label.RELAY_TOKEN, raw, _TOKEN_BYTES)
        expires = int.from_bytes(body[:_TIME])
        if expires < self._clock():
            raise refuse(Code.NOT_SIGNED_IN)
        vault_end = _TIME + VAULT_ID_LENGTH
        device = DeviceId(body[vault_end : vault_end + DEVICE_ID_LENGTH])
        return Caller(VaultId(body[_TIME:vault_end]), device), expires

    def _sealed(self, label: Label, body: bytes) -> bytes:
        return body + hmac_sha256(self._secret, label.value, b"\0", body)

    def _opened(self, label: Label, sealed: bytes, length: int) -> bytes:
        body, mac = sealed[:-_MAC], sealed[-_MAC:]
        wanted = hmac_sha256(self._secret, label.value, b"\0", body)
        if len(sealed) != length or not hmac.compare_digest(mac, wanted):
            refused = label is Label.RELAY_CHALLENGE
            raise refuse(Code.LOGIN_REFUSED if refused else Code.NOT_SIGNED_IN)
        return body
