"""A device's keys: protocol/key-schedule.md §5 and membership.md.

The device id is a hash of the public keys, so a relay can neither supply a
device nor give a known one other keys.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

from clisk_vault import cbor
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

_SIGNING, _WRAPPING, _LOG = 1, 2, 3


@dataclass(frozen=True, slots=True)
class DevicePublic:
    """What a membership record says of a device.

    ``log`` is the key of the first head of the device's access log: enrolled
    here, it anchors the whole chain of log keys.
    """

    signing: VerifyKey
    wrapping: WrapPublic
    log: VerifyKey

    @property
    def id(self) -> DeviceId:
        """The 16 bytes that name this device."""
        digest = sha256(Label.DEVICE_ID.value, cbor.encode(self.to_value()))
        return DeviceId(digest[:DEVICE_ID_LENGTH])

    def to_value(self) -> cbor.Encodable:
        """Return the CBOR map that a record carries."""
        return {_SIGNING: self.signing, _WRAPPING: self.wrapping, _LOG: self.log}

    @classmethod
    def from_value(cls, value: cbor.Value) -> DevicePublic:
        """Return the device that a record's map spells.

        Raises:
            FormatError: keys missing, unknown, or not keys of suite 1.
        """
        what = "device keys"
        keys = cbor.expect_map(
            value, {_SIGNING: bytes, _WRAPPING: bytes, _LOG: bytes}, what=what
        )
        signing, log = (
            cbor.expect_bytes(keys[at], length=VERIFY_KEY_BYTES, what=what)
            for at in (_SIGNING, _LOG)
        )
        wrapping = keys[_WRAPPING]
        assert isinstance(wrapping, bytes)
        return cls(VerifyKey(signing), parse_wrap_public(wrapping), VerifyKey(log))


@dataclass(frozen=True, slots=True)
class DeviceSecrets:
    """What only this device holds; sealed under the unlock key on disk."""

    signing: SigningKey
    wrapping: WrappingKey
    storage: StorageKey
    public: DevicePublic


def enrol(random: Random = os.urandom) -> tuple[DeviceSecrets, SigningKey]:
    """Return a new device's secrets and the first key of its access log.

    The log key is apart because it is used once and then erased.
    """
    signing = SigningKey.generate(random)
    wrapping = WrappingKey.generate(random)
    first_log_key = SigningKey.generate(random)
    public = DevicePublic(signing.public(), wrapping.public(), first_log_key.public())
    storage = StorageKey(random(StorageKey.LENGTH))
    return DeviceSecrets(signing, wrapping, storage, public), first_log_key
