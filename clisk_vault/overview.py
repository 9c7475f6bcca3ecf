"""What a list shows of every item: protocol/vault-file.md §5.

Kept in sealed pages, by the first byte of the item id, so that unlocking and
searching load no document and an edit rewrites one page. Holds no secret field.
"""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import NamedTuple, TypeAlias, cast

from clisk_vault import cbor
from clisk_vault.ids import ItemId
from clisk_vault.search import SearchIndex, normalise
from clisk_vault.session import Session
from clisk_vault.storage import Column

_FAVOURITE, _TRASHED, _CONFLICT, _ARCHIVED = 1, 2, 4, 8
_TOTP, _PASSKEY, _ATTACHMENT = 16, 32, 64


class ItemOverview(NamedTuple):
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
    archived: bool = False
    has_totp: bool = False
    has_passkey: bool = False
    has_attachment: bool = False
    matches: tuple[str, ...] = ()
    """How each address is matched; nothing: all as the person's default says."""
    expires_ms: int | None = None
    """When it expires; None: never."""


class Tally(NamedTuple):
    """Counts of items: those not in the trash, those in conflict, and by folder."""

    items: int
    conflicts: int
    folders: Mapping[str, int]
    """Of items not in the trash; under no name those in no folder."""
    folder_names: frozenset[str]
    """Those of items in the trash too."""


_Entry: TypeAlias = (
    "tuple[str, str, str, list[str], list[str], str, int, int, list[str],"
    " *tuple[int, ...]]"
)
"""With the time when it expires, if it does: few do, and each number takes room."""
_Page: TypeAlias = "dict[bytes, cbor.Value]"
"""One page as it stands on disk; an entry becomes an ItemOverview when shown."""


class Overview:
    """The overview of all items; opened at first use, then kept in step."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._pages: dict[int, _Page] = {}
        self._index: SearchIndex[bytes] | None = None
        self._generation: tuple[Column, int] | None = None
        self._tally: Tally | None = None

    def all(self) -> list[ItemOverview]:
        """Return every item's overview, in no particular order."""
        with _no_search_for_rings():
            return [
                _from_value(item, value)
                for page in self._current().values()
                for item, value in page.items()
            ]

    def by_title(self) -> list[ItemOverview]:
        """Return every item's overview, by title; needs no search index."""
        return sorted(self.all(), key=lambda each: normalise(each.title))

    def title(self, item: ItemId) -> str | None:
        """Return the title of an item, or None where there is no such item."""
        value = self._current().get(item[0], {}).get(item)
        return None if value is None else cast("_Entry", value)[1]

    def tally(self) -> Tally:
        """Return how many items there are, in use, in conflict and in each folder."""
        pages = self._current()
        if self._tally is not None:
            return self._tally
        items = conflicts = 0
        folders: Counter[str] = Counter()
        names: set[str] = set()
        for page in pages.values():
            for value in page.values():
                folder, flags = cast("_Entry", value)[5:7]
                conflicts += flags & _CONFLICT != 0
                names.add(folder)
                if not flags & _TRASHED:
                    items += 1
                    folders[folder] += 1
        self._tally = Tally(items, conflicts, folders, frozenset(names - {""}))
        return self._tally

    def ids(self) -> set[ItemId]:
        """Return the id of every item."""
        return {ItemId(item) for page in self._current().values() for item in page}

    def find(
        self, query: str, *, near: bool = False, limit: int | None = None
    ) -> list[ItemOverview]:
        """Return the items that match *query*, best first (search.py).

        *near*: where none does, those that a slip of the fingers kept away.
        """
        pages = self._current()
        index = self._search_index()
        find = index.near if near else index.find
        return [
            _from_value(item, pages[item[0]][item]) for item in find(query, limit=limit)
        ]

    def _search_index(self) -> SearchIndex[bytes]:
        if self._index is None:
            self._index = SearchIndex()
            with _no_search_for_rings():
                for page in self._pages.values():
                    for item, value in page.items():
                        self._index.put(item, *_texts(value))
        return self._index

    def remove(self, items: Iterable[ItemId]) -> None:
        """Drop *items*, each page once; call it within a transaction."""
        pages = self._current()
        touched = set()
        for item in items:
            if pages.get(item[0], {}).pop(item, None) is not None:
                touched.add(item[0])
                if self._index is not None:
                    self._index.remove(item)
        self._write(touched)

    def put(self, changed: Iterable[ItemOverview]) -> None:
        """Store *changed*, each page once; call it within a transaction."""
        pages = self._current()
        touched = set()
        for entry in changed:
            value = _to_value(entry)
            pages.setdefault(entry.item[0], {})[entry.item] = value
            touched.add(entry.item[0])
            if self._index is not None:
                self._index.put(entry.item, *_texts(value))
        self._write(touched)

    def _write(self, touched: Iterable[int]) -> None:
        self._tally = None
        table = self._session.table("overview")
        for number in touched:
            sealed = table.seal(bytes([number]), cbor.encode(self._pages[number]))
            self._session.storage.execute(
                "INSERT INTO overview (page, sealed) VALUES (?1, ?2)"
                " ON CONFLICT (page) DO UPDATE SET sealed = ?2",
                (number, sealed),
            )

    def forget_opened(self) -> None:
        """Drop what is held in memory; it is read from disk when needed."""
        self._pages, self._index, self._tally = {}, None, None
        self._generation = None

    def _current(self) -> dict[int, _Page]:
        generation = self._session.storage.generation
        if generation != self._generation:
            self.forget_opened()
            with _no_search_for_rings():
                self._pages = dict(self._load())
            self._generation = generation
        return self._pages

    def _load(self) -> Iterator[tuple[int, _Page]]:
        table = self._session.table("overview")
        for number, sealed in self._session.storage.all(
            "SELECT page, sealed FROM overview"
        ):
            assert isinstance(number, int)
            assert isinstance(sealed, bytes)
            # Sealed by this device alone: opened means written by _to_value().
            page = cbor.parse_own(table.open(bytes([number]), sealed))
            yield number, cast("_Page", page)


@contextmanager
def _no_search_for_rings() -> Iterator[None]:
    """Keep the garbage collector from looking while a vault's lines are made.

    They hold no rings, and looking at all of them again and again would take more
    time than making them.
    """
    searching = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if searching:
            gc.enable()


def _to_value(entry: ItemOverview) -> cbor.Value:
    flags = (
        _FAVOURITE * entry.favourite
        | _TRASHED * entry.trashed
        | _CONFLICT * entry.conflict
        | _ARCHIVED * entry.archived
        | _TOTP * entry.has_totp
        | _PASSKEY * entry.has_passkey
        | _ATTACHMENT * entry.has_attachment
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
        list(entry.matches),
        *(() if entry.expires_ms is None else (entry.expires_ms,)),
    ]


def _from_value(item: bytes, value: cbor.Value) -> ItemOverview:
    kind, title, username, uris, tags, folder, flags, changed_ms, matches, *more = cast(
        "_Entry", value
    )
    # In the order of the fields: by name it takes three times as long.
    return ItemOverview._make(
        (
            item,
            kind,
            title,
            username,
            tuple(uris),
            tuple(tags),
            folder,
            flags & _FAVOURITE != 0,
            flags & _TRASHED != 0,
            flags & _CONFLICT != 0,
            changed_ms,
            flags & _ARCHIVED != 0,
            flags & _TOTP != 0,
            flags & _PASSKEY != 0,
            flags & _ATTACHMENT != 0,
            tuple(matches),
            more[0] if more else None,
        )
    )


def _texts(value: cbor.Value) -> tuple[str, list[str]]:
    """Return the title and whatever else an item is found by."""
    _, title, username, uris, tags, *_ = cast("_Entry", value)
    return title, [username, *uris, *tags]
