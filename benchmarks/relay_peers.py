"""The same work by ours, by secsync and by y-websocket, in turns: whole relays.

Each relay is a process of its own on loopback and all its devices are another. Ours
acknowledges an envelope when it is on the disk, and its devices store what they carry;
the peers store nothing at all, so a restart of their server loses it. secsync seals and
signs as ours does, but has no membership and pads nothing. y-websocket's server reads
and merges the document itself.

The peers' documents are Yjs: 1,000 keys whose values change, as our items' passwords
do. A change carries 24 characters when there are 10,000 of them. The peers send them
while they are made; ours first stores each on its disk, so it also has a figure without
that. Live and in pairs a change has 300 characters, of which ours makes an envelope
without a document; its readers verify and open it.

In pairs a writer of ours waits for each acknowledgement before the next change.
secsync's does so too in the figures "one by one"; y-websocket acknowledges nothing, and
waits for the echo of its own update there. As they really work neither waits; those
are the figures "at will". The first round of each warms up uncounted.
"""

from __future__ import annotations

import asyncio
import contextlib
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

import psutil

from benchmarks.harness import Figure
from benchmarks.live import (
    EACH,
    LIVE,
    PAIRS,
    Live,
    Pairs,
    cpu_seconds,
    percentile,
)
from benchmarks.node_peers import (
    SECSYNC,
    SECSYNC_BARE,
    Y_WEBSOCKET,
    NodePeer,
    running,
    set_up,
)
from benchmarks.sync import CHANGES, ITEMS, Carrying, CatchingUp
from tests.sync.relay_process import RelayProcess

_AIMS = {
    SECSYNC: "better than secsync",
    SECSYNC_BARE: "better than secsync",
    Y_WEBSOCKET: "at its level",
}
_PASSWORD = 24
_CONTENT = 300


@dataclass(frozen=True, slots=True)
class _Spent:
    """What a work took: its time, and the CPU of the server and all devices."""

    seconds: float
    cpu: float

    def __add__(self, other: _Spent) -> _Spent:
        return _Spent(self.seconds + other.seconds, self.cpu + other.cpu)


@dataclass(frozen=True, slots=True)
class _Turn:
    """What one side took in one round."""

    make_and_carry: _Spent
    carry: _Spent
    catch_up: _Spent
    latencies: list[float]
    one_by_one: _Spent
    at_will: _Spent


class _Side(Protocol):
    def turn(self, times: int) -> _Turn:
        """Do everything once, and so many single changes."""

    def server_memory(self) -> int:
        """Return how many bytes of the server are in memory."""


class _Ours:
    """Our relay on SQLite, and our devices in this process."""

    def __init__(self, stack: contextlib.ExitStack, folder: Path, turns: int) -> None:
        runner = stack.enter_context(asyncio.Runner())
        self._process = RelayProcess(folder / "ours.db", folder / "ours.log")
        url = self._process.start()
        stack.callback(self._process.stop)
        # A vault for each turn, as the peers have a document: histories do not grow.
        self._vaults = (
            Carrying(runner, url, folder / f"carrying {turn}") for turn in range(turns)
        )
        self._catching_up = CatchingUp(runner, url, folder / "catching up", turns)
        self._live, self._pairs = Live(runner, url), Pairs(runner, url)
        for each in (self._catching_up, self._live, self._pairs):
            stack.callback(each.close)

    def turn(self, times: int) -> _Turn:
        with contextlib.closing(next(self._vaults)) as carrying:
            make = self._spent(carrying.change)
            carry = self._spent(carrying.carry)
        catch_up = self._spent(self._catching_up.catch_up)
        latencies = self._live.latencies(times)
        pairs = self._spent(self._pairs.carry)
        return _Turn(make + carry, carry, catch_up, latencies, pairs, pairs)

    def server_memory(self) -> int:
        return int(psutil.Process(self._process.pid).memory_info().rss)

    def _spent(self, work: Callable[[], object]) -> _Spent:
        started, cpu = time.perf_counter(), cpu_seconds(self._process)
        work()
        return _Spent(time.perf_counter() - started, cpu_seconds(self._process) - cpu)


class _Theirs:
    """A peer; its clients take the time themselves."""

    def __init__(self, peer: NodePeer) -> None:
        self._peer = peer

    def turn(self, times: int) -> _Turn:
        with self._pairs(1):
            carry = self._spent(
                "carry", changes=CHANGES, items=ITEMS, characters=_PASSWORD
            )
            catch_up = self._spent("catch_up")
        with self._pairs(1):
            live = self._peer.ask("latencies", times=times, characters=_CONTENT)
        with self._pairs(PAIRS):
            one_by_one, at_will = (
                self._spent(
                    "write", each=EACH, characters=_CONTENT, acknowledged=acknowledged
                )
                for acknowledged in (True, False)
            )
        return _Turn(carry, carry, catch_up, live["latencies"], one_by_one, at_will)

    def server_memory(self) -> int:
        return self._peer.server_memory()

    @contextlib.contextmanager
    def _pairs(self, count: int) -> Iterator[None]:
        self._peer.ask("open", count=count)
        yield
        self._peer.ask("close")

    def _spent(self, work: str, **given: object) -> _Spent:
        cpu = self._peer.cpu_seconds()
        seconds = self._peer.ask(work, **given)["seconds"]
        return _Spent(seconds, self._peer.cpu_seconds() - cpu)


class _Result:
    """The medians of one side's turns, and its server's memory after the last."""

    def __init__(self, turns: list[_Turn], memory: int) -> None:
        self.make_and_carry = _median([turn.make_and_carry for turn in turns])
        self.carry = _median([turn.carry for turn in turns])
        self.catch_up = _median([turn.catch_up for turn in turns])
        self.one_by_one = _median([turn.one_by_one for turn in turns], PAIRS * EACH)
        self.at_will = _median([turn.at_will for turn in turns], PAIRS * EACH)
        self.latencies = [one for turn in turns for one in turn.latencies]
        self.mebibytes = memory / 2**20


def _median(spent: list[_Spent], operations: int = 1) -> _Spent:
    return _Spent(
        statistics.median(each.seconds for each in spent) / operations,
        statistics.median(each.cpu for each in spent) / operations,
    )


def run(folder: Path, *, rounds: int) -> Iterator[Figure]:
    """Yield ours beside each peer; all are measured before the first figure.

    Raises:
        MissingError: the peers are not here and could not be installed.
    """
    set_up()
    with contextlib.ExitStack() as stack:
        kinds = [*_AIMS]
        sides: list[_Side] = [_Ours(stack, folder, rounds + 1)]
        for kind in kinds:
            sides.append(_Theirs(stack.enter_context(running(kind, folder))))
        turns = [
            [side.turn(LIVE // rounds) for side in sides] for _ in range(rounds + 1)
        ]
        ours, *theirs = (
            _Result([*of_side], side.server_memory())
            for side, of_side in zip(sides, zip(*turns[1:], strict=True), strict=True)
        )
    for kind, result in zip(kinds, theirs, strict=True):
        for row in _compared(ours, result):
            floor = kind.name + row.floor_adds
            yield Figure(
                row.name, row.ours, floor, row.theirs, rounds, _AIMS[kind], row.unit
            )


class _Row(NamedTuple):
    name: str
    ours: float
    theirs: float
    unit: str = "s"
    # What is said of the peer besides its name.
    floor_adds: str = ""


def _compared(ours: _Result, theirs: _Result) -> Iterator[_Row]:
    name = f"{CHANGES:,} small changes, from the first until the other device has all"
    yield from _time_and_cpu(name, ours.make_and_carry, theirs.make_and_carry)
    name = f"{CHANGES:,} small changes, ours made and stored before"
    yield from _time_and_cpu(name, ours.carry, theirs.carry)
    name = f"a fresh device takes in {CHANGES:,} changes"
    yield from _time_and_cpu(name, ours.catch_up, theirs.catch_up)
    for name, share in (("median", 0.5), ("99th percentile", 0.99)):
        yield _Row(
            f"live: from a change to the other device, {name}",
            percentile(ours.latencies, share),
            percentile(theirs.latencies, share),
        )
    its = ours.one_by_one
    for way, floor in (("one by one", theirs.one_by_one), ("at will", theirs.at_will)):
        name = f"{2 * PAIRS} clients in pairs, peer {way}, a change"
        yield _Row(
            f"{name}: {1 / its.seconds:,.0f} a second",
            its.seconds,
            floor.seconds,
            floor_adds=f"; {1 / floor.seconds:,.0f} a second",
        )
        yield _Row(f"{name}: CPU of all", its.cpu, floor.cpu)
    memory = "memory of the server after all of it"
    yield _Row(memory, ours.mebibytes, theirs.mebibytes, "MiB")


def _time_and_cpu(name: str, ours: _Spent, theirs: _Spent) -> Iterator[_Row]:
    yield _Row(name, ours.seconds, theirs.seconds)
    yield _Row(f"{name}: CPU of all", ours.cpu, theirs.cpu)
