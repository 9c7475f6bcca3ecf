"""Changes of this device that are in no envelope yet: protocol/vault-file.md §3."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from clisk_vault.change_chunk import Change, ChangeHash
from clisk_vault.ids import ItemId
from clisk_vault.session import Session


@dataclass(frozen=True, slots=True)
class PendingChange:
    """One change to be sent, with the number to forget it by."""

    rowid: int
    item_id: ItemId
    change: bytes


class Pending:
    """The queue from the vault to its other devices, in the order written."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add(self, item: ItemId, change: Change) -> None:
        """Queue *change*; call it within the transaction that stores its document."""
        sealed = self._session.table("pending").seal(item + change.hash, change.data)
        self._session.storage.execute(
            "INSERT INTO pending (item, hash, sealed) VALUES (?, ?, ?)",
            (item, change.hash, sealed),
        )

    def first(self, limit_changes: int, limit_bytes: int) -> list[PendingChange]:
        """Return the oldest changes within both limits, but one at least if any."""
        taken: list[PendingChange] = []
        room = limit_bytes
        for each in self._oldest(limit_changes):
            room -= len(each.change)
            if taken and room < 0:
                break
            taken.append(each)
        return taken

    def forget(self, through_rowid: int) -> None:
        """Drop every change up to and including the one numbered *through_rowid*."""
        with self._session.storage.transaction():
            self._session.storage.execute(
                "DELETE FROM pending WHERE number <= ?", (through_rowid,)
            )

    def hashes(self, item: ItemId) -> set[ChangeHash]:
        """Return the hashes of the changes of *item* that wait."""
        rows = self._session.storage.all(
            "SELECT hash FROM pending WHERE item = ?", (item,)
        )
        return {ChangeHash(name) for (name,) in rows if isinstance(name, bytes)}

    def count(self) -> int:
        """Return how many changes wait."""
        row = self._session.storage.one("SELECT count(*) FROM pending")
        assert row is not None
        assert isinstance(row[0], int)
        return row[0]

    def _oldest(self, limit: int) -> Iterator[PendingChange]:
        table = self._session.table("pending")
        for number, item, name, sealed in self._session.storage.all(
            "SELECT number, item, hash, sealed FROM pending ORDER BY number LIMIT ?",
            (limit,),
        ):
            assert isinstance(number, int)
            assert isinstance(item, bytes)
            assert isinstance(name, bytes)
            assert isinstance(sealed, bytes)
            yield PendingChange(number, ItemId(item), table.open(item + name, sealed))
