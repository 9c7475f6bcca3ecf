"""What sync needs from a relay: two interfaces, and nothing about HTTP.

An implementation moves bytes and refuses; it never decides what is true. Every
answer is an untrusted claim that the caller checks (signatures, hash chains,
frontier). `clisk_sync.testing` ships an in-memory implementation and the
acceptance suite that every implementation must pass.

What an implementation promises:
- a call that returned is done, durably; a call that raised TransportError may
  or may not be, and doing it again is harmless;
- `RelayRefused` and its kinds mean that nothing was stored;
- cancelling a call at any instant is safe.

The rules of admission are in protocol/relay-api.md §4: a device's first
envelope is number 1 and its previous hash is 32 zero bytes.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final, Protocol

from clisk_vault.ids import PartHash, VaultId

# Limits of the protocol. A reader refuses more before it looks at it; a relay
# may allow less (protocol/relay-api.md §8).
MAX_ENVELOPE_BYTES: Final = 1 << 20
MAX_RECORD_BYTES: Final = 128 << 10
MAX_RECORDS: Final = 1024
MAX_SNAPSHOT_BYTES: Final = 128 << 10
MAX_PART_BYTES: Final = 1 << 20
MAX_MAILBOX_BODY_BYTES: Final = 8 << 10
MAILBOX_SLOTS: Final = 8
NO_HASH: Final = bytes(32)


@dataclass(frozen=True, slots=True)
class Offer:
    """Snapshots and acknowledgements as a relay gives them, all unverified."""

    snapshots: tuple[bytes, ...] = ()
    acks: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class News:
    """What a wait ended with, all unverified.

    Without entries: there may be some, or the membership has other records than
    were named.
    """

    entries: tuple[tuple[int, bytes], ...] = ()


class VaultTransport(Protocol):
    """One vault on one relay, as seen by one device."""

    async def create(self, genesis: bytes) -> VaultId:
        """Bring the vault to the relay; again with the same record is harmless."""
        ...

    async def append_record(self, record: bytes) -> int:
        """Append a membership record; returns its index (the genesis is 0).

        Raises:
            RecordConflictError: it does not build on the relay's newest record.
        """
        ...

    async def records(self) -> list[bytes]:
        """Return all membership records in order, unverified."""
        ...

    async def append(self, envelope: bytes) -> int:
        """Append an envelope of this device; returns its position (from 1).

        Raises:
            NumberTakenError: another envelope stands at this number (evidence).
            ConflictError: not the next one; carries the relay's head.
        """
        ...

    def read(self, after: int) -> AsyncIterator[tuple[int, bytes]]:
        """Yield (position, envelope), unverified, for each position above *after*.

        Ends when nothing newer is there. Positions rise; they are this relay's
        own numbers and prove nothing.
        """
        ...

    async def put_part(self, part: bytes) -> None:
        """Keep a sealed part of a snapshot, for a snapshot that is to name it."""
        ...

    async def part(self, name: PartHash) -> bytes:
        """Return the part of that hash, unverified.

        Raises:
            UnknownSnapshotError: the relay has no such part.
        """
        ...

    async def append_snapshot(self, snapshot: bytes) -> None:
        """Add a snapshot of this device, whose parts are there.

        Raises:
            SnapshotConflictError: it does not follow on the relay's newest.
        """
        ...

    async def acknowledge(self, ack: bytes) -> None:
        """Say that this device has all that a snapshot covers.

        Raises:
            UnknownSnapshotError: the relay does not keep that one.
        """
        ...

    async def snapshots(self) -> Offer:
        """Return the snapshots that the relay keeps, and what was acknowledged."""
        ...

    async def wait(
        self, after: int, timeout_seconds: float, *, records: int | None = None
    ) -> News | None:
        """Return what stands above *after* once something does, None at timeout.

        Another number of membership records than *records* is news too; without
        it, another than there are now. What it brings is what `read` would have.
        """
        ...


class MailboxTransport(Protocol):
    """Small short-lived drop boxes, for pairing. Whoever knows the id may use it."""

    async def post(self, mailbox: bytes, slot: int, body: bytes) -> None:
        """Write *body* into the slot; again with the same body is harmless.

        Raises:
            SlotTakenError: something else stands there.
        """
        ...

    async def fetch(
        self, mailbox: bytes, slot: int, timeout_seconds: float
    ) -> bytes | None:
        """Return what stands in the slot, waiting for it, or None at timeout."""
        ...
