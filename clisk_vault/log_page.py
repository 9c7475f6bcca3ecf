"""One page of the index of the access log: columns of 1,024 entries.

A text or id that many entries share stands once, in its column's table; the entries
have its number. So a page without the wanted item is passed over at one look.

Spec: protocol/access-log.md §10.1.
"""

from __future__ import annotations

import sys
import zlib
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple, TypeAlias

from clisk_vault import cbor
from clisk_vault.access_record import AccessRecord, Outcome, RequesterKind, Use
from clisk_vault.errors import FormatError
from clisk_vault.ids import DeviceId, GrantId, ItemId
from clisk_vault.log_summary import Moment

PAGE_ENTRIES = 1024
_VERSION = 2
_MAX_BYTES = 8 * 1024 * 1024
# The size of a sealed page would tell how many different items were read.
_BUCKET_BYTES = 32 * 1024
_LENGTH_BYTES = 4
_TIMES, _NUMBERS = "Q", "H"  # 8 and 2 bytes each

Value: TypeAlias = "int | bytes | str"

# The columns with a table, in the order in which they are written.
_COLUMNS = (
    "outcome",
    "kind",
    "use",
    "item",
    "field",
    "name",
    "digest",
    "origin",
    "grant",
    "purpose",
)


@dataclass(frozen=True, slots=True)
class LogFilter:
    """What to look for; None: anything. Times in milliseconds, *until* left out."""

    outcome: Outcome | None = None
    kind: RequesterKind | None = None
    use: Use | None = None
    item: ItemId | None = None
    name: str | None = None
    origin: str | None = None
    grant: GrantId | None = None
    device: DeviceId | None = None
    purpose: str | None = None
    """Words that the purpose has in it, in any case."""
    since_ms: int | None = None
    until_ms: int | None = None


@dataclass(frozen=True, slots=True)
class _Column:
    """For each entry the number of its value in *table*, from 1; 0: it has none."""

    table: list[Value]
    numbers: array[int]

    def where(self, numbers: set[int], among: Sequence[int]) -> Sequence[int]:
        """Return those of *among* whose value has one of *numbers*."""
        column = self.numbers
        if len(numbers) == 1 and isinstance(among, range):
            (number,) = numbers
            return self._all_of(number, among)
        return [at for at in among if column[at] in numbers]

    def _all_of(self, number: int, among: range) -> list[int]:
        """Return where *number* stands in *among*, which ends with the first entry."""
        found: list[int] = []
        at, end = 0, len(among)
        # The library's own search is ten times as fast as a loop here.
        with suppress(ValueError):
            while True:
                at = self.numbers.index(number, at, end) + 1
                found.append(at - 1)
        return found[::-1]


class _Columns(dict[str, _Column]):
    """The columns of a page, each taken apart when it is first asked for."""

    def __init__(self, packed: Mapping[str, object], count: int) -> None:
        super().__init__()
        self._packed = packed
        self._count = count

    def __missing__(self, name: str) -> _Column:
        column = self[name] = _column(self._packed[name], self._count)
        return column


class Read(NamedTuple):
    """What is the same about many reads; a column of a page for each."""

    outcome: int
    use: int
    item: ItemId | None
    field: str | None
    name: str
    origin: str | None


Times: TypeAlias = "tuple[int, int]"
"""How many reads, and when the latest was, in milliseconds."""


class LogPage:
    """Columns of the entries from *start* up to *end*."""

    def __init__(
        self, start: int, times: array[int], columns: dict[str, _Column]
    ) -> None:
        self.start = start
        self.times = times
        self.columns = columns

    @cached_property
    def latest_ms(self) -> int:
        """The latest time of an entry, 0 if there is none."""
        return max(self.times, default=0)

    @cached_property
    def _earliest_ms(self) -> int:
        return min(self.times, default=0)

    @property
    def end(self) -> int:
        """One more than the index of the last entry."""
        return self.start + len(self.times)

    def matches(self, wanted: LogFilter, *, before: int | None) -> list[int]:
        """Return the indexes of the records that match, newest first."""
        top = len(self.times) if before is None else before - self.start
        rows: Sequence[int] = range(min(top, len(self.times)) - 1, -1, -1)
        # The columns that leave the fewest entries come first.
        for name in ("grant", "item", "origin", "name", "use", "kind"):
            value = getattr(wanted, name)
            if value is not None and rows:
                rows = self._where(rows, name, value)
        if rows:
            # A mark of the log itself has no outcome: it is no record.
            rows = self._where(rows, "outcome", wanted.outcome)
        if wanted.purpose is not None and rows:
            rows = self._with_words(rows, wanted.purpose)
        since, until = wanted.since_ms, wanted.until_ms
        if since is not None and self._earliest_ms < since:
            rows = [at for at in rows if self.times[at] >= since]
        if until is not None and self.latest_ms >= until:
            rows = [at for at in rows if self.times[at] < until]
        return [self.start + at for at in rows]

    def tally(self, rows: Iterable[int], into: dict[Read, Times]) -> None:
        """Add the records with the indexes *rows* of this page to *into*."""
        columns = [self.columns[name] for name in Read.__annotations__]
        for index in rows:
            at = index - self.start
            values = (
                one.table[one.numbers[at] - 1] if one.numbers[at] else None
                for one in columns
            )
            read = Read(*values)  # type: ignore[arg-type]  # as _values() wrote them
            count, latest = into.get(read, (0, 0))
            into[read] = count + 1, max(latest, self.times[at])

    def moments(self, rows: Iterable[int]) -> Iterator[Moment]:
        """Yield the records with the indexes *rows* of this page."""
        indexes = list(rows)
        places = [index - self.start for index in indexes]
        # Column by column and not row by row: there may be a hundred thousand.
        columns = (
            map([None, *one.table].__getitem__, map(one.numbers.__getitem__, places))
            for one in map(
                self.columns.__getitem__, ("outcome", "kind", "name", "item")
            )
        )
        return map(Moment, indexes, map(self.times.__getitem__, places), *columns)

    def _where(
        self, among: Sequence[int], name: str, value: Value | None
    ) -> Sequence[int]:
        column = self.columns[name]
        if value is None:
            if 0 not in column.numbers:
                return among
            return [at for at in among if column.numbers[at]]
        if value not in column.table:
            return []
        return column.where({column.table.index(value) + 1}, among)

    def _with_words(self, among: Sequence[int], words: str) -> Sequence[int]:
        column, words = self.columns["purpose"], words.casefold()
        numbers = {
            number
            for number, text in enumerate(column.table, 1)
            if words in str(text).casefold()
        }
        return column.where(numbers, among) if numbers else []

    def encode(self) -> bytes:
        """Return the page as bytes, to be sealed."""
        times = _packed(self.times)
        columns: list[cbor.Encodable] = [
            [list(column.table), _packed(column.numbers)]
            for column in (self.columns[name] for name in _COLUMNS)
        ]
        # Shortened so that nearly every page fits into one bucket.
        data = zlib.compress(cbor.encode([_VERSION, times, columns]))
        framed = len(data).to_bytes(_LENGTH_BYTES) + data
        return framed + bytes(-len(framed) % _BUCKET_BYTES)

    @classmethod
    def parse(cls, data: bytes, start: int, end: int) -> LogPage:
        """Return the page in *data*, which this program has sealed itself.

        Raises:
            FormatError: another version, or another shape.
        """
        packed = data[_LENGTH_BYTES:][: int.from_bytes(data[:_LENGTH_BYTES])]
        try:
            content = zlib.decompressobj().decompress(packed, _MAX_BYTES)
        except zlib.error:
            raise FormatError("log index: not a page") from None
        match cbor.parse_own(content):
            case [int(version), bytes(times), list(columns)] if (
                version == _VERSION and len(columns) == len(_COLUMNS)
            ):
                count = end - start
                by_name = dict(zip(_COLUMNS, columns, strict=True))
                return cls(
                    start, _unpacked(_TIMES, times, count), _Columns(by_name, count)
                )
        raise FormatError("log index: not a page of this version")


def _column(value: object, count: int) -> _Column:
    match value:
        case [list(table), bytes(packed)]:
            numbers = _unpacked(_NUMBERS, packed, count)
            if max(numbers) <= len(table):
                return _Column(table, numbers)
    raise FormatError("log index: not a column")


def _packed(numbers: array[int]) -> bytes:
    return _big_endian(array(numbers.typecode, numbers)).tobytes()


def _unpacked(typecode: str, data: bytes, count: int) -> array[int]:
    numbers: array[int] = array(typecode)
    if len(data) != count * numbers.itemsize:
        raise FormatError("log index: not a number for each entry")
    numbers.frombytes(data)
    return _big_endian(numbers)


def _big_endian(numbers: array[int]) -> array[int]:
    """Return *numbers* with its bytes turned round where this machine's differ."""
    if sys.byteorder == "little":
        numbers.byteswap()
    return numbers


class PageBuilder:
    """A page that entries are still added to."""

    def __init__(self, start: int) -> None:
        self._start = start
        self._times = array(_TIMES)
        self._tables: dict[str, dict[Value, int]] = {name: {} for name in _COLUMNS}
        self._numbers = {name: array(_NUMBERS) for name in _COLUMNS}

    @classmethod
    def resume(cls, page: LogPage) -> PageBuilder:
        """Return one that goes on where *page*, which was not full, ends."""
        builder = cls(page.start)
        builder._times = page.times
        for name in _COLUMNS:
            column = page.columns[name]
            builder._tables[name] = {
                value: number for number, value in enumerate(column.table, 1)
            }
            builder._numbers[name] = column.numbers
        return builder

    @property
    def end(self) -> int:
        """The index of the entry that comes next."""
        return self._start + len(self._times)

    @property
    def full(self) -> bool:
        """Whether the next entry belongs to another page."""
        return len(self._times) == PAGE_ENTRIES

    def add(self, record: AccessRecord | None, time_ms: int) -> None:
        """Add one entry; without a record it is a mark, or was erased."""
        self._times.append(time_ms)
        values = {} if record is None else _values(record)
        for name in _COLUMNS:
            value = values.get(name)
            table = self._tables[name]
            number = 0 if value is None else table.setdefault(value, len(table) + 1)
            self._numbers[name].append(number)

    def page(self) -> LogPage:
        """Return what was added so far, as a page."""
        columns = {
            name: _Column(list(self._tables[name]), self._numbers[name])
            for name in _COLUMNS
        }
        return LogPage(self._start, self._times, columns)


def _values(record: AccessRecord) -> dict[str, Value | None]:
    return {
        "outcome": int(record.outcome),
        "kind": int(record.who.kind),
        "use": int(record.use),
        "item": record.item,
        "field": record.field,
        "name": record.who.name,
        "digest": record.who.digest,
        "origin": record.origin,
        "grant": record.grant,
        "purpose": record.purpose,
    }
