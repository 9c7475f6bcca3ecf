"""The relay's database. The home of SQLAlchemy: its types and errors end here.

One schema for SQLite (one process) and PostgreSQL (many). A vault's row is
locked while positions are allotted, so they have no gaps and become visible in
their order: a reader that asks "after n" can never skip one that commits late.
A call that returned has been written through to the disk.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Column,
    Engine,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    UniqueConstraint,
    bindparam,
    delete,
    event,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from clisk_sync.admission import Admitted, Head, place
from clisk_sync.errors import CallerError, RelayRefused
from clisk_sync.refusals import Code, refuse
from clisk_sync.relay.limits import ENVELOPE_OVERHEAD_BYTES, Limits
from clisk_vault.ids import DeviceId, EnvelopeHash, RecordHash, VaultId

_SCHEMA_VERSION: Final = 1
_READERS: Final = 8
# How much of a page is in memory at a time, for each reader.
_CHUNK_BYTES: Final = 1 << 20

_metadata = MetaData()
_meta = Table("meta", _metadata, Column("schema", Integer, primary_key=True))
_vault = Table(
    "vault",
    _metadata,
    Column("id", LargeBinary, primary_key=True),
    Column("head", BigInteger, nullable=False),  # the newest position, 0 for none
    Column("bytes", BigInteger, nullable=False),
    Column("records", Integer, nullable=False),
    Column("record_head", LargeBinary, nullable=False),
    Column("at", BigInteger, nullable=False),
)
_record = Table(
    "record",
    _metadata,
    Column("vault", LargeBinary, primary_key=True),
    Column("idx", Integer, primary_key=True, autoincrement=False),
    Column("hash", LargeBinary, nullable=False),
    Column("body", LargeBinary, nullable=False),
)
_head = Table(
    "device_head",
    _metadata,
    Column("vault", LargeBinary, primary_key=True),
    Column("device", LargeBinary, primary_key=True),
    Column("number", BigInteger, nullable=False),
    Column("hash", LargeBinary, nullable=False),
)
_log = Table(
    "log",
    _metadata,
    Column("vault", LargeBinary, primary_key=True),
    Column("pos", BigInteger, primary_key=True, autoincrement=False),
    Column("device", LargeBinary, nullable=False),
    Column("number", BigInteger, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    Column("size", Integer, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("at", BigInteger, nullable=False),
    UniqueConstraint("vault", "device", "number"),
)
_slot = Table(
    "mailbox_slot",
    _metadata,
    Column("mailbox", LargeBinary, primary_key=True),
    Column("slot", Integer, primary_key=True, autoincrement=False),
    Column("body", LargeBinary, nullable=False),
    Column("expires", BigInteger, nullable=False),
    Index("mailbox_expires", "expires"),
)
_used = Table(
    "used_challenge",
    _metadata,
    Column("challenge", LargeBinary, primary_key=True),
    Column("expires", BigInteger, nullable=False),
    Index("used_expires", "expires"),
)


@dataclass(frozen=True, slots=True)
class VaultRow:
    """What the relay counts of a vault."""

    head: int
    bytes: int
    records: int
    record_head: RecordHash


class MembershipMovedError(Exception):
    """The envelope was checked against a membership that is no longer the newest."""


class Store:
    """Everything that the relay keeps."""

    def __init__(self, writing: AsyncEngine, reading: AsyncEngine) -> None:
        self._write_engine = writing
        self._read_engine = reading

    @classmethod
    async def open(cls, database: str | Path) -> Store:
        """Open *database*, a path for SQLite, and make its tables if it is new.

        Raises:
            CallerError: it was written by a newer relay.
            RelayRefused: it cannot be opened.
        """
        url = _prepare_sqlite(Path(database))
        store = cls(
            _sqlite_engine(url, begin="BEGIN IMMEDIATE", connections=1),
            _sqlite_engine(url, begin="BEGIN", connections=_READERS),
        )
        try:
            await store._prepare()
        except BaseException:
            await store.close()
            raise
        return store

    async def close(self) -> None:
        """Close every connection."""
        await self._read_engine.dispose()
        await self._write_engine.dispose()

    async def ping(self) -> None:
        """Read one row, to see that the database answers."""
        async with self._reading() as db:
            await db.execute(select(_meta.c.schema))

    # --- vaults and their membership

    async def create_vault(self, vault: VaultId, genesis: bytes, *, at: int) -> bool:
        """Begin *vault* with its genesis record; False if it is there already."""
        async with self._writing() as db:
            if await self._vault_row(db, vault, lock=True) is not None:
                return False
            row = {"id": vault, "head": 0, "bytes": len(genesis), "records": 1}
            await db.execute(insert(_vault), row | {"record_head": vault, "at": at})
            await db.execute(insert(_record), _record_row(vault, 0, vault, genesis))
        return True

    async def vault(self, vault: VaultId) -> VaultRow:
        """Return what is counted of *vault*.

        Raises:
            UnknownVaultError: there is none.
        """
        async with self._reading() as db:
            row = await self._vault_row(db, vault, lock=False)
        if row is None:
            raise refuse(Code.UNKNOWN_VAULT)
        return row

    async def records(self, vault: VaultId) -> list[bytes]:
        """Return the membership records of *vault* in order."""
        query = (
            select(_record.c.body)
            .where(_record.c.vault == vault)
            .order_by(_record.c.idx)
        )
        async with self._reading() as db:
            return [body for (body,) in await db.execute(query)]

    async def append_record(
        self, vault: VaultId, *, after: RecordHash, record: bytes, record_hash: bytes
    ) -> int:
        """Append *record* and return its index, if *after* is still the newest.

        Raises:
            MembershipMovedError: it is not.
        """
        async with self._writing() as db:
            row = await self._vault_row(db, vault, lock=True)
            if row is None:
                raise refuse(Code.UNKNOWN_VAULT)
            if row.record_head != after:
                raise MembershipMovedError
            await db.execute(
                insert(_record), _record_row(vault, row.records, record_hash, record)
            )
            await db.execute(
                update(_vault)
                .where(_vault.c.id == vault)
                .values(
                    records=row.records + 1,
                    record_head=record_hash,
                    bytes=row.bytes + len(record),
                )
            )
            return row.records

    # --- the log

    async def append(
        self, batch: Sequence[Admitted], *, limits: Limits, at: int
    ) -> list[int | Exception]:
        """Append a batch in one commit; returns a position or a refusal for each."""
        async with self._writing() as db:
            work = _Batch(await self._locked_vaults(db, batch), limits, at)
            work.heads = await self._heads(db, batch)
            results: list[int | Exception] = []
            for envelope in batch:
                try:
                    results.append(await self._append_one(db, work, envelope))
                except (RelayRefused, MembershipMovedError) as refusal:
                    results.append(refusal)
            await work.write(db)
        return results

    async def _append_one(
        self, db: AsyncConnection, work: _Batch, envelope: Admitted
    ) -> int:
        row = work.vaults.get(envelope.vault)
        if row is None:
            raise refuse(Code.UNKNOWN_VAULT)
        if row.record_head != envelope.record_head:
            raise MembershipMovedError
        head = work.heads.get((envelope.vault, envelope.author), Head.none())
        found = None
        if envelope.number <= head.number:
            found = work.find(envelope) or await self._find(db, envelope)
        return place(envelope, head, found) or work.add(envelope, row)

    async def page(
        self, vault: VaultId, *, after: int, most: int, most_bytes: int
    ) -> AsyncIterator[tuple[int, bytes]]:
        """Yield what stands above *after*, up to both bounds but at least one.

        Holds a connection, and about a mebibyte, only while it fetches.
        """
        sizes = (
            select(_log.c.pos, _log.c.size)
            .where(_log.c.vault == vault, _log.c.pos > after)
            .order_by(_log.c.pos)
            .limit(most)
        )
        async with self._reading() as db:
            found = [(pos, size) for pos, size in await db.execute(sizes)]
        for first, last in _chunks(found, most_bytes):
            bodies = (
                select(_log.c.pos, _log.c.body)
                .where(_log.c.vault == vault, _log.c.pos.between(first, last))
                .order_by(_log.c.pos)
            )
            async with self._reading() as db:
                rows = [(pos, body) for pos, body in await db.execute(bodies)]
            for row in rows:
                yield row

    # --- mailboxes and challenges

    async def put_slot(
        self, mailbox: bytes, slot: int, body: bytes, *, limits: Limits, now: int
    ) -> None:
        """Write *body* into the slot, once.

        Raises:
            SlotTakenError: something else stands there.
            QuotaError: no mailbox is free.
        """
        async with self._writing() as db:
            await db.execute(delete(_slot).where(_slot.c.expires <= now))
            query = select(_slot.c.slot, _slot.c.body, _slot.c.expires)
            rows = await db.execute(query.where(_slot.c.mailbox == mailbox))
            stored = {at: (held, expires) for at, held, expires in rows}
            if slot in stored:
                if stored[slot][0] != body:
                    raise refuse(Code.SLOT_TAKEN)
                return
            expires = now + int(limits.mailbox_seconds * 1000)
            if stored:  # all of a mailbox goes at once, when its first slot does
                expires = min(until for _, until in stored.values())
            else:
                count = select(func.count(_slot.c.mailbox.distinct()))
                if (await db.scalar(count) or 0) >= limits.mailboxes:
                    raise refuse(Code.MAILBOXES_FULL)
            row = {"mailbox": mailbox, "slot": slot, "body": body, "expires": expires}
            await db.execute(insert(_slot), row)

    async def slot(self, mailbox: bytes, slot: int, *, now: int) -> bytes | None:
        """Return what stands in the slot and has not expired."""
        query = select(_slot.c.body).where(
            _slot.c.mailbox == mailbox, _slot.c.slot == slot, _slot.c.expires > now
        )
        async with self._reading() as db:
            body: bytes | None = await db.scalar(query)
        return body

    async def use_challenge(self, challenge: bytes, *, expires: int, now: int) -> bool:
        """Note that *challenge* was answered; False if it had been before."""
        async with self._writing() as db:
            await db.execute(delete(_used).where(_used.c.expires < now))
            seen = select(_used.c.expires).where(_used.c.challenge == challenge)
            if await db.scalar(seen) is not None:
                return False
            row = {"challenge": challenge, "expires": expires}
            await db.execute(insert(_used), row)
        return True

    # --- inside

    async def _prepare(self) -> None:
        async with self._writing() as db:
            await db.run_sync(_metadata.create_all)
            version = await db.scalar(select(_meta.c.schema))
            if version is None:
                await db.execute(insert(_meta), {"schema": _SCHEMA_VERSION})
            elif version != _SCHEMA_VERSION:
                raise CallerError(
                    f"relay database: schema {version} is not known here",
                    advice="start the relay version that wrote it, or a newer one",
                )

    @asynccontextmanager
    async def _writing(self) -> AsyncIterator[AsyncConnection]:
        try:
            async with self._write_engine.begin() as db:
                yield db
        except SQLAlchemyError as err:
            raise refuse(Code.STORE_UNAVAILABLE) from err

    @asynccontextmanager
    async def _reading(self) -> AsyncIterator[AsyncConnection]:
        try:
            async with self._read_engine.connect() as db:
                yield db
        except SQLAlchemyError as err:
            raise refuse(Code.STORE_UNAVAILABLE) from err

    @staticmethod
    async def _vault_row(
        db: AsyncConnection, vault: VaultId, *, lock: bool
    ) -> VaultRow | None:
        query = select(
            _vault.c.head, _vault.c.bytes, _vault.c.records, _vault.c.record_head
        ).where(_vault.c.id == vault)
        row = (await db.execute(query.with_for_update() if lock else query)).first()
        return None if row is None else VaultRow(*row)

    @staticmethod
    async def _locked_vaults(
        db: AsyncConnection, batch: Sequence[Admitted]
    ) -> dict[VaultId, VaultRow]:
        # In one order, so that two processes cannot wait for each other.
        query = (
            select(
                _vault.c.id,
                _vault.c.head,
                _vault.c.bytes,
                _vault.c.records,
                _vault.c.record_head,
            )
            .where(_vault.c.id.in_({envelope.vault for envelope in batch}))
            .order_by(_vault.c.id)
            .with_for_update()
        )
        return {row[0]: VaultRow(*row[1:]) for row in await db.execute(query)}

    @staticmethod
    async def _heads(
        db: AsyncConnection, batch: Sequence[Admitted]
    ) -> dict[tuple[VaultId, DeviceId], Head]:
        query = select(_head.c.vault, _head.c.device, _head.c.number, _head.c.hash)
        vaults = {envelope.vault for envelope in batch}
        rows = await db.execute(query.where(_head.c.vault.in_(vaults)))
        return {
            (vault, device): Head(number, digest)
            for vault, device, number, digest in rows
        }

    @staticmethod
    async def _find(
        db: AsyncConnection, envelope: Admitted
    ) -> tuple[int, EnvelopeHash] | None:
        query = select(_log.c.pos, _log.c.hash).where(
            _log.c.vault == envelope.vault,
            _log.c.device == envelope.author,
            _log.c.number == envelope.number,
        )
        row = (await db.execute(query)).first()
        return None if row is None else (row[0], EnvelopeHash(row[1]))


class _Batch:
    """What one commit is about to write, and the state it brings about."""

    def __init__(
        self, vaults: dict[VaultId, VaultRow], limits: Limits, at: int
    ) -> None:
        self.vaults = vaults
        self.heads: dict[tuple[VaultId, DeviceId], Head] = {}
        self._limits = limits
        self._at = at
        self._known = frozenset[tuple[VaultId, DeviceId]]()
        self._rows: list[dict[str, Any]] = []
        self._placed: dict[tuple[VaultId, DeviceId, int], tuple[int, EnvelopeHash]] = {}

    def find(self, envelope: Admitted) -> tuple[int, EnvelopeHash] | None:
        """Return where this batch itself put an envelope of this number."""
        key = (envelope.vault, envelope.author, envelope.number)
        return self._placed.get(key)

    def add(self, envelope: Admitted, row: VaultRow) -> int:
        """Give *envelope* the next position of its vault.

        Raises:
            QuotaError: the vault has no room for it.
        """
        used = row.bytes + len(envelope.data) + ENVELOPE_OVERHEAD_BYTES
        if used > self._limits.vault_bytes:
            raise refuse(Code.VAULT_FULL)
        position = row.head + 1
        author = (envelope.vault, envelope.author)
        self.vaults[envelope.vault] = VaultRow(
            position, used, row.records, row.record_head
        )
        self.heads[author] = Head(envelope.number, envelope.hash)
        self._placed[*author, envelope.number] = (position, envelope.hash)
        self._rows.append(
            {
                "vault": envelope.vault,
                "pos": position,
                "device": envelope.author,
                "number": envelope.number,
                "hash": envelope.hash,
                "size": len(envelope.data),
                "body": envelope.data,
                "at": self._at,
            }
        )
        return position

    async def write(self, db: AsyncConnection) -> None:
        """Write the rows, the heads and the counts."""
        if not self._rows:
            return
        await db.execute(insert(_log), self._rows)
        authors = {(row["vault"], row["device"]) for row in self._rows}
        await db.execute(
            update(_vault)
            .where(_vault.c.id == bindparam("of"))
            .values(head=bindparam("new_head"), bytes=bindparam("new_bytes")),
            [
                {"of": vault, "new_head": row.head, "new_bytes": row.bytes}
                for vault in {vault for vault, _ in authors}
                for row in (self.vaults[vault],)
            ],
        )
        first = {
            (row["vault"], row["device"]) for row in self._rows if row["number"] == 1
        }
        heads = [
            {"of": vault, "by": device, "number": head.number, "hash": head.hash}
            for vault, device in authors
            for head in (self.heads[vault, device],)
        ]
        await self._write_heads(db, heads, first)

    @staticmethod
    async def _write_heads(
        db: AsyncConnection, heads: list[dict[str, Any]], first: set[Any]
    ) -> None:
        new = [head for head in heads if (head["of"], head["by"]) in first]
        old = [head for head in heads if (head["of"], head["by"]) not in first]
        if new:
            row = insert(_head).values(vault=bindparam("of"), device=bindparam("by"))
            await db.execute(row, new)
        if old:
            await db.execute(
                update(_head).where(
                    _head.c.vault == bindparam("of"), _head.c.device == bindparam("by")
                ),
                old,
            )


def _record_row(
    vault: VaultId, index: int, digest: bytes, body: bytes
) -> dict[str, Any]:
    return {"vault": vault, "idx": index, "hash": digest, "body": body}


def _chunks(found: list[tuple[int, int]], most_bytes: int) -> list[tuple[int, int]]:
    """Return (first, last) positions of pieces of a page, in order."""
    chunks: list[tuple[int, int]] = []
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


def _prepare_sqlite(path: Path) -> str:
    """Return the URL of *path*, a file that only its owner may read."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    except OSError as err:
        raise refuse(Code.STORE_UNAVAILABLE) from err
    return f"sqlite+aiosqlite:///{path}"


def _sqlite_engine(url: str, *, begin: str, connections: int) -> AsyncEngine:
    # hide_parameters: an error must not quote envelopes or device ids.
    engine = create_async_engine(
        url, hide_parameters=True, pool_size=connections, max_overflow=0
    )
    _set_up(engine.sync_engine, begin)
    return engine


def _set_up(engine: Engine, begin: str) -> None:
    @event.listens_for(engine, "connect")
    def _on_connect(connection: Any, _record: object) -> None:
        # The driver would begin late and take no write lock; we begin ourselves.
        connection.isolation_level = None
        cursor = connection.cursor()
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=10000"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _on_begin(connection: Any) -> None:
        connection.exec_driver_sql(begin)
