"""SIGKILL at random instants, in real processes: nothing is lost that was returned."""

from __future__ import annotations

import os
import random
import select
import signal
from pathlib import Path

import pytest

from clisk_sync.envelope import parse_unverified_envelope
from clisk_sync.report import SyncReport
from clisk_sync.testing import MemoryRelay, PassingTransport
from tests.sync.test_convergence import everything
from tests.sync.world import Device, World, run


class FolderTransport(PassingTransport):
    """A relay that keeps its log in a file: what it answered to, it has."""

    def __init__(self, folder: Path, device: Device, records: list[bytes]) -> None:
        self._path = folder / "relay.log"
        self._relay = MemoryRelay()
        super().__init__(self._relay.vault(device.vault_id, device.secrets))
        self._device = device
        self._records = records

    async def load(self) -> None:
        """Admit what stands in the file; a torn end was never answered."""
        await self.honest.create(self._records[0])
        vault = self._relay.find(self._device.vault_id)
        for device in self._device.world.devices.values():
            other = self._relay.vault(self._device.vault_id, device.secrets)
            for record in self._records[1:]:
                if len(vault.members.membership.records) < len(self._records):
                    await other.append_record(record)
        data, at = self._path.read_bytes() if self._path.exists() else b"", 0
        while len(data) >= at + 4:
            end = at + 4 + int.from_bytes(data[at : at + 4])
            if end > len(data):
                break
            await self._admit(data[at + 4 : end])
            at = end
        with self._path.open("ab") as file:
            file.truncate(at)

    async def _admit(self, envelope: bytes) -> None:
        author = parse_unverified_envelope(envelope).unverified_header.author
        for device in self._device.world.devices.values():
            if device.id == author:
                transport = self._relay.vault(self._device.vault_id, device.secrets)
                await transport.append(envelope)

    async def append(self, envelope: bytes) -> int:
        log = self._relay.find(self._device.vault_id).log
        before = len(log)
        position = await self.honest.append(envelope)
        if len(log) > before:
            with self._path.open("ab") as file:
                file.write(len(envelope).to_bytes(4) + envelope)
                file.flush()
                os.fsync(file.fileno())
        return position


def work(device: Device, records: list[bytes], told: int, turn: int) -> None:
    """Write and sync until killed; tell each title once its write has returned."""

    async def story() -> None:
        transport = FolderTransport(device.path.parent, device, records)
        await transport.load()
        device.network = transport
        device.reopen()
        os.write(told, b"ready\n")
        for count in range(1_000_000):
            title = f"turn {turn} note {count}"
            device.write(title)
            os.write(told, f"{title}\n".encode())
            await device.engine.sync_once()

    run(story())


def killed(device: Device, records: list[bytes], turn: int, delay: float) -> set[str]:
    """Return what a process told before it was killed, *delay* after it was ready."""
    reading, telling = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            work(device, records, telling, turn)
        finally:
            os._exit(70)
    os.close(telling)
    with os.fdopen(reading, "rb", buffering=0) as pipe:
        told = pipe.read(6)
        # The kill comes at a random instant, or when the work is done by itself.
        select.select([], [], [], delay)
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        assert os.WTERMSIG(status) == signal.SIGKILL, "it failed before it was killed"
        while chunk := pipe.read(1 << 16):
            told += chunk
    return set(told.decode().splitlines()) - {"ready"}


@pytest.mark.parametrize(
    "kills", [20, pytest.param(200, marks=pytest.mark.slow)], ids=["few", "many"]
)
def test_sigkill_during_sync_loses_nothing(tmp_path: Path, kills: int) -> None:
    """After hundreds of kills both devices have all that any process told of."""
    world, chance = World(tmp_path), random.Random(kills)
    laptop, phone = run(world.pair())
    records = list(laptop.engine.membership.records)
    (tmp_path / "relay.log").write_bytes(
        b"".join(
            len(each.data).to_bytes(4) + each.data
            for each in world.relay.find(laptop.vault_id).log
        )
    )
    world.close()
    told: set[str] = set()

    for turn in range(kills):
        device = chance.choice([laptop, phone])
        told |= killed(device, records, turn, chance.uniform(0, 0.05))

    async def settle() -> list[SyncReport]:
        for device in (laptop, phone):
            transport = FolderTransport(tmp_path, device, records)
            await transport.load()
            device.network = transport
            device.reopen()
            await device.sync()
            # The next one reads what this one has added to the file.
            device.vault.lock()
        for device in (phone, laptop):
            transport = FolderTransport(tmp_path, device, records)
            await transport.load()
            device.network = transport
            device.reopen()
        return [await device.sync() for device in (phone, laptop)]

    reports = run(settle())

    assert told
    assert told <= everything(laptop.vault)
    assert everything(laptop.vault) == everything(phone.vault)
    for report, device in zip(reports, (phone, laptop), strict=True):
        assert (report.alerts, report.quarantined) == ((), 0)
        assert device.engine.evidence() == []
        assert device.vault.replica.orphans() == 0
    world.close()
