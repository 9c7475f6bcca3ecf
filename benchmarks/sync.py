"""Several devices: small changes from one to another over a real relay."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.harness import Figure, compare_both
from benchmarks.vault import CHEAP, LIMITS, PASSPHRASE, drafts
from clisk_sync.engine import SyncEngine
from clisk_sync.founding import add_record, found, unwrap_epochs
from clisk_sync.http_transport import HttpRelay
from clisk_sync.journal import Journal
from clisk_sync.membership import Membership
from clisk_sync.relay import RunningRelay, start
from clisk_sync.relay_client import HttpVaultTransport
from clisk_vault.device import DeviceSecrets, enrol
from clisk_vault.ids import ItemId
from clisk_vault.keys import SecretText
from clisk_vault.primitives import SigningKey
from clisk_vault.vault import Vault

CHANGES = 10_000
ITEMS = 1_000
_BATCH = 256


class Devices:
    """A laptop and some phones of one vault, each with its own file."""

    def __init__(self, folder: Path, phones: int) -> None:
        folder.mkdir()
        (laptop, laptop_log), others = enrol(), [enrol() for _ in range(phones)]
        self.genesis, vault_id, epoch = found(laptop, "laptop")
        membership = Membership.verify(vault_id, [self.genesis])
        self.records = []
        for number, (phone, _) in enumerate(others):
            name = f"phone {number}"
            record = add_record(membership, laptop, epoch, phone.public, name)
            self.records.append(record)
            membership = membership.extend(record)
        self.laptop = _open(folder / "laptop.db", membership, laptop, laptop_log)
        self.phones = [
            _open(folder / f"phone {number}.db", membership, phone, phone_log)
            for number, (phone, phone_log) in enumerate(others)
        ]

    def lock(self) -> None:
        """Close all files."""
        for vault in (self.laptop, *self.phones):
            vault.lock()


def _open(
    path: Path, membership: Membership, secrets: DeviceSecrets, log_key: SigningKey
) -> Vault:
    vault = Vault.create(
        path,
        passphrase=PASSPHRASE,
        secrets=secrets,
        first_log_key=log_key,
        vault_id=membership.vault_id,
        epochs=unwrap_epochs(membership, secrets),
        profile=CHEAP,
        limits=LIMITS,
    )
    Journal(vault.storage).keep_membership(membership)
    return vault


def _transport(vault: Vault, relay: HttpRelay) -> HttpVaultTransport:
    return HttpVaultTransport(
        relay, vault.id, device=vault.device_id, signing=vault.secrets.signing
    )


def run(folder: Path, *, rounds: int) -> Iterator[Figure]:
    """Yield the figures of two devices; the relay runs beside them in this process."""
    with asyncio.Runner() as runner:
        context = start(database=folder / "relay.db")
        relay = runner.run(context.__aenter__())
        devices = Devices(folder / "carrying", 1)
        items = devices.laptop.add_many(drafts(ITEMS))
        runner.run(_introduce(devices, relay))
        yield from compare_both(
            f"{CHANGES:,} small changes, device to relay to device",
            lambda: runner.run(_carry(devices, relay)),
            before=lambda: _change_all(devices.laptop, items),
            floor=f"{CHANGES:,} rows of 512 bytes, {_BATCH} a commit, three times",
            floor_work=lambda: _commit_rows(folder, 3),
            rounds=rounds,
            aim="under 3 s; secsync 7.7 s",
        )
        devices.lock()
        yield from _catch_up(runner, relay, folder, rounds)
        runner.run(context.__aexit__(None, None, None))


def _catch_up(
    runner: asyncio.Runner, relay: RunningRelay, folder: Path, rounds: int
) -> Iterator[Figure]:
    """How long a device that has nothing yet takes for all there is."""
    devices = Devices(folder / "catching up", rounds + 1)
    items = devices.laptop.add_many(drafts(ITEMS))
    _change_all(devices.laptop, items)
    runner.run(_introduce(devices, relay))
    runner.run(_sync(devices.laptop, relay))
    fresh = iter(devices.phones)
    yield from compare_both(
        f"a fresh device takes in {CHANGES:,} changes",
        lambda: runner.run(_sync(next(fresh), relay)),
        floor=f"{CHANGES:,} rows of 512 bytes, {_BATCH} a commit",
        floor_work=lambda: _commit_rows(folder, 1),
        rounds=rounds,
        aim="2.3 s, as secsync",
    )
    devices.lock()


def _change_all(vault: Vault, items: Sequence[ItemId]) -> None:
    """Give the items new passwords until there are CHANGES changes to send."""
    for _ in range(CHANGES // ITEMS):
        vault.edit_many(
            [(item, {"password": SecretText(os.urandom(12).hex())}) for item in items]
        )


async def _introduce(devices: Devices, relay: RunningRelay) -> None:
    async with HttpRelay(relay.url) as connection:
        transport = _transport(devices.laptop, connection)
        await transport.create(devices.genesis)
        for record in devices.records:
            await transport.append_record(record)


async def _carry(devices: Devices, relay: RunningRelay) -> None:
    """Send all that the laptop has, and take it in on the phone."""
    await _sync(devices.laptop, relay)
    await _sync(devices.phones[0], relay)


async def _sync(vault: Vault, relay: RunningRelay) -> None:
    async with HttpRelay(relay.url) as connection:
        report = await SyncEngine(vault, _transport(vault, connection)).sync_once()
    assert not report.alerts
    assert report.changes_in + report.changes_out >= CHANGES


def _commit_rows(folder: Path, times: int) -> None:
    """Write as many rows as there are changes: to a device, or to two and a relay."""
    path = folder / "floor.db"
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("CREATE TABLE rows (value BLOB)")
    rows = [(os.urandom(512),)] * _BATCH
    for _ in range(times * CHANGES // _BATCH):
        connection.execute("BEGIN")
        connection.executemany("INSERT INTO rows VALUES (?)", rows)
        connection.execute("COMMIT")
    connection.close()
    path.unlink()
