"""Several devices: small changes from one to another over a real relay."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.harness import Figure, compare
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


class Pair:
    """Two devices of one vault, each with its own file."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        (laptop, laptop_log), (phone, phone_log) = enrol(), enrol()
        self.genesis, vault_id, epoch = found(laptop, "laptop")
        founded = Membership.verify(vault_id, [self.genesis])
        self.record = add_record(founded, laptop, epoch, phone.public, "phone")
        membership = founded.extend(self.record)
        self.laptop = _open(folder / "laptop.db", membership, laptop, laptop_log)
        self.phone = _open(folder / "phone.db", membership, phone, phone_log)

    def lock(self) -> None:
        """Close both files."""
        self.laptop.lock()
        self.phone.lock()


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
    pair = Pair(folder / "pair")
    items = pair.laptop.add_many(drafts(ITEMS))
    with asyncio.Runner() as runner:
        context = start(database=folder / "relay.db")
        relay = runner.run(context.__aenter__())
        runner.run(_introduce(pair, relay))
        yield compare(
            f"{CHANGES:,} small changes, device to relay to device",
            lambda: runner.run(_carry(pair, relay)),
            before=lambda: _change_all(pair.laptop, items),
            floor=f"{CHANGES:,} rows of 512 bytes, {_BATCH} a commit, three times",
            floor_work=lambda: _commit_rows(folder),
            rounds=rounds,
            aim="under 3 s",
        )
        runner.run(context.__aexit__(None, None, None))
    pair.lock()


def _change_all(vault: Vault, items: Sequence[ItemId]) -> None:
    """Give the items new passwords until there are CHANGES changes to send."""
    for _ in range(CHANGES // ITEMS):
        vault.edit_many(
            [(item, {"password": SecretText(os.urandom(12).hex())}) for item in items]
        )


async def _introduce(pair: Pair, relay: RunningRelay) -> None:
    async with HttpRelay(relay.url) as connection:
        transport = _transport(pair.laptop, connection)
        await transport.create(pair.genesis)
        await transport.append_record(pair.record)


async def _carry(pair: Pair, relay: RunningRelay) -> None:
    """Send all that the laptop has, and take it in on the phone."""
    async with HttpRelay(relay.url) as connection:
        sent = await SyncEngine(
            pair.laptop, _transport(pair.laptop, connection)
        ).sync_once()
        taken = await SyncEngine(
            pair.phone, _transport(pair.phone, connection)
        ).sync_once()
    assert not sent.alerts
    assert not taken.alerts


def _commit_rows(folder: Path) -> None:
    """Write as many rows as there are changes: to two devices and a relay."""
    path = folder / "floor.db"
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("CREATE TABLE rows (value BLOB)")
    rows = [(os.urandom(512),)] * _BATCH
    for _ in range(3 * CHANGES // _BATCH):
        connection.execute("BEGIN")
        connection.executemany("INSERT INTO rows VALUES (?)", rows)
        connection.execute("COMMIT")
    connection.close()
    path.unlink()
