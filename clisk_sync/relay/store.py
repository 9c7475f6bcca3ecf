"""What the relay keeps, and the queries for it: protocol/relay-api.md §4-6.

A vault's row is locked while positions are allotted, so they have no gaps and
become visible in their order: a reader that asks "after n" can never skip one
that commits late. A call that returned has been written through to the disk.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeAlias

from sqlalchemy import (
    Connection,
    bindparam,
    delete,
    func,
    insert,
    select,
    text,
    update,
)

from clisk_sync.admission import Admitted, Head, Members
from clisk_sync.errors import CallerError
from clisk_sync.refusals import Code, refuse
from clisk_sync.relay import store_snapshots
from clisk_sync.relay.limits import Limits
from clisk_sync.relay.store_append import MembershipMovedError, append_batch
from clisk_sync.relay.store_bell import Bell
from clisk_sync.relay.store_database import Database, SqliteDatabase
from clisk_sync.relay.store_prepared import Prepared
from clisk_sync.relay.store_schema import prepare
from clisk_sync.relay.store_tables import (
    HEAD,
    INVITE,
    LOG,
    RECORD,
    RELAY_KEY,
    SLOT,
    TOKEN,
    USED,
    VAULT,
)
from clisk_sync.snapshot import Snapshot, UnverifiedAck
from clisk_vault.ids import DeviceId, EnvelopeHash, PartHash, RecordHash, VaultId

# How much of a page is in memory at a time, for each reader.
_CHUNK_BYTES: Final = 1 << 20


_VAULT = select(
    VAULT.c.head, VAULT.c.bytes, VAULT.c.records, VAULT.c.record_head
).where(VAULT.c.id == bindparam("vault"))
_READ_VAULT, _LOCK_VAULT = Prepared(_VAULT), Prepared(_VAULT.with_for_update())
_SIZES = Prepared(
    select(LOG.c.pos, LOG.c.size)
    .where(LOG.c.vault == bindparam("vault"), LOG.c.pos > bindparam("after"))
    .order_by(LOG.c.pos)
    .limit(bindparam("most"))
)
_BODIES = Prepared(
    select(LOG.c.pos, LOG.c.body)
    .where(
        LOG.c.vault == bindparam("vault"),
        LOG.c.pos.between(bindparam("first"), bindparam("last")),
    )
    .order_by(LOG.c.pos)
)
# First and last position of a piece of a page; position and envelope.
_Chunk: TypeAlias = tuple[int, int]
_Entry: TypeAlias = tuple[int, bytes]


@dataclass(frozen=True, slots=True)
class VaultRow:
    """What the relay counts of a vault."""

    head: int
    bytes: int
    records: int
    record_head: RecordHash


@dataclass(frozen=True, slots=True)
class Page:
    """The beginning of a page of the log, and where the rest of it stands."""

    row: VaultRow
    first: Sequence[_Entry] = ()
    later: Sequence[_Chunk] = ()


@dataclass(frozen=True, slots=True)
class Brief:
    """Something kept for a while, by its hash alone."""

    hash: bytes
    expires: int  # milliseconds since 1970


class Store:
    """Everything that the relay keeps. Made by `open`."""

    def __init__(self, database: Database) -> None:
        self._db = database

    @classmethod
    async def open(cls, where: str | Path) -> Store:
        """Open the database, and bring its tables up to date.

        *where* is a path for SQLite or an address for PostgreSQL.

        Raises:
            CallerError: it was written by a newer relay, or is of another kind.
            RelayRefused: it cannot be opened.
        """
        database = _database(where)
        try:
            await database.check_durable()
            await database.write(prepare)
        except BaseException:
            await database.close()
            raise
        return cls(database)

    def bell(self) -> Bell:
        """Return what wakes the other processes on this database."""
        return self._db.bell()

    async def close(self) -> None:
        """Finish what is under way and close every connection."""
        await self._db.close()

    async def ping(self) -> None:
        """Read one row, to see that the database answers."""
        await self._db.read(lambda db: db.scalar(text("SELECT 1")))

    async def key(self) -> bytes:
        """Return what all processes on this database seal with."""
        key = await self._db.read(lambda db: db.scalar(select(RELAY_KEY.c.key)))
        assert isinstance(key, bytes), "the schema was made with one"
        return key

    # --- vaults and their membership

    async def create_vault(
        self, vault: VaultId, genesis: bytes, *, at: int, invite: bytes | None = None
    ) -> bool:
        """Begin *vault* with its genesis record; False if it is there already.

        *invite*, the hash of an invitation, is used up by it.

        Raises:
            RelayRefused: there is no such invitation any more.
        """

        def work(db: Connection) -> bool:
            if _vault_row(db, vault, lock=True) is not None:
                return False
            if invite is not None and not _used_up(db, invite, now=at):
                raise refuse(Code.INVITE_NEEDED)
            row = {"id": vault, "head": 0, "bytes": len(genesis), "records": 1}
            db.execute(insert(VAULT), row | {"record_head": vault, "at": at})
            db.execute(insert(RECORD), _record_row(vault, 0, vault, genesis))
            return True

        return await self._db.write(work)

    async def vault(self, vault: VaultId) -> VaultRow:
        """Return what is counted of *vault*.

        Raises:
            UnknownVaultError: there is none.
        """
        row = await self._db.peek(_READ_VAULT, {"vault": vault})
        if row is None:
            raise refuse(Code.UNKNOWN_VAULT)
        return VaultRow(*row)

    async def records(self, vault: VaultId) -> list[bytes]:
        """Return the membership records of *vault* in order."""
        query = select(RECORD.c.body).where(RECORD.c.vault == vault)
        ordered = query.order_by(RECORD.c.idx)
        return await self._db.read(lambda db: list(db.scalars(ordered)))

    async def heads(self, vault: VaultId) -> dict[DeviceId, Head]:
        """Return the newest envelope of each device that has sent one."""
        query = select(HEAD).where(HEAD.c.vault == vault)
        return await self._db.read(
            lambda db: {
                DeviceId(row.device): Head(row.number, EnvelopeHash(row.hash))
                for row in db.execute(query)
            }
        )

    async def append_record(
        self,
        vault: VaultId,
        *,
        after: RecordHash,
        record: bytes,
        record_hash: bytes,
        heads: Mapping[DeviceId, Head],
    ) -> int:
        """Append *record* and return its index, if nothing it rests on has moved.

        It rests on *after*, the newest record, and on *heads*: those envelopes are
        still the newest of their devices.

        Raises:
            MembershipMovedError: something has.
        """

        def work(db: Connection) -> int:
            row = _vault_row(db, vault, lock=True)
            if row is None:
                raise refuse(Code.UNKNOWN_VAULT)
            if row.record_head != after:
                raise MembershipMovedError
            for device, head in heads.items():
                if _number_of(db, vault, device) != head.number:
                    raise MembershipMovedError
            db.execute(
                insert(RECORD), _record_row(vault, row.records, record_hash, record)
            )
            counts = {
                "records": row.records + 1,
                "record_head": record_hash,
                "bytes": row.bytes + len(record),
            }
            db.execute(update(VAULT).where(VAULT.c.id == vault).values(counts))
            return row.records

        return await self._db.write(work)

    # --- the log

    async def append(
        self, batch: Sequence[Admitted], *, limits: Limits, at: int
    ) -> list[int | Exception]:
        """Append a batch in one commit; returns a position or a refusal for each."""
        most = limits.vault_bytes
        return await self._db.write(
            lambda db: append_batch(db, batch, vault_bytes=most, at=at)
        )

    async def page(
        self, vault: VaultId, *, after: int, most: int, most_bytes: int
    ) -> Page:
        """Return what stands above *after*, up to both bounds but at least one.

        Raises:
            UnknownVaultError: there is no such vault.
        """
        bounds = {"vault": vault, "after": after, "most": most}

        def begin(db: Connection) -> Page:
            # The first piece, mostly all of it, comes in the same transaction.
            row = _vault_row(db, vault, lock=False)
            if row is None:
                raise refuse(Code.UNKNOWN_VAULT)
            if row.head <= after:
                return Page(row)
            sizes = [(pos, size) for pos, size in _SIZES.rows(db, bounds)]
            chunks = _chunks(sizes, most_bytes)
            first = _bodies(db, vault, chunks[0]) if chunks else ()
            return Page(row, first, tuple(chunks[1:]))

        return await self._db.read(begin)

    async def rest(self, vault: VaultId, page: Page) -> AsyncIterator[_Entry]:
        """Yield what of *page* was not fetched with it.

        Holds a connection, and about a mebibyte, only while it fetches.
        """
        for chunk in page.later:
            for entry in await self._db.read(
                lambda db, chunk=chunk: _bodies(db, vault, chunk)  # type: ignore[misc]
            ):
                yield entry

    # --- snapshots

    async def put_part(
        self, vault: VaultId, name: PartHash, body: bytes, *, limits: Limits, at: int
    ) -> None:
        """Keep a sealed part of a snapshot.

        Raises:
            QuotaError: the vault's snapshots have used all their room.
        """
        room = limits.snapshot_bytes
        await self._db.write(
            lambda db: store_snapshots.put_part(db, vault, name, body, room=room, at=at)
        )

    async def part(self, vault: VaultId, name: PartHash) -> bytes | None:
        """Return the part of that hash, None if there is none."""
        return await self._db.read(lambda db: store_snapshots.part(db, vault, name))

    async def add_snapshot(
        self, vault: VaultId, snapshot: Snapshot, members: Members
    ) -> None:
        """Add a snapshot, and delete what it covers if all have signed already.

        Raises:
            MembershipMovedError: check it again, against the newest membership.
            RelayRefused: as store_snapshots.add_snapshot().
        """
        if await self._db.write(
            lambda db: store_snapshots.add_snapshot(db, vault, snapshot, members)
        ):
            await self._delete_covered(vault)

    async def add_ack(
        self, vault: VaultId, ack: UnverifiedAck, members: Members
    ) -> None:
        """Keep a verified acknowledgement, and delete what is to go by it.

        Raises:
            MembershipMovedError: check it again, against the newest membership.
            UnknownSnapshotError: that snapshot is not kept here.
        """
        if await self._db.write(
            lambda db: store_snapshots.add_ack(
                db,
                vault,
                members,
                device=ack.device,
                snapshot=ack.hash,
                data=ack.data,
            )
        ):
            await self._delete_covered(vault)

    async def _delete_covered(self, vault: VaultId) -> None:
        while await self._db.write(
            lambda db: store_snapshots.delete_covered(db, vault)
        ):
            pass

    async def snapshots(self, vault: VaultId) -> list[store_snapshots.Kept]:
        """Return the snapshots of *vault* with their acknowledgements."""
        return await self._db.read(lambda db: store_snapshots.snapshots(db, vault))

    # --- mailboxes and challenges

    async def put_slot(
        self, mailbox: bytes, slot: int, body: bytes, *, limits: Limits, now: int
    ) -> None:
        """Write *body* into the slot, once.

        Raises:
            SlotTakenError: something else stands there.
            QuotaError: no mailbox is free.
        """
        lasts_ms = int(limits.mailbox_seconds * 1000)

        def work(db: Connection) -> None:
            # One at a time, so that the bound and the common end hold exactly.
            db.execute(select(RELAY_KEY.c.id).with_for_update())
            db.execute(delete(SLOT).where(SLOT.c.expires <= now))
            query = select(SLOT.c.slot, SLOT.c.body, SLOT.c.expires)
            rows = db.execute(query.where(SLOT.c.mailbox == mailbox))
            stored = {at: (held, expires) for at, held, expires in rows}
            if slot in stored:
                if stored[slot][0] != body:
                    raise refuse(Code.SLOT_TAKEN)
                return
            expires = now + lasts_ms
            if stored:  # all of a mailbox goes at once, when its first slot does
                expires = min(until for _, until in stored.values())
            elif _mailboxes(db) >= limits.mailboxes:
                raise refuse(Code.MAILBOXES_FULL)
            row = {"mailbox": mailbox, "slot": slot, "body": body, "expires": expires}
            db.execute(insert(SLOT), row)

        await self._db.write(work)

    async def slot(self, mailbox: bytes, slot: int, *, now: int) -> bytes | None:
        """Return what stands in the slot and has not expired."""
        query = select(SLOT.c.body).where(
            SLOT.c.mailbox == mailbox, SLOT.c.slot == slot, SLOT.c.expires > now
        )
        body: bytes | None = await self._db.read(lambda db: db.scalar(query))
        return body

    # --- who is let in

    async def sign_in(self, *, answered: Brief, token: Brief, now: int) -> bool:
        """Keep *token*; False if the challenge it was given for was used before."""

        def work(db: Connection) -> bool:
            db.execute(delete(USED).where(USED.c.expires < now))
            db.execute(delete(TOKEN).where(TOKEN.c.expires < now))
            seen = select(USED.c.expires).where(USED.c.challenge == answered.hash)
            if db.scalar(seen) is not None:
                return False
            used = {"challenge": answered.hash, "expires": answered.expires}
            db.execute(insert(USED), used)
            db.execute(insert(TOKEN), {"hash": token.hash, "expires": token.expires})
            return True

        return await self._db.write(work)

    async def has_token(self, token: bytes) -> bool:
        """Whether a token of this hash was given to somebody."""
        query = select(TOKEN.c.expires).where(TOKEN.c.hash == token)
        return await self._db.read(lambda db: db.scalar(query)) is not None

    async def add_invite(self, invite: Brief, *, now: int) -> None:
        """Keep an invitation, by its hash, and drop those that nobody took."""

        def work(db: Connection) -> None:
            db.execute(delete(INVITE).where(INVITE.c.expires < now))
            db.execute(insert(INVITE), {"hash": invite.hash, "expires": invite.expires})

        await self._db.write(work)


def is_file(where: str | Path) -> bool:
    """Whether *where* is a path for SQLite, not the address of a server."""
    return "://" not in str(where)


def _database(where: str | Path) -> Database:
    address = str(where)
    if is_file(where):
        return SqliteDatabase(Path(where))
    # Imported here: a relay on SQLite needs no PostgreSQL driver.
    from clisk_sync.relay.store_postgres import SCHEME, PostgresDatabase

    if not address.startswith(SCHEME):
        raise CallerError(
            "the relay keeps its data in SQLite or PostgreSQL only",
            advice=f"give the path of a file, or an address that begins {SCHEME}",
        )
    return PostgresDatabase(address)


def _used_up(db: Connection, invite: bytes, *, now: int) -> bool:
    found = delete(INVITE).where(INVITE.c.hash == invite, INVITE.c.expires >= now)
    return db.execute(found).rowcount == 1


def _vault_row(db: Connection, vault: VaultId, *, lock: bool) -> VaultRow | None:
    # SQLite has its one writer; elsewhere the row is held until the commit.
    query = _LOCK_VAULT if lock else _READ_VAULT
    rows = query.rows(db, {"vault": vault})
    return VaultRow(*rows[0]) if rows else None


def _mailboxes(db: Connection) -> int:
    return db.scalar(select(func.count(SLOT.c.mailbox.distinct()))) or 0


def _record_row(
    vault: VaultId, index: int, digest: bytes, body: bytes
) -> dict[str, Any]:
    return {"vault": vault, "idx": index, "hash": digest, "body": body}


def _bodies(db: Connection, vault: VaultId, chunk: _Chunk) -> Sequence[_Entry]:
    first, last = chunk
    found = _BODIES.rows(db, {"vault": vault, "first": first, "last": last})
    return [(pos, body) for pos, body in found]


def _chunks(found: list[tuple[int, int]], most_bytes: int) -> list[_Chunk]:
    """Return (first, last) positions of pieces of a page, in order."""
    chunks: list[_Chunk] = []
    total = piece = 0
    for pos, size in found:
        if total and total + size > most_bytes:
            break
        if piece and piece + size <= _CHUNK_BYTES:
            chunks[-1] = (chunks[-1][0], pos)
        else:
            chunks.append((pos, pos))
            piece = 0
        total, piece = total + size, piece + size
    return chunks


def _number_of(db: Connection, vault: VaultId, device: DeviceId) -> int:
    query = select(HEAD.c.number).where(HEAD.c.vault == vault, HEAD.c.device == device)
    return db.scalar(query) or 0
