"""Writes to many items: made ready one by one, then kept together.

Making an item ready takes nearly all of the time, and needs no transaction. So others
may use the vault in between (steps.py), and what they write to an item is not lost: it
is made ready anew.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from clisk_vault.draft import Edit
from clisk_vault.epochs import Epochs
from clisk_vault.ids import ItemId
from clisk_vault.item_store import Composer, ItemStore, ReadyItem


class Batch:
    """Items that are ready to be kept. Sealed: nothing here is readable."""

    def __init__(self, items: ItemStore, epochs: Epochs, noticed: set[ItemId]) -> None:
        """Use begin()."""
        self._items = items
        self._epochs = epochs
        self._epoch = epochs.current
        # What others wrote or forgot since it began, or since drop_outdated().
        self.noticed = noticed
        self._ready: dict[ItemId, ReadyItem] = {}

    @classmethod
    @contextmanager
    def begin(cls, items: ItemStore, epochs: Epochs) -> Iterator[Batch]:
        """Give an empty batch that notices what others write until it is left."""
        with items.noticing() as noticed:
            yield cls(items, epochs, noticed)

    def write(self, item: ItemId, edit: Edit, *, new: bool) -> None:
        """Make ready new values for fields of *item*; raises as ItemStore.write().

        *new*: the item is made, and must not be there yet.
        """
        self.compose(item, self._items.composer(item, edit, self._epoch), new=new)

    def compose(self, item: ItemId, composer: Composer, *, new: bool) -> None:
        """Make ready the entries that *composer* makes; raises as ItemStore.write()."""
        after = self._ready.get(item)
        self._ready[item] = self._items.make_ready(item, composer, new=new, after=after)

    def drop_outdated(self) -> set[ItemId]:
        """Drop what cannot be kept any longer, and return whose it was.

        Items that somebody wrote to, or forgot, after they were made ready; and all of
        them once a new epoch has begun: a device that was revoked has the old key.
        """
        outdated = self.noticed & self._ready.keys()
        if self._epochs.current != self._epoch:
            self._epoch, outdated = self._epochs.current, set(self._ready)
        self.noticed.clear()
        for item in outdated:
            del self._ready[item]
        return outdated

    def keep(self) -> None:
        """Store it all; within a transaction, and with nothing outdated."""
        self._items.keep(self._ready.values())
