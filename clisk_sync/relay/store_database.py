"""How a piece of database work is run: SQLite in threads of our own.

Work is a plain function of a connection. Here it runs in a thread, a whole
transaction in one hop; store_postgres.py runs the very same functions in an
asynchronous driver. Driver errors end here and there.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final, Protocol, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import SQLAlchemyError

from clisk_sync.refusals import Code, refuse
from clisk_sync.relay.store_bell import Bell, NoBell
from clisk_sync.relay.store_prepared import Prepared, Values

T = TypeVar("T")
_READERS: Final = 4
_PRAGMAS: Final = (
    "journal_mode=WAL",
    "synchronous=FULL",
    "busy_timeout=10000",
    # 32 MiB of log: a page that each append changes is written to the file once in
    # thousands of appends, and fewer of them wait for that.
    "wal_autocheckpoint=8000",
)


class Database(Protocol):
    """Runs work, a whole transaction at a time."""

    async def write(self, work: Callable[[Connection], T]) -> T:
        """Return what *work* returns, once all it wrote is on the disk."""

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Return what *work*, which only asks, returns.

        On PostgreSQL each of its queries may see a later moment than the one before.
        """

    async def peek(self, query: Prepared, values: Values) -> Sequence[Any] | None:
        """Return the row that *query* finds by its key, None if there is none.

        For what is asked all the time: it may cost less than read().
        """

    async def check_durable(self) -> None:
        """Refuse a database that would lose what it said is written."""

    async def close(self) -> None:
        """Wait for work under way, then close every connection."""

    def bell(self) -> Bell:
        """Return what wakes the other processes on this database."""


class SqliteDatabase:
    """One SQLite file: one writer, some readers beside it.

    WAL and synchronous=FULL: work that returned has been written through.
    """

    def __init__(self, path: Path) -> None:
        """Open *path*, a file that only its owner may read.

        Raises:
            RelayRefused: it cannot be made or opened.
        """
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        except OSError as err:
            raise refuse(Code.STORE_UNAVAILABLE) from err
        self._writing = _engine(path, begin="BEGIN IMMEDIATE", connections=1)
        self._reading = _engine(path, begin="BEGIN", connections=_READERS)
        # In the thread of the loop, for one row at a time.
        self._peeking = sqlite3.connect(path, isolation_level=None, timeout=0)
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="relay-write")
        self._readers = ThreadPoolExecutor(_READERS, thread_name_prefix="relay-read")

    async def write(self, work: Callable[[Connection], T]) -> T:
        """Return what *work* returns, once all it wrote is on the disk.

        Raises:
            RelayRefused: nothing was written. Whatever *work* itself raises.
        """
        return await self._run(self._writer, self._writing, work)

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Return what *work* returns; it sees one moment of the database."""
        return await self._run(self._readers, self._reading, work)

    async def peek(self, query: Prepared, values: Values) -> Sequence[Any] | None:
        """Return the row, read where we are: a hop to a thread costs ten times that.

        A reader waits for no writer (WAL). Where it would have to wait all the same
        it is asked in a thread.
        """
        try:
            rows = query.rows_of(self._peeking, values)
        except sqlite3.Error:
            rows = await self.read(lambda db: query.rows(db, values))
        return rows[0] if rows else None

    async def check_durable(self) -> None:
        """Do nothing: each connection is made durable when it is opened."""

    def bell(self) -> Bell:
        """Return one that tells nobody: the file is this process's own."""
        return NoBell()

    async def close(self) -> None:
        """Wait for work under way, then close the file."""
        self._peeking.close()
        for pool, engine in (
            (self._readers, self._reading),
            (self._writer, self._writing),
        ):
            await asyncio.to_thread(pool.shutdown)
            engine.dispose()

    @staticmethod
    async def _run(
        pool: ThreadPoolExecutor, engine: Engine, work: Callable[[Connection], T]
    ) -> T:
        def run() -> T:
            try:
                with engine.begin() as db:
                    return work(db)
            except (SQLAlchemyError, sqlite3.Error) as err:
                raise refuse(Code.STORE_UNAVAILABLE) from err

        return await asyncio.get_running_loop().run_in_executor(pool, run)


def _engine(path: Path, *, begin: str, connections: int) -> Engine:
    # hide_parameters: an error must not quote envelopes or device ids.
    engine = create_engine(
        f"sqlite:///{path}",
        hide_parameters=True,
        pool_size=connections,
        max_overflow=0,
    )

    @event.listens_for(engine, "connect")
    def _on_connect(connection: Any, _record: object) -> None:
        # The driver would begin late and take no write lock; we begin ourselves.
        connection.isolation_level = None
        for pragma in _PRAGMAS:
            connection.execute(f"PRAGMA {pragma}").close()

    @event.listens_for(engine, "begin")
    def _on_begin(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    return engine
