"""Relay processes and PostgreSQL itself are killed: what was acknowledged is there."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from clisk_sync.errors import TransportError
from clisk_sync.http_transport import HttpRelay
from clisk_sync.relay import start
from clisk_sync.retry import RetryPolicy
from clisk_sync.testing import Family
from tests.sync.compaction_kills import COVERED, Compaction
from tests.sync.postgres import Postgres, running_postgres
from tests.sync.relay_process import (
    ONCE,
    Device,
    RelayProcess,
    stored,
    transport_of,
)

pytestmark = pytest.mark.slow
_ROUNDS = 15
# After a crash the server is away for seconds: ask often enough.
_PATIENT = RetryPolicy(attempts=12)


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    with running_postgres() as server:
        yield server


class Crew:
    """Two relay processes on one server, and whoever of them is killed."""

    def __init__(self, postgres: Postgres, folder: Path) -> None:
        address = postgres.database()
        self.postgres = postgres
        self.relays = [RelayProcess(address, folder / f"{n}.log") for n in range(2)]
        self.urls = [relay.start() for relay in self.relays]

    def kill(self, which: int) -> None:
        """Kill a relay, or the server (2)."""
        if which < 2:
            self.relays[which].kill()
        else:
            self.postgres.kill()

    def restore(self, which: int) -> None:
        """Start again what was killed, and nothing else."""
        if which < 2:
            self.urls[which] = self.relays[which].start()
        else:
            self.postgres.start()


def test_nothing_acknowledged_is_lost_whoever_is_killed(
    postgres: Postgres, tmp_path: Path
) -> None:
    """Under load, after each of many kills, every envelope is where it was said.

    A relay that outlives its server goes on by itself once that is back.
    """
    crew, chance = Crew(postgres, tmp_path), random.Random(20_261_123)
    families = [Family.found() for _ in range(4)]
    devices = [Device(family.founder) for family in families]

    async def found_all() -> None:
        async with HttpRelay(crew.urls[0]) as relay:
            for family in families:
                await transport_of(relay, family.founder).create(family.genesis)

    async def round_of_writing(which: int) -> None:
        async def kill_soon() -> None:
            await asyncio.sleep(chance.uniform(0.05, 0.6))
            crew.kill(which)
            over.set()

        over = asyncio.Event()
        urls = [crew.urls[number % 2] for number in range(len(devices))]
        writing = [
            device.write_until_cut(url, until=over)
            for device, url in zip(devices, urls, strict=True)
        ]
        await asyncio.gather(kill_soon(), *writing)

    async def check(url: str) -> None:
        async with HttpRelay(url, retry=_PATIENT) as relay:
            for device in devices:
                found = await stored(relay, device.author)
                assert list(found) == list(range(1, len(found) + 1))
                for position, envelope in device.acknowledged.items():
                    assert found[position] == envelope
                assert len(found) - len(device.acknowledged) in {0, 1}

    asyncio.run(found_all())
    killed = [0, 0, 0]
    for number in range(_ROUNDS):
        which = number % 3
        asyncio.run(round_of_writing(which))
        crew.restore(which)
        killed[which] += 1
        for url in crew.urls:
            asyncio.run(check(url))
    for relay in crew.relays:
        relay.kill()
    assert min(killed) > 0
    assert sum(len(device.acknowledged) for device in devices) > _ROUNDS


def test_without_its_server_a_relay_says_so_and_comes_back(postgres: Postgres) -> None:
    """Nothing looks like success meanwhile; those who wait are woken afterwards."""

    async def run() -> None:
        async with (
            start(database=postgres.database()) as running,
            HttpRelay(running.url, retry=ONCE) as relay,
            HttpRelay(running.url, retry=_PATIENT) as patient,
        ):
            family = Family.found()
            founder = transport_of(relay, family.founder)
            await founder.create(family.genesis)
            await founder.append(family.founder.write())
            envelope = family.founder.write()

            await asyncio.to_thread(postgres.kill)
            with pytest.raises(TransportError):
                await founder.append(envelope)
            with pytest.raises(TransportError):
                await relay.call("GET", "/healthz")

            await asyncio.to_thread(postgres.start)
            waiting = asyncio.create_task(
                transport_of(patient, family.founder).wait(1, 20)
            )
            assert await transport_of(patient, family.founder).append(envelope) == 2
            while not waiting.done():
                # A wait that met the old connection has ended with no answer.
                await asyncio.wait({waiting})
                if waiting.exception() is not None:
                    waiting = asyncio.create_task(
                        transport_of(patient, family.founder).wait(1, 20)
                    )
            assert waiting.result()

    asyncio.run(run())


def test_a_relay_that_is_killed_while_it_deletes_loses_nothing(
    postgres: Postgres, tmp_path: Path
) -> None:
    """In the middle of a deletion; the other relay goes on with it at once."""
    crew = Crew(postgres, tmp_path)
    for dies_at, left in ((1, COVERED), (4, COVERED - 6)):
        made = asyncio.run(Compaction.make(crew.urls[1]))
        crew.kill(0)
        url = crew.relays[0].start(deletes_at_once=2, dies_at_deletion=dies_at)
        assert not asyncio.run(made.acknowledge(url))
        assert asyncio.run(made.check(crew.urls[1])) == left
        asyncio.run(made.goes_on(crew.urls[1]))
    for relay in crew.relays:
        relay.kill()


def test_a_server_that_is_killed_while_a_relay_deletes_loses_nothing(
    postgres: Postgres, tmp_path: Path
) -> None:
    """PostgreSQL itself, at random instants while envelopes go one by one."""
    crew, chance = Crew(postgres, tmp_path), random.Random(20_261_126)
    crew.kill(0)
    url = crew.relays[0].start(deletes_at_once=1)

    async def while_it_deletes(made: Compaction) -> None:
        async def kill_soon() -> None:
            await asyncio.sleep(chance.uniform(0.01, 0.15))
            await asyncio.to_thread(postgres.kill)

        await asyncio.gather(kill_soon(), made.acknowledge(url))

    for _ in range(2):
        made = asyncio.run(Compaction.make(crew.urls[1]))
        asyncio.run(while_it_deletes(made))
        postgres.start()
        asyncio.run(made.check(crew.urls[1]))
        asyncio.run(made.goes_on(crew.urls[1]))
    for relay in crew.relays:
        relay.kill()
