"""Folders that are to stay although no item is in them: protocol/vault-file.md §6.

An item names its folder in its own field, so moving one is one edit and two
devices that make a folder of one name have made one folder.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from clisk_vault.entry import REMOVED
from clisk_vault.item_store import ItemStore
from clisk_vault.primitives import sha256

_PREFIX = "folder."


class Folders:
    """The names kept in the settings document."""

    def __init__(self, items: ItemStore) -> None:
        self._items = items

    def kept(self) -> Iterator[str]:
        """Yield the names of folders that stay even when empty."""
        settings = self._items.settings().view
        for field in settings.fields:
            name = settings.text(field)
            if field.startswith(_PREFIX) and name:
                yield name

    def add(self, names: Iterable[str]) -> None:
        """Keep *names*; those kept already are left as they are."""
        known = set(self.kept())
        new = {_field(name): name for name in names if name and name not in known}
        if new:
            self._items.write_settings(new)

    def rename(self, old: str, new: str) -> None:
        """Keep *new* where *old* was kept, and so those within it."""
        kept = self._within(old)
        if kept:
            self._items.write_settings(
                {_field(name): REMOVED for name in kept}
                | {
                    _field(new + name[len(old) :]): new + name[len(old) :]
                    for name in kept
                }
            )

    def remove(self, name: str) -> None:
        """Keep *name* no longer, nor those within it."""
        kept = self._within(name)
        if kept:
            self._items.write_settings({_field(each): REMOVED for each in kept})

    def _within(self, name: str) -> list[str]:
        return [n for n in set(self.kept()) if n == name or n.startswith(name + "/")]


def _field(name: str) -> str:
    # From the name, so that two devices write one field and not two folders.
    return _PREFIX + sha256(name.encode())[:16].hex()
