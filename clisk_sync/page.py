"""A page of a relay's log as it comes in: protocol/relay-api.md §5."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, TypeAlias

from clisk_sync.errors import RelayMisbehaved
from clisk_sync.sequence import MAX_ENTRY_BYTES, SequenceReader, parse_entry
from clisk_vault.errors import FormatError

_MAX_BYTES: Final = 16 << 20
_MAX_ENTRIES: Final = 10_000

# A position and an envelope, both unverified.
Entry: TypeAlias = tuple[int, bytes]


class PageReader:
    """Reads the entries above *after* from chunks: strict, bounded, rising."""

    def __init__(self, after: int) -> None:
        self.after = after  # the position of the newest entry so far
        self._count = 0
        self._items = SequenceReader(
            max_item_bytes=MAX_ENTRY_BYTES, max_bytes=_MAX_BYTES
        )

    def feed(self, chunk: bytes) -> Iterator[Entry]:
        """Yield the entries that *chunk* completes.

        Raises:
            RelayMisbehaved: what no relay may give; those before it were whole.
        """
        with misbehaving():
            for position, envelope in map(parse_entry, self._items.feed(chunk)):
                if position <= self.after:
                    raise RelayMisbehaved("the relay's positions do not rise")
                self._count += 1
                if self._count > _MAX_ENTRIES:
                    raise RelayMisbehaved("the relay gave too long a page")
                self.after = position
                yield position, envelope

    def close(self) -> None:
        """Check that the page ended between two entries.

        Raises:
            RelayMisbehaved: in the midst of one.
        """
        with misbehaving():
            self._items.close()


@contextmanager
def misbehaving() -> Iterator[None]:
    """Turn what our parsers refuse into what it says of the relay."""
    try:
        yield
    except FormatError as err:
        raise RelayMisbehaved(f"the relay's answer: {err}") from err
