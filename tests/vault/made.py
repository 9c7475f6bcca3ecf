"""Made vaults for tests: cheap Argon2, a clock that a test moves, a planted login."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from clisk_vault.access_record import Requester, RequesterKind
from clisk_vault.device import enrol
from clisk_vault.draft import ItemDraft
from clisk_vault.ids import ItemId, VaultId
from clisk_vault.keys import EpochSecret, SecretText
from clisk_vault.passphrase import Argon2Profile, CostLimits
from clisk_vault.reveal import ReadRequest
from clisk_vault.vault import Vault

CHEAP = Argon2Profile(memory_kib=8, passes=1, lanes=1)
CHEAP_LIMITS = CostLimits(CHEAP, Argon2Profile(memory_kib=64, passes=2, lanes=1))
PASSPHRASE = SecretText("correct horse")
PASSWORD = "s3cret-Pa55word"
PERSON = Requester(RequesterKind.PERSON, "terminal")
START_MS = 1_700_000_000_000


@dataclass
class FakeClock:
    """A clock that stands still until a test moves it."""

    now_ms: int = START_MS

    def __call__(self) -> int:
        return self.now_ms


@dataclass
class Family:
    """What the devices of one vault share: its id and its epoch secrets."""

    vault_id: VaultId = field(default_factory=lambda: VaultId(os.urandom(32)))
    epochs: Mapping[int, EpochSecret] = field(
        default_factory=lambda: {1: EpochSecret(os.urandom(32))}
    )

    def device(self, path: Path, clock: FakeClock | None = None) -> Vault:
        """Return a new vault file of this family, unlocked."""
        secrets, first_log_key = enrol()
        return Vault.create(
            path,
            passphrase=PASSPHRASE,
            secrets=secrets,
            first_log_key=first_log_key,
            vault_id=self.vault_id,
            epochs=self.epochs,
            profile=CHEAP,
            limits=CHEAP_LIMITS,
            clock=clock or FakeClock(),
        )


def unlock(path: Path, passphrase: SecretText = PASSPHRASE) -> Vault:
    """Return the vault at *path*, unlocked with the cheap limits."""
    return Vault.unlock(path, passphrase, limits=CHEAP_LIMITS, clock=FakeClock())


def add_login(vault: Vault, title: str = "Bank", password: str = PASSWORD) -> ItemId:
    """Add a login with a known password."""
    return vault.add(
        ItemDraft(
            "login",
            title,
            {"username": "alice", "password": SecretText(password)},
            uris=("https://bank.example/login",),
            tags=("money",),
        )
    )


def read(
    vault: Vault, item: ItemId, field: str = "password", *, confirmed: bool = False
) -> str:
    """Return a value as a person at the terminal gets it."""
    request = ReadRequest(item, field, PERSON, "test", confirmed=confirmed)
    return vault.reveal(request).expose()


def carry(source: Vault, target: Vault) -> None:
    """Bring all unsent changes of *source* into *target*, and forget them."""
    while waiting := source.replica.pending(1000, 1 << 30):
        for each in waiting:
            target.replica.apply(source.device_id, each.item_id, each.change)
        source.replica.forget(each.rowid for each in waiting)
