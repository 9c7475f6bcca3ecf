"""Waking those who wait at other relay processes: LISTEN and NOTIFY.

A notice says a hash of what there is news of, and nothing else. Sent after the
commit, many in one statement and not waiting for the disk: inside each append's
transaction it would make all commits of a server queue up behind one lock. What
is lost costs a little time only: a device asks again at least each 30 seconds,
and whoever waits looks again after each reconnect.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Final

import asyncpg
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from clisk_sync.relay.logs import log_event
from clisk_sync.relay.store_bell import Heard

_CHANNEL: Final = "clisk_relay_news"
_MOST_A_STATEMENT: Final = 1000
_CHECK_SECONDS: Final = 30.0
_ANSWER_SECONDS: Final = 10.0
_PAUSE_SECONDS: Final = 0.2
_LONGEST_PAUSE_SECONDS: Final = 5.0
_RING = "SELECT pg_notify($1, topic) FROM unnest($2::text[]) AS topic"
_ERRORS: Final = (
    SQLAlchemyError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    OSError,
    TimeoutError,
)


class PostgresBell:
    """The one connection of a process that listens, and tells the others."""

    def __init__(self, engine: AsyncEngine) -> None:
        """Take an engine of its own: its one connection is never given back."""
        self._engine = engine
        self._to_tell: set[bytes] = set()
        self._something = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._stopping = False

    def start(self, heard: Heard, missed: Callable[[], None]) -> None:
        """Listen from now on, through every loss of the connection."""
        self._task = asyncio.create_task(self._run(heard, missed), name="relay-bell")

    def ring(self, topic: bytes) -> None:
        """Tell the others soon; news of one topic folds into one notice."""
        self._to_tell.add(topic)
        self._something.set()

    async def stop(self) -> None:
        """Tell what is still to tell, as far as the server answers, then end."""
        if self._task is None:
            return
        self._stopping = True
        self._something.set()
        await asyncio.wait({self._task}, timeout=_ANSWER_SECONDS)
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task
        await self._engine.dispose()

    async def _run(self, heard: Heard, missed: Callable[[], None]) -> None:
        pause = _PAUSE_SECONDS
        while not self._stopping:
            try:
                async with self._listening(heard) as connection:
                    pause = _PAUSE_SECONDS
                    missed()
                    await self._tell_until_lost(connection)
            except _ERRORS as err:
                log_event("bell-lost", kind=type(err).__name__)
                await asyncio.sleep(pause)
                pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)

    @asynccontextmanager
    async def _listening(self, heard: Heard) -> AsyncIterator[Any]:
        async with self._engine.connect() as pooled:
            raw = await pooled.get_raw_connection()
            connection: Any = raw.driver_connection
            try:
                own = connection.get_server_pid()

                def on_notice(_: object, sender: int, __: str, topic: str) -> None:
                    if sender != own:  # our own waiters were woken already
                        with contextlib.suppress(ValueError):
                            heard(bytes.fromhex(topic))

                connection.add_termination_listener(lambda _: self._something.set())
                await connection.execute("SET synchronous_commit = off")
                await connection.add_listener(_CHANNEL, on_notice)
                yield connection
            finally:
                await pooled.invalidate()

    async def _tell_until_lost(self, connection: Any) -> None:
        while not connection.is_closed():
            try:
                async with asyncio.timeout(_CHECK_SECONDS):
                    await self._something.wait()
            except TimeoutError:
                # A connection may be dead and not know it.
                await connection.execute("SELECT 1", timeout=_ANSWER_SECONDS)
            self._something.clear()
            await self._tell(connection)
            if self._stopping:
                return
        raise OSError("the connection was closed")

    async def _tell(self, connection: Any) -> None:
        while self._to_tell:
            topics = list(self._to_tell)[:_MOST_A_STATEMENT]
            named = [topic.hex() for topic in topics]
            # Taken off first: news that comes meanwhile must be told again.
            self._to_tell.difference_update(topics)
            try:
                await connection.execute(
                    _RING, _CHANNEL, named, timeout=_ANSWER_SECONDS
                )
            except _ERRORS:
                self._to_tell.update(topics)
                raise
