"""The inside of a backup: records one after the other, and a digest of them all.

Bytes in, bytes out; the seal around it is age.py's.

Spec: protocol/backup.md. Vectors: backup/.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from clisk_vault import cbor
from clisk_vault.attachment import MAX_ATTACHMENT_BYTES
from clisk_vault.entry import MAX_VALUE_BYTES, check_field
from clisk_vault.errors import FormatError, TamperedError, UnsupportedError
from clisk_vault.hlc import END_OF_TIME_MS
from clisk_vault.ids import HASH_LENGTH, ITEM_ID_LENGTH, ItemId
from clisk_vault.item_types import Secrecy, secrecy

WHAT = "backup"
VERSION = 1
MAX_RECORD_BYTES = MAX_ATTACHMENT_BYTES + 64 * 1024
_LENGTH_BYTES = 4
_HEAD, _ITEM, _FILE, _FOLDER, _GRANT, _END = range(6)
REMOVED, CLEAR, SECRET, SAME = range(4)
_MAX_VERSIONS = 100_000
_MAX_TEXT = 4096


@dataclass(frozen=True, slots=True)
class PastVersion:
    """One version of a field: when, of what kind, and its value."""

    name: str
    time_ms: int
    kind: int
    value: str = field(repr=False, default="")
    same: int = 0
    """With the kind SAME: the place in the list of the version whose value it has."""


@dataclass(frozen=True, slots=True)
class BackupHead:
    """Which vault, by which device, when. Nothing that proves it."""

    vault: bytes
    device: bytes
    time_ms: int


@dataclass(frozen=True, slots=True)
class BackupItem:
    """An item with its whole history, oldest first; what is current comes last."""

    item: ItemId
    versions: tuple[PastVersion, ...]


@dataclass(frozen=True, slots=True)
class BackupFile:
    """An attachment of the item that came last."""

    item: ItemId
    name: str
    media_type: str
    created: str
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class BackupFolder:
    """A folder that stays although nothing is in it."""

    name: str


@dataclass(frozen=True, slots=True)
class BackupGrant:
    """A grant that stood, to be given anew by whoever restores."""

    konnector: str
    digest: bytes
    item: ItemId
    fields: tuple[str, ...]
    origins: tuple[str, ...]
    purpose: str
    expires_ms: int | None = None
    plaintext: tuple[str, ...] = ()


Record: TypeAlias = BackupHead | BackupItem | BackupFile | BackupFolder | BackupGrant


def encode_records(records: Iterable[Record]) -> Iterator[bytes]:
    """Yield the frame of each record."""
    return (_frame(_value(record)) for record in records)


def end_frame(frames: bytes) -> bytes:
    """Return the frame that ends a backup of *frames*."""
    at = count = 0
    while at < len(frames):
        at += _LENGTH_BYTES + int.from_bytes(frames[at : at + _LENGTH_BYTES])
        count += 1
    return _frame([_END, count, hashlib.sha256(frames).digest()])


def parse_backup(data: bytes) -> list[Record]:
    """Return the records of the backup *data*, all of them or none.

    Raises:
        UnsupportedError: of another version.
        FormatError: not the one spelling of a backup.
        TamperedError: a record was changed, left out or put in: the digest says so.
    """
    digest, at = hashlib.sha256(), 0
    records: list[Record] = []
    while True:
        value, end = _next(data, at)
        if value[0] == _END:
            break
        record = _record(value)
        if isinstance(record, BackupHead) is bool(records):
            raise FormatError(f"{WHAT}: a head that is missing, or in the middle")
        digest.update(data[at:end])
        records.append(record)
        at = end
    if len(value) != 3 or value[1] != len(records) or value[2] != digest.digest():
        raise TamperedError(f"{WHAT}: its records are not those that it was made of")
    if end != len(data):
        raise FormatError(f"{WHAT}: something follows its end", at=end)
    _check_order(records)
    return records


def _check_order(records: list[Record]) -> None:
    if not records:
        raise FormatError(f"{WHAT}: without a head")
    seen: set[ItemId] = set()
    last: ItemId | None = None
    for record in records:
        if isinstance(record, BackupItem):
            if record.item in seen:
                raise FormatError(f"{WHAT}: one item twice")
            seen.add(record.item)
            last = record.item
        elif isinstance(record, BackupFile) and record.item != last:
            raise FormatError(f"{WHAT}: a file away from its item")
        elif isinstance(record, BackupGrant) and record.item not in seen:
            raise FormatError(f"{WHAT}: a grant for an item that is not there")


def _frame(value: cbor.Encodable) -> bytes:
    data = cbor.encode(value)
    return len(data).to_bytes(_LENGTH_BYTES) + data


def _next(data: bytes, at: int) -> tuple[list[Any], int]:
    start = at + _LENGTH_BYTES
    length = int.from_bytes(data[at:start])
    end = start + length
    if start > len(data) or end > len(data):
        raise FormatError(f"{WHAT}: cut short", at=at)
    value = cbor.parse(data[start:end], max_bytes=MAX_RECORD_BYTES, what=WHAT)
    if not isinstance(value, list) or not value or type(value[0]) is not int:
        raise FormatError(f"{WHAT}: not a record", at=at)
    return value, end


def _value(record: Record) -> list[cbor.Encodable]:
    match record:
        case BackupHead():
            return [_HEAD, VERSION, record.vault, record.device, record.time_ms]
        case BackupItem():
            versions: list[cbor.Encodable] = [_spell(each) for each in record.versions]
            return [_ITEM, record.item, versions]
        case BackupFile():
            return [
                _FILE, record.item, record.name, record.media_type, record.created,
                record.data,
            ]  # fmt: skip
        case BackupFolder():
            return [_FOLDER, record.name]
        case BackupGrant():
            return [
                _GRANT, record.konnector, record.digest, record.item,
                list(record.fields), list(record.origins), record.purpose,
                record.expires_ms or 0, list(record.plaintext),
            ]  # fmt: skip


def _spell(version: PastVersion) -> list[cbor.Encodable]:
    made: list[cbor.Encodable] = [version.name, version.time_ms, version.kind]
    if version.kind == SAME:
        return [*made, version.same]
    return made if version.kind == REMOVED else [*made, version.value]


def _record(value: list[Any]) -> Record:
    kind, rest = value[0], value[1:]
    if kind == _HEAD:
        return _head(rest)
    if kind == _ITEM:
        return _item(rest)
    if kind == _FILE:
        item, name, media, created, data = _shaped(rest, bytes, str, str, str, bytes)
        if len(data) > MAX_ATTACHMENT_BYTES or max(map(len, (name, media))) > _MAX_TEXT:
            raise FormatError(f"{WHAT}: a file larger than a vault holds")
        return BackupFile(_id(item), name, media, created, data)
    if kind == _FOLDER:
        (name,) = _shaped(rest, str)
        if not name or len(name) > _MAX_TEXT:
            raise FormatError(f"{WHAT}: a folder without a name, or too long a one")
        return BackupFolder(name)
    if kind == _GRANT:
        return _grant(rest)
    raise UnsupportedError(f"{WHAT}: a record of a kind that is not known")


def _head(rest: list[Any]) -> BackupHead:
    if rest and rest[0] != VERSION:
        raise UnsupportedError(f"{WHAT}: a version that is not known")
    _, vault, device, time_ms = _shaped(rest, int, bytes, bytes, int)
    if len(vault) != HASH_LENGTH or len(device) != ITEM_ID_LENGTH:
        raise FormatError(f"{WHAT}: an id of another length")
    return BackupHead(vault, device, _time(time_ms))


def _item(rest: list[Any]) -> BackupItem:
    item, versions = _shaped(rest, bytes, list)
    if not 1 <= len(versions) <= _MAX_VERSIONS:
        raise FormatError(f"{WHAT}: an item without versions, or with too many")
    read: list[PastVersion] = []
    for each in versions:
        if not isinstance(each, list):
            raise FormatError(f"{WHAT}: a version that is none")
        read.append(_version(each, read))
    return BackupItem(_id(item), tuple(read))


def _version(value: list[Any], before: list[PastVersion]) -> PastVersion:
    if len(value) < 3 or type(value[2]) is not int or value[2] not in range(4):
        raise FormatError(f"{WHAT}: a version of no kind")
    kind = value[2]
    more = {REMOVED: (), SAME: (int,)}.get(kind, (str,))
    name, time_ms, _, *last = _shaped(value, str, int, int, *more)
    check_field(name)
    made = PastVersion(
        name,
        _time(time_ms),
        kind,
        last[0] if kind in (CLEAR, SECRET) else "",
        last[0] if kind == SAME else 0,
    )
    if kind == SAME and not (
        made.same < len(before)
        and before[made.same].name == name
        and before[made.same].kind in (CLEAR, SECRET)
    ):
        raise FormatError(f"{WHAT}: a version that names none before it")
    _check_kind(made)
    return made


def _check_kind(version: PastVersion) -> None:
    wanted = secrecy(version.name)
    wrong = {Secrecy.SECRET: CLEAR, Secrecy.CLEAR: SECRET}.get(wanted)
    if version.kind == wrong:
        raise FormatError(f"{WHAT}: a secret in the clear, or the other way round")
    if len(version.value.encode()) > MAX_VALUE_BYTES:
        raise FormatError(f"{WHAT}: a value larger than a vault holds")


def _grant(rest: list[Any]) -> BackupGrant:
    konnector, digest, item, fields, origins, purpose, expires, plaintext = _shaped(
        rest, str, bytes, bytes, list, list, str, int, list
    )
    texts = [*fields, *origins, *plaintext]
    if len(digest) != HASH_LENGTH or any(type(each) is not str for each in texts):
        raise FormatError(f"{WHAT}: a grant of another shape")
    return BackupGrant(
        konnector, digest, _id(item), tuple(fields), tuple(origins), purpose,
        _time(expires) or None, tuple(plaintext),
    )  # fmt: skip


def _shaped(value: list[Any], *kinds: type) -> list[Any]:
    if len(value) != len(kinds) or any(
        type(each) is not kind for each, kind in zip(value, kinds, strict=True)
    ):
        raise FormatError(f"{WHAT}: a record of another shape")
    return value


def _id(raw: bytes) -> ItemId:
    if len(raw) != ITEM_ID_LENGTH or not any(raw):
        raise FormatError(f"{WHAT}: an id of another length")
    return ItemId(raw)


def _time(time_ms: int) -> int:
    if not 0 <= time_ms < END_OF_TIME_MS:
        raise FormatError(f"{WHAT}: a time out of range")
    return time_ms
