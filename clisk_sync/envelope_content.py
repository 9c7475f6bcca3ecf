"""One envelope, inside: protocol/envelope.md §5.

What its author had verified when writing (its claim), and a batch of changes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from clisk_sync.record_body import MAX_DEVICES, MAX_TIME_MS
from clisk_sync.suite import leading_uint
from clisk_sync.transport import MAX_ENVELOPE_BYTES, MAX_RECORDS
from clisk_vault import cbor
from clisk_vault.errors import FormatError, UnsupportedError
from clisk_vault.ids import (
    DEVICE_ID_LENGTH,
    HASH_LENGTH,
    ITEM_ID_LENGTH,
    DeviceId,
    EnvelopeHash,
    ItemId,
    RecordHash,
    SnapshotHash,
)

MAX_BATCH_CHANGES: Final = 256
MAX_BATCH_BYTES: Final = 64 << 10
MAX_LOG_MESSAGES: Final = 64
MAX_LOG_BYTES: Final = 512 << 10
_STREAM, _FRONTIER, _MEMBERSHIP, _CLOCK, _BATCH = range(1, 6)
_SHAPE: dict[int, type] = {
    _STREAM: int, _FRONTIER: dict, _MEMBERSHIP: list, _CLOCK: int, _BATCH: list
}  # fmt: skip
# A control message.
_KIND, _HEIGHT, _HASH = 1, 2, 3
_SNAPSHOT: Final = 1
_MESSAGE: dict[int, type] = {_KIND: int, _HEIGHT: int, _HASH: bytes}
_WHAT: Final = "envelope content"


class Stream(IntEnum):
    """What the batch of an envelope belongs to."""

    ITEMS = 1
    LOG = 2
    CONTROL = 3


@dataclass(frozen=True, slots=True)
class Mark:
    """The newest envelope of a device that somebody had verified."""

    number: int
    hash: EnvelopeHash


@dataclass(frozen=True, slots=True)
class Claim:
    """What an author had verified when it wrote: others' marks, and the members."""

    marks: Mapping[DeviceId, Mark]
    membership_height: int
    membership_hash: RecordHash


@dataclass(frozen=True, slots=True)
class ItemChange:
    """One change to the document of one item."""

    item: ItemId
    change: bytes


@dataclass(frozen=True, slots=True)
class Announced:
    """A snapshot that the author has made: protocol/snapshot.md §6."""

    height: int
    hash: SnapshotHash


@dataclass(frozen=True, slots=True)
class Content:
    """What an envelope says. A control envelope without a message is a heartbeat."""

    stream: Stream
    claim: Claim
    clock_ms: int
    changes: tuple[ItemChange, ...]
    # Of logs (access-log.md §11); what they say is not looked into here.
    messages: tuple[bytes, ...] = ()
    announced: Announced | None = None


def encode_content(content: Content) -> bytes:
    """Return the one encoding of *content*."""
    claim = content.claim
    marks: dict[bytes, cbor.Encodable] = {
        device: [mark.number, mark.hash] for device, mark in claim.marks.items()
    }
    return cbor.encode(
        {
            _STREAM: int(content.stream),
            _FRONTIER: marks,
            _MEMBERSHIP: [claim.membership_height, claim.membership_hash],
            _CLOCK: content.clock_ms,
            _BATCH: _batch(content),
        }
    )


def _batch(content: Content) -> list[cbor.Encodable]:
    if content.stream is Stream.LOG:
        return list(content.messages)
    if content.announced is not None:
        told = content.announced
        return [{_KIND: _SNAPSHOT, _HEIGHT: told.height, _HASH: told.hash}]
    return [[change.item, change.change] for change in content.changes]


def parse_content(data: bytes, *, author: DeviceId) -> Content:
    """Return the content that *author* wrote in *data*.

    Raises:
        FormatError: not the one spelling of a content.
        UnsupportedError: a stream that this program does not read.
    """
    value = cbor.parse(data, max_bytes=MAX_ENVELOPE_BYTES, what=_WHAT)
    stream = _parse_stream(value)
    parts = cbor.expect_map(value, _SHAPE, what=_WHAT)
    batch = parts[_BATCH]
    return Content(
        stream,
        Claim(_parse_marks(parts[_FRONTIER], author), *_parse_head(parts[_MEMBERSHIP])),
        cbor.expect_uint(parts[_CLOCK], what=f"{_WHAT}: clock", at_most=MAX_TIME_MS),
        _parse_batch(batch) if stream is Stream.ITEMS else (),
        _parse_messages(batch) if stream is Stream.LOG else (),
        _parse_message(batch) if stream is Stream.CONTROL else None,
    )


def _parse_stream(value: cbor.Value) -> Stream:
    number = leading_uint(value, _STREAM, what=_WHAT)
    try:
        return Stream(number)
    except ValueError:
        raise UnsupportedError(f"{_WHAT}: a stream that is not known here") from None


def _parse_messages(value: cbor.Value) -> tuple[bytes, ...]:
    what = f"{_WHAT}: log"
    batch = cbor.expect_list(value, what=what, max_items=MAX_LOG_MESSAGES)
    messages = tuple(each for each in batch if isinstance(each, bytes))
    if not messages or len(messages) != len(batch):
        raise FormatError(f"{what}: empty, or not of byte strings")
    if sum(map(len, messages)) > MAX_LOG_BYTES:
        raise FormatError(f"{what}: more than {MAX_LOG_BYTES} bytes")
    return messages


def _parse_marks(value: cbor.Value, author: DeviceId) -> dict[DeviceId, Mark]:
    what = f"{_WHAT}: frontier"
    assert isinstance(value, dict)
    if len(value) > MAX_DEVICES:
        raise FormatError(f"{what}: {len(value)} devices, at most {MAX_DEVICES}")
    marks: dict[DeviceId, Mark] = {}
    for device, entry in value.items():
        number, digest = _pair(entry, what)
        mark = Mark(
            cbor.expect_uint(number, what=what),
            EnvelopeHash(cbor.expect_bytes(digest, length=HASH_LENGTH, what=what)),
        )
        if mark.number == 0:
            raise FormatError(f"{what}: envelopes count from 1")
        raw = cbor.expect_bytes(device, length=DEVICE_ID_LENGTH, what=what)
        marks[DeviceId(raw)] = mark
    if author in marks:
        raise FormatError(f"{what}: names its own author")
    return marks


def _parse_head(value: cbor.Value) -> tuple[int, RecordHash]:
    what = f"{_WHAT}: membership"
    height, digest = _pair(value, what)
    return (
        cbor.expect_uint(height, what=what, at_most=MAX_RECORDS - 1),
        RecordHash(cbor.expect_bytes(digest, length=HASH_LENGTH, what=what)),
    )


def _parse_message(value: cbor.Value) -> Announced | None:
    """Return the one message of a control envelope, None in a heartbeat."""
    what = f"{_WHAT}: message"
    batch = cbor.expect_list(value, what=what, max_items=1)
    if not batch:
        return None
    if leading_uint(batch[0], _KIND, what=what) != _SNAPSHOT:
        raise UnsupportedError(f"{what}: a control message that is not known here")
    parts = cbor.expect_map(batch[0], _MESSAGE, what=what)
    height = cbor.expect_uint(parts[_HEIGHT], what=f"{what}: height")
    if height == 0:
        raise FormatError(f"{what}: snapshots count from 1")
    digest = cbor.expect_bytes(parts[_HASH], length=HASH_LENGTH, what=what)
    return Announced(height, SnapshotHash(digest))


def _parse_batch(value: cbor.Value) -> tuple[ItemChange, ...]:
    what = f"{_WHAT}: batch"
    batch = cbor.expect_list(value, what=what, max_items=MAX_BATCH_CHANGES)
    changes = tuple(_parse_change(entry, what) for entry in batch)
    if not changes:
        raise FormatError(f"{what}: empty")
    if sum(len(change.change) for change in changes) > MAX_BATCH_BYTES:
        raise FormatError(f"{what}: more than {MAX_BATCH_BYTES} bytes")
    return changes


def _parse_change(value: cbor.Value, what: str) -> ItemChange:
    item, change = _pair(value, what)
    if not isinstance(change, bytes):
        raise FormatError(f"{what}: a change that is not bytes")
    raw = cbor.expect_bytes(item, length=ITEM_ID_LENGTH, what=what)
    return ItemChange(ItemId(raw), change)


def _pair(value: cbor.Value, what: str) -> tuple[cbor.Value, cbor.Value]:
    if not isinstance(value, list) or len(value) != 2:
        raise FormatError(f"{what}: not a pair")
    return value[0], value[1]
