"""A relay under live load: latency, pairs of clients, listeners that only wait.

Real processes, sealed and signed envelopes, each acknowledged after it is on the
disk. The peers of the aims were measured on the same type of machine; relay-peers
measures them in the same run.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from benchmarks.harness import Figure
from benchmarks.relay import Client, Crowd, commit_seconds
from clisk_sync.http_transport import HttpRelay
from clisk_sync.testing import Family
from clisk_vault.primitives import SigningKey, sign, verify
from tests.sync.relay_process import RelayProcess, transport_of

LIVE = 300
PAIRS = 25
EACH = 40
_WARM_UP = 20
_LISTENERS = 1000
_FLOOR = "a commit of one row of 512 bytes"
_WAIT_IN_ONE_VAULT = 50
# A wait asks again each 25 s: of so many a few are always between two requests.
_MOST_LISTENERS = _LISTENERS * 99 // 100
_AT_MOST_SECONDS = 120


def run(folder: Path, *, rounds: int) -> Iterator[Figure]:
    """Yield the figures of one relay on SQLite."""
    with asyncio.Runner() as runner:
        process = RelayProcess(folder / "live.db", folder / "live.log")
        url = process.start()
        yield from _latency(runner, url, folder, rounds)
        yield from _pairs(runner, url, folder, rounds, process)
        yield _asking(runner, url, process)
        process.stop()
        with _program(folder) as (url, pid):
            yield _listeners(runner, url, pid)


class Live:
    """A device whose single changes another one waits for."""

    def __init__(self, runner: asyncio.Runner, url: str) -> None:
        self._crowd = Crowd(runner, [url], 1)
        self.latencies(_WARM_UP)

    def latencies(self, times: int) -> list[float]:
        """Return the seconds from each of so many changes until it is opened."""
        taken: list[float] = []

        async def once(client: Client) -> None:
            started = time.perf_counter()
            await client.send_and_see()
            taken.append(time.perf_counter() - started)

        self._crowd.all(once, times)
        return taken

    def close(self) -> None:
        """Close the connection."""
        self._crowd.close()


def percentile(taken: list[float], share: float) -> float:
    """Return the value that so large a share of *taken* lies below."""
    return sorted(taken)[int(len(taken) * share)]


def _latency(
    runner: asyncio.Runner, url: str, folder: Path, rounds: int
) -> Iterator[Figure]:
    """Median and 99th percentile from a change to the device that waits for it."""
    live = Live(runner, url)
    taken = [one for _ in range(rounds) for one in live.latencies(LIVE // rounds)]
    floors = [commit_seconds(folder) for _ in range(LIVE)]
    for name, share, aim in (
        ("median", 0.5, "1.6 ms, as secsync, which stores nothing"),
        ("99th percentile", 0.99, "18 ms, as secsync"),
    ):
        yield Figure(
            f"live: from a change to the other device, durable, {name}",
            percentile(taken, share),
            _FLOOR,
            percentile(floors, share),
            rounds,
            aim,
        )
    live.close()


class _Pair:
    """A writer and the reader that follows it."""

    def __init__(self, relay: HttpRelay) -> None:
        self.writer = Client(relay)
        self._reader = transport_of(relay, self.writer.family.founder)

    async def carry(self, times: int) -> None:
        """Write so many envelopes one by one; return when the reader has them."""
        start = self.writer.position
        await asyncio.gather(self._write(times), self._follow(start, start + times))

    async def _write(self, times: int) -> None:
        for _ in range(times):
            await self.writer.send()

    async def _follow(self, after: int, until: int) -> None:
        while after < until:
            after = self.writer.read(await self._reader.wait(after, 20))


class Pairs:
    """PAIRS writers and the readers that follow them, each pair in its own vault."""

    def __init__(self, runner: asyncio.Runner, url: str) -> None:
        self._runner = runner
        self._relays = [HttpRelay(url) for _ in range(PAIRS)]
        self._pairs = [_Pair(relay) for relay in self._relays]
        runner.run(self._found())

    def carry(self) -> None:
        """Write EACH envelopes in each pair, one by one; return when all are read."""
        self._runner.run(self._carry())

    def close(self) -> None:
        """Close the connections."""
        self._runner.run(self._close())

    async def _found(self) -> None:
        for pair in self._pairs:
            await pair.writer.transport.create(pair.writer.family.genesis)

    async def _carry(self) -> None:
        await asyncio.gather(*(pair.carry(EACH) for pair in self._pairs))

    async def _close(self) -> None:
        for relay in self._relays:
            await relay.aclose()


def _pairs(
    runner: asyncio.Runner, url: str, folder: Path, rounds: int, process: RelayProcess
) -> Iterator[Figure]:
    pairs = Pairs(runner, url)
    taken, floors, spent, signing = [list[float]() for _ in range(4)]
    for number in range(rounds + 1):
        started, cpu = time.perf_counter(), cpu_seconds(process)
        pairs.carry()
        if number:
            taken.append((time.perf_counter() - started) / (PAIRS * EACH))
            spent.append((cpu_seconds(process) - cpu) / (PAIRS * EACH))
            floors.append(commit_seconds(folder))
            signing.append(_signing_seconds())
    pairs.close()
    each = statistics.median(taken)
    yield Figure(
        f"{2 * PAIRS} clients in pairs, a change each: {1 / each:,.0f} a second",
        each,
        _FLOOR,
        statistics.median(floors),
        rounds,
        "1,690 a second, as secsync, which stores nothing",
    )
    yield Figure(
        f"{2 * PAIRS} clients in pairs, a change: CPU of relay and both clients",
        statistics.median(spent),
        "signing 600 bytes and verifying them, twice",
        statistics.median(signing),
        rounds,
        "1.2 ms: then 1,690 a second need both cores of two",
    )


def _asking(runner: asyncio.Runner, url: str, process: RelayProcess) -> Figure:
    """What a device costs the relay to which nothing happens, each time it asks."""
    crowd = Crowd(runner, [url], 1)

    async def ask(client: Client) -> None:
        assert await client.transport.wait(client.position, 0) is None

    crowd.all(Client.send, 1)
    crowd.all(ask, _WARM_UP)
    before = cpu_seconds(process, with_own=False)
    crowd.all(ask, LIVE)
    spent = cpu_seconds(process, with_own=False) - before
    crowd.close()
    return Figure(
        "a wait for news that is asked anew: CPU of the relay",
        spent / LIVE,
        "signing 600 bytes and verifying them, twice",
        _signing_seconds(),
        1,
        "0.5 ms: then 8,000 a second need four cores",
    )


def cpu_seconds(process: RelayProcess, *, with_own: bool = True) -> float:
    """Return the CPU seconds of the relay and of this process, its clients, so far."""
    theirs = psutil.Process(process.pid).cpu_times()
    own = time.process_time() if with_own else 0.0
    return own + theirs.user + theirs.system


def _signing_seconds(times: int = 100) -> float:
    """Return the CPU time of what no relay of signed envelopes goes without."""
    key, data = SigningKey(os.urandom(32)), os.urandom(600)
    started = time.process_time()
    for _ in range(times):
        for _ in range(2):
            verify(key.public(), data, sign(key, data))
    return (time.process_time() - started) / times


@contextmanager
def _program(folder: Path) -> Iterator[tuple[str, int]]:
    """Run `clisk relay`, with no more in its memory than there; its address and id."""
    argv = [sys.executable, "-m", "clisk", "--home", str(folder), "relay"]
    with (folder / "program.log").open("wb") as log:
        running = subprocess.Popen(
            [*argv, "--port", "0"], stdout=subprocess.PIPE, stderr=log, text=True
        )
    try:
        assert running.stdout is not None
        yield running.stdout.readline().strip(), running.pid
    finally:
        running.terminate()
        running.communicate()


def _listeners(runner: asyncio.Runner, url: str, pid: int) -> Figure:
    """How much memory a process takes with so many devices that wait."""
    memory = psutil.Process(pid).memory_info
    families = [Family.found() for _ in range(_LISTENERS // _WAIT_IN_ONE_VAULT)]

    async def listen() -> tuple[int, int]:
        relays = [HttpRelay(url) for _ in families]
        waiting = []
        for relay, family in zip(relays, families, strict=True):
            transport = transport_of(relay, family.founder)
            await transport.create(family.genesis)
            await transport.append(family.founder.write(os.urandom(300)))
        before = memory().rss
        for relay, family in zip(relays, families, strict=True):
            transport = transport_of(relay, family.founder)
            waiting += [
                asyncio.create_task(transport.wait(1, _AT_MOST_SECONDS))
                for _ in range(_WAIT_IN_ONE_VAULT)
            ]
        async with HttpRelay(url) as asking:
            await _until_waiting(asking, _MOST_LISTENERS)
        with_all = memory().rss
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        for relay in relays:
            await relay.aclose()
        return before, with_all

    before, with_all = runner.run(listen())
    return Figure(
        f"memory of a relay with {_LISTENERS:,} devices that wait",
        with_all / 2**20,
        "the same relay with none",
        before / 2**20,
        1,
        "105 MiB, as secsync with 50",
        unit="MiB",
    )


async def _until_waiting(relay: HttpRelay, count: int) -> None:
    ends = time.monotonic() + _AT_MOST_SECONDS
    while time.monotonic() < ends:
        figures = (await relay.call("GET", "/metrics", max_bytes=1 << 20)).decode()
        line = next(
            line for line in figures.splitlines() if line.startswith("clisk_relay_wait")
        )
        if float(line.split()[-1]) >= count:
            return
        await asyncio.sleep(0.2)
    raise TimeoutError("the devices do not all wait")
