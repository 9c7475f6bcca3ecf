"""PostgreSQL: any number of relay processes on one database.

The same work as on SQLite, run by `AsyncConnection.run_sync`. Positions need no
sequence: the vault's row is locked until the commit. READ COMMITTED is what that
needs: a statement after the lock sees what its former holder committed.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, TypeVar

import asyncpg
from sqlalchemy import Connection, event, make_url, text
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from clisk_sync.errors import CallerError
from clisk_sync.refusals import Code, refuse
from clisk_sync.relay.store_bell import Bell
from clisk_sync.relay.store_listen import PostgresBell
from clisk_sync.relay.store_prepared import Prepared, Values

T = TypeVar("T")
SCHEME: Final = "postgresql+asyncpg://"
_NAME: Final = "clisk relay"
_WRITERS: Final = 4
_READERS: Final = 8
_CONNECT_SECONDS: Final = 10
_STATEMENT_SECONDS: Final = 30
_POOL_SECONDS: Final = 10
# Two processes did the same thing at once and one was sent back: try again.
_TRIES: Final = 4
_DEADLOCK_OR_SERIALIZATION: Final = {"40001", "40P01"}
_DRIVER_ERRORS: Final = (
    SQLAlchemyError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    OSError,
    TimeoutError,
)


class PostgresDatabase:
    """One PostgreSQL database, shared with other relay processes."""

    def __init__(self, url: str) -> None:
        """Name the database; nothing is connected yet.

        Raises:
            CallerError: not an address of a database.
        """
        self._writing = _engine(url, connections=_WRITERS, level="READ COMMITTED")
        # Each read is one statement, so it needs no transaction around it.
        self._reading = _engine(url, connections=_READERS, level="AUTOCOMMIT")
        self._url = url

    def bell(self) -> Bell:
        """Return what wakes the other processes."""
        return PostgresBell(
            _engine(self._url, connections=1, level="AUTOCOMMIT", name=f"{_NAME} news")
        )

    async def write(self, work: Callable[[Connection], T]) -> T:
        """Return what *work* returns, once all it wrote is on the disk.

        *work* may run more than once; only its last run is kept.

        Raises:
            RelayRefused: the database gave no answer: whether it was written is
                not known, and asking again tells. Whatever *work* itself raises.
        """

        async def run() -> T:
            async with self._writing.begin() as db:
                return await db.run_sync(work)

        return await self._tried(run, again=_was_undone)

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Return what *work* returns."""

        async def run() -> T:
            async with self._reading.connect() as db:
                return await db.run_sync(work)

        return await self._tried(run, again=_lost_its_connection)

    async def peek(self, query: Prepared, values: Values) -> Sequence[Any] | None:
        """Return the row that *query* finds."""
        rows = await self.read(lambda db: query.rows(db, values))
        return rows[0] if rows else None

    async def close(self) -> None:
        """Close every connection."""
        await self._writing.dispose()
        await self._reading.dispose()

    async def check_durable(self) -> None:
        """Refuse a server that answers before what it wrote is safe.

        Raises:
            CallerError: it was set up to lose acknowledged writes in a crash.
        """
        fsync = await self.read(lambda db: db.scalar(text("SHOW fsync")))
        if fsync != "on":
            raise CallerError(
                "relay database: the server runs with fsync off",
                advice="turn fsync on: a crash would lose what devices were"
                " told is stored",
            )

    @staticmethod
    async def _tried(
        run: Callable[[], Awaitable[T]], *, again: Callable[[BaseException], bool]
    ) -> T:
        for left in reversed(range(_TRIES)):
            try:
                return await run()
            except _DRIVER_ERRORS as err:
                if not left or not again(err):
                    raise refuse(Code.STORE_UNAVAILABLE) from err
        raise AssertionError("the last try returns or raises")


def _was_undone(err: BaseException) -> bool:
    """Whether the server itself took the transaction back, for another's sake."""
    if isinstance(err, IntegrityError):
        return True
    state = getattr(getattr(err, "orig", None), "sqlstate", None)
    return state in _DEADLOCK_OR_SERIALIZATION


def _lost_its_connection(err: BaseException) -> bool:
    return isinstance(err, DBAPIError) and err.connection_invalidated


def _engine(
    url: str, *, connections: int, level: Any, name: str = _NAME
) -> AsyncEngine:
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        # Not quoted: it may hold a password.
        raise CallerError(
            "the address of the database is not well formed",
            advice=f"such as {SCHEME}relay@/relay?host=/run/postgresql",
        ) from None
    engine = create_async_engine(
        parsed,
        # hide_parameters: an error must not quote envelopes or device ids.
        hide_parameters=True,
        isolation_level=level,
        pool_size=connections,
        max_overflow=0,
        pool_timeout=_POOL_SECONDS,
        connect_args={
            "timeout": _CONNECT_SECONDS,
            "command_timeout": _STATEMENT_SECONDS,
            "server_settings": {
                "application_name": name,
                # A plan for the vault at hand touches one partition of `log`;
                # a general one would lock all of them each time.
                "plan_cache_mode": "force_custom_plan",
            },
        },
    )

    @event.listens_for(engine.sync_engine, "connect")
    def _on_connect(connection: Any, _record: object) -> None:
        # A server set to answer before its disk does is overruled; one set to
        # wait for replicas as well is left alone.
        cursor = connection.cursor()
        cursor.execute(
            "SELECT set_config('synchronous_commit', 'on', false)"
            " WHERE current_setting('synchronous_commit') = 'off'"
        )
        cursor.close()
        connection.commit()

    return engine
