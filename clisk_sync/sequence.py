"""CBOR sequences (RFC 8742) as a relay streams them: protocol/relay-api.md §5.

The reader cuts a stream into items without trusting any length in it: it looks
at heads only, refuses an item above the bound before it arrives, and leaves
the strict reading of each item to clisk_vault.cbor.
"""

from __future__ import annotations

from collections.abc import Iterator

from clisk_sync.transport import MAX_ENVELOPE_BYTES, MAX_RECORD_BYTES
from clisk_vault import cbor
from clisk_vault.errors import FormatError

# The heads of [position, envelope] take at most 1 + 9 + 5 bytes.
MAX_ENTRY_BYTES = MAX_ENVELOPE_BYTES + 15
MAX_RECORD_ITEM_BYTES = MAX_RECORD_BYTES + 5
# What leads an item among snapshots: protocol/relay-api.md §5.
SNAPSHOT_ITEM, ACK_ITEM = 0, 1
_BYTES, _ARRAY = 2, 4


def encode_entry(position: int, envelope: bytes) -> bytes:
    """Return the item [position, envelope]."""
    return cbor.encode([position, envelope])


def encode_record_item(record: bytes) -> bytes:
    """Return the item that holds a membership record."""
    return cbor.encode(record)


def parse_entry(item: bytes) -> tuple[int, bytes]:
    """Return the position and the envelope of one item.

    Raises:
        FormatError: not the one spelling of such an item.
    """
    what = "log entry"
    parts = cbor.parse(item, max_bytes=MAX_ENTRY_BYTES, what=what)
    if not isinstance(parts, list) or len(parts) != 2:
        raise FormatError(f"{what}: not a pair")
    position = cbor.expect_uint(parts[0], what=f"{what}: position")
    if not isinstance(parts[1], bytes):
        raise FormatError(f"{what}: envelope is not bytes")
    return position, parts[1]


def parse_record_item(item: bytes) -> bytes:
    """Return the membership record that one item holds.

    Raises:
        FormatError: not the one spelling of a byte string.
    """
    what = "membership item"
    record = cbor.parse(item, max_bytes=MAX_RECORD_ITEM_BYTES, what=what)
    if not isinstance(record, bytes):
        raise FormatError(f"{what}: not bytes")
    return record


class SequenceReader:
    """Cuts chunks of a stream, *max_bytes* in all, into items of *max_item_bytes*.

    Knows the two shapes that the relay API has: a byte string, and an array of
    unsigned integers and byte strings. Anything else is refused at its head.
    """

    def __init__(self, *, max_item_bytes: int, max_bytes: int) -> None:
        self._max = max_item_bytes
        self._room = max_bytes
        self._buffer = bytearray()
        self._at = 0  # how far into the buffer the current item has been scanned
        self._left = 1  # values the current item still lacks

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """Take in *chunk*; yield each item it completes.

        Raises:
            FormatError: an item of another shape, or above either bound.
        """
        self._room -= len(chunk)
        if self._room < 0:
            raise FormatError("sequence: longer than the bound")
        self._buffer += chunk
        start = 0
        while (end := self._scan(start)) is not None:
            yield bytes(self._buffer[start:end])
            start = end
            self._at, self._left = end, 1
        del self._buffer[:start]
        self._at -= start

    def close(self) -> None:
        """Check that the stream ended between two items.

        Raises:
            FormatError: it was cut short.
        """
        if self._buffer:
            raise FormatError("sequence: cut short", at=len(self._buffer))

    def _scan(self, start: int) -> int | None:
        """Return where the item that begins at *start* ends, once all is there."""
        while self._left:
            head = self._head()
            if head is None:
                return None
            major, argument, after = head
            if major == _ARRAY:
                if self._at != start or argument != 2:
                    raise FormatError("sequence: an item of another shape")
                self._left, self._at = 2, after
                continue
            end = after + argument if major == _BYTES else after
            if end - start > self._max:
                raise FormatError("sequence: an item above the bound")
            if end > len(self._buffer):
                return None
            self._left, self._at = self._left - 1, end
        return self._at

    def _head(self) -> tuple[int, int, int] | None:
        if self._at >= len(self._buffer):
            return None
        first = self._buffer[self._at]
        major, info = first >> 5, first & 31
        if major not in (0, _BYTES, _ARRAY) or info > 27:
            raise FormatError("sequence: an item of another shape")
        if info < 24:
            return major, info, self._at + 1
        after = self._at + 1 + (1 << (info - 24))
        if after > len(self._buffer):
            return None
        return major, int.from_bytes(self._buffer[self._at + 1 : after]), after
