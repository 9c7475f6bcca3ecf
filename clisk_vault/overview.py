"""What a list shows of every item: protocol/vault-file.md §5.

Kept in sealed pages, by the first byte of the item id, so that unlocking and
searching load no document and an edit rewrites one page. Holds no secret field.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from clisk_vault import cbor
from clisk_vault.errors import FormatError
from clisk_vault.ids import ItemId
from clisk_vault.search import SearchIndex
from clisk_vault.session import Session
from clisk_vault.storage import Column

_FAVOURITE, _TRASHED, _CONFLICT = 1, 2, 4


@dataclass(frozen=True, slots=True)
class ItemOverview:
    """One line of a list: nothing here is secret within an unlocked vault."""

    item: ItemId
    type: str
    title: str
    username: str
    uris: tuple[str, ...]
    tags: tuple[str, ...]
    folder: str
    favourite: bool
    trashed: bool
    conflict: bool
    changed_ms: int


_Page = dict[ItemId, ItemOverview]


class Overview:
    """The overview of all items; decoded at first use, then kept in step."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._pages: dict[int, _Page] = defaultdict(dict)
        self._index: SearchIndex[ItemId] = SearchIndex()
        self._generation: tuple[Column, int] | None = None

    def all(self) -> list[ItemOverview]:
        """Return every item's overview, in no particular order."""
        pages = self._current().values()
        return [entry for page in pages for entry in page.values()]

    def get(self, item: ItemId) -> ItemOverview | None:
        """Return the overview of *item*, or None where there is no such item."""
        return self._current()[item[0]].get(item)

    def find(self, query: str) -> list[ItemOverview]:
        """Return the items that match *query*, best first (search.py)."""
        pages = self._current()
        return [pages[item[0]][item] for item in self._index.find(query)]

    def put(self, changed: Iterable[ItemOverview]) -> None:
        """Store *changed*, each page once; call it within a transaction."""
        pages = self._current()
        touched = set()
        for entry in changed:
            self._remember(entry)
            touched.add(entry.item[0])
        table = self._session.table("overview")
        for number in touched:
            sealed = table.seal(bytes([number]), _encode_page(pages[number]))
            self._session.storage.execute(
                "INSERT INTO overview (page, sealed) VALUES (?1, ?2)"
                " ON CONFLICT (page) DO UPDATE SET sealed = ?2",
                (number, sealed),
            )

    def forget_opened(self) -> None:
        """Drop what is held in memory; it is read from disk when needed."""
        self._pages, self._index = defaultdict(dict), SearchIndex()
        self._generation = None

    def _current(self) -> dict[int, _Page]:
        generation = self._session.storage.generation
        if generation != self._generation:
            self.forget_opened()
            for entry in self._load():
                self._remember(entry)
            self._generation = generation
        return self._pages

    def _remember(self, entry: ItemOverview) -> None:
        self._pages[entry.item[0]][entry.item] = entry
        texts = (entry.username, *entry.uris, *entry.tags)
        self._index.put(entry.item, entry.title, texts)

    def _load(self) -> Iterator[ItemOverview]:
        table = self._session.table("overview")
        for number, sealed in self._session.storage.all(
            "SELECT page, sealed FROM overview"
        ):
            assert isinstance(number, int)
            assert isinstance(sealed, bytes)
            yield from _parse_page(table.open(bytes([number]), sealed))


def _encode_page(page: _Page) -> bytes:
    return cbor.encode({bytes(item): _to_value(entry) for item, entry in page.items()})


def _to_value(entry: ItemOverview) -> cbor.Value:
    flags = (
        _FAVOURITE * entry.favourite
        | _TRASHED * entry.trashed
        | _CONFLICT * entry.conflict
    )
    return [
        entry.type,
        entry.title,
        entry.username,
        list(entry.uris),
        list(entry.tags),
        entry.folder,
        flags,
        entry.changed_ms,
    ]


def _parse_page(data: bytes) -> Iterator[ItemOverview]:
    # Sealed by this device and authenticated: what is checked is our own fault.
    page = cbor.parse_own(data)
    if not isinstance(page, dict):
        raise FormatError("overview page: not a map")
    for item, value in page.items():
        if not isinstance(item, bytes) or not isinstance(value, list):
            raise FormatError("overview page: not a map of items")
        yield _from_value(ItemId(item), value)


def _from_value(item: ItemId, value: list[cbor.Value]) -> ItemOverview:
    match value:
        case [
            str(kind),
            str(title),
            str(username),
            list(uris),
            list(tags),
            str(folder),
            int(flags),
            int(changed_ms),
        ]:
            return ItemOverview(
                item,
                kind,
                title,
                username,
                tuple(str(uri) for uri in uris),
                tuple(str(tag) for tag in tags),
                folder,
                bool(flags & _FAVOURITE),
                bool(flags & _TRASHED),
                bool(flags & _CONFLICT),
                changed_ms,
            )
    raise FormatError("overview page: not an entry")
