"""Snapshots, their parts and acknowledgements: protocol/snapshot.md §2 to §4.

Bytes in and out, signatures and seals. Whether one may be taken is
snapshot_check.py's to say.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from clisk_sync.membership import Head
from clisk_sync.padding import pad, unpad
from clisk_sync.record_body import MAX_TIME_MS
from clisk_sync.suite import SUITE, expect_suite
from clisk_sync.transport import (
    MAX_PART_BYTES,
    MAX_RECORDS,
    MAX_SNAPSHOT_BYTES,
    NO_HASH,
)
from clisk_vault import cbor
from clisk_vault.cose import UnverifiedSign1, decrypt0, encrypt0, parse_sign1, sign1
from clisk_vault.errors import FormatError
from clisk_vault.ids import (
    DEVICE_ID_LENGTH,
    HASH_LENGTH,
    ITEM_ID_LENGTH,
    VAULT_ID_LENGTH,
    DeviceId,
    EnvelopeHash,
    ItemId,
    PartHash,
    RecordHash,
    SnapshotHash,
    VaultId,
)
from clisk_vault.keys import EpochSecret, SnapshotKey
from clisk_vault.labels import Label
from clisk_vault.primitives import Random, SigningKey, VerifyKey, derive, sha256

MAX_PARTS: Final = 1024
MAX_COVERED: Final = 1024
MAX_PART_ENTRIES: Final = 8192
MAX_PART_CHANGES_BYTES: Final = 512 << 10
MAX_ACK_BYTES: Final = 1024
_FLOOR_BYTES: Final = 1024
(
    _SUITE, _VAULT, _AUTHOR, _HEIGHT, _PREVIOUS, _EPOCH, _MEMBERSHIP, _COVERED,
    _PARTS, _TIME,
) = range(1, 11)  # fmt: skip
_SHAPE: dict[int, type] = {
    _SUITE: int, _VAULT: bytes, _AUTHOR: bytes, _HEIGHT: int, _PREVIOUS: bytes,
    _EPOCH: int, _MEMBERSHIP: list, _COVERED: dict, _PARTS: list, _TIME: int,
}  # fmt: skip
_ACK_DEVICE, _ACK_HEIGHT, _ACK_HASH = 3, 4, 5
_ACK_SHAPE: dict[int, type] = {
    _SUITE: int, _VAULT: bytes, _ACK_DEVICE: bytes, _ACK_HEIGHT: int, _ACK_HASH: bytes
}  # fmt: skip
_WHAT: Final = "snapshot"
_ACK: Final = "snapshot acknowledgement"
_PART: Final = "snapshot part"


@dataclass(frozen=True, slots=True)
class Covered:
    """The last envelope of one device that a snapshot covers, and its epoch."""

    number: int
    hash: EnvelopeHash
    epoch: int


@dataclass(frozen=True, slots=True)
class Body:
    """What a snapshot says: what it covers, and the hashes of its parts."""

    vault: VaultId
    author: DeviceId
    height: int
    previous: SnapshotHash
    epoch: int
    membership: Head
    covered: Mapping[DeviceId, Covered]
    parts: tuple[PartHash, ...]
    time_ms: int


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A verified snapshot: its author signed these bytes. Its parts are elsewhere."""

    data: bytes
    body: Body
    hash: SnapshotHash


@dataclass(frozen=True, slots=True)
class UnverifiedSnapshot:
    """A well-formed snapshot that nobody has checked: all of it is a claim."""

    data: bytes
    unverified_body: Body
    _signed: UnverifiedSign1

    @property
    def hash(self) -> SnapshotHash:
        """SHA-256 of the whole signed snapshot."""
        return SnapshotHash(sha256(self.data))

    def verify(self, public: VerifyKey) -> Snapshot:
        """Return the snapshot, now known to be by the holder of *public*.

        Raises:
            TamperedError: another signer or changed bytes.
        """
        self._signed.verify(public, label=Label.SNAPSHOT, context=b"")
        return Snapshot(self.data, self.unverified_body, self.hash)


def sign_snapshot(body: Body, key: SigningKey) -> bytes:
    """Return *body* signed by its author."""
    covered: dict[bytes, cbor.Encodable] = {
        device: [each.number, each.hash, each.epoch]
        for device, each in body.covered.items()
    }
    payload = cbor.encode(
        {
            _SUITE: SUITE,
            _VAULT: body.vault,
            _AUTHOR: body.author,
            _HEIGHT: body.height,
            _PREVIOUS: body.previous,
            _EPOCH: body.epoch,
            _MEMBERSHIP: [body.membership.height, body.membership.hash],
            _COVERED: covered,
            _PARTS: list(body.parts),
            _TIME: body.time_ms,
        }
    )
    return sign1(key, payload, label=Label.SNAPSHOT, context=b"", kid=body.author)


def parse_unverified_snapshot(data: bytes) -> UnverifiedSnapshot:
    """Return the snapshot written in *data*; only its shape is checked.

    Raises:
        FormatError: not the one spelling of a snapshot.
        UnsupportedError: another suite.
    """
    signed = parse_sign1(data, max_bytes=MAX_SNAPSHOT_BYTES, what=_WHAT)
    value = cbor.parse(signed.unverified_payload, max_bytes=len(data), what=_WHAT)
    expect_suite(value, what=_WHAT)
    parts = cbor.expect_map(value, _SHAPE, what=_WHAT)
    body = Body(
        vault=VaultId(_bytes(parts[_VAULT], VAULT_ID_LENGTH, "vault")),
        author=DeviceId(_bytes(parts[_AUTHOR], DEVICE_ID_LENGTH, "author")),
        height=_count(parts[_HEIGHT], "height"),
        previous=SnapshotHash(_bytes(parts[_PREVIOUS], HASH_LENGTH, "previous")),
        epoch=_count(parts[_EPOCH], "epoch"),
        membership=_parse_head(parts[_MEMBERSHIP]),
        covered=_parse_covered(parts[_COVERED]),
        parts=_parse_parts(parts[_PARTS]),
        time_ms=cbor.expect_uint(
            parts[_TIME], what=f"{_WHAT}: time", at_most=MAX_TIME_MS
        ),
    )
    if (body.height == 1) is not (body.previous == NO_HASH):
        raise FormatError(f"{_WHAT}: only the first one has no previous")
    if signed.kid != body.author:
        raise FormatError(f"{_WHAT}: signed in another name than its author's")
    return UnverifiedSnapshot(data, body, signed)


# Parts


@dataclass(frozen=True, slots=True)
class Entry:
    """One change to the document of one item."""

    item: ItemId
    change: bytes


def seal_part(
    entries: Sequence[Entry],
    body: Body,
    index: int,
    *,
    secret: EpochSecret,
    random: Random = os.urandom,
) -> bytes:
    """Return the part *index* of the snapshot of *body*, whose parts are not used.

    *secret* is that of the body's epoch.
    """
    content = cbor.encode([[each.item, each.change] for each in entries])
    return encrypt0(
        _key(secret, body),
        pad(content, floor=_FLOOR_BYTES),
        label=Label.SNAPSHOT_PART,
        context=_context(body, index),
        random=random,
    )


def open_part(
    data: bytes, body: Body, index: int, *, secret: EpochSecret
) -> list[Entry]:
    """Return the entries of the part *index*, whose hash the caller has compared.

    Raises:
        FormatError: not what §3 allows.
        TamperedError: another secret, or sealed for another place.
    """
    padded = decrypt0(
        _key(secret, body),
        data,
        label=Label.SNAPSHOT_PART,
        context=_context(body, index),
        max_bytes=MAX_PART_BYTES,
    )
    content = unpad(padded, floor=_FLOOR_BYTES)
    value = cbor.parse(content, max_bytes=MAX_PART_BYTES, what=_PART)
    rows = cbor.expect_list(value, what=_PART, max_items=MAX_PART_ENTRIES)
    entries = [_parse_entry(row) for row in rows]
    if not entries and len(body.parts) != 1:
        raise FormatError(f"{_PART}: empty")
    if sum(len(each.change) for each in entries) > MAX_PART_CHANGES_BYTES:
        raise FormatError(f"{_PART}: more than {MAX_PART_CHANGES_BYTES} bytes")
    items = [each.item for each in entries]
    if items != sorted(items):
        raise FormatError(f"{_PART}: items out of order")
    return entries


def part_hash(part: bytes) -> PartHash:
    """Return the hash that a snapshot names *part* by."""
    return PartHash(sha256(part))


# Acknowledgements


@dataclass(frozen=True, slots=True)
class UnverifiedAck:
    """Says that a device has all that a snapshot covers: a claim until verified."""

    data: bytes
    vault: VaultId
    device: DeviceId
    height: int
    hash: SnapshotHash
    _signed: UnverifiedSign1

    def verify(self, public: VerifyKey) -> None:
        """Check that the holder of *public* signed it.

        Raises:
            TamperedError: another signer or changed bytes.
        """
        self._signed.verify(public, label=Label.SNAPSHOT_ACK, context=b"")


def sign_ack(
    vault: VaultId,
    device: DeviceId,
    height: int,
    snapshot: SnapshotHash,
    *,
    key: SigningKey,
) -> bytes:
    """Return the acknowledgement of *snapshot* by *device*."""
    payload = cbor.encode(
        {
            _SUITE: SUITE,
            _VAULT: vault,
            _ACK_DEVICE: device,
            _ACK_HEIGHT: height,
            _ACK_HASH: snapshot,
        }
    )
    return sign1(key, payload, label=Label.SNAPSHOT_ACK, context=b"", kid=device)


def parse_unverified_ack(data: bytes) -> UnverifiedAck:
    """Return the acknowledgement in *data*; only its shape is checked.

    Raises:
        FormatError: not the one spelling of one.
        UnsupportedError: another suite.
    """
    signed = parse_sign1(data, max_bytes=MAX_ACK_BYTES, what=_ACK)
    value = cbor.parse(signed.unverified_payload, max_bytes=len(data), what=_ACK)
    expect_suite(value, what=_ACK)
    parts = cbor.expect_map(value, _ACK_SHAPE, what=_ACK)
    device = DeviceId(
        cbor.expect_bytes(parts[_ACK_DEVICE], length=DEVICE_ID_LENGTH, what=_ACK)
    )
    if signed.kid != device:
        raise FormatError(f"{_ACK}: signed in another name")
    return UnverifiedAck(
        data,
        VaultId(cbor.expect_bytes(parts[_VAULT], length=VAULT_ID_LENGTH, what=_ACK)),
        device,
        _count(parts[_ACK_HEIGHT], "height"),
        SnapshotHash(
            cbor.expect_bytes(parts[_ACK_HASH], length=HASH_LENGTH, what=_ACK)
        ),
        signed,
    )


# Inside


def _key(secret: EpochSecret, body: Body) -> SnapshotKey:
    context = cbor.encode([body.vault, body.epoch])
    return derive(secret, Label.SNAPSHOT_KEY, context, SnapshotKey)


def _context(body: Body, index: int) -> bytes:
    return cbor.encode([body.vault, body.epoch, body.author, body.height, index])


def _bytes(value: cbor.Value, length: int, field: str) -> bytes:
    return cbor.expect_bytes(value, length=length, what=f"{_WHAT}: {field}")


def _count(value: cbor.Value, field: str) -> int:
    number = cbor.expect_uint(value, what=f"{_WHAT}: {field}")
    if number == 0:
        raise FormatError(f"{_WHAT}: {field} counts from 1")
    return number


def _parse_head(value: cbor.Value) -> Head:
    what = f"{_WHAT}: membership"
    pair = cbor.expect_list(value, what=what, max_items=2)
    if len(pair) != 2:
        raise FormatError(f"{what}: not a pair")
    height = cbor.expect_uint(pair[0], what=what, at_most=MAX_RECORDS - 1)
    return Head(height, RecordHash(_bytes(pair[1], HASH_LENGTH, "membership")))


def _parse_covered(value: cbor.Value) -> dict[DeviceId, Covered]:
    assert isinstance(value, dict)
    if not 1 <= len(value) <= MAX_COVERED:
        raise FormatError(f"{_WHAT}: covers {len(value)} devices")
    covered = {}
    for device, row in value.items():
        triple = cbor.expect_list(row, what=f"{_WHAT}: covered", max_items=3)
        if len(triple) != 3:
            raise FormatError(f"{_WHAT}: covered: not a triple")
        name = cbor.expect_bytes(
            device, length=DEVICE_ID_LENGTH, what=f"{_WHAT}: covered"
        )
        covered[DeviceId(name)] = Covered(
            _count(triple[0], "covered"),
            EnvelopeHash(_bytes(triple[1], HASH_LENGTH, "covered")),
            _count(triple[2], "covered"),
        )
    return covered


def _parse_parts(value: cbor.Value) -> tuple[PartHash, ...]:
    rows = cbor.expect_list(value, what=f"{_WHAT}: parts", max_items=MAX_PARTS)
    if not rows:
        raise FormatError(f"{_WHAT}: no parts")
    parts = tuple(PartHash(_bytes(row, HASH_LENGTH, "parts")) for row in rows)
    if len(set(parts)) != len(parts):
        raise FormatError(f"{_WHAT}: a part twice")
    return parts


def _parse_entry(row: cbor.Value) -> Entry:
    pair = cbor.expect_list(row, what=_PART, max_items=2)
    if len(pair) != 2 or not isinstance(pair[1], bytes):
        raise FormatError(f"{_PART}: not an item and a change")
    item = cbor.expect_bytes(pair[0], length=ITEM_ID_LENGTH, what=_PART)
    return Entry(ItemId(item), pair[1])
