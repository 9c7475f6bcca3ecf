"""A device's keys: protocol/key-schedule.md §5 and membership.md.

The device id is a hash of the public keys, so a relay can neither supply a
device nor give a known one other keys.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

from clisk_vault import cbor
from clisk_vault.errors import FormatError
from clisk_vault.ids import DEVICE_ID_LENGTH, DeviceId
from clisk_vault.keys import StorageKey
from clisk_vault.labels import Label
from clisk_vault.primitives import (
    VERIFY_KEY_BYTES,
    Random,
    SigningKey,
    VerifyKey,
    sha256,
)
from clisk_vault.wrapping import WrappingKey, WrapPublic, parse_wrap_public

_SIGNING, _WRAPPING, _LOG, _COSIGN = range(1, 5)


@dataclass(frozen=True, slots=True)
class DevicePublic:
    """What a membership record says of a device.

    ``log`` is the key of the first head of the device's access log: enrolled
    here, it anchors the whole chain of log keys. ``cosign`` is the key that the
    device countersigns other devices' logs with, and nothing else.
    """

    signing: VerifyKey
    wrapping: WrapPublic
    log: VerifyKey
    cosign: VerifyKey

    def __post_init__(self) -> None:
        """Refuse one key for two purposes; raises FormatError."""
        if len({self.signing, self.log, self.cosign}) != 3:
            raise FormatError("device keys: one key in two places")

    @property
    def id(self) -> DeviceId:
        """The 16 bytes that name this device."""
        digest = sha256(Label.DEVICE_ID.value, cbor.encode(self.to_value()))
        return DeviceId(digest[:DEVICE_ID_LENGTH])

    def to_value(self) -> cbor.Encodable:
        """Return the CBOR map that a record carries."""
        return {
            _SIGNING: self.signing,
            _WRAPPING: self.wrapping,
            _LOG: self.log,
            _COSIGN: self.cosign,
        }

    @classmethod
    def from_value(cls, value: cbor.Value) -> DevicePublic:
        """Return the device that a record's map spells.

        Raises:
            FormatError: keys missing, unknown, twice, or not keys of suite 1.
        """
        what = "device keys"
        keys = cbor.expect_map(
            value,
            {_SIGNING: bytes, _WRAPPING: bytes, _LOG: bytes, _COSIGN: bytes},
            what=what,
        )
        signing, log, cosign = (
            VerifyKey(cbor.expect_bytes(keys[at], length=VERIFY_KEY_BYTES, what=what))
            for at in (_SIGNING, _LOG, _COSIGN)
        )
        wrapping = keys[_WRAPPING]
        assert isinstance(wrapping, bytes)
        return cls(signing, parse_wrap_public(wrapping), log, cosign)


@dataclass(frozen=True, slots=True)
class DeviceSecrets:
    """What only this device holds; sealed under the unlock key on disk."""

    signing: SigningKey
    wrapping: WrappingKey
    storage: StorageKey
    cosign: SigningKey
    public: DevicePublic


def enrol(random: Random = os.urandom) -> tuple[DeviceSecrets, SigningKey]:
    """Return a new device's secrets and the first key of its access log.

    The log key is apart because it is used once and then erased.
    """
    signing = SigningKey.generate(random)
    wrapping = WrappingKey.generate(random)
    first_log_key = SigningKey.generate(random)
    cosign = SigningKey.generate(random)
    public = DevicePublic(
        signing.public(), wrapping.public(), first_log_key.public(), cosign.public()
    )
    storage = StorageKey(random(StorageKey.LENGTH))
    return DeviceSecrets(signing, wrapping, storage, cosign, public), first_log_key
