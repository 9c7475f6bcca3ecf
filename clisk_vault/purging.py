"""Forgetting items for good: by hand, after their time, or because another device did.

Spec: protocol/item.md §9; why so: protocol/decisions/0016-purging.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from clisk_vault.attachment import (
    MAX_ATTACHMENT_BYTES,
    chunk_count,
    chunk_id,
    parse_blob,
)
from clisk_vault.errors import CallerError, FormatError
from clisk_vault.hlc import Stamp
from clisk_vault.ids import DeviceId, ItemId
from clisk_vault.item import ItemView
from clisk_vault.item_store import SETTINGS, ItemStore
from clisk_vault.overview import Overview
from clisk_vault.purge import (
    covers,
    purge_field,
    purged_item,
    seen_by_purges,
    spell_purge,
)
from clisk_vault.session import Session
from clisk_vault.steps import Steps, finish

DEFAULT_DAYS = 30
MAX_DAYS = 36_500
_DAYS_FIELD = "trash.days"
_DAY_MS = 24 * 60 * 60 * 1000


@dataclass(frozen=True, slots=True)
class _Gone:
    """An item that is to be purged: what is said of it, and chunks it may have."""

    says: str
    chunks: tuple[ItemId, ...]


class Purging:
    """Purges, and knows what was purged."""

    def __init__(self, session: Session, items: ItemStore, overview: Overview) -> None:
        self._session = session
        self._items = items
        self._overview = overview

    def purge(self, items: Iterable[ItemId]) -> None:
        """Forget *items* with their history, here and on every device; all or none.

        Raises:
            CallerError: one that is not there, or not in the trash.
        """
        finish(self.purging(items))

    def purging(self, items: Iterable[ItemId]) -> Steps[None]:
        """Do as purge(), in steps; the last one forgets them all.

        An item that was written after it was looked at is looked at again before
        that: one that was taken out of the trash meanwhile is refused, and all stay.
        """
        storage, looked = self._session.storage, dict[ItemId, _Gone]()
        with self._items.noticing() as noticed:
            todo = list(dict.fromkeys(items))
            while todo:
                for item in todo:
                    looked[item] = self._look(item)
                    yield len(looked)
                todo = [item for item in looked if item in noticed]
                noticed.clear()
            with storage.transaction():
                if looked:
                    self._items.write_settings(
                        {purge_field(item): each.says for item, each in looked.items()}
                    )
                self._forget({item: each.chunks for item, each in looked.items()})
        if not storage.in_transaction:
            storage.scrub()

    def purge_expired(self) -> list[ItemId]:
        """Purge what has been in the trash for too long: see purging_expired()."""
        return finish(self.purging_expired())

    def purging_expired(self) -> Steps[list[ItemId]]:
        """Purge what has been in the trash for as long as things stay; return it.

        What devices disagree about stays: whether it is trash at all, or purged. What
        was written while it was looked through is left for the next time.
        """
        days = self.days()
        if not days:
            return []
        until = self._session.clock() - days * _DAY_MS
        trashed = [each.item for each in self._overview.all() if each.trashed]
        due = list[ItemId]()
        with self._items.noticing() as noticed:
            for item in trashed:
                yield len(due)
                if item not in noticed and self._is_due(item, until):
                    due.append(item)
            due = [item for item in due if item not in noticed]
            if due:
                yield from self.purging(due)
        return due

    def days(self) -> int:
        """Return for how many days things stay in the trash; 0: for ever."""
        text = self._items.settings().view.text(_DAYS_FIELD) or ""
        number = int(text) if text.isascii() and text.isdigit() else DEFAULT_DAYS
        return number if number <= MAX_DAYS else DEFAULT_DAYS

    def keep_days(self, days: int) -> None:
        """Let things stay in the trash of every device for *days*; 0: for ever.

        Raises:
            CallerError: below 0, or over a hundred years.
        """
        if not 0 <= days <= MAX_DAYS:
            raise CallerError(
                f"trash: keep things for 0 to {MAX_DAYS} days",
                advice="0 keeps them until you empty the trash",
            )
        self._items.write_settings({_DAYS_FIELD: str(days)})

    def trashed_ms(self, item: ItemId) -> int:
        """Return when *item* was put into the trash; raises CallerError."""
        return self._since(item)

    def seen(self, item: ItemId) -> dict[DeviceId, Stamp] | None:
        """Return what purges of *item* had seen; None: it was never purged."""
        return seen_by_purges(self._items.settings().view, item)

    def leftovers(self) -> list[ItemId]:
        """Return items that another device purged without knowing of edits here."""
        named = map(purged_item, self._items.settings().view.fields)
        return [item for item in named if item is not None and self._items.has(item)]

    def forget_leftover(self, item: ItemId) -> None:
        """Drop this device's copy of an item that is purged elsewhere.

        Raises:
            CallerError: it is not one of leftovers().
        """
        if item not in self.leftovers():
            raise CallerError("the item was not purged by another device")
        with self._session.storage.transaction():
            self._forget({item: _chunks(self._items.load(item).view)})

    def heed(self, fields: Iterable[str]) -> None:
        """Forget what *fields*, new in the settings, say is purged.

        Call it within the transaction that stores them.
        """
        for item in filter(None, map(purged_item, fields)):
            if item == SETTINGS or not self._items.has(item):
                continue
            seen = self.seen(item)
            view = self._items.load(item).view
            if seen is not None and covers(seen, view.stamps()):
                self._forget({item: _chunks(view)})

    def _look(self, item: ItemId) -> _Gone:
        view = self._items.load(item).view
        if not view.trashed and self.seen(item) is None:
            raise CallerError(
                "only what is in the trash is purged",
                advice="put it there first: clisk rm ITEM",
            )
        return _Gone(spell_purge(view.stamps()), tuple(_chunks(view)))

    def _forget(self, items: Mapping[ItemId, Iterable[ItemId]]) -> None:
        """Drop *items*, each with the chunks of its files that are here."""
        self._overview.remove(items)
        self._items.forget(items)
        for chunks in items.values():
            self._items.forget(each for each in chunks if self._items.has(each))

    def _is_due(self, item: ItemId, until_ms: int) -> bool:
        if self.seen(item) is not None:
            return False
        field = self._items.load(item).view.fields["trashed"]
        return not field.conflicts and field.current.stamp.time_ms <= until_ms

    def _since(self, item: ItemId) -> int:
        return self._items.load(item).view.fields["trashed"].current.stamp.time_ms


def _chunks(view: ItemView) -> Iterator[ItemId]:
    """Yield where chunks of attachments may be, those removed long ago too."""
    for name, field in view.fields.items():
        if not name.startswith("attachment.") or not name.endswith(".blob"):
            continue
        for version in field.versions:
            try:
                blob = parse_blob(version.text)
            except FormatError:
                continue
            for number in range(chunk_count(MAX_ATTACHMENT_BYTES)):
                yield chunk_id(blob, number)
