"""Changes of this device that are in no envelope yet: protocol/vault-file.md §3."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from clisk_vault.change_chunk import Change, ChangeHash, hash_of
from clisk_vault.document import EntryDocument
from clisk_vault.errors import FormatError, TamperedError
from clisk_vault.ids import ItemId
from clisk_vault.session import Session
from clisk_vault.storage import Column

PendingRow: TypeAlias = "tuple[ItemId, ChangeHash, bytes | None]"
"""One change to be sent as it is stored, sealed."""

_PAGE = 256


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
        self.add_rows([self.row(item, change)])

    def row(self, item: ItemId, change: Change, *, first: bool = False) -> PendingRow:
        """Return what add_rows() takes to queue *change*.

        *first*: the document is this change, so no copy of it is kept: an
        import needs half the room so.
        """
        table = self._session.table("pending")
        sealed = None if first else table.seal(item + change.hash, change.data)
        return item, change.hash, sealed

    def add_rows(self, rows: Sequence[PendingRow]) -> None:
        """Queue what row() returned; call it as add()."""
        self._session.storage.executemany(
            "INSERT INTO pending (item, hash, sealed) VALUES (?, ?, ?)", rows
        )

    def first(self, limit_changes: int, limit_bytes: int) -> list[PendingChange]:
        """Return the oldest changes within both limits, but one at least if any.

        One that a damaged file does not give back is passed over, and stays: it
        must not keep the others from being sent.
        """
        taken: list[PendingChange] = []
        room = limit_bytes
        for each in self._readable():
            room -= len(each.change)
            if taken and room < 0:
                break
            taken.append(each)
            if len(taken) == limit_changes:
                break
        return taken

    def forget(self, rowids: Iterable[int]) -> None:
        """Drop the changes with these numbers."""
        with self._session.storage.transaction():
            self._session.storage.executemany(
                "DELETE FROM pending WHERE number = ?", [(each,) for each in rowids]
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

    def _readable(self) -> Iterator[PendingChange]:
        last = 0
        while rows := self._session.storage.all(
            "SELECT number, item, hash, sealed FROM pending WHERE number > ?"
            " ORDER BY number LIMIT ?",
            (last, _PAGE),
        ):
            for number, item, name, sealed in rows:
                assert isinstance(number, int)
                assert isinstance(item, bytes)
                assert isinstance(name, bytes)
                last = number
                try:
                    data = self._open(ItemId(item), ChangeHash(name), sealed)
                except (TamperedError, FormatError):
                    continue
                yield PendingChange(number, ItemId(item), data)

    def _open(self, item: ItemId, name: ChangeHash, sealed: Column) -> bytes:
        if sealed is None:
            return self._from_document(item, name)
        assert isinstance(sealed, bytes)
        return self._session.table("pending").open(item + name, sealed)

    def _from_document(self, item: ItemId, name: ChangeHash) -> bytes:
        """Return the change *name*, which stands in the document of *item* alone."""
        row = self._session.storage.one("SELECT sealed FROM item WHERE id = ?", (item,))
        if row is not None and isinstance(row[0], bytes):
            saved = self._session.table("item").open(item, row[0])
            if hash_of(saved) == name:
                return saved  # nothing was written to the document since
            document = EntryDocument.load(saved, self._session.actor)
            for each, data in document.changes():
                if each == name and hash_of(data) == name:
                    return data
        raise FormatError("unsent change: its document does not have it")
