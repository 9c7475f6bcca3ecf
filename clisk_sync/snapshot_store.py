"""Which snapshot was taken and which were announced, in the vault file.

Rows in, rows out, within the caller's transaction: protocol/snapshot.md §5 and §6.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from clisk_sync.envelope_content import Announced
from clisk_sync.snapshot import Covered, Snapshot, parse_unverified_snapshot
from clisk_vault.ids import DeviceId, EnvelopeHash, SnapshotHash
from clisk_vault.storage import Column, Storage


@dataclass(frozen=True, slots=True)
class Taken:
    """The newest snapshot that this device has taken."""

    height: int
    hash: SnapshotHash
    # Its own and that of all its parts.
    bytes: int
    covered: Mapping[DeviceId, Covered]


@dataclass(frozen=True, slots=True)
class Told:
    """A snapshot that another device has announced, and since when we know."""

    height: int
    hash: SnapshotHash
    device: DeviceId
    since_ms: int


@dataclass(frozen=True, slots=True)
class Uncovered:
    """How much of one device came since the last snapshot."""

    envelopes: int
    bytes: int


class SnapshotStore:
    """The rows of one vault file that are about snapshots."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    def taken(self) -> Taken | None:
        """Return the newest snapshot that was taken, None before the first."""
        row = self._storage.one("SELECT bytes, body FROM sync_snapshot")
        if row is None:
            return None
        kept = parse_unverified_snapshot(_bytes(row[1]))
        body = kept.unverified_body
        return Taken(body.height, kept.hash, _int(row[0]), body.covered)

    def body(self) -> bytes:
        """Return the snapshot that was taken, as evidence; empty before the first."""
        row = self._storage.one("SELECT body FROM sync_snapshot")
        return b"" if row is None else _bytes(row[0])

    def keep_taken(self, snapshot: Snapshot, size: int) -> None:
        """Keep *snapshot*, of *size* bytes in all, and forget the bytes it covers."""
        body = snapshot.body
        self._storage.execute(
            "INSERT OR REPLACE INTO sync_snapshot (one, height, hash, bytes, body)"
            " VALUES (1, ?, ?, ?, ?)",
            (body.height, snapshot.hash, size, snapshot.data),
        )
        self._storage.execute(
            "DELETE FROM sync_announced WHERE height <= ?", (body.height,)
        )
        for device, covered in body.covered.items():
            self._storage.execute(
                "UPDATE sync_envelope SET body = NULL WHERE author = ? AND number <= ?",
                (device, covered.number),
            )

    def keep_mark(self, device: DeviceId, number: int, digest: EnvelopeHash) -> None:
        """Keep the hash of an envelope that a snapshot stands for."""
        self._storage.execute(
            "INSERT OR IGNORE INTO sync_envelope (author, number, hash)"
            " VALUES (?, ?, ?)",
            (device, number, digest),
        )

    def keep_announced(self, device: DeviceId, told: Announced, now_ms: int) -> None:
        """Note that *device* has announced a snapshot."""
        self._storage.execute(
            "INSERT OR IGNORE INTO sync_announced (height, hash, device, since_ms)"
            " VALUES (?, ?, ?, ?)",
            (told.height, told.hash, device, now_ms),
        )

    def announced(self) -> list[Told]:
        """Return what was announced and not taken yet, lowest first."""
        return [
            Told(
                _int(height), SnapshotHash(_bytes(digest)),
                DeviceId(_bytes(device)), _int(since),
            )
            for height, digest, device, since in self._storage.all(
                "SELECT height, hash, device, since_ms FROM sync_announced"
                " ORDER BY height"
            )
        ]  # fmt: skip

    def uncovered(self) -> dict[DeviceId, Uncovered]:
        """Return what is kept of each device that no taken snapshot covers."""
        return {
            DeviceId(_bytes(author)): Uncovered(_int(count), _int(size))
            for author, count, size in self._storage.all(
                "SELECT author, count(*), sum(length(body)) FROM sync_envelope"
                " WHERE body IS NOT NULL GROUP BY author"
            )
        }

    def bodies_beyond(
        self, covered: Mapping[DeviceId, Covered]
    ) -> list[tuple[DeviceId, bytes]]:
        """Return the envelopes kept that stand behind the marks of *covered*."""
        return [
            (device, _bytes(body))
            for author, number, body in self._storage.all(
                "SELECT author, number, body FROM sync_envelope WHERE body IS NOT NULL"
            )
            if (device := DeviceId(_bytes(author))) not in covered
            or _int(number) > covered[device].number
        ]


def _bytes(value: Column) -> bytes:
    assert isinstance(value, bytes)
    return value


def _int(value: Column) -> int:
    assert isinstance(value, int)
    return value
