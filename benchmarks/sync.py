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
from clisk_sync.relay import start
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


class Carrying:
    """A laptop whose changes a phone takes in, over the relay at *url*.

    The phone has the laptop's items already, as they were added.
    """

    def __init__(self, runner: asyncio.Runner, url: str, folder: Path) -> None:
        self._runner, self._url = runner, url
        self._devices = Devices(folder, 1)
        self._items = self._devices.laptop.add_many(drafts(ITEMS))
        runner.run(_introduce(self._devices, url))
        self._carry(at_least=ITEMS)

    def change(self) -> None:
        """Make CHANGES changes on the laptop; nothing is sent."""
        _change_all(self._devices.laptop, self._items)

    def carry(self) -> None:
        """Send all that the laptop has, and take it in on the phone."""
        self._carry(at_least=CHANGES)

    def _carry(self, *, at_least: int) -> None:
        for vault in (self._devices.laptop, self._devices.phones[0]):
            self._runner.run(_sync(vault, self._url, at_least=at_least))

    def close(self) -> None:
        """Close all files."""
        self._devices.lock()


class CatchingUp:
    """Phones that have nothing yet of a laptop's changes: one for each time."""

    def __init__(
        self, runner: asyncio.Runner, url: str, folder: Path, times: int
    ) -> None:
        self._runner, self._url = runner, url
        self._devices = Devices(folder, times)
        _change_all(self._devices.laptop, self._devices.laptop.add_many(drafts(ITEMS)))
        runner.run(_introduce(self._devices, url))
        runner.run(_sync(self._devices.laptop, url, at_least=CHANGES))
        self._fresh = iter(self._devices.phones)

    def catch_up(self) -> None:
        """Let the next phone take in all there is."""
        self._runner.run(_sync(next(self._fresh), self._url, at_least=CHANGES))

    def close(self) -> None:
        """Close all files."""
        self._devices.lock()


def run(folder: Path, *, rounds: int) -> Iterator[Figure]:
    """Yield the figures of two devices; the relay runs beside them in this process."""
    with asyncio.Runner() as runner:
        context = start(database=folder / "relay.db")
        url = runner.run(context.__aenter__()).url
        carrying = Carrying(runner, url, folder / "carrying")
        yield from compare_both(
            f"{CHANGES:,} small changes, device to relay to device",
            carrying.carry,
            before=carrying.change,
            floor=f"{CHANGES:,} rows of 512 bytes, {_BATCH} a commit, three times",
            floor_work=lambda: _commit_rows(folder, 3),
            rounds=rounds,
            aim="under 3 s; secsync 7.7 s",
        )
        carrying.close()
        catching_up = CatchingUp(runner, url, folder / "catching up", rounds + 1)
        yield from compare_both(
            f"a fresh device takes in {CHANGES:,} changes",
            catching_up.catch_up,
            floor=f"{CHANGES:,} rows of 512 bytes, {_BATCH} a commit",
            floor_work=lambda: _commit_rows(folder, 1),
            rounds=rounds,
            aim="2.3 s, as secsync",
        )
        catching_up.close()
        runner.run(context.__aexit__(None, None, None))


def _change_all(vault: Vault, items: Sequence[ItemId]) -> None:
    """Give the items new passwords until there are CHANGES changes to send."""
    for _ in range(CHANGES // ITEMS):
        vault.edit_many(
            [(item, {"password": SecretText(os.urandom(12).hex())}) for item in items]
        )


async def _introduce(devices: Devices, url: str) -> None:
    async with HttpRelay(url) as connection:
        transport = _transport(devices.laptop, connection)
        await transport.create(devices.genesis)
        for record in devices.records:
            await transport.append_record(record)


async def _sync(vault: Vault, url: str, *, at_least: int) -> None:
    async with HttpRelay(url) as connection:
        report = await SyncEngine(vault, _transport(vault, connection)).sync_once()
    assert not report.alerts
    assert report.changes_in + report.changes_out >= at_least


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
