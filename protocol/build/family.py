"""A made family of devices and its records, for the vectors of several pages."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from protocol.build.common import Cbor, Randomness, cbor
from protocol.build.hpke import wrap_public
from protocol.build.suite import derive, ed25519_public, encrypt0, sign1

RECORD = "clisk/1/membership-record"
SALT = Randomness("salt")(32)
EPOCH_SECRET = Randomness("epoch 1")(32)
# Wrapping is random by nature: the first line wraps EPOCH_SECRET to LAPTOP in the
# genesis, the second to PHONE in the record that adds it; epochs.py has the others.
_KEPT = Path(__file__).with_name("membership_wraps.hex")

Body = dict[int, Any]


@dataclass(frozen=True)
class Device:
    """A device made from a seed that any implementation can repeat."""

    name: str
    seed: bytes
    wrapping: bytes
    log_seed: bytes
    cosign_seed: bytes

    @classmethod
    def make(cls, name: str) -> Device:
        """Return the device of that name."""
        random = Randomness(f"device {name}")
        return cls(name, random(32), random(96), random(32), random(32))

    @property
    def keys(self) -> dict[int, Cbor]:
        """The device keys (key-schedule.md §5)."""
        return {
            1: ed25519_public(self.seed),
            2: wrap_public(self.wrapping),
            3: ed25519_public(self.log_seed),
            4: ed25519_public(self.cosign_seed),
        }

    @property
    def id(self) -> bytes:
        """The device id."""
        return hashlib.sha256(b"clisk/1/device-id" + cbor(self.keys)).digest()[:16]


LAPTOP, PHONE, TABLET, STRANGER = map(
    Device.make, ("laptop", "phone", "tablet", "stranger")
)


@cache
def kept_wraps() -> tuple[bytes, bytes]:
    """Return the two wraps that were made once."""
    genesis, add, *_ = all_kept_wraps()
    return genesis, add


@cache
def all_kept_wraps() -> tuple[bytes, ...]:
    """Return every wrap that was made once, in the order of the file."""
    lines = _KEPT.read_text(encoding="ascii").split()
    return tuple(bytes.fromhex(line) for line in lines)


def wrap_info(
    binding: bytes, previous: bytes, device: bytes, *, epoch: int = 1
) -> bytes:
    """Return the HPKE info of a wrap (§4.1)."""
    return cbor([b"clisk/1/epoch-wrap", binding, epoch, previous, device])


def padded(content: bytes, floor: int) -> bytes:
    """Return *content* padded (envelope.md §4)."""
    length = len(content) + 1
    exponent = length.bit_length() - 1
    step = 1 << max(exponent - exponent.bit_length(), 0)
    return (content + b"\x80").ljust(max(floor, -(-length // step) * step), b"\0")


def sealed_name(
    device: Device,
    binding: bytes,
    *,
    name: str = "",
    epoch: int = 1,
    secret: bytes = EPOCH_SECRET,
) -> dict[int, Cbor]:
    """Return the name of *device*, or another *name* for it, sealed (§4.3)."""
    name = name or device.name
    key = derive(secret, "clisk/1/device-name-key", cbor([binding, epoch]))
    sealed = encrypt0(
        key,
        padded(name.encode(), 256),
        label="clisk/1/device-name",
        context=cbor([binding, epoch, device.id]),
        nonce=Randomness(f"name {name}")(24),
    )
    return {1: epoch, 2: sealed}


def genesis_body() -> Body:
    """Return the body that founds the vault of all cases."""
    commitment = hmac.digest(
        EPOCH_SECRET, b"clisk/1/epoch-commitment\0" + cbor([SALT, 1]), "sha256"
    )
    return {
        1: 1,
        2: 1,
        5: 0,
        6: LAPTOP.id,
        7: 1_700_000_000_000,
        8: SALT,
        9: LAPTOP.keys,
        10: sealed_name(LAPTOP, SALT),
        11: {1: 1, 2: commitment, 3: {LAPTOP.id: kept_wraps()[0]}},
    }


def signed(body: Cbor, author: Device, *, kid: bytes | None = None) -> bytes:
    """Return the record of *body*, signed by *author*."""
    return sign1(
        author.seed,
        cbor(body),
        label=RECORD,
        context=b"",
        kid=author.id if kid is None else kid,
    )


def record_hash(record: bytes) -> bytes:
    """Return the hash of a signed record."""
    return hashlib.sha256(record).digest()


@cache
def genesis() -> bytes:
    """Return the genesis record of all cases."""
    return signed(genesis_body(), LAPTOP)


def add_body(device: Device, before: list[bytes], author: Device) -> Body:
    """Return the body by which *author* adds *device*."""
    vault = record_hash(genesis())
    wrap = Randomness(f"wrap {device.name}")(1168)
    if device is PHONE and len(before) == 1:
        wrap = kept_wraps()[1]
    return {
        1: 1,
        2: 2,
        3: vault,
        4: record_hash(before[-1]),
        5: len(before),
        6: author.id,
        7: 1_700_000_000_000 + 1000 * len(before),
        9: device.keys,
        10: sealed_name(device, vault),
        12: {1: 1, 2: wrap},
    }


@cache
def family() -> tuple[bytes, ...]:
    """Return the records of laptop, phone and tablet; the phone adds the tablet."""
    records = [genesis()]
    records.append(signed(add_body(PHONE, records, LAPTOP), LAPTOP))
    records.append(signed(add_body(TABLET, records, PHONE), PHONE))
    return tuple(records)


def with_changes(body: Body, changes: Mapping[int, Any]) -> Body:
    """Return *body* with keys replaced; None takes one away."""
    merged = {**body, **changes}
    return {key: value for key, value in merged.items() if value is not None}
