"""A recovery kit, as its QR code says it, and the device it is: protocol/recovery.md.

Holds no network and no disk.
"""

from __future__ import annotations

import base64
import binascii
import os
from dataclasses import dataclass
from typing import Final

from clisk_sync.envelope_content import Mark
from clisk_sync.errors import CallerError, KitError
from clisk_sync.origin import relay_origin
from clisk_vault import cbor
from clisk_vault.device import DevicePublic, DeviceSecrets
from clisk_vault.errors import FormatError
from clisk_vault.ids import (
    DEVICE_ID_LENGTH,
    HASH_LENGTH,
    VAULT_ID_LENGTH,
    DeviceId,
    EnvelopeHash,
    VaultId,
)
from clisk_vault.keys import RecoverySecret, StorageKey
from clisk_vault.labels import Label
from clisk_vault.primitives import Random, SigningKey, derive
from clisk_vault.wrapping import WrappingKey

PREFIX: Final = "clisk:kit#"
_MAX_PAYLOAD: Final = 1024
_MAX_RELAY_CHARS: Final = 300
_RELAY, _VAULT, _SECRET, _MARK = range(1, 5)
_WHAT: Final = "recovery kit"


@dataclass(frozen=True, slots=True)
class Anchor:
    """An envelope that stood on the relay when the kit was made."""

    device: DeviceId
    mark: Mark


@dataclass(frozen=True, slots=True)
class Kit:
    """What the QR code of a kit holds; typed words come without an anchor."""

    relay: str
    vault: VaultId
    secret: RecoverySecret
    anchor: Anchor | None = None

    def text(self) -> str:
        """Return the one spelling of a printed kit; it holds the secret.

        Raises:
            CallerError: it has no anchor: it was typed, not made.
        """
        if self.anchor is None:
            raise CallerError("recovery kit: without its mark")
        mark = self.anchor.mark
        payload = cbor.encode(
            {
                _RELAY: self.relay,
                _VAULT: self.vault,
                _SECRET: self.secret.expose(),
                _MARK: [self.anchor.device, mark.number, mark.hash],
            }
        )
        return PREFIX + base64.urlsafe_b64encode(payload).rstrip(b"=").decode()


def kit_device(secret: RecoverySecret, vault: VaultId) -> DeviceSecrets:
    """Return the device that *secret* is in *vault*: protocol/recovery.md §1."""
    signing = derive(secret, Label.RECOVERY_SIGNING_KEY, vault, SigningKey)
    wrapping = derive(secret, Label.RECOVERY_WRAPPING_KEY, vault, WrappingKey)
    log = derive(secret, Label.RECOVERY_LOG_KEY, vault, SigningKey)
    cosign = derive(secret, Label.RECOVERY_COSIGN_KEY, vault, SigningKey)
    public = DevicePublic(
        signing.public(), wrapping.public(), log.public(), cosign.public()
    )
    # A kit has no disk: this key seals nothing, and dies with the object.
    storage = StorageKey(os.urandom(StorageKey.LENGTH))
    return DeviceSecrets(signing, wrapping, storage, cosign, public)


def new_secret(random: Random = os.urandom) -> RecoverySecret:
    """Return a fresh recovery secret."""
    return RecoverySecret(random(RecoverySecret.LENGTH))


def parse_kit(text: str) -> Kit:
    """Return the kit that *text* spells.

    Raises:
        KitError: not a kit in its one spelling, or with an address that no relay has.
    """
    if not text.startswith(PREFIX) or len(text) > len(PREFIX) + 2 * _MAX_PAYLOAD:
        raise KitError("that is not a recovery kit")
    try:
        kit = _from_payload(_decode(text[len(PREFIX) :]))
    except FormatError as err:
        raise KitError(f"recovery kit: {err}") from None
    if check_kit_relay(kit.relay) != kit.relay or kit.text() != text:
        raise KitError("recovery kit: not in its one spelling")
    return kit


def check_kit_relay(relay: str) -> str:
    """Return the one spelling of a relay's address.

    Raises:
        KitError: none that a relay may have.
    """
    try:
        return relay_origin(relay)
    except CallerError as err:
        raise KitError(str(err), advice=err.advice) from None


def _decode(text: str) -> bytes:
    try:
        return base64.b64decode(
            text + "=" * (-len(text) % 4), altchars=b"-_", validate=True
        )
    except (binascii.Error, ValueError):
        raise FormatError("not base64url") from None


def _from_payload(payload: bytes) -> Kit:
    fields = cbor.expect_map(
        cbor.parse(payload, max_bytes=_MAX_PAYLOAD, what=_WHAT),
        {_RELAY: str, _VAULT: bytes, _SECRET: bytes, _MARK: list},
        what=_WHAT,
    )
    relay = cbor.expect_text(
        fields[_RELAY], what="relay address", max_chars=_MAX_RELAY_CHARS
    )
    vault = cbor.expect_bytes(fields[_VAULT], length=VAULT_ID_LENGTH, what="vault")
    secret = cbor.expect_bytes(
        fields[_SECRET], length=RecoverySecret.LENGTH, what="secret"
    )
    return Kit(
        relay, VaultId(vault), RecoverySecret(secret), _parse_anchor(fields[_MARK])
    )


def _parse_anchor(value: cbor.Value) -> Anchor:
    parts = cbor.expect_list(value, what="mark", max_items=3)
    if len(parts) != 3:
        raise FormatError("mark: not three parts")
    device = cbor.expect_bytes(parts[0], length=DEVICE_ID_LENGTH, what="mark: device")
    number = cbor.expect_uint(parts[1], what="mark: number")
    digest = cbor.expect_bytes(parts[2], length=HASH_LENGTH, what="mark: hash")
    if number == 0:
        raise FormatError("mark: envelopes count from 1")
    return Anchor(DeviceId(device), Mark(number, EnvelopeHash(digest)))
