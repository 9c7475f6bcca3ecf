"""Signing in to a relay: protocol/relay-api.md §3.

A device signs the relay's challenge together with the origin that it dialled
itself, so the signature is worth nothing at any other relay.
"""

from __future__ import annotations

from dataclasses import dataclass

from clisk_vault import cbor
from clisk_vault.cose import UnverifiedSign1, parse_sign1, sign1
from clisk_vault.errors import FormatError
from clisk_vault.ids import VAULT_ID_LENGTH, DeviceId, VaultId
from clisk_vault.labels import Label
from clisk_vault.primitives import SigningKey, VerifyKey

MAX_LOGIN_BYTES = 1024
MAX_ORIGIN_CHARS = 300
_WHAT = "relay login"
_ORIGIN, _VAULT, _CHALLENGE = 1, 2, 3


@dataclass(frozen=True, slots=True)
class UnverifiedLogin:
    """Who claims to sign in, where, and in answer to what."""

    device: DeviceId
    origin: str
    vault: VaultId
    challenge: bytes
    _signed: UnverifiedSign1

    def verify(self, public: VerifyKey) -> None:
        """Check that the holder of *public* signed all of it.

        Raises:
            TamperedError: another signer or changed bytes.
        """
        self._signed.verify(public, label=Label.RELAY_LOGIN, context=b"")


def sign_login(
    key: SigningKey,
    *,
    device: DeviceId,
    origin: str,
    vault: VaultId,
    challenge: bytes,
) -> bytes:
    """Return the login that answers *challenge* at *origin*."""
    payload = cbor.encode({_ORIGIN: origin, _VAULT: vault, _CHALLENGE: challenge})
    return sign1(key, payload, label=Label.RELAY_LOGIN, context=b"", kid=device)


def parse_unverified_login(data: bytes) -> UnverifiedLogin:
    """Return the login written in *data*; nothing is checked but its shape.

    Raises:
        FormatError: not the one spelling of a login.
    """
    signed = parse_sign1(data, max_bytes=MAX_LOGIN_BYTES, what=_WHAT)
    body = cbor.expect_map(
        cbor.parse(signed.unverified_payload, max_bytes=MAX_LOGIN_BYTES, what=_WHAT),
        {_ORIGIN: str, _VAULT: bytes, _CHALLENGE: bytes},
        what=_WHAT,
    )
    origin = cbor.expect_text(
        body[_ORIGIN], what=f"{_WHAT}: origin", max_chars=MAX_ORIGIN_CHARS
    )
    vault = cbor.expect_bytes(
        body[_VAULT], length=VAULT_ID_LENGTH, what=f"{_WHAT}: vault"
    )
    challenge = body[_CHALLENGE]
    if not isinstance(challenge, bytes) or not 16 <= len(challenge) <= 128:
        raise FormatError(f"{_WHAT}: challenge of a length not allowed")
    if len(signed.kid) != 16:
        raise FormatError(f"{_WHAT}: not signed in the name of a device")
    return UnverifiedLogin(
        DeviceId(signed.kid), origin, VaultId(vault), challenge, signed
    )
