"""Sync's own tables in the vault file: protocol/envelope.md §7 and §8.

Rows in, rows out, within the caller's transaction. Holds what is public or
sealed already: envelopes and records as they stand on the relay, marks, evidence.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from clisk_sync.envelope import Envelope
from clisk_sync.errors import (
    FrontierError,
    KitUsed,
    MembershipError,
    MembershipFork,
    PeerError,
    SnapshotError,
)
from clisk_sync.membership import Membership
from clisk_vault.errors import FormatError
from clisk_vault.ids import DeviceId, EnvelopeHash, VaultId
from clisk_vault.storage import Column, Storage


class State(StrEnum):
    """Numbers that sync keeps for itself."""

    # How far the relay's log was read; 0 asks for everything again.
    CURSOR = "cursor"
    # When everything was last asked for again, and whether it should be.
    RESCANNED_MS = "rescanned_ms"
    RESCAN = "rescan"
    # 1 once this device knows that another one writes under its identity.
    CLONED = "cloned"
    # 1 once the access log of that older copy was closed, so that it is done once.
    LOG_CLOSED = "log_closed"
    # 1 while the relay lacks the acknowledgement of the snapshot that was taken.
    ACK_OWED = "ack-owed"
    # The height of a snapshot that is being taken: none is made meanwhile.
    TAKING = "taking"
    # 1 once the relay has had this vault: from then on its absence is a loss.
    MET = "met"
    # When the relay was last heard out, to the end.
    CONTACT_MS = "contact_ms"


@dataclass(frozen=True, slots=True)
class Placed:
    """An envelope, and where it stood on the relay."""

    author: DeviceId
    number: int
    hash: EnvelopeHash
    position: int


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was found, and the signed bytes that show it."""

    kind: str
    device: DeviceId | None
    number: int
    message: str
    advice: str
    first: bytes | None
    second: bytes | None
    found_ms: int
    # What to acknowledge it by, and when that was done.
    id: int = 0
    acknowledged_ms: int | None = None


class Journal:
    """Envelopes, records, evidence and cursor of one vault on this device."""

    def __init__(self, storage: Storage) -> None:
        self.storage = storage

    # Membership

    def membership(self, vault_id: VaultId) -> Membership:
        """Return the membership kept here, verified again.

        Raises:
            FormatError: there is none.
            as Membership.verify(): the file was changed.
        """
        rows = self.storage.all("SELECT record FROM sync_record ORDER BY height")
        if not rows:
            raise FormatError("vault file: no membership record")
        return Membership.verify(vault_id, [_bytes(record) for (record,) in rows])

    def keep_membership(self, membership: Membership) -> None:
        """Keep the records of *membership* that are not here yet."""
        with self.storage.transaction():
            (kept,) = self.storage.all("SELECT count(*) FROM sync_record")[0]
            assert isinstance(kept, int)
            self.storage.executemany(
                "INSERT INTO sync_record (height, record) VALUES (?, ?)",
                list(enumerate(membership.records))[kept:],
            )

    # Envelopes

    def hash_of(self, device: DeviceId, number: int) -> EnvelopeHash | None:
        """Return the hash of the envelope kept at *number*, None if none is."""
        row = self.storage.one(
            "SELECT hash FROM sync_envelope WHERE author = ? AND number = ?",
            (device, number),
        )
        return None if row is None else EnvelopeHash(_bytes(row[0]))

    def bytes_of(self, device: DeviceId, number: int) -> bytes | None:
        """Return that envelope as it stands on the relay, while it is kept."""
        row = self.storage.one(
            "SELECT body FROM sync_envelope WHERE author = ? AND number = ?",
            (device, number),
        )
        return None if row is None or row[0] is None else _bytes(row[0])

    def bodies_above(self, device: DeviceId, number: int) -> list[bytes]:
        """Return the envelopes of *device* behind *number* that are kept, in order."""
        rows = self.storage.all(
            "SELECT body FROM sync_envelope WHERE author = ? AND number > ?"
            " AND body IS NOT NULL ORDER BY number",
            (device, number),
        )
        return [_bytes(body) for (body,) in rows]

    def keep_envelope(self, envelope: Envelope, position: int | None) -> None:
        """Keep *envelope* as it stands; no position: not sent yet."""
        header = envelope.header
        self.storage.execute(
            "INSERT INTO sync_envelope (author, number, hash, position, body)"
            " VALUES (?, ?, ?, ?, ?)",
            (header.author, header.number, envelope.hash, position, envelope.data),
        )

    def position_of(self, device: DeviceId, number: int) -> int | None:
        """Return where the envelope stands on the relay, None if not known."""
        row = self.storage.one(
            "SELECT position FROM sync_envelope WHERE author = ? AND number = ?",
            (device, number),
        )
        return None if row is None or row[0] is None else _int(row[0])

    def place(self, device: DeviceId, number: int, position: int) -> None:
        """Note where the envelope stands on the relay."""
        self.storage.execute(
            "UPDATE sync_envelope SET position = ? WHERE author = ? AND number = ?",
            (position, device, number),
        )

    def forget_positions(self) -> None:
        """Take nothing for granted of what the relay holds, and read it all again."""
        with self.storage.transaction():
            self.storage.execute("UPDATE sync_envelope SET position = NULL")
            self.set_state(State.CURSOR, 0)
            self.set_state(State.RESCAN, 0)

    def newest_placed(self) -> Placed | None:
        """Return the envelope that stood last in what was read of the relay's log.

        Those that a snapshot covers are none: the relay may have deleted them.
        """
        row = self.storage.one(
            "SELECT author, number, hash, position FROM sync_envelope"
            " WHERE position <= ? AND body IS NOT NULL"
            " ORDER BY position DESC LIMIT 1",
            (self.state(State.CURSOR),),
        )
        if row is None:
            return None
        author, number, digest, position = row
        return Placed(
            DeviceId(_bytes(author)),
            _int(number),
            EnvelopeHash(_bytes(digest)),
            _int(position),
        )

    def unsent(self, own: DeviceId) -> list[int]:
        """Return the numbers of own envelopes not known to be on the relay."""
        rows = self.storage.all(
            "SELECT number FROM sync_envelope WHERE author = ? AND position IS NULL"
            " AND body IS NOT NULL ORDER BY number",
            (own,),
        )
        return [_int(number) for (number,) in rows]

    def defer(self, device: DeviceId, number: int) -> None:
        """Note that the changes of an envelope are still to be handed over."""
        self.storage.execute(
            "INSERT INTO sync_inbox (author, number) VALUES (?, ?)", (device, number)
        )

    def count_deferred(self) -> int:
        """Return how many envelopes are deferred."""
        row = self.storage.one("SELECT count(*) FROM sync_inbox")
        assert row is not None
        return _int(row[0])

    def deferred(self, limit: int) -> list[tuple[int, bytes]]:
        """Return the oldest deferred envelopes, each with its place in the queue."""
        rows = self.storage.all(
            "SELECT sync_inbox.id, body FROM sync_inbox JOIN sync_envelope"
            " USING (author, number) ORDER BY sync_inbox.id LIMIT ?",
            (limit,),
        )
        return [(_int(place), _bytes(body)) for place, body in rows]

    def handed_over(self, through: int) -> None:
        """Drop the deferred envelopes up to that place in the queue."""
        self.storage.execute("DELETE FROM sync_inbox WHERE id <= ?", (through,))

    def set_aside(self, device: DeviceId, number: int, reason: str) -> None:
        """Note that the inside of an envelope could not be used."""
        self.storage.execute(
            "INSERT INTO sync_set_aside (author, number, reason) VALUES (?, ?, ?)",
            (device, number, reason),
        )

    def all_set_aside(self) -> list[tuple[DeviceId, int, str]]:
        """Return author, number and reason of each envelope set aside."""
        rows = self.storage.all(
            "SELECT author, number, reason FROM sync_set_aside ORDER BY author, number"
        )
        return [(DeviceId(_bytes(a)), _int(n), str(reason)) for a, n, reason in rows]

    # Evidence and state

    def keep_evidence(self, found: PeerError, now_ms: int) -> None:
        """Keep what shows *found*; the first finding of one thing stays."""
        device, number, items = _subject(found)
        first, second = (*items, None, None)[:2]
        self.storage.execute(
            "INSERT INTO sync_evidence (kind, device, number, message, advice, first,"
            " second, found_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
            " ON CONFLICT (kind, device, number) DO NOTHING",
            (
                type(found).__name__,
                device,
                number,
                str(found),
                found.advice,
                first,
                second,
                now_ms,
            ),
        )

    def count_evidence(self, kind: str) -> int:
        """Return how much evidence of one kind is kept."""
        row = self.storage.one(
            "SELECT count(*) FROM sync_evidence WHERE kind = ?", (kind,)
        )
        assert row is not None
        return _int(row[0])

    def evidence(self) -> list[Evidence]:
        """Return all evidence, oldest first."""
        rows = self.storage.all(
            "SELECT kind, device, number, message, advice, first, second, found_ms,"
            " id, acknowledged_ms FROM sync_evidence ORDER BY id"
        )
        return [
            Evidence(
                str(kind),
                DeviceId(_bytes(device)) or None,
                _int(number),
                str(message),
                str(advice),
                None if first is None else _bytes(first),
                None if second is None else _bytes(second),
                _int(found_ms),
                _int(name),
                None if acknowledged is None else _int(acknowledged),
            )
            for (
                *(kind, device, number, message, advice, first, second, found_ms),
                name,
                acknowledged,
            ) in rows
        ]

    def acknowledge(self, name: int, now_ms: int) -> bool:
        """Note that a person has seen one finding; return whether there is one.

        The evidence stays.
        """
        self.storage.execute(
            "UPDATE sync_evidence SET acknowledged_ms = coalesce(acknowledged_ms, ?)"
            " WHERE id = ?",
            (now_ms, name),
        )
        row = self.storage.one("SELECT 1 FROM sync_evidence WHERE id = ?", (name,))
        return row is not None

    def note_successor(self, device: DeviceId) -> None:
        """Keep that this file is about to go on as *device*."""
        self.storage.execute(
            "INSERT OR IGNORE INTO sync_successor (device) VALUES (?)", (device,)
        )

    def successors(self) -> set[DeviceId]:
        """Return everything that this file ever was about to go on as."""
        rows = self.storage.all("SELECT device FROM sync_successor")
        return {DeviceId(each) for (each,) in rows if isinstance(each, bytes)}

    def state(self, name: State) -> int:
        """Return a number kept by set_state(), 0 before that."""
        row = self.storage.one(
            "SELECT value FROM sync_state WHERE name = ?", (name.value,)
        )
        return 0 if row is None else _int(row[0])

    def set_state(self, name: State, value: int) -> None:
        """Keep a number."""
        self.storage.execute(
            "INSERT INTO sync_state (name, value) VALUES (?1, ?2)"
            " ON CONFLICT (name) DO UPDATE SET value = ?2",
            (name.value, value),
        )


def _subject(found: PeerError) -> tuple[bytes, int, Sequence[bytes]]:
    """Return whose fault, at which number, and the signed bytes that show it."""
    if isinstance(found, FrontierError):
        return found.device, found.number, found.evidence
    if isinstance(found, KitUsed):
        return found.device, found.height, (found.record,)
    if isinstance(found, MembershipFork):
        return b"", found.height, (found.ours, found.theirs)
    if isinstance(found, SnapshotError):
        return b"", found.height, found.evidence
    if isinstance(found, MembershipError):
        return b"", found.height, ()
    return b"", 0, ()


def _bytes(value: Column) -> bytes:
    assert isinstance(value, bytes)
    return value


def _int(value: Column) -> int:
    assert isinstance(value, int)
    return value
