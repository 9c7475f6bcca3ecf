"""A relay process is killed at random instants: what it acknowledged is there."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from clisk_sync.errors import TransportError
from clisk_sync.http_transport import HttpRelay
from clisk_sync.relay_client import HttpVaultTransport
from clisk_sync.retry import RetryPolicy
from clisk_sync.testing import Author, Family
from clisk_vault.ids import VaultId

_PROGRAM = textwrap.dedent(
    """
    import sys
    from clisk_sync.relay import Limits, Rate, serve
    free = Rate(1e9, 1e9)
    serve(
        database=sys.argv[1], port=0,
        limits=Limits(appends=free, creations=free, logins=free),
        on_started=lambda relay: print(relay.url, flush=True),
    )
    """
)
_ROUNDS = 25
_ONCE = RetryPolicy(attempts=1)


class RelayProcess:
    """A real relay process on one database, again and again."""

    def __init__(self, database: Path) -> None:
        self._database = database
        self._log = database.with_suffix(".log")

    def start(self) -> str:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-c", _PROGRAM, self._database],
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()

    def kill(self) -> None:
        os.kill(self._process.pid, signal.SIGKILL)
        self._process.communicate()


def _transport(relay: HttpRelay, author: Author) -> HttpVaultTransport:
    secrets = author.secrets
    return HttpVaultTransport(
        relay, author.vault, device=secrets.public.id, signing=secrets.signing
    )


class Device:
    """Writes envelopes one by one and remembers which were acknowledged."""

    def __init__(self, author: Author) -> None:
        self.author = author
        self.unanswered: bytes | None = None
        self.acknowledged: dict[int, bytes] = {}

    async def write_until_cut(self, url: str) -> None:
        async with HttpRelay(url, retry=_ONCE) as relay:
            transport = _transport(relay, self.author)
            with contextlib.suppress(TransportError):
                while True:
                    # Saved before it is sent: what got no answer is sent again.
                    envelope = self.unanswered or self.author.write(os.urandom(600))
                    self.unanswered = envelope
                    position = await transport.append(envelope)
                    assert self.acknowledged.setdefault(position, envelope) == envelope
                    self.unanswered = None


@pytest.mark.slow
def test_nothing_acknowledged_is_lost_when_the_relay_is_killed(tmp_path: Path) -> None:
    """After each of many kills every acknowledged envelope is where it was said."""
    process = RelayProcess(tmp_path / "relay.db")
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
                await _transport(relay, family.founder).create(family.genesis)

    async def check(url: str) -> None:
        async with HttpRelay(url) as relay:
            for device in devices:
                stored = await _stored(relay, device.author)
                assert list(stored) == list(range(1, len(stored) + 1))
                for position, envelope in device.acknowledged.items():
                    assert stored[position] == envelope
                # Nothing but what was sent, and at most one that got no answer.
                assert len(stored) - len(device.acknowledged) in {0, 1}

    url = process.start()
    asyncio.run(found_all(url))
    for _ in range(_ROUNDS):
        asyncio.run(round_of_writing(url))
        url = process.start()
        asyncio.run(check(url))
    process.kill()
    assert sum(len(device.acknowledged) for device in devices) > _ROUNDS


async def _stored(relay: HttpRelay, author: Author) -> dict[int, bytes]:
    transport = _transport(relay, author)
    return {position: envelope async for position, envelope in transport.read(0)}


@pytest.mark.slow
def test_a_vault_is_founded_whole_or_not_at_all(tmp_path: Path) -> None:
    """A kill while vaults are created leaves each with its genesis, or absent."""
    process = RelayProcess(tmp_path / "relay.db")
    chance = random.Random(7)
    founded: dict[VaultId, Family] = {}

    async def found_until_cut(url: str) -> None:
        async with HttpRelay(url, retry=_ONCE) as relay:
            with contextlib.suppress(TransportError):
                while True:
                    family = Family.found()
                    await _transport(relay, family.founder).create(family.genesis)
                    founded[family.vault] = family

    async def kill_soon() -> None:
        await asyncio.sleep(chance.uniform(0.02, 0.2))
        process.kill()

    async def one_round(url: str) -> None:
        await asyncio.gather(kill_soon(), found_until_cut(url))

    async def check(url: str) -> None:
        async with HttpRelay(url) as relay:
            for family in founded.values():
                records = await _transport(relay, family.founder).records()
                assert records == [family.genesis]

    for _ in range(5):
        asyncio.run(one_round(process.start()))
    asyncio.run(check(process.start()))
    process.kill()
    assert founded
