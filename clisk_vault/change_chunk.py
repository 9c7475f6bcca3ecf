"""The bytes of one change: the small part of automerge's format that items use.

Read and written here in full, so that nothing but plain writes of new text or
bytes at the root of a document ever reaches automerge's own parser. Checksum,
hash, order and every column have one accepted spelling.

Spec: protocol/item.md §4. Vectors: item/change-*.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import NewType

from clisk_vault import leb128
from clisk_vault.errors import FormatError, UnsupportedError

ActorId = NewType("ActorId", bytes)
"""32 bytes: a device id and 16 random ones. Names one session of one device."""
ChangeHash = NewType("ChangeHash", bytes)
"""32 bytes: SHA-256 of a change without magic and checksum."""

ACTOR_BYTES = 32
HASH_BYTES = 32
MAX_CHANGE_BYTES = 64 * 1024
MAX_CHANGE_ENTRIES = 1024
MAX_DEPS = 256
MAX_OP = (1 << 32) - 1
"""automerge counts operations in 32 bits."""

_MAGIC = b"\x85\x6f\x4a\x83"
_TYPE_CHANGE, _TYPE_DEFLATED = 1, 2
_BODY_AT = 8
_SET = b"\x01"
_NO_PREDECESSOR = b"\x00"
_BYTES, _TEXT = 7, 6
# Column specifications, in the order in which they stand.
_KEY, _INSERT, _ACTION, _VALUE_META, _VALUE, _PRED = 0x15, 0x34, 0x42, 0x56, 0x57, 0x70


@dataclass(frozen=True, slots=True)
class Change:
    """One change: new entries, and what its writer had seen."""

    actor: ActorId
    seq: int
    start_op: int
    deps: tuple[ChangeHash, ...]
    entries: Mapping[str, str | bytes]
    hash: ChangeHash
    data: bytes

    @property
    def max_op(self) -> int:
        """The number of its last operation; a change that saw it starts later."""
        return self.start_op + len(self.entries) - 1


def new_change(
    *,
    actor: ActorId,
    seq: int,
    start_op: int,
    deps: tuple[ChangeHash, ...],
    entries: Mapping[str, str | bytes],
) -> Change:
    """Return the change of these parts, as parse_change() reads its bytes.

    Raises:
        FormatError: one that parse_change() would refuse.
    """
    hashed = _encode_hashed(actor, seq, start_op, deps, entries)
    name = ChangeHash(hashlib.sha256(hashed).digest())
    data = _chunk(name, hashed)
    _check_size(data)
    change = Change(actor, seq, start_op, deps, dict(entries), name, data)
    _check_parts(change)
    return change


def parse_change(data: bytes) -> Change:
    """Return the change written in *data*.

    Only the spelling that encode_change writes is accepted.

    Raises:
        FormatError: too long, compressed, a wrong checksum, anything but new text
            or bytes at the root, or another spelling.
        UnsupportedError: a kind of chunk that this program does not read.
    """
    _check_size(data)
    change = _parse_body(data, *_open_chunk(data))
    # Magic and checksum were compared; what the checksum is of is spelt again.
    if data[_BODY_AT:] != _encode_hashed(
        change.actor, change.seq, change.start_op, change.deps, change.entries
    ):
        raise FormatError("change: not the one accepted spelling")
    return change


def hash_of(data: bytes) -> ChangeHash:
    """Return the hash that the change in *data*, parsed or not, would have."""
    return _hash(data)


def unverified_actor(data: bytes) -> ActorId:
    """Return the actor that *data* names; nothing else of it is read.

    Raises:
        FormatError: it does not get as far as an actor.
    """
    _check_size(data)
    body, _name = _open_chunk(data)
    for _ in range(body.unsigned()):
        body.take(HASH_BYTES)
    actor = body.take(body.unsigned())
    if len(actor) != ACTOR_BYTES:
        raise FormatError(f"change: an actor of {len(actor)} bytes")
    return ActorId(actor)


def _check_size(data: bytes) -> None:
    if len(data) > MAX_CHANGE_BYTES:
        raise FormatError(
            f"change: {len(data)} bytes, at most {MAX_CHANGE_BYTES} allowed"
        )


def _open_chunk(data: bytes) -> tuple[leb128.Reader, ChangeHash]:
    """Return where the body of the chunk begins, and the hash that it has."""
    reader = leb128.Reader(data)
    if reader.take(4) != _MAGIC:
        raise FormatError("change: does not begin as a change does")
    checksum = reader.take(4)
    (kind,) = reader.take(1)
    if kind == _TYPE_DEFLATED:
        # A megabyte may inflate to a gibibyte; nobody has to send these.
        raise FormatError("change: compressed")
    if kind != _TYPE_CHANGE:
        raise UnsupportedError(f"change: chunk type {kind} is not known")
    if reader.unsigned() != reader.end - reader.at:
        raise FormatError("change: length does not match")
    name = _hash(data)
    if name[:4] != checksum:
        raise FormatError("change: checksum does not match")
    return reader, name


def _hash(data: bytes) -> ChangeHash:
    return ChangeHash(hashlib.sha256(data[_BODY_AT:]).digest())


def _parse_body(data: bytes, body: leb128.Reader, name: ChangeHash) -> Change:
    deps = tuple(
        ChangeHash(body.take(HASH_BYTES)) for _ in range(_count(body, MAX_DEPS))
    )
    actor = ActorId(body.take(body.unsigned()))
    seq, start_op = body.unsigned(), body.unsigned()
    if body.take(3) != b"\0\0\0":
        raise FormatError("change: a time, a message or further actors")
    entries = _parse_columns(body)
    change = Change(actor, seq, start_op, deps, entries, name, data)
    _check_parts(change)
    return change


def _check_parts(change: Change) -> None:
    """Refuse what no change may say, whether it was read or is to be written."""
    count = len(change.entries)
    if not 1 <= count <= MAX_CHANGE_ENTRIES:
        raise FormatError(f"change: not 1 to {MAX_CHANGE_ENTRIES} entries")
    if len(change.deps) > MAX_DEPS:
        raise FormatError(f"change: more than {MAX_DEPS} dependencies")
    if any(first >= second for first, second in pairwise(change.deps)):
        raise FormatError("change: dependencies out of order")
    if len(change.actor) != ACTOR_BYTES:
        raise FormatError(f"change: actor is not {ACTOR_BYTES} bytes")
    if not 1 <= change.seq <= MAX_OP or not 1 <= change.start_op <= MAX_OP - count:
        raise FormatError("change: a number out of range")


def _count(body: leb128.Reader, at_most: int) -> int:
    count = body.unsigned()
    if count > at_most:
        raise FormatError(f"change: more than {at_most} of one kind", at=body.at)
    return count


def _parse_columns(body: leb128.Reader) -> dict[str, str | bytes]:
    sizes = [(body.unsigned(), body.unsigned()) for _ in range(_count(body, 6))]
    columns = {spec: body.take(size) for spec, size in sizes}
    if columns.keys() - {_VALUE} != {_KEY, _INSERT, _ACTION, _VALUE_META, _PRED}:
        raise FormatError("change: not plain writes at the root")
    count = leb128.Reader(columns[_INSERT]).unsigned()
    if not 1 <= count <= MAX_CHANGE_ENTRIES:
        raise FormatError(f"change: not 1 to {MAX_CHANGE_ENTRIES} entries")
    keys = _parse_keys(columns[_KEY], count)
    return dict(zip(keys, _parse_values(columns, count), strict=True))


def _parse_keys(column: bytes, count: int) -> list[str]:
    keys = [
        _text(reader.take(reader.unsigned()))
        for _, reader in leb128.read_runs(column, count=count)
    ]
    if len(keys) != count:
        raise FormatError("change: not as many keys as entries")
    return keys


def _parse_values(columns: Mapping[int, bytes], count: int) -> list[str | bytes]:
    raw = leb128.Reader(columns.get(_VALUE, b""))
    values: list[str | bytes] = []
    for times, reader in leb128.read_runs(columns[_VALUE_META], count=count):
        meta = reader.unsigned()
        for _ in range(times):
            value = raw.take(meta >> 4)
            if meta & 15 == _TEXT:
                values.append(_text(value))
            elif meta & 15 == _BYTES:
                values.append(value)
            else:
                raise FormatError("change: a value that is neither text nor bytes")
    return values


def _text(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise FormatError("change: text that is not UTF-8") from None


def encode_change(
    *,
    actor: ActorId,
    seq: int,
    start_op: int,
    deps: tuple[ChangeHash, ...],
    entries: Mapping[str, str | bytes],
) -> bytes:
    """Return the bytes of a change, as automerge itself writes them."""
    hashed = _encode_hashed(actor, seq, start_op, deps, entries)
    return _chunk(ChangeHash(hashlib.sha256(hashed).digest()), hashed)


def _chunk(name: ChangeHash, hashed: bytes) -> bytes:
    return _MAGIC + name[: _BODY_AT - len(_MAGIC)] + hashed


def _encode_hashed(
    actor: ActorId,
    seq: int,
    start_op: int,
    deps: tuple[ChangeHash, ...],
    entries: Mapping[str, str | bytes],
) -> bytes:
    """Return what the hash of a change is of: all but magic and checksum."""
    columns = _encode_columns(entries)
    body = b"".join(
        (
            leb128.unsigned(len(deps)),
            *deps,
            leb128.unsigned(len(actor)),
            actor,
            leb128.unsigned(seq),
            leb128.unsigned(start_op),
            b"\0\0\0",  # no time, no message, no further actors
            leb128.unsigned(len(columns)),
            *(bytes((spec,)) + leb128.unsigned(len(c)) for spec, c in columns.items()),
            *columns.values(),
        )
    )
    return bytes((_TYPE_CHANGE,)) + leb128.unsigned(len(body)) + body


def _encode_columns(entries: Mapping[str, str | bytes]) -> dict[int, bytes]:
    keys, metas, values = [], [], []
    for key in sorted(entries):
        value = entries[key]
        raw = value if isinstance(value, bytes) else value.encode()
        spelt = key.encode()
        keys.append(leb128.unsigned(len(spelt)) + spelt)
        kind = _BYTES if isinstance(value, bytes) else _TEXT
        metas.append(leb128.unsigned(len(raw) << 4 | kind))
        values.append(raw)
    count = len(entries)
    columns = {
        _KEY: leb128.write_literal(keys),  # no two are equal
        _INSERT: leb128.unsigned(count),
        _ACTION: leb128.write_run(_SET, count),
        _VALUE_META: leb128.write_runs(metas),
        _VALUE: b"".join(values),
        _PRED: leb128.write_run(_NO_PREDECESSOR, count),
    }
    return {spec: column for spec, column in columns.items() if column}
