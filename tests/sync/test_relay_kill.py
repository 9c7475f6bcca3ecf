"""A relay process is killed at random instants: what it acknowledged is there."""

from __future__ import annotations

import asyncio
import contextlib
import random
from pathlib import Path

import pytest

from clisk_sync.errors import TransportError
from clisk_sync.http_transport import HttpRelay
from clisk_sync.testing import Family
from clisk_vault.ids import VaultId
from tests.sync.compaction_kills import COVERED, Compaction
from tests.sync.relay_process import (
    ONCE,
    Device,
    RelayProcess,
    stored,
    transport_of,
)

_ROUNDS = 25


@pytest.mark.slow
def test_nothing_acknowledged_is_lost_when_the_relay_is_killed(tmp_path: Path) -> None:
    """After each of many kills every acknowledged envelope is where it was said."""
    process = RelayProcess(tmp_path / "relay.db", tmp_path / "relay.log")
    chance = random.Random(20_260_923)
    families = [Family.found() for _ in range(3)]
    devices = [Device(family.founder) for family in families]

    async def kill_soon() -> None:
        await asyncio.sleep(chance.uniform(0.02, 0.4))
        process.kill()

    async def round_of_writing(url: str) -> None:
        writing = [device.write_until_cut(url) for device in devices]
        await asyncio.gather(kill_soon(), *writing)

    async def found_all(url: str) -> None:
        async with HttpRelay(url) as relay:
            for family in families:
                await transport_of(relay, family.founder).create(family.genesis)

    async def check(url: str) -> None:
        async with HttpRelay(url) as relay:
            for device in devices:
                found = await stored(relay, device.author)
                assert list(found) == list(range(1, len(found) + 1))
                for position, envelope in device.acknowledged.items():
                    assert found[position] == envelope
                # Nothing but what was sent, and at most one that got no answer.
                assert len(found) - len(device.acknowledged) in {0, 1}

    url = process.start()
    asyncio.run(found_all(url))
    for _ in range(_ROUNDS):
        asyncio.run(round_of_writing(url))
        url = process.start()
        asyncio.run(check(url))
    process.kill()
    assert sum(len(device.acknowledged) for device in devices) > _ROUNDS


@pytest.mark.slow
def test_a_vault_is_founded_whole_or_not_at_all(tmp_path: Path) -> None:
    """A kill while vaults are created leaves each with its genesis, or absent."""
    process = RelayProcess(tmp_path / "relay.db", tmp_path / "relay.log")
    chance = random.Random(7)
    founded: dict[VaultId, Family] = {}

    async def found_until_cut(url: str, some: asyncio.Event) -> None:
        async with HttpRelay(url, retry=ONCE) as relay:
            with contextlib.suppress(TransportError):
                while True:
                    family = Family.found()
                    await transport_of(relay, family.founder).create(family.genesis)
                    founded[family.vault] = family
                    some.set()

    async def kill_soon(some: asyncio.Event) -> None:
        # However slow the machine: something is there to be lost.
        await some.wait()
        await asyncio.sleep(chance.uniform(0, 0.1))
        process.kill()

    async def one_round(url: str) -> None:
        some = asyncio.Event()
        await asyncio.gather(kill_soon(some), found_until_cut(url, some))

    async def check(url: str) -> None:
        async with HttpRelay(url) as relay:
            for family in founded.values():
                records = await transport_of(relay, family.founder).records()
                assert records == [family.genesis]

    for _ in range(5):
        asyncio.run(one_round(process.start()))
    asyncio.run(check(process.start()))
    process.kill()
    assert founded


@pytest.mark.slow
def test_a_relay_that_is_killed_while_it_deletes_loses_nothing(tmp_path: Path) -> None:
    """In the middle of the first deletion, of later ones, of the last, and between."""
    process = RelayProcess(tmp_path / "relay.db", tmp_path / "relay.log")
    points = {1: COVERED, 2: COVERED - 2, 5: COVERED - 8, COVERED // 2: 2}
    url = process.start()
    made = [asyncio.run(Compaction.make(url)) for _ in points]
    for each, dies_at in zip(made, points, strict=True):
        process.kill()
        url = process.start(deletes_at_once=2, dies_at_deletion=dies_at)
        assert not asyncio.run(each.acknowledge(url))
    process.kill()
    url = process.start()
    left = [asyncio.run(each.check(url)) for each in made]
    for each in made:
        asyncio.run(each.goes_on(url))
    process.kill()
    assert left == list(points.values())
