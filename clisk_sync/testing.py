"""For tests: a relay in memory that behaves as the real one, and the suite both pass.

`MemoryRelay` admits and refuses by the very functions that the relay asks, so
what a test learns here holds there; what differs is that nothing is stored and
nobody signs in: a transport is a device's because the test says so.

`ACCEPTANCE` lists what every implementation of transport.py must do. A test
calls each with a relay of its own making.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from clisk_sync.acceptance import (
    LOG_ACCEPTANCE,
    Acceptance,
    Author,
    Family,
    RelayUnderTest,
)
from clisk_sync.acceptance_snapshots import SNAPSHOT_ACCEPTANCE
from clisk_sync.admission import (
    Admitted,
    Head,
    Members,
    admit_envelope,
    admit_genesis,
    admit_record,
    place,
)
from clisk_sync.errors import CallerError
from clisk_sync.refusals import Code, refuse
from clisk_sync.snapshot import Covered, Snapshot, part_hash
from clisk_sync.snapshot_admission import (
    Newest,
    admit_ack,
    admit_snapshot,
    check_place,
    is_complete,
)
from clisk_sync.transport import (
    MAILBOX_SLOTS,
    MAX_ENVELOPE_BYTES,
    MAX_MAILBOX_BODY_BYTES,
    MAX_PART_BYTES,
    MAX_RECORD_BYTES,
    News,
    Offer,
    VaultTransport,
)
from clisk_vault.device import DeviceSecrets
from clisk_vault.ids import (
    DeviceId,
    EnvelopeHash,
    PartHash,
    SnapshotHash,
    VaultId,
)

__all__ = [
    "ACCEPTANCE",
    "Acceptance",
    "Author",
    "Family",
    "MemoryMailboxTransport",
    "MemoryRelay",
    "MemoryVaultTransport",
    "PassingTransport",
    "RelayUnderTest",
]


ACCEPTANCE = LOG_ACCEPTANCE + SNAPSHOT_ACCEPTANCE


@dataclass(slots=True)
class _Vault:
    members: Members
    log: list[Admitted] = field(default_factory=list)
    # Positions whose envelopes were deleted; they are never given out again.
    deleted: set[int] = field(default_factory=set)
    heads: dict[DeviceId, Head] = field(default_factory=dict)
    placed: dict[tuple[DeviceId, int], tuple[int, EnvelopeHash]] = field(
        default_factory=dict
    )
    parts: dict[PartHash, bytes] = field(default_factory=dict)
    snapshots: list[Snapshot] = field(default_factory=list)
    acks: dict[SnapshotHash, dict[DeviceId, bytes]] = field(default_factory=dict)
    complete: dict[DeviceId, Covered] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """How many bytes of envelopes are kept."""
        kept = enumerate(self.log, 1)
        return sum(len(each.data) for at, each in kept if at not in self.deleted)


class MemoryRelay:
    """A relay that forgets everything when the test ends."""

    def __init__(self, *, vault_bytes: int = 256 << 20) -> None:
        self.vault_bytes = vault_bytes
        self.vaults: dict[VaultId, _Vault] = {}
        self.slots: dict[tuple[bytes, int], bytes] = {}
        self._waiting: set[asyncio.Future[None]] = set()

    def vault(self, vault: VaultId, device: DeviceSecrets) -> MemoryVaultTransport:
        """Return what *device* uses to reach *vault*."""
        return MemoryVaultTransport(self, vault, device.public.id)

    def mailboxes(self) -> MemoryMailboxTransport:
        """Return what anybody uses to reach the mailboxes."""
        return MemoryMailboxTransport(self)

    def find(self, vault: VaultId) -> _Vault:
        """Return the vault.

        Raises:
            UnknownVaultError: it was never created here.
        """
        if vault not in self.vaults:
            raise refuse(Code.UNKNOWN_VAULT)
        return self.vaults[vault]

    def wake(self) -> None:
        """Wake everybody who waits."""
        for waiting in self._waiting:
            if not waiting.done():
                waiting.set_result(None)

    async def woken(self, timeout_seconds: float) -> bool:
        """Return True at the next change, False at timeout."""
        wake = asyncio.get_running_loop().create_future()
        self._waiting.add(wake)
        try:
            await asyncio.wait({wake}, timeout=max(0.0, timeout_seconds))
        finally:
            self._waiting.discard(wake)
        return wake.done()


class MemoryVaultTransport:
    """VaultTransport to a MemoryRelay."""

    def __init__(self, relay: MemoryRelay, vault: VaultId, device: DeviceId) -> None:
        self._relay = relay
        self._vault = vault
        self._device = device

    async def create(self, genesis: bytes) -> VaultId:
        """Bring the vault to the relay."""
        _check_size(genesis, MAX_RECORD_BYTES)
        members = admit_genesis(genesis)
        vault = members.membership.vault_id
        self._relay.vaults.setdefault(vault, _Vault(members))
        return vault

    async def append_record(self, record: bytes) -> int:
        """Append a membership record; returns its index."""
        _check_size(record, MAX_RECORD_BYTES)
        vault = self._relay.find(self._vault)
        vault.members.active(self._device)
        index = vault.members.find(record)
        if index is None:
            vault.members = admit_record(
                vault.members,
                record,
                author=self._device,
                newest=lambda device: vault.heads.get(device, Head.none()),
            )
            index = vault.members.count - 1
            self._relay.wake()
        return index

    async def records(self) -> list[bytes]:
        """Return all membership records in order, unverified."""
        members = self._relay.find(self._vault).members
        members.known(self._device)
        return list(members.membership.records)

    async def append(self, envelope: bytes) -> int:
        """Append an envelope of this device; returns its position."""
        _check_size(envelope, MAX_ENVELOPE_BYTES)
        vault = self._relay.find(self._vault)
        admitted = admit_envelope(vault.members, envelope, author=self._device)
        author, number = admitted.author, admitted.number
        head = vault.heads.get(author, Head.none())
        position = place(admitted, head, vault.placed.get((author, number)))
        if position is not None:
            return position
        if vault.size + len(envelope) > self._relay.vault_bytes:
            raise refuse(Code.VAULT_FULL)
        vault.log.append(admitted)
        vault.heads[author] = Head(number, admitted.hash)
        vault.placed[author, number] = (len(vault.log), admitted.hash)
        self._relay.wake()
        return len(vault.log)

    async def read(self, after: int) -> AsyncIterator[tuple[int, bytes]]:
        """Yield (position, envelope), unverified, for each position above *after*."""
        vault = self._relay.find(self._vault)
        vault.members.active(self._device)
        while after < len(vault.log):
            after += 1
            if after not in vault.deleted:
                yield after, vault.log[after - 1].data

    async def put_part(self, part: bytes) -> None:
        """Keep a sealed part of a snapshot."""
        _check_size(part, MAX_PART_BYTES)
        vault = self._relay.find(self._vault)
        vault.members.active(self._device)
        vault.parts[part_hash(part)] = part

    async def part(self, name: PartHash) -> bytes:
        """Return the part of that hash."""
        vault = self._relay.find(self._vault)
        vault.members.active(self._device)
        if name not in vault.parts:
            raise refuse(Code.UNKNOWN_SNAPSHOT)
        return vault.parts[name]

    async def append_snapshot(self, snapshot: bytes) -> None:
        """Add a snapshot of this device."""
        vault = self._relay.find(self._vault)
        admitted = admit_snapshot(vault.members, snapshot, author=self._device)
        if any(each.hash == admitted.hash for each in vault.snapshots):
            return
        newest = vault.snapshots[-1] if vault.snapshots else None
        placed = {key: digest for key, (_, digest) in vault.placed.items()}
        check_place(
            admitted,
            Newest(newest.body.height, newest.hash) if newest else None,
            complete=vault.complete,
            heads=vault.heads,
            hash_of=lambda device, number: placed.get((device, number)),
        )
        if not vault.parts.keys() >= set(admitted.body.parts):
            raise refuse(Code.UNKNOWN_SNAPSHOT)
        vault.snapshots.append(admitted)
        vault.acks[admitted.hash] = {}
        self._signed(vault, admitted)

    async def acknowledge(self, ack: bytes) -> None:
        """Say that this device has all that a snapshot covers."""
        vault = self._relay.find(self._vault)
        admitted = admit_ack(vault.members, ack, device=self._device)
        for snapshot in vault.snapshots:
            if snapshot.hash == admitted.hash:
                vault.acks[snapshot.hash][self._device] = ack
                self._signed(vault, snapshot)
                return
        raise refuse(Code.UNKNOWN_SNAPSHOT)

    async def snapshots(self) -> Offer:
        """Return the snapshots that are kept, and what was acknowledged."""
        vault = self._relay.find(self._vault)
        vault.members.active(self._device)
        return Offer(
            tuple(each.data for each in vault.snapshots),
            tuple(ack for acks in vault.acks.values() for ack in acks.values()),
        )

    def _signed(self, vault: _Vault, snapshot: Snapshot) -> None:
        """Heed what this device has signed, and delete what all have."""
        body = snapshot.body
        own = body.covered.get(self._device)
        head = vault.heads.get(self._device, Head.none())
        if own is not None and own.number > head.number:
            vault.heads[self._device] = Head(own.number, own.hash)
        if is_complete(
            vault.members,
            author=body.author,
            acked=vault.acks[snapshot.hash],
            writers=vault.heads,
        ):
            vault.complete = dict(body.covered)
            for position, each in enumerate(vault.log, 1):
                mark = body.covered.get(each.author)
                if mark and each.number <= mark.number:
                    vault.deleted.add(position)
            older = vault.snapshots[: vault.snapshots.index(snapshot)]
            for each_old in older:
                for name in each_old.body.parts:
                    vault.parts.pop(name, None)
                vault.acks.pop(each_old.hash)
            del vault.snapshots[: len(older)]

    async def wait(
        self, after: int, timeout_seconds: float, *, records: int | None = None
    ) -> News | None:
        """Return what stands above *after* once something does, None at timeout."""
        vault = self._relay.find(self._vault)
        records = vault.members.count if records is None else records
        ends = asyncio.get_running_loop().time() + timeout_seconds
        while True:
            vault.members.active(self._device)
            entries = [each async for each in self.read(after)]
            if entries or vault.members.count != records:
                return News(tuple(entries))
            left = ends - asyncio.get_running_loop().time()
            if left <= 0 or not await self._relay.woken(left):
                return None


class PassingTransport:
    """Hands every call on to *honest*: a test replaces the calls it means."""

    def __init__(self, honest: VaultTransport) -> None:
        self.honest = honest

    async def create(self, genesis: bytes) -> VaultId:
        """Bring the vault to the relay."""
        return await self.honest.create(genesis)

    async def append_record(self, record: bytes) -> int:
        """Append a membership record."""
        return await self.honest.append_record(record)

    async def records(self) -> list[bytes]:
        """Return all membership records in order."""
        return await self.honest.records()

    async def append(self, envelope: bytes) -> int:
        """Append an envelope of this device."""
        return await self.honest.append(envelope)

    def read(self, after: int) -> AsyncIterator[tuple[int, bytes]]:
        """Yield what stands above *after*."""
        return self.honest.read(after)

    async def put_part(self, part: bytes) -> None:
        """Keep a sealed part of a snapshot."""
        await self.honest.put_part(part)

    async def part(self, name: PartHash) -> bytes:
        """Return the part of that hash."""
        return await self.honest.part(name)

    async def append_snapshot(self, snapshot: bytes) -> None:
        """Add a snapshot of this device."""
        await self.honest.append_snapshot(snapshot)

    async def acknowledge(self, ack: bytes) -> None:
        """Say that this device has all that a snapshot covers."""
        await self.honest.acknowledge(ack)

    async def snapshots(self) -> Offer:
        """Return the snapshots that are kept, and what was acknowledged."""
        return await self.honest.snapshots()

    async def wait(
        self, after: int, timeout_seconds: float, *, records: int | None = None
    ) -> News | None:
        """Return what stands above *after* once something does."""
        return await self.honest.wait(after, timeout_seconds, records=records)


class MemoryMailboxTransport:
    """MailboxTransport to a MemoryRelay."""

    def __init__(self, relay: MemoryRelay) -> None:
        self._relay = relay

    async def post(self, mailbox: bytes, slot: int, body: bytes) -> None:
        """Write *body* into the slot."""
        if not 1 <= len(body) <= MAX_MAILBOX_BODY_BYTES:
            raise CallerError("mailbox: a body of a size that is not allowed")
        if len(mailbox) != 32 or not 0 <= slot < MAILBOX_SLOTS:
            raise refuse(Code.MALFORMED)
        if self._relay.slots.setdefault((mailbox, slot), body) != body:
            raise refuse(Code.SLOT_TAKEN)
        self._relay.wake()

    async def fetch(
        self, mailbox: bytes, slot: int, timeout_seconds: float
    ) -> bytes | None:
        """Return what stands in the slot, waiting for it, or None at timeout."""
        ends = asyncio.get_running_loop().time() + timeout_seconds
        while (body := self._relay.slots.get((mailbox, slot))) is None:
            left = ends - asyncio.get_running_loop().time()
            if not await self._relay.woken(left):
                return None
        return body


def _check_size(data: bytes, most: int) -> None:
    if len(data) > most:
        raise refuse(Code.TOO_LARGE)
