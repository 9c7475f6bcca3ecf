"""One group commit: a batch of envelopes, each placed or refused on its own.

A fixed number of statements whatever the batch holds: two reads, three writes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from sqlalchemy import BindParameter, Connection, bindparam, insert, select, update

from clisk_sync.admission import Admitted, Head, place
from clisk_sync.errors import RelayRefused
from clisk_sync.refusals import Code, refuse
from clisk_sync.relay.limits import ENVELOPE_OVERHEAD_BYTES
from clisk_sync.relay.store_prepared import Prepared
from clisk_sync.relay.store_tables import HEAD, LOG, VAULT
from clisk_vault.ids import DeviceId, EnvelopeHash, RecordHash, VaultId

_AuthorKey: TypeAlias = tuple[VaultId, DeviceId]

_OF_THESE: BindParameter[Any] = bindparam("vaults", expanding=True)
_LOCK_ROOMS = Prepared(
    select(VAULT.c.id, VAULT.c.head, VAULT.c.bytes, VAULT.c.record_head)
    .where(VAULT.c.id.in_(_OF_THESE))
    # In one order, so that two processes cannot wait for each other.
    .order_by(VAULT.c.id)
    .with_for_update()
)
_READ_HEADS = Prepared(
    select(HEAD.c.vault, HEAD.c.device, HEAD.c.number, HEAD.c.hash).where(
        HEAD.c.vault.in_(_OF_THESE)
    )
)
_FIND = Prepared(
    select(LOG.c.pos, LOG.c.hash).where(
        LOG.c.vault == bindparam("of"),
        LOG.c.device == bindparam("by"),
        LOG.c.number == bindparam("at"),
    )
)
_INSERT_LOG = Prepared(insert(LOG), names=LOG.columns.keys())
_UPDATE_VAULT = Prepared(
    update(VAULT)
    .where(VAULT.c.id == bindparam("of"))
    .values(head=bindparam("new_head"), bytes=bindparam("new_bytes"))
)
_INSERT_HEAD = Prepared(
    insert(HEAD).values(
        vault=bindparam("of"),
        device=bindparam("by"),
        number=bindparam("new_number"),
        hash=bindparam("new_hash"),
    )
)
_UPDATE_HEAD = Prepared(
    update(HEAD)
    .where(HEAD.c.vault == bindparam("of"), HEAD.c.device == bindparam("by"))
    .values(number=bindparam("new_number"), hash=bindparam("new_hash"))
)


class MembershipMovedError(Exception):
    """The envelope was checked against a membership that is no longer the newest."""


@dataclass(slots=True)
class _Room:
    """What a vault's row says, moved forward by the batch."""

    head: int
    bytes: int
    record_head: RecordHash


def append_batch(
    db: Connection, batch: Sequence[Admitted], *, vault_bytes: int, at: int
) -> list[int | Exception]:
    """Write what of *batch* is in order; return a position or a refusal for each."""
    work = _Batch(db, batch, vault_bytes, at)
    results: list[int | Exception] = []
    for envelope in batch:
        try:
            results.append(work.append(envelope))
        except (RelayRefused, MembershipMovedError) as refusal:
            results.append(refusal)
    work.write()
    return results


class _Batch:
    """What one commit is about to write, and the state it brings about."""

    def __init__(
        self, db: Connection, batch: Sequence[Admitted], vault_bytes: int, at: int
    ) -> None:
        vaults = sorted({envelope.vault for envelope in batch})
        self._db = db
        self._vault_bytes = vault_bytes
        self._at = at
        self._rooms = _lock_rooms(db, vaults)
        self._heads = _read_heads(db, vaults)
        self._known = frozenset(self._heads)
        self._rows: list[dict[str, Any]] = []
        self._placed: dict[tuple[_AuthorKey, int], tuple[int, EnvelopeHash]] = {}

    def append(self, envelope: Admitted) -> int:
        """Return the position of *envelope*, a new one or the one it has.

        Raises:
            RelayRefused, MembershipMovedError: it gets none.
        """
        room = self._rooms.get(envelope.vault)
        if room is None:
            raise refuse(Code.UNKNOWN_VAULT)
        if room.record_head != envelope.record_head:
            raise MembershipMovedError
        author = (envelope.vault, envelope.author)
        head, found = self._heads.get(author, Head.none()), None
        if envelope.number <= head.number:
            found = self._placed.get((author, envelope.number)) or self._find(envelope)
        return place(envelope, head, found) or self._add(envelope, author, room)

    def _add(self, envelope: Admitted, author: _AuthorKey, room: _Room) -> int:
        size = len(envelope.data)
        used = room.bytes + size + ENVELOPE_OVERHEAD_BYTES
        if used > self._vault_bytes:
            raise refuse(Code.VAULT_FULL)
        room.head, room.bytes = room.head + 1, used
        self._heads[author] = Head(envelope.number, envelope.hash)
        self._placed[author, envelope.number] = (room.head, envelope.hash)
        self._rows.append(
            {
                "vault": envelope.vault,
                "pos": room.head,
                "device": envelope.author,
                "number": envelope.number,
                "hash": envelope.hash,
                "size": size,
                "body": envelope.data,
                "at": self._at,
            }
        )
        return room.head

    def _find(self, envelope: Admitted) -> tuple[int, EnvelopeHash] | None:
        which = {"of": envelope.vault, "by": envelope.author, "at": envelope.number}
        for position, digest in _FIND.rows(self._db, which):
            return position, EnvelopeHash(digest)
        return None

    def write(self) -> None:
        """Write the rows, the counts and the heads."""
        if not self._rows:
            return
        authors = {(row["vault"], row["device"]) for row in self._rows}
        _INSERT_LOG.many(self._db, self._rows)
        _UPDATE_VAULT.many(
            self._db,
            [
                {"of": vault, "new_head": room.head, "new_bytes": room.bytes}
                for vault, room in self._rooms.items()
            ],
        )
        for statement, which in (
            (_INSERT_HEAD, authors - self._known),
            (_UPDATE_HEAD, authors & self._known),
        ):
            if which:
                statement.many(self._db, [self._head_row(each) for each in which])

    def _head_row(self, author: _AuthorKey) -> dict[str, Any]:
        head = self._heads[author]
        return {
            "of": author[0],
            "by": author[1],
            "new_number": head.number,
            "new_hash": head.hash,
        }


def _lock_rooms(db: Connection, vaults: list[VaultId]) -> dict[VaultId, _Room]:
    rows = _LOCK_ROOMS.rows(db, {"vaults": vaults})
    return {vault: _Room(*rest) for vault, *rest in rows}


def _read_heads(db: Connection, vaults: list[VaultId]) -> dict[_AuthorKey, Head]:
    rows = _READ_HEADS.rows(db, {"vaults": vaults})
    return {
        (vault, device): Head(number, digest) for vault, device, number, digest in rows
    }
