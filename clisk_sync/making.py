"""Makes snapshots: protocol/snapshot.md §6."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TypeAlias

from clisk_sync.errors import SnapshotConflictError
from clisk_sync.holding import SLICE, changes_beyond, unhurried
from clisk_sync.intake import Intake
from clisk_sync.membership import Membership
from clisk_sync.ports import VaultPort
from clisk_sync.snapshot import (
    MAX_PART_CHANGES_BYTES,
    MAX_PART_ENTRIES,
    MAX_PARTS,
    Body,
    Covered,
    Entry,
    part_hash,
    seal_part,
    sign_snapshot,
)
from clisk_sync.snapshot_store import SnapshotStore
from clisk_sync.transport import NO_HASH, VaultTransport
from clisk_vault.errors import CallerError
from clisk_vault.ids import DeviceId, SnapshotHash
from clisk_vault.primitives import Random

# Told what is being done, how much of it is done, and of how much.
Progress: TypeAlias = Callable[[str, int, int], None]


class Maker:
    """Packs one vault into snapshots."""

    def __init__(
        self,
        vault: VaultPort,
        store: SnapshotStore,
        intake: Intake,
        *,
        clock: Callable[[], int],
        random: Random,
    ) -> None:
        self._vault = vault
        self._store = store
        self._intake = intake
        self._clock = clock
        self._random = random
        self._own = vault.secrets.public.id

    async def make(
        self,
        transport: VaultTransport,
        membership: Membership,
        *,
        progress: Progress,
    ) -> bool:
        """Make one of all that is here and put it on the relay; tell whether it is.

        Everything has been read and sent. False: another device was first.

        Raises:
            CallerError: the vault is larger than a snapshot may be.
            TransportError, RelayRefused: the relay; nothing is lost.
        """
        body = self._draft(membership)
        secret, names = self._vault.epochs.secret(body.epoch), []
        packs = await self._packed(body.covered, membership, progress)
        if len(packs) > MAX_PARTS:
            raise CallerError(
                "the vault is too large for a snapshot",
                advice="take large attachments off, then: clisk trash empty",
            )
        for index, entries in enumerate(packs):
            progress("sending", index, len(packs))
            # A part's context names no other part, so the body may lack them yet.
            part = seal_part(entries, body, index, secret=secret, random=self._random)
            await transport.put_part(part)
            names.append(part_hash(part))
        progress("sending", len(packs), len(packs))
        body = replace(body, parts=tuple(names))
        try:
            await transport.append_snapshot(
                sign_snapshot(body, self._vault.secrets.signing)
            )
        except SnapshotConflictError:
            return False
        return True

    def _draft(self, membership: Membership) -> Body:
        taken = self._store.taken()
        return Body(
            vault=self._vault.id,
            author=self._own,
            height=1 if taken is None else taken.height + 1,
            previous=SnapshotHash(NO_HASH) if taken is None else taken.hash,
            epoch=self._vault.epochs.current,
            membership=membership.head,
            covered=self._covered(membership),
            parts=(),
            time_ms=self._clock(),
        )

    def _covered(self, membership: Membership) -> dict[DeviceId, Covered]:
        """Return the own frontier, departed devices at most at their cut."""
        covered = {}
        for device, chain in self._intake.frontier.chains.items():
            cut = membership.cut(device)
            number, digest = chain.mark.number, chain.mark.hash
            if cut is not None and number > cut.number:
                number, digest = cut.number, cut.hash
            if number:
                covered[device] = Covered(number, digest, max(1, chain.epoch))
        return covered

    async def _packed(
        self,
        covered: Mapping[DeviceId, Covered],
        membership: Membership,
        progress: Progress,
    ) -> list[list[Entry]]:
        """Return the entries of each part."""
        replica = self._vault.replica
        beyond = changes_beyond(
            covered, vault=self._vault, store=self._store, membership=membership
        )
        items = list(replica.held_items())
        packs, size = [list[Entry]()], 0
        done = 0
        async for item in unhurried(items):
            left_out = beyond.get(item, set()) | replica.unsent_hashes(item)
            for each in replica.held(item):
                if each.hash in left_out:
                    continue
                size += len(each.change)
                full = len(packs[-1]) >= MAX_PART_ENTRIES
                if packs[-1] and (full or size > MAX_PART_CHANGES_BYTES):
                    packs.append([])
                    size = len(each.change)
                packs[-1].append(Entry(item, each.change))
            done += 1
            if done % SLICE == 0:
                progress("packing", done, len(items))
        return packs
