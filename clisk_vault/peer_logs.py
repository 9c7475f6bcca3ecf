"""Other devices' logs as this one holds them, and what was countersigned.

Rows in, rows out, within the caller's transaction: protocol/access-log.md §11.6.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from clisk_vault import log_rows
from clisk_vault.errors import FormatError
from clisk_vault.ids import DeviceId
from clisk_vault.log_leaf import LogRow
from clisk_vault.log_rows import OwnLog
from clisk_vault.merkle import Frontier
from clisk_vault.note import UnverifiedNote
from clisk_vault.primitives import VerifyKey
from clisk_vault.storage import Storage


@dataclass(frozen=True, slots=True)
class PeerState:
    """How far another device's log is known: its tree, and the next head's key."""

    tree: Frontier
    key: VerifyKey | None

    @property
    def size(self) -> int:
        """How many entries are held."""
        return self.tree.size


@dataclass(frozen=True, slots=True)
class KeptEvidence:
    """Fork evidence as it was found; see clisk_vault.log_fork."""

    origin: str
    size: int
    found_ms: int
    evidence: bytes


class PeerLogs:
    """The tables of other devices' logs in one vault file."""

    def __init__(self, storage: Storage) -> None:
        self.storage = storage

    # --- logs

    def origins(self) -> list[str]:
        """Return the name of each log that is held, sorted."""
        rows = self.storage.all(
            "SELECT origin FROM log_name WHERE slot < 0 ORDER BY origin"
        )
        return [str(origin) for (origin,) in rows]

    def source(self, origin: str) -> OwnLog | None:
        """Return the rows of a log, None if nothing of it is held."""
        slot = self._slot(origin)
        return None if slot is None else OwnLog(self.storage, slot, origin)

    def state(self, origin: str) -> PeerState | None:
        """Return how far a log is known, None if nothing of it is.

        Raises:
            FormatError: the row was changed on disk.
        """
        row = self.storage.one(
            "SELECT size, peaks, next FROM log_peer JOIN log_name USING (slot)"
            " WHERE origin = ?",
            (origin,),
        )
        if row is None:
            return None
        size, peaks, following = row
        if not isinstance(size, int) or not isinstance(peaks, bytes):
            raise FormatError("log of a peer: a column of another kind")
        key = VerifyKey(following) if isinstance(following, bytes) else None
        return PeerState(Frontier.decode(size, peaks), key)

    def keep(self, origin: str, rows: Sequence[LogRow], state: PeerState) -> None:
        """Add *rows*, which lead to *state*, to what is held of a log."""
        slot = self._slot(origin)
        if slot is None:
            (lowest,) = self.storage.one("SELECT min(slot) FROM log_name") or (0,)
            slot = min(int(lowest or 0), 0) - 1
            self.storage.execute(
                "INSERT INTO log_name (slot, origin) VALUES (?, ?)", (slot, origin)
            )
        log_rows.add_rows(self.storage, slot, rows)
        self.storage.execute(
            "INSERT INTO log_peer (slot, size, peaks, next) VALUES (?1, ?2, ?3, ?4)"
            " ON CONFLICT (slot) DO UPDATE SET size = ?2, peaks = ?3, next = ?4",
            (slot, state.size, state.tree.encode(), state.key),
        )

    def _slot(self, origin: str) -> int | None:
        row = self.storage.one(
            "SELECT slot FROM log_name WHERE origin = ? AND slot < 0", (origin,)
        )
        return None if row is None else int(row[0] or 0)

    # --- countersignatures

    def cosigned(self, origin: str) -> dict[DeviceId, UnverifiedNote]:
        """Return the newest head of a log that each witness has countersigned.

        Raises:
            FormatError: a row was changed on disk.
        """
        rows = self.storage.all(
            "SELECT witness, note FROM log_cosigned WHERE origin = ? ORDER BY witness",
            (origin,),
        )
        return {
            DeviceId(witness): UnverifiedNote.parse(note)
            for witness, note in rows
            if isinstance(witness, bytes) and isinstance(note, bytes)
        }

    def keep_cosigned(
        self, origin: str, witness: DeviceId, size: int, note: bytes
    ) -> None:
        """Keep a countersigned head, unless a larger one of that witness is here."""
        self.storage.execute(
            "INSERT INTO log_cosigned (origin, witness, size, note)"
            " VALUES (?1, ?2, ?3, ?4) ON CONFLICT (origin, witness) DO UPDATE"
            " SET size = ?3, note = ?4 WHERE size < ?3",
            (origin, witness, size, note),
        )

    # --- evidence

    def keep_evidence(
        self, origin: str, size: int, evidence: bytes, now_ms: int
    ) -> bool:
        """Keep what shows a fork, for ever; return whether it is new."""
        known = self.storage.one(
            "SELECT 1 FROM log_evidence WHERE origin = ? AND size = ?", (origin, size)
        )
        if known is not None:
            return False
        self.storage.execute(
            "INSERT INTO log_evidence (origin, size, found_ms, evidence)"
            " VALUES (?, ?, ?, ?)",
            (origin, size, now_ms, evidence),
        )
        return True

    def evidence(self) -> list[KeptEvidence]:
        """Return all evidence, oldest first."""
        rows = self.storage.all(
            "SELECT origin, size, found_ms, evidence FROM log_evidence ORDER BY id"
        )
        return [
            KeptEvidence(str(origin), int(size or 0), int(found or 0), evidence)
            for origin, size, found, evidence in rows
            if isinstance(evidence, bytes)
        ]

    # --- what is to be said

    def say(self, message: bytes) -> None:
        """Put *message* into the queue, unless it stands there already."""
        self.storage.execute(
            "INSERT INTO log_message (message) VALUES (?) ON CONFLICT DO NOTHING",
            (message,),
        )

    def has_messages(self) -> bool:
        """Tell whether any message waits to be sent."""
        return self.storage.one("SELECT 1 FROM log_message LIMIT 1") is not None

    def take_messages(self, limit_bytes: int) -> list[bytes]:
        """Return the oldest messages that fit, one at least, and forget them."""
        taken: list[bytes] = []
        for number, message in self.storage.all(
            "SELECT id, message FROM log_message ORDER BY id LIMIT 64"
        ):
            assert isinstance(message, bytes)
            if taken and sum(map(len, taken)) + len(message) > limit_bytes:
                break
            taken.append(message)
            self.storage.execute("DELETE FROM log_message WHERE id = ?", (number,))
        return taken

    def told(self, slot: int) -> tuple[int, int] | None:
        """Return how much of an own log was told, and when; None: never looked at."""
        row = self.storage.one(
            "SELECT size, told_ms FROM log_told WHERE slot = ?", (slot,)
        )
        return None if row is None else (int(row[0] or 0), int(row[1] or 0))

    def keep_told(self, slot: int, size: int, now_ms: int) -> None:
        """Keep how much of an own log was told."""
        self.storage.execute(
            "INSERT INTO log_told (slot, size, told_ms) VALUES (?1, ?2, ?3)"
            " ON CONFLICT (slot) DO UPDATE SET size = ?2, told_ms = ?3",
            (slot, size, now_ms),
        )
