"""The relay alone: real processes, sealed envelopes, every answer durable."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

from benchmarks.harness import Figure, compare
from clisk_sync.admission import Members, admit_envelope
from clisk_sync.envelope import parse_unverified_envelope
from clisk_sync.http_transport import HttpRelay
from clisk_sync.relay import Limits
from clisk_sync.relay.store import Store
from clisk_sync.relay_client import HttpVaultTransport
from clisk_sync.testing import Family
from clisk_sync.transport import News
from tests.sync.postgres import running_postgres
from tests.sync.relay_process import RelayProcess, transport_of

_ONE_BY_ONE = 100
_WRITERS = 25
_EACH = 20
_LONG_LOG = 1_000_000
_FLOOR = "a commit of one row of 512 bytes"


class Client:
    """One device, which says how far its reader is."""

    def __init__(self, relay: HttpRelay) -> None:
        self.family = Family.found()
        self.transport: HttpVaultTransport = transport_of(relay, self.family.founder)
        self.position = 0

    async def send(self) -> None:
        """Append one envelope."""
        envelope = self.family.founder.write(os.urandom(300))
        self.position = await self.transport.append(envelope)

    async def send_and_see(self) -> None:
        """Append one envelope; return when a reader that waits has opened it."""
        after = self.position
        waiting = asyncio.create_task(self.transport.wait(after, 20))
        await self.send()
        assert self.read(await waiting) > after

    def read(self, news: News | None) -> int:
        """Verify and open what came, as a reader does; return how far it goes."""
        assert news is not None
        author = self.family.founder
        for _, envelope in news.entries:
            unverified = parse_unverified_envelope(envelope)
            verified = unverified.verify(author.secrets.public.signing)
            verified.open(author.epoch_secret)
        return news.entries[-1][0]


class Crowd:
    """Devices of as many vaults, spread over the relays at *urls*."""

    def __init__(self, runner: asyncio.Runner, urls: list[str], count: int) -> None:
        self._runner, self._stack = runner, AsyncExitStack()
        self.clients: list[Client] = runner.run(self._open(urls, count))

    async def _open(self, urls: list[str], count: int) -> list[Client]:
        clients = []
        for number in range(count):
            relay = HttpRelay(urls[number % len(urls)])
            client = Client(await self._stack.enter_async_context(relay))
            await client.transport.create(client.family.genesis)
            clients.append(client)
        return clients

    def all(self, do: Callable[[Client], Awaitable[None]], times: int) -> None:
        """Let each client do it so often, all at once."""

        async def one(client: Client) -> None:
            for _ in range(times):
                await do(client)

        async def everybody() -> None:
            await asyncio.gather(*map(one, self.clients))

        self._runner.run(everybody())

    def close(self) -> None:
        """Close the connections."""
        self._runner.run(self._stack.aclose())


def run(folder: Path, *, rounds: int) -> Iterator[Figure]:
    """Yield the figures of relays on SQLite, then on PostgreSQL."""
    with asyncio.Runner() as runner:
        yield from _on_sqlite(runner, folder, rounds)
        yield _long_log(runner, folder, rounds)
        yield _two_processes(runner, folder, rounds)


def _on_sqlite(runner: asyncio.Runner, folder: Path, rounds: int) -> Iterator[Figure]:
    process = RelayProcess(folder / "relay.db", folder / "relay.log")
    url = process.start()
    alone, many = Crowd(runner, [url], 1), Crowd(runner, [url], _WRITERS)
    yield compare(
        "one device appends, one after another",
        lambda: alone.all(Client.send, _ONE_BY_ONE),
        operations=_ONE_BY_ONE,
        floor=_FLOOR,
        floor_work=lambda: _commit(folder, _ONE_BY_ONE),
        rounds=rounds,
        aim="under 5 ms",
    )
    yield compare(
        "from a change to the other device that waits for it",
        lambda: alone.all(Client.send_and_see, _ONE_BY_ONE),
        operations=_ONE_BY_ONE,
        floor=_FLOOR,
        floor_work=lambda: _commit(folder, _ONE_BY_ONE),
        rounds=rounds,
        aim="under 10 ms",
    )
    yield compare(
        f"{_WRITERS} devices append at once, each change",
        lambda: many.all(Client.send, _EACH),
        operations=_WRITERS * _EACH,
        floor=_FLOOR,
        floor_work=lambda: _commit(folder, _WRITERS * _EACH),
        rounds=rounds,
        aim="under 2 ms",
    )
    alone.close()
    many.close()
    process.stop()


def commit_seconds(folder: Path) -> float:
    """Return how long one commit of a small row takes."""
    connection = _floor(folder)
    started = time.perf_counter()
    connection.execute("INSERT INTO rows VALUES (?)", (os.urandom(512),))
    taken = time.perf_counter() - started
    connection.close()
    return taken


def _floor(folder: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(folder / "floor.db", isolation_level=None)
    for pragma in ("journal_mode = WAL", "synchronous = FULL"):
        connection.execute(f"PRAGMA {pragma}")
    connection.execute("CREATE TABLE IF NOT EXISTS rows (value BLOB)")
    return connection


def _commit(folder: Path, times: int) -> None:
    connection = _floor(folder)
    for _ in range(times):
        connection.execute("INSERT INTO rows VALUES (?)", (os.urandom(512),))
    connection.close()


class LongLog:
    """A vault whose log has so many envelopes already."""

    def __init__(self, runner: asyncio.Runner, path: Path, length: int) -> None:
        self._runner = runner
        self._family = Family.found()
        vault, genesis = self._family.vault, self._family.genesis
        self._members = Members.verify(vault, [genesis])
        self.store = runner.run(Store.open(path))
        runner.run(self.store.create_vault(vault, genesis, at=0))
        connection = sqlite3.connect(path)
        connection.execute(
            "WITH RECURSIVE n(i) AS"
            " (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)"
            " INSERT INTO log SELECT ?, i, zeroblob(16), i, zeroblob(32), 64,"
            " zeroblob(64), 0 FROM n",
            (length, vault),
        )
        connection.execute("UPDATE vault SET head = ? WHERE id = ?", (length, vault))
        connection.commit()
        connection.close()

    def append(self) -> None:
        """Append envelopes one by one."""
        device = self._family.founder.secrets.public.id

        async def all_of_them() -> None:
            for _ in range(_ONE_BY_ONE):
                envelope = self._family.founder.write()
                admitted = admit_envelope(self._members, envelope, author=device)
                placed = await self.store.append([admitted], limits=Limits(), at=0)
                assert isinstance(placed[0], int)

        self._runner.run(all_of_them())


def _long_log(runner: asyncio.Runner, folder: Path, rounds: int) -> Figure:
    short = LongLog(runner, folder / "short.db", 1000)
    long = LongLog(runner, folder / "long.db", _LONG_LOG)
    figure = compare(
        f"an append to a log of {_LONG_LOG:,} envelopes",
        long.append,
        operations=_ONE_BY_ONE,
        floor="one to a log of 1,000",
        floor_work=short.append,
        rounds=rounds,
        aim="the same",
    )
    for log in (short, long):
        runner.run(log.store.close())
    return figure


def _two_processes(runner: asyncio.Runner, folder: Path, rounds: int) -> Figure:
    with running_postgres() as server:
        address = server.database()
        processes = [RelayProcess(address, folder / f"{n}.log") for n in range(2)]
        urls = [process.start() for process in processes]
        one = Crowd(runner, urls[:1], _WRITERS)
        two = Crowd(runner, urls, _WRITERS)
        figure = compare(
            f"PostgreSQL: {_WRITERS} devices append by two relays, each change",
            lambda: two.all(Client.send, _EACH),
            operations=_WRITERS * _EACH,
            floor="by one relay",
            floor_work=lambda: one.all(Client.send, _EACH),
            rounds=rounds,
            aim="half, given as many cores as there are processes",
        )
        for crowd in (one, two):
            crowd.close()
        for process in processes:
            process.stop()
    return figure
