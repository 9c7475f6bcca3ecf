"""The items of one vault on disk: documents in, documents out.

Every write is one transaction over the document, its overview and the changes
that wait to be sent. Opens no seal of a field.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeAlias

from clisk_vault.document import EntryDocument
from clisk_vault.draft import Edit, entry_value
from clisk_vault.entry import Entries, EntryValue
from clisk_vault.epochs import Epochs
from clisk_vault.errors import CallerError, PassphraseNeededError
from clisk_vault.field_seal import FieldPlace, seal_field
from clisk_vault.hlc import Stamp
from clisk_vault.ids import ITEM_ID_LENGTH, ItemId
from clisk_vault.item import ItemView
from clisk_vault.item_write import compose, in_changes, next_stamp
from clisk_vault.keys import SecretText
from clisk_vault.overview import ItemOverview, Overview
from clisk_vault.pending import Pending, PendingRow
from clisk_vault.session import Session
from clisk_vault.storage import Column

SETTINGS = ItemId(bytes(ITEM_ID_LENGTH))
"""The reserved item that holds folders, settings and grants; no list shows it."""

Composer: TypeAlias = Callable[[ItemView, Stamp], Entries]

_CACHED_ITEMS = 256


@dataclass(frozen=True, slots=True)
class StoredItem:
    """An item as it stands: its view, and its entries, sealed ones still sealed."""

    view: ItemView
    entries: Entries


@dataclass(frozen=True, slots=True)
class ReadyItem:
    """An item as it is to be stored, sealed, with the changes to be sent of it."""

    overview: ItemOverview
    sealed: bytes = field(repr=False)
    pending: tuple[PendingRow, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class _Ready:
    """Any document, an item's or not, as it is to be stored."""

    view: ItemView
    sealed: bytes
    pending: tuple[PendingRow, ...]


class ItemStore:
    """Loads and writes items."""

    def __init__(self, session: Session, overview: Overview, epochs: Epochs) -> None:
        self._session = session
        self._overview = overview
        self._epochs = epochs
        self._pending = Pending(session)
        self._cache: OrderedDict[ItemId, StoredItem] = OrderedDict()
        self._generation: tuple[Column, int] | None = None
        self._notices: list[set[ItemId]] = []

    @contextmanager
    def noticing(self) -> Iterator[set[ItemId]]:
        """Give a set that each document joins that is stored or dropped meanwhile."""
        noticed = set[ItemId]()
        self._notices.append(noticed)
        try:
            yield noticed
        finally:
            # By identity: two that are equal are still two.
            self._notices = [each for each in self._notices if each is not noticed]

    def load(self, item: ItemId) -> StoredItem:
        """Return *item*.

        Raises:
            CallerError: there is no such item.
        """
        cached = self._fresh_cache().get(item)
        if cached is not None:
            self._cache.move_to_end(item)
            return cached
        stored = self.apart(item)
        if stored is None or is_chunk(stored.view):
            raise CallerError("there is no such item", advice="look at: clisk list")
        return self._remember(item, stored)

    def apart(self, document: ItemId) -> StoredItem | None:
        """Return any document, an item's or not; None: it is not here."""
        saved = self.saved(document)
        if saved is None:
            return None
        entries = EntryDocument.load(saved, self._session.actor).entries()
        # A copy: the document's own mapping would keep the document alive.
        return StoredItem(ItemView.from_entries(entries), dict(entries))

    def settings(self) -> StoredItem:
        """Return the settings document, empty where nothing was ever set."""
        if not self.has(SETTINGS):
            return StoredItem(ItemView({}), {})
        return self.load(SETTINGS)

    def has(self, document: ItemId) -> bool:
        """Return whether *document* is here."""
        found = self._session.storage.one(
            "SELECT 1 FROM item WHERE id = ?", (document,)
        )
        return found is not None

    def forget(self, documents: Iterable[ItemId]) -> None:
        """Drop documents and what waits to be sent of them; within a transaction."""
        gone, storage = list(documents), self._session.storage
        keys = [(document,) for document in gone]
        storage.executemany("DELETE FROM item WHERE id = ?", keys)
        storage.executemany("DELETE FROM orphan WHERE item = ?", keys)
        # Has no index by item, so it is looked through once for all of them.
        storage.execute(
            "DELETE FROM pending WHERE hex(item) IN (SELECT value FROM json_each(?))",
            (json.dumps([document.hex().upper() for document in gone]),),
        )
        for document in gone:
            self._changed(document)

    def saved(self, item: ItemId) -> bytes | None:
        """Return the document of *item* as saved, or None where there is none."""
        row = self._session.storage.one("SELECT sealed FROM item WHERE id = ?", (item,))
        if row is None:
            return None
        assert isinstance(row[0], bytes)
        return self._session.table("item").open(item, row[0])

    def write(
        self,
        edits: Iterable[tuple[ItemId, Edit]],
        *,
        new: bool = False,
        confirmed: bool = False,
    ) -> None:
        """Give fields new values, in all items or in none; one stamp an item.

        *new*: the items are made, and must not be there yet. *confirmed*: the
        passphrase was typed for it.

        Raises:
            CallerError: an item that is not there (or is), a name or value that
                no field may have.
            PassphraseNeededError: an item would no longer ask for the passphrase.
        """
        with self._session.storage.transaction():
            epoch = self._epochs.current
            self._overview.put(
                self._write_item(
                    item,
                    self.composer(item, edit, epoch),
                    new=new,
                    confirmed=confirmed,
                )
                for item, edit in edits
            )

    def write_entries(
        self, item: ItemId, composer: Composer, *, confirmed: bool = False
    ) -> None:
        """Add the entries that *composer* makes to *item*; raises as write()."""
        with self._session.storage.transaction():
            self._overview.put(
                [self._write_item(item, composer, new=False, confirmed=confirmed)]
            )

    def write_settings(self, values: Mapping[str, EntryValue]) -> None:
        """Give fields of the settings document new values."""
        with self._session.storage.transaction():
            self._write(
                SETTINGS,
                self.saved(SETTINGS),
                lambda view, stamp: compose(view, stamp, values),
            )

    def add_apart(self, document: ItemId, values: Mapping[str, EntryValue]) -> None:
        """Make a document that is no item; call it within a transaction."""
        self._write(document, None, lambda view, stamp: compose(view, stamp, values))

    def put(self, item: ItemId, saved: bytes) -> None:
        """Store the document of *item*; call it within a transaction."""
        self._put_rows([(item, self._session.table("item").seal(item, saved))])

    def make_ready(
        self,
        item: ItemId,
        composer: Composer,
        *,
        new: bool,
        after: ReadyItem | None = None,
    ) -> ReadyItem:
        """Return *item* with the entries that *composer* makes; nothing is stored yet.

        It follows on what is stored, or on *after*, and may be kept as long as that is
        what it follows on: see noticing().

        Raises:
            CallerError: as write().
        """
        table = self._session.table("item")
        saved = self.saved(item) if after is None else table.open(item, after.sealed)
        ready = self._make_ready(item, self._check(item, saved, new=new), composer)
        before = () if after is None else after.pending
        line = overview_of(item, ready.view)
        return ReadyItem(line, ready.sealed, (*before, *ready.pending))

    def keep(self, ready: Iterable[ReadyItem]) -> None:
        """Store what make_ready() returned; call it within a transaction."""
        # By id, as in the table: each of its pages is written once.
        in_order = sorted(ready, key=lambda each: each.overview.item)
        self._put_rows([(each.overview.item, each.sealed) for each in in_order])
        self._pending.add_rows([row for each in in_order for row in each.pending])
        self._overview.put(each.overview for each in in_order)

    def rebuild_overview(self) -> None:
        """Make the overview anew from the documents."""
        with self._session.storage.transaction():
            self._session.storage.execute("DELETE FROM overview")
            self._overview.forget_opened()
            self._overview.put(self._overviews())

    def forget_opened(self) -> None:
        """Drop what is held in memory."""
        self._cache.clear()

    def _overviews(self) -> Iterator[ItemOverview]:
        for (raw,) in self._session.storage.all("SELECT id FROM item"):
            assert isinstance(raw, bytes)
            stored = self.apart(ItemId(raw))
            if raw != SETTINGS and stored and not is_chunk(stored.view):
                yield overview_of(ItemId(raw), stored.view)

    def _write_item(
        self, item: ItemId, composer: Composer, *, new: bool, confirmed: bool = False
    ) -> ItemOverview:
        saved = self._check(item, self.saved(item), new=new)
        written = self._write(item, saved, composer, confirmed=confirmed)
        return overview_of(item, written)

    def _check(self, item: ItemId, saved: bytes | None, *, new: bool) -> bytes | None:
        if item == SETTINGS:
            raise CallerError("settings are not an item")
        if new is not (saved is None):
            raise CallerError(
                "there is such an item already" if new else "there is no such item",
                advice="look at: clisk list",
            )
        return saved

    def _write(
        self,
        item: ItemId,
        saved: bytes | None,
        composer: Composer,
        *,
        confirmed: bool = False,
    ) -> ItemView:
        ready = self._make_ready(item, saved, composer, confirmed=confirmed)
        self._pending.add_rows(ready.pending)
        self._put_rows([(item, ready.sealed)])
        return ready.view

    def _make_ready(
        self,
        item: ItemId,
        saved: bytes | None,
        composer: Composer,
        *,
        confirmed: bool = False,
    ) -> _Ready:
        actor = self._session.actor
        if saved is None:
            document, view = EntryDocument.new(actor), ItemView({})
        else:
            document = EntryDocument.load(saved, actor)
            view = ItemView.from_entries(document.entries())
            if is_chunk(view):
                raise CallerError("a chunk of an attachment is not an item")
        entries = composer(view, next_stamp(view, self._session.stamps))
        if not entries:
            raise CallerError("write: no field named")
        parts = list(in_changes(entries))
        first = saved is None and len(parts) == 1
        pending = tuple(
            self._pending.row(item, document.write(part), first=first) for part in parts
        )
        written = ItemView.from_entries(document.entries())
        # Whoever could take the question away would not need to answer it.
        if view.asks_passphrase and not (written.asks_passphrase or confirmed):
            raise PassphraseNeededError
        sealed = self._session.table("item").seal(item, document.save())
        return _Ready(written, sealed, pending)

    def _put_rows(self, rows: Sequence[tuple[ItemId, bytes]]) -> None:
        self._session.storage.executemany(
            "INSERT INTO item (id, sealed) VALUES (?1, ?2)"
            " ON CONFLICT (id) DO UPDATE SET sealed = ?2",
            rows,
        )
        for item, _ in rows:
            self._changed(item)

    def _changed(self, document: ItemId) -> None:
        self._cache.pop(document, None)
        for noticed in self._notices:
            noticed.add(document)

    def composer(self, item: ItemId, edit: Edit, epoch: int) -> Composer:
        """Return what makes entries of *edit*, its secrets sealed in *epoch*."""

        def composer(view: ItemView, stamp: Stamp) -> Entries:
            def seal(name: str, secret: SecretText) -> bytes:
                return seal_field(
                    self._epochs.secret(epoch),
                    secret,
                    epoch=epoch,
                    place=FieldPlace(self._session.vault_id, item, name, stamp),
                    random=self._session.random,
                )

            values = {
                name: entry_value(name, value, seal) for name, value in edit.items()
            }
            return compose(view, stamp, values)

        return composer

    def _remember(self, item: ItemId, stored: StoredItem) -> StoredItem:
        cache = self._fresh_cache()
        cache[item] = stored
        if len(cache) > _CACHED_ITEMS:
            cache.popitem(last=False)
        return stored

    def _fresh_cache(self) -> OrderedDict[ItemId, StoredItem]:
        generation = self._session.storage.generation
        if generation != self._generation:
            self._cache.clear()
            self._generation = generation
        return self._cache


def is_chunk(view: ItemView) -> bool:
    """Return whether a document is a chunk of an attachment, and so no item."""
    return view.has("chunk") and not view.has("type")


def overview_of(item: ItemId, view: ItemView) -> ItemOverview:
    """Return the line that a list shows of an item."""
    uris = [
        (uri, element.text("match") or "")
        for element in view.elements("uri")
        if (uri := element.text("value"))
    ]
    matches = tuple(match for _, match in uris)
    return ItemOverview(
        item,
        type=view.type,
        title=view.title,
        username=view.text("username") or "",
        uris=tuple(uri for uri, _ in uris),
        matches=matches if any(matches) else (),
        tags=view.tags,
        folder=view.text("folder") or "",
        favourite=view.favourite,
        trashed=view.trashed,
        archived=view.has("archived"),
        conflict=bool(view.conflicts),
        has_totp=view.has("totp"),
        has_passkey=bool(view.elements("passkey")),
        has_attachment=bool(view.elements("attachment")),
        changed_ms=view.changed_ms,
        expires_ms=view.expires_ms,
    )
