"""A small vault with an access log, repeatable to the byte, and hands to break it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from clisk_vault.access_log import AccessLog
from clisk_vault.access_record import AccessRecord, Outcome, Requester, RequesterKind
from clisk_vault.device import DeviceSecrets, enrol
from clisk_vault.epochs import Epochs
from clisk_vault.ids import GrantId, ItemId, VaultId
from clisk_vault.keys import EpochSecret
from clisk_vault.primitives import SigningKey, VerifyKey
from clisk_vault.session import Session
from clisk_vault.storage import Storage

VAULT = VaultId(bytes(range(32)))
PERSON = Requester(RequesterKind.PERSON, "terminal")
KONNECTOR = Requester(RequesterKind.KONNECTOR, "demo", bytes(32))
EXPORT = Requester(RequesterKind.EXPORT, "bitwarden")


def counting_random(seed: str = "log") -> Callable[[int], bytes]:
    """Return a source of bytes that is the same in each run."""
    count = 0

    def random(length: int) -> bytes:
        nonlocal count
        count += 1
        return hashlib.shake_128(f"{seed} {count}".encode()).digest(length)

    return random


@dataclass
class World:
    """One device with a log. ``time_ms`` is what its clock shows."""

    storage: Storage
    session: Session
    epochs: Epochs
    log: AccessLog
    first_key: SigningKey
    secrets: DeviceSecrets
    clock: list[int] = field(default_factory=list)

    @property
    def enrolled(self) -> VerifyKey:
        """The key that the membership record enrols."""
        return self.secrets.public.log

    def record(
        self, outcome: Outcome = Outcome.GRANTED, **changes: object
    ) -> AccessRecord:
        """Return a record of a read now."""
        fields: dict[str, object] = {
            "who": KONNECTOR,
            "purpose": "log in",
            "device": self.session.device_id,
            "time_ms": self.session.clock(),
            "item": ItemId(bytes(16)),
            "field": "password",
            "origin": "https://example.com",
            "grant": GrantId(bytes(16)),
        }
        return AccessRecord(outcome, **{**fields, **changes})  # type: ignore[arg-type]

    def grow(self, entries: int) -> None:
        """Append until the log has that many entries."""
        while self.log.size < entries:
            self.log.append(self.record())

    def reopened(self) -> AccessLog:
        """Return the log as another process would open it."""
        return AccessLog(self.session, self.epochs)

    def execute(self, sql: str, *params: object) -> None:
        """Change the file behind the log's back."""
        self.storage.execute("PRAGMA ignore_check_constraints = ON")
        self.storage.execute(sql, params)  # type: ignore[arg-type]

    def findings(self, log: AccessLog | None = None) -> list[str]:
        """Return what verification finds wrong, in words."""
        verdict = (log or self.reopened()).verify(self.enrolled)
        return [str(found) for found in verdict.findings]

    @contextmanager
    def undone(self) -> Iterator[None]:
        """Do the block, then put the file back as it was."""
        self.storage.execute("SAVEPOINT experiment")
        try:
            yield
        finally:
            self.storage.execute("ROLLBACK TO experiment")
            self.storage.execute("RELEASE experiment")


def make_world(folder: Path, *, entries: int = 1, seed: str = "log") -> World:
    """Return a device whose log has that many entries, the genesis included."""
    random = counting_random(seed)
    secrets, first_key = enrol(random)
    storage = Storage.create(folder / "vault.db")
    times = iter(range(1_700_000_000_000, 1_800_000_000_000, 1000))
    session = Session(storage, secrets, VAULT, clock=lambda: next(times), random=random)
    epochs = Epochs(session)
    epochs.add(1, EpochSecret(random(32)))
    log = AccessLog.enrol(session, epochs, first_key)
    world = World(storage, session, epochs, log, first_key, secrets)
    world.grow(entries)
    return world
