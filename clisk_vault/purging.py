"""Forgetting items for good: by hand, after their time, or because another device did.

Spec: protocol/item.md §9; why so: protocol/decisions/0016-purging.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

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

DEFAULT_DAYS = 30
MAX_DAYS = 36_500
_DAYS_FIELD = "trash.days"
_DAY_MS = 24 * 60 * 60 * 1000


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
        storage = self._session.storage
        with storage.transaction():
            for item in items:
                view = self._items.load(item).view
                if not view.trashed and self.seen(item) is None:
                    raise CallerError(
                        "only what is in the trash is purged",
                        advice="put it there first: clisk rm ITEM",
                    )
                says = spell_purge(view.stamps())
                self._items.write_settings({purge_field(item): says})
                self._forget(item, view)
        if not storage.in_transaction:
            storage.scrub()

    def purge_expired(self) -> list[ItemId]:
        """Purge what has been in the trash for as long as things stay; return it.

        What devices disagree about stays: whether it is trash at all, or purged.
        """
        days = self.days()
        if not days:
            return []
        until = self._session.clock() - days * _DAY_MS
        due = [item for item in self._trashed() if self._since(item) <= until]
        if due:
            self.purge(due)
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
            self._forget(item, self._items.load(item).view)

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
                self._forget(item, view)

    def _forget(self, item: ItemId, view: ItemView) -> None:
        self._overview.remove([item])
        self._items.forget(item)
        for chunk in _chunks(view):
            if self._items.has(chunk):
                self._items.forget(chunk)

    def _trashed(self) -> Iterator[ItemId]:
        for each in self._overview.all():
            if each.trashed and self.seen(each.item) is None:
                field = self._items.load(each.item).view.fields["trashed"]
                if not field.conflicts:
                    yield each.item

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
