"""The pairing code, a URL that travels as a QR picture: protocol/pairing.md §2.

Whoever holds it may knock, nothing more: getting in takes six digits that a
person types.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass

from clisk_sync.errors import CallerError, PairingCodeError
from clisk_sync.origin import relay_origin
from clisk_vault import cbor
from clisk_vault.errors import FormatError
from clisk_vault.ids import DEVICE_ID_LENGTH, VAULT_ID_LENGTH, DeviceId, VaultId
from clisk_vault.keys import PairingSecret
from clisk_vault.labels import Label
from clisk_vault.primitives import derive

PREFIX = "clisk:pair#"
LIFETIME_MS = 120_000
MAX_RELAY_CHARS = 300
_MAX_PAYLOAD = 1024
_RELAY, _VAULT, _SECRET, _MEMBER, _EXPIRES = range(1, 6)


@dataclass(frozen=True, slots=True)
class PairingCode:
    """What the QR picture holds. The secret in it lives two minutes."""

    relay: str
    vault: VaultId
    secret: PairingSecret
    member: DeviceId
    expires_ms: int

    @property
    def mailbox(self) -> bytes:
        """The 32-byte id of the one mailbox that this code may use."""
        return derive(
            self.secret, Label.PAIRING_MAILBOX, self.vault, PairingSecret
        ).expose()

    def url(self) -> str:
        """Return the one spelling of this code; it holds the secret."""
        payload = cbor.encode(
            {
                _RELAY: self.relay,
                _VAULT: self.vault,
                _SECRET: self.secret.expose(),
                _MEMBER: self.member,
                _EXPIRES: self.expires_ms,
            }
        )
        return PREFIX + base64.urlsafe_b64encode(payload).rstrip(b"=").decode()


def parse_pairing_code(url: str) -> PairingCode:
    """Return the code that *url* spells, untouched by any clock.

    Raises:
        PairingCodeError: not a pairing code in its one spelling, or a relay
            address that is neither https nor on this machine.
    """
    if not url.startswith(PREFIX) or len(url) > len(PREFIX) + 2 * _MAX_PAYLOAD:
        raise PairingCodeError("not a clisk pairing code")
    try:
        code = _from_payload(_decode(url[len(PREFIX) :]))
    except FormatError as err:
        raise PairingCodeError(f"pairing code: {err}") from None
    check_relay(code.relay)
    if code.url() != url:
        raise PairingCodeError("pairing code: not in its one spelling")
    return code


def check_relay(relay: str) -> None:
    """Refuse an address that is not a relay's in its one spelling.

    Raises:
        PairingCodeError: as relay_origin() refuses, or spelled in another way.
    """
    try:
        same = relay_origin(relay) == relay
    except CallerError as err:
        raise PairingCodeError(str(err), advice=err.advice) from None
    if not same:
        raise PairingCodeError("relay address: not in its one spelling")


def _decode(text: str) -> bytes:
    try:
        return base64.b64decode(
            text + "=" * (-len(text) % 4), altchars=b"-_", validate=True
        )
    except (binascii.Error, ValueError):
        raise FormatError("not base64url") from None


def _from_payload(payload: bytes) -> PairingCode:
    what = "payload"
    fields = cbor.expect_map(
        cbor.parse(payload, max_bytes=_MAX_PAYLOAD, what=what),
        {_RELAY: str, _VAULT: bytes, _SECRET: bytes, _MEMBER: bytes, _EXPIRES: int},
        what=what,
    )

    def sized(key: int, length: int) -> bytes:
        return cbor.expect_bytes(fields[key], length=length, what=f"{what} key {key}")

    return PairingCode(
        relay=cbor.expect_text(
            fields[_RELAY], what="relay address", max_chars=MAX_RELAY_CHARS
        ),
        vault=VaultId(sized(_VAULT, VAULT_ID_LENGTH)),
        secret=PairingSecret(sized(_SECRET, PairingSecret.LENGTH)),
        member=DeviceId(sized(_MEMBER, DEVICE_ID_LENGTH)),
        expires_ms=cbor.expect_uint(fields[_EXPIRES], what="expiry"),
    )
