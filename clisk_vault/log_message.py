"""What devices tell each other of their logs: protocol/access-log.md §11.

Pages of one's own log, countersignatures, and how far one holds another's log.
Spelling only; each travels inside a sealed envelope and is believed of nobody yet.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from clisk_vault import cbor
from clisk_vault.errors import FormatError, UnsupportedError
from clisk_vault.log_entry import MAX_SEALED_BYTES
from clisk_vault.log_leaf import MAX_GROUP, MAX_LEAF_BYTES, LogRow
from clisk_vault.merkle import HASH_BYTES, leaf_hash

MAX_MESSAGE_BYTES = 1 << 19
MAX_HEAD_BYTES = 1 << 14
MAX_ENTRIES = 4 * MAX_GROUP
MAX_PROOF = 64
_MAX_NUMBER = (1 << 32) - 1
_KIND = 1
_NEWS, _COSIGNED, _HELD = 1, 2, 3
_INCARNATION, _OLD, _PROOF, _ENTRIES, _LAST = range(2, 7)
_NOTE = 2
_DEVICE, _NUMBER, _SIZE = range(2, 5)
_WHAT = "log message"


@dataclass(frozen=True, slots=True)
class LogNews:
    """Entries of the author's own log from *old* on, the last one with a head.

    *proof* shows that the head's tree begins with that of the first *old* entries.
    *last*: no page follows for now, and a countersignature is asked for.
    """

    incarnation: int
    old: int
    proof: tuple[bytes, ...]
    rows: tuple[LogRow, ...]
    last: bool

    def encode(self) -> bytes:
        """Return the one spelling of this message."""
        entries: list[cbor.Encodable] = [
            [row.leaf, row.epoch, row.ciphertext or b"", row.head or b""]
            for row in self.rows
        ]
        return cbor.encode(
            {
                _KIND: _NEWS,
                _INCARNATION: self.incarnation,
                _OLD: self.old,
                _PROOF: list(self.proof),
                _ENTRIES: entries,
                _LAST: self.last,
            }
        )


@dataclass(frozen=True, slots=True)
class CosignedHead:
    """A head that the author has countersigned: a signed note with both lines."""

    note: bytes

    def encode(self) -> bytes:
        """Return the one spelling of this message."""
        return cbor.encode({_KIND: _COSIGNED, _NOTE: self.note})


@dataclass(frozen=True, slots=True)
class HeldSize:
    """How much of a device's log the author holds: pages from there on are missing."""

    device: bytes
    incarnation: int
    size: int

    def encode(self) -> bytes:
        """Return the one spelling of this message."""
        return cbor.encode(
            {
                _KIND: _HELD,
                _DEVICE: self.device,
                _NUMBER: self.incarnation,
                _SIZE: self.size,
            }
        )


LogMessage: TypeAlias = LogNews | CosignedHead | HeldSize


def parse_log_message(data: bytes) -> LogMessage:
    """Return the message that *data* spells; nothing in it is believed.

    Raises:
        UnsupportedError: a kind that is not known here.
        FormatError: anything but the one spelling.
    """
    value = cbor.parse(data, max_bytes=MAX_MESSAGE_BYTES, what=_WHAT)
    parts: dict[Any, Any] = value if isinstance(value, dict) else {}
    kind = parts.get(_KIND)
    if type(kind) is not int:
        raise FormatError(f"{_WHAT}: no kind")
    if kind == _NEWS:
        return _parse_news(value)
    if kind == _COSIGNED:
        return _parse_cosigned(value)
    if kind == _HELD:
        return _parse_held(value)
    raise UnsupportedError(f"{_WHAT}: kind {kind} is not known")


def _fields(value: cbor.Value, shape: Mapping[int, type]) -> dict[int, Any]:
    return dict(cbor.expect_map(value, {_KIND: int, **shape}, what=_WHAT))


def _number(value: cbor.Value, *, least: int = 0) -> int:
    number = cbor.expect_uint(value, what=_WHAT, at_most=_MAX_NUMBER)
    if number < least:
        raise FormatError(f"{_WHAT}: a number out of range")
    return number


def _parse_news(value: cbor.Value) -> LogNews:
    fields = _fields(
        value,
        {_INCARNATION: int, _OLD: int, _PROOF: list, _ENTRIES: list, _LAST: bool},
    )
    old = _number(fields[_OLD])
    proof = cbor.expect_list(fields[_PROOF], what=_WHAT, max_items=MAX_PROOF)
    entries = cbor.expect_list(fields[_ENTRIES], what=_WHAT, max_items=MAX_ENTRIES)
    rows = tuple(_parse_row(one, old + at) for at, one in enumerate(entries))
    if not rows or rows[-1].head is None or rows[-1].seq > _MAX_NUMBER:
        raise FormatError(f"{_WHAT}: news without entries, or without a head")
    return LogNews(
        _number(fields[_INCARNATION], least=1),
        old,
        tuple(cbor.expect_bytes(one, length=HASH_BYTES, what=_WHAT) for one in proof),
        rows,
        fields[_LAST],
    )


def _parse_row(value: cbor.Value, seq: int) -> LogRow:
    parts = cbor.expect_list(value, what=_WHAT, max_items=4)
    if len(parts) != 4:
        raise FormatError(f"{_WHAT}: an entry is not four parts")
    leaf, epoch, ciphertext, head = parts
    for part, most in (
        (leaf, MAX_LEAF_BYTES),
        (ciphertext, MAX_SEALED_BYTES),
        (head, MAX_HEAD_BYTES),
    ):
        if not isinstance(part, bytes) or len(part) > most:
            raise FormatError(f"{_WHAT}: a part of an entry is not bytes, or too long")
    assert isinstance(leaf, bytes)
    assert isinstance(ciphertext, bytes)
    assert isinstance(head, bytes)
    return LogRow(
        seq, leaf, leaf_hash(leaf), _number(epoch), ciphertext or None, head or None
    )


def _parse_cosigned(value: cbor.Value) -> CosignedHead:
    note = _fields(value, {_NOTE: bytes})[_NOTE]
    if len(note) > MAX_HEAD_BYTES:
        raise FormatError(f"{_WHAT}: a note is too long")
    return CosignedHead(note)


def _parse_held(value: cbor.Value) -> HeldSize:
    fields = _fields(value, {_DEVICE: bytes, _NUMBER: int, _SIZE: int})
    return HeldSize(
        cbor.expect_bytes(fields[_DEVICE], length=16, what=_WHAT),
        _number(fields[_NUMBER], least=1),
        _number(fields[_SIZE]),
    )
