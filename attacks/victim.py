"""The log that is attacked: sixty entries, and what a thief has after each of them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from clisk_vault.access_log import AccessLog
from clisk_vault.access_record import AccessRecord, Outcome, Requester, RequesterKind
from clisk_vault.checkpoint import Checkpoint
from clisk_vault.device import DevicePublic, enrol
from clisk_vault.epochs import Epochs
from clisk_vault.ids import ItemId, VaultId
from clisk_vault.keys import EpochSecret
from clisk_vault.log_entry import Opening
from clisk_vault.log_leaf import LogRow
from clisk_vault.log_rows import read_signer
from clisk_vault.log_signer import open_signer
from clisk_vault.merkle import Frontier
from clisk_vault.note import KeyKind, NoteKey, UnverifiedNote, cosign_line
from clisk_vault.primitives import SigningKey
from clisk_vault.session import Session
from clisk_vault.storage import Storage

ENTRIES = 60
VAULT = VaultId(hashlib.sha256(b"the vault that is attacked").digest())
_PEER_KEY = SigningKey(hashlib.sha256(b"the other device").digest())


@dataclass(frozen=True, slots=True)
class Victim:
    """A device's log as it grew, with the one key that lay on the disk each time."""

    origin: str
    public: DevicePublic
    enrolled: NoteKey
    peer: NoteKey
    rows: tuple[LogRow, ...]
    openings: tuple[Opening, ...]
    keys: tuple[SigningKey, ...]
    """keys[t]: the key of the next head, as the file held it after t entries."""
    identity: SigningKey
    """The device's own signing key, which is on the disk all the time."""

    @property
    def following(self) -> NoteKey:
        """The enrolled key of the log that the device would begin after this one."""
        device, _, _ = self.origin.rpartition("/")
        return NoteKey(f"{device}/2", self.public.signing)

    def seen_by_peer(self, size: int) -> UnverifiedNote:
        """Return the head of *size* entries with the peer's countersignature."""
        tree = Frontier(row.leaf_hash for row in self.rows[:size])
        text = Checkpoint(self.origin, size, tree.root()).encode()
        line = cosign_line(
            text, by=self.peer, key=_PEER_KEY, time_seconds=1_700_000_000
        )
        return UnverifiedNote(text, (line,))


def make_victim(folder: Path, *, name: str = "laptop") -> Victim:
    """Return a device whose log has sixty entries, each under a head of its own."""
    random = repeatable(name)
    secrets, first_key = enrol(random)
    storage = Storage.create(folder / f"{name}.db")
    times = iter(range(1_700_000_000_000, 1_800_000_000_000, 1000))
    session = Session(storage, secrets, VAULT, clock=lambda: next(times), random=random)
    epochs = Epochs(session)
    epochs.add(1, EpochSecret(random(32)))
    log = AccessLog.enrol(session, epochs, first_key)
    keys = [first_key]
    while True:
        row = read_signer(storage, 1)
        assert row is not None
        keys.append(open_signer(session.table("log_signer"), 1, row))
        if log.size == ENTRIES:
            break
        log.append(_record(session))
    victim = Victim(
        log.origin,
        secrets.public,
        NoteKey(log.origin, secrets.public.log),
        NoteKey("ab" * 16, _PEER_KEY.public(), KeyKind.COSIGNATURE),
        tuple(log.rows()),
        tuple(log.open_entry(at) for at in range(ENTRIES)),
        tuple(keys),
        secrets.signing,
    )
    session.close()
    return victim


def _record(session: Session) -> AccessRecord:
    return AccessRecord(
        Outcome.GRANTED,
        Requester(RequesterKind.KONNECTOR, "demo", bytes(32)),
        "log in",
        session.device_id,
        session.clock(),
        item=ItemId(bytes(16)),
        field="password",
        origin="https://example.com",
    )


def repeatable(seed: str) -> Callable[[int], bytes]:
    """Return a source of bytes that is the same in each run."""
    count = 0

    def random(length: int) -> bytes:
        nonlocal count
        count += 1
        return hashlib.shake_128(f"{seed} {count}".encode()).digest(length)

    return random
