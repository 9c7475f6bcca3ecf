"""Changes made to break a document: all but one thing about each is right.

Each maker gets a session that is rightly the signing member's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from automerge.core import ROOT, Document, ObjType, ScalarType

from clisk_vault import leb128
from clisk_vault.change_chunk import ActorId
from clisk_vault.document import author_of
from clisk_vault.ids import DeviceId
from tests.vault.items import change, stamp
from tests.vault.test_change_chunk import rechecked, run_length_bomb

Maker: TypeAlias = Callable[[ActorId], bytes]
INFLATED = 50_000_000
# Of one key: automerge's time for these grows as their square, so no more.
ONE_KEY = 10_000
_ONE, _MANY = leb128.signed(-1), leb128.signed
# Columns: object, key, insertion, action, type and length of a value, predecessors.
_OBJECT_ACTOR, _OBJECT, _KEY_ACTOR, _KEY_OP, _KEY = 0x01, 0x02, 0x11, 0x13, 0x15
_INSERT, _ACTION, _META, _VALUE, _PRED = 0x34, 0x42, 0x56, 0x57, 0x70
COUNTER, UNKNOWN = 8, 10


def titled(actor: ActorId, device: DeviceId, *, ms: int = 0) -> bytes:
    """Return a change with nothing wrong."""
    return change({f"title/{stamp(device, ms=ms)}": "a title"}, actor=actor)


def bomb(actor: ActorId) -> bytes:
    """Return fifty kilobytes that are a title of fifty megabytes."""
    document = Document(actor)
    with document.transaction() as transaction:
        title = "a" * INFLATED
        transaction.put(ROOT, f"title/{stamp(author_of(actor))}", ScalarType.Str, title)
    (made,) = document.get_changes([])
    return bytes(made.bytes)


def claimed_run(count: int) -> Maker:
    """Return what makes a change that says it has *count* operations."""
    return lambda actor: run_length_bomb(titled(actor, author_of(actor)), count)


def one_key(actor: ActorId) -> bytes:
    """Return eighty bytes that write one key ten thousand times."""
    return _change(
        actor,
        {
            _KEY: _MANY(ONE_KEY) + _key(actor),
            _INSERT: leb128.unsigned(ONE_KEY),
            _ACTION: _MANY(ONE_KEY) + b"\x01",
            _META: _MANY(ONE_KEY) + b"\x06",
            _PRED: _MANY(ONE_KEY) + b"\x00",
        },
    )


def long_list(count: int) -> Maker:
    """Return what makes a list of *count* nothings, in runs: some hundred bytes."""

    def make(actor: ActorId) -> bytes:
        # The first operation makes the list; each other comes after the one before.
        return _change(
            actor,
            {
                _OBJECT_ACTOR: b"\x00\x01" + _MANY(count) + b"\x00",
                _OBJECT: b"\x00\x01" + _MANY(count) + b"\x01",
                _KEY_ACTOR: b"\x00\x02" + _MANY(count - 1) + b"\x00",
                _KEY_OP: b"\x00\x01" + _MANY(-2) + b"\x00\x02" + _MANY(count - 2)
                + b"\x01",
                _KEY: _ONE + _key(actor) + b"\x00" + leb128.unsigned(count),
                _INSERT: b"\x01" + leb128.unsigned(count),
                _ACTION: _ONE + b"\x02" + _MANY(count) + b"\x01",
                _META: _MANY(count + 1) + b"\x00",
                _PRED: _MANY(count + 1) + b"\x00",
            },
        )  # fmt: skip

    return make


def value_of(kind: int) -> Maker:
    """Return what makes a title that is neither text nor bytes, but *kind*."""
    return lambda actor: _change(
        actor,
        {
            _KEY: _ONE + _key(actor),
            _INSERT: b"\x01",
            _ACTION: _ONE + b"\x01",
            _META: _ONE + leb128.unsigned(1 << 4 | kind),
            _VALUE: b"\x01",
            _PRED: _ONE + b"\x00",
        },
    )


def wrong_checksum(actor: ActorId) -> bytes:
    """Return a good change whose checksum is nought."""
    data = titled(actor, author_of(actor))
    return data[:4] + bytes(4) + data[8:]


def other_spelling(actor: ActorId) -> bytes:
    """Return the same change with its one entry in a run where a literal belongs."""
    data = titled(actor, author_of(actor))
    honest, other = b"\x42\x02", b"\x01\x7f\x01"
    assert data.count(other) == 1
    assert honest in data
    # A run of one, where a literal of one is the spelling: RLE allows both.
    return rechecked(data.replace(other, b"\x01\x01\x01"))


def foreign(put: Callable[[Any], object]) -> Maker:
    """Return what makes a change with a value that has no place in an item."""

    def make(actor: ActorId) -> bytes:
        document = Document(actor)
        with document.transaction() as transaction:
            put(transaction)
        (made,) = document.get_changes([])
        return bytes(made.bytes)

    return make


FOREIGN: tuple[Maker, ...] = (
    foreign(lambda each: each.put(ROOT, "title/x", ScalarType.Int, 3)),
    foreign(lambda each: each.put(ROOT, "title/x", ScalarType.Boolean, True)),
    foreign(lambda each: each.put_object(ROOT, "title/x", ObjType.List)),
)


def _key(actor: ActorId) -> bytes:
    key = f"title/{stamp(author_of(actor))}".encode()
    return leb128.unsigned(len(key)) + key


def _change(actor: ActorId, columns: Mapping[int, bytes]) -> bytes:
    """Return the first change of a session that has *columns*."""
    heads = (bytes((spec,)) + leb128.unsigned(len(c)) for spec, c in columns.items())
    body = b"".join(
        (
            b"\x00",  # it builds on nothing
            leb128.unsigned(len(actor)),
            actor,
            b"\x01\x01\x00\x00\x00",  # number, first operation, nothing besides
            leb128.unsigned(len(columns)),
            *heads,
            *columns.values(),
        )
    )
    head = b"\x85\x6f\x4a\x83" + bytes(4) + b"\x01"
    return rechecked(head + leb128.unsigned(len(body)) + body)
