"""LEB128 integers and run lengths, as automerge's columns are written.

Spec: protocol/item.md §4.3. Readers bound every count before they use it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from clisk_vault.errors import FormatError

_MAX_BITS = 63
_SHORT = tuple(bytes((value,)) for value in range(0x80))


class Reader:
    """A cursor over bytes that refuses to run past their end."""

    __slots__ = ("at", "data", "end")

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0
        self.end = len(data)

    def take(self, length: int) -> bytes:
        """Return the next *length* bytes."""
        if length > self.end - self.at:
            raise FormatError("change: cut short", at=self.at)
        start, self.at = self.at, self.at + length
        return self.data[start : self.at]

    def unsigned(self) -> int:
        """Return the next unsigned integer, at most 2**63 - 1."""
        data, at = self.data, self.at
        if at < self.end and data[at] < 0x80:  # nearly all are this short
            self.at = at + 1
            return data[at]
        value, shift = 0, 0
        while at < self.end and shift < _MAX_BITS:
            byte = data[at]
            at += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                self.at = at
                return value
            shift += 7
        raise FormatError("change: not an integer", at=self.at)

    def signed(self) -> int:
        """Return the next signed integer of at most 63 bits."""
        start = self.at
        value = self.unsigned()
        bits = 7 * (self.at - start)
        return value - (1 << bits) if value >> (bits - 1) else value


def unsigned(value: int) -> bytes:
    """Return the shortest spelling of *value*."""
    if 0 <= value < 0x80:
        return _SHORT[value]
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def signed(value: int) -> bytes:
    """Return the shortest spelling of *value* in two's complement."""
    if -0x40 <= value < 0x40:
        return bytes((value & 0x7F,))
    length = (value if value >= 0 else ~value).bit_length() // 7 + 1
    masked = value & ((1 << 7 * length) - 1)
    return bytes(
        masked >> 7 * index & 0x7F | (0x80 if index < length - 1 else 0)
        for index in range(length)
    )


def read_runs(column: bytes, *, count: int) -> Iterator[tuple[int, Reader]]:
    """Yield, for each value of a run-length column, its repetitions and its place.

    The caller reads one value from the reader each time. Runs of nulls are
    refused, and more than *count* values before any is expanded.
    """
    reader, left = Reader(column), count
    while reader.at < reader.end:
        length = reader.signed()
        if length == 0 or abs(length) > left:
            raise FormatError("change: a column of another length")
        left -= abs(length)
        if length > 0:
            yield length, reader
        else:
            for _ in range(-length):
                yield 1, reader
    if left:
        raise FormatError("change: a column of another length")


def write_literal(values: Sequence[bytes]) -> bytes:
    """Return the run-length column of *values* no two neighbours of which are equal."""
    return signed(-len(values)) + b"".join(values)


def write_run(value: bytes, count: int) -> bytes:
    """Return the run-length column that holds *value* *count* times."""
    return write_literal([value]) if count == 1 else signed(count) + value


def write_runs(values: Sequence[bytes]) -> bytes:
    """Return the run-length column of *values*, each of them spelt already."""
    out: list[bytes] = []
    literal: list[bytes] = []
    index = 0

    def flush() -> None:
        if literal:
            out.append(write_literal(literal))
            literal.clear()

    while index < len(values):
        value, start = values[index], index
        while index < len(values) and values[index] == value:
            index += 1
        if index - start == 1:
            literal.append(value)
        else:
            flush()
            out.append(write_run(value, index - start))
    flush()
    return b"".join(out)
