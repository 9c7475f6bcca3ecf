"""Takes snapshots: protocol/snapshot.md §5.

Everything that must last is in the vault file before the relay is told; a call may
be cancelled and the process killed at any instant, and the same is done again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from itertools import groupby

from clisk_sync.envelope_content import Announced
from clisk_sync.errors import (
    CloneDetected,
    DeletedEarly,
    GapError,
    NotAMember,
    SnapshotError,
    SnapshotForged,
    SnapshotReplayed,
    SnapshotWithheld,
    UnknownSnapshotError,
)
from clisk_sync.frontier import Frontier
from clisk_sync.holding import SLICE, changes_beyond, unhurried
from clisk_sync.intake import Intake
from clisk_sync.journal import Journal, State
from clisk_sync.membership import Membership
from clisk_sync.outbox import Outbox
from clisk_sync.ports import VaultPort
from clisk_sync.report import Tally
from clisk_sync.snapshot import (
    Body,
    Entry,
    UnverifiedSnapshot,
    open_part,
    parse_unverified_snapshot,
    part_hash,
    sign_ack,
)
from clisk_sync.snapshot_check import (
    Against,
    Believed,
    believe,
    missing_changes,
    refused,
    signers,
)
from clisk_sync.snapshot_store import SnapshotStore
from clisk_sync.transport import VaultTransport
from clisk_sync.turns import give_way
from clisk_vault.errors import FormatError, TamperedError, UnsupportedError
from clisk_vault.ids import DeviceId
from clisk_vault.item_store import SETTINGS
from clisk_vault.replica import IncomingChange


@dataclass(frozen=True, slots=True)
class Round:
    """What one look at the relay needs to know."""

    transport: VaultTransport
    membership: Membership
    tally: Tally
    # Whether this device may write envelopes now.
    may_seal: bool


@dataclass(slots=True)
class _Found:
    """What a relay offers, as far as it can be read."""

    snapshots: list[UnverifiedSnapshot]
    acks: tuple[bytes, ...]


class Taker:
    """Takes the snapshots of one vault."""

    def __init__(
        self,
        vault: VaultPort,
        journal: Journal,
        intake: Intake,
        outbox: Outbox,
        *,
        clock: Callable[[], int],
    ) -> None:
        self._vault = vault
        self._journal = journal
        self._intake = intake
        self._outbox = outbox
        self._clock = clock
        self._own = vault.secrets.public.id
        # Who has signed the newest snapshot looked at, by what the relay shows.
        self.signed: frozenset[DeviceId] = frozenset()
        self.store = SnapshotStore(journal.storage)

    def is_worth_a_look(self, tally: Tally) -> bool:
        """Tell whether the relay may have a snapshot that this device needs."""
        frontier = self._intake.frontier
        return (
            bool(frontier.missing)
            or bool(self.store.announced())
            or self._journal.state(State.TAKING) > 0
            or any(isinstance(alert, GapError) for alert in tally.alerts)
        )

    def is_new_here(self) -> bool:
        """Tell whether this device has verified no envelope yet."""
        return not self._intake.frontier.chains

    def covers(self, device: DeviceId) -> int:
        """Return up to which number the snapshot taken covers *device*."""
        taken = self.store.taken()
        mark = None if taken is None else taken.covered.get(device)
        return 0 if mark is None else mark.number

    async def look(self, now: Round) -> bool:
        """Take the newest snapshot that passes; tell whether a chain moved by it.

        Raises:
            TransportError, RelayRefused: the relay.
        """
        found = await self._offered(now)
        moved = False
        for unverified in found.snapshots:
            if self._is_taken(unverified):
                self._owe_ack_unless(unverified, found.acks, now.membership)
                break
            try:
                moved = await self._take(unverified, found.acks, now)
            except UnknownSnapshotError:
                continue  # its parts are gone: another took its place meanwhile
            except (SnapshotError, CloneDetected, NotAMember) as err:
                with self._journal.storage.transaction():
                    self._intake.note(err, now.tally)
                continue
            break
        self._tell_withheld(found, now.tally)
        return moved

    def _is_taken(self, unverified: UnverifiedSnapshot) -> bool:
        taken = self.store.taken()
        return taken is not None and taken.hash == unverified.hash

    async def _offered(self, now: Round) -> _Found:
        offer = await now.transport.snapshots()
        snapshots = []
        for data in offer.snapshots:
            try:
                snapshots.append(parse_unverified_snapshot(data))
            except (FormatError, UnsupportedError) as err:
                now.tally.alert(err)
        snapshots.sort(key=lambda each: -each.unverified_body.height)
        return _Found(snapshots, offer.acks)

    def _tell_withheld(self, found: _Found, tally: Tally) -> None:
        offered = {each.hash for each in found.snapshots}
        newest = max(
            (each.unverified_body.height for each in found.snapshots), default=0
        )
        for told in self.store.announced():
            # One that a newer one took the place of need not be given any more.
            if told.hash not in offered and told.height >= newest:
                with self._journal.storage.transaction():
                    self._intake.note(
                        SnapshotWithheld(height=told.height, since_ms=told.since_ms),
                        tally,
                    )
        taken = self.store.taken()
        if taken is not None and newest < taken.height:
            with self._journal.storage.transaction():
                self._intake.note(
                    SnapshotReplayed(
                        "the relay gives none as new as the one taken here",
                        height=newest,
                    ),
                    tally,
                )

    def _owe_ack_unless(
        self,
        unverified: UnverifiedSnapshot,
        acks: tuple[bytes, ...],
        membership: Membership,
    ) -> None:
        self.signed = signed = signers(unverified.hash, acks, membership)
        if self._own not in signed | {unverified.unverified_body.author}:
            with self._journal.storage.transaction():
                self._journal.set_state(State.ACK_OWED, 1)

    async def _take(
        self, unverified: UnverifiedSnapshot, acks: tuple[bytes, ...], now: Round
    ) -> bool:
        """Take it, in the order of §5.

        Raises:
            SnapshotError, CloneDetected, NotAMember: it must not be taken.
            UnknownSnapshotError: a part is gone.
        """
        believed = believe(
            unverified,
            signers(unverified.hash, acks, now.membership),
            Against(
                now.membership, self._intake.frontier, self._journal, self.store.taken()
            ),
            now_ms=self._clock(),
        )
        body = believed.snapshot.body
        if body.epoch not in self._vault.epochs.numbers():
            raise SnapshotForged("in an epoch that is not here", height=body.height)
        try:
            entries, size = await self._parts(now.transport, body)
            missing = await self._compare(entries, believed, now.membership)
        except (FormatError, TamperedError, SnapshotError) as err:
            raise refused(err, body) from err
        await self._apply(missing, body, now.tally)
        self._keep(believed, size + len(unverified.data), now)
        return bool(believed.ahead)

    async def _parts(
        self, transport: VaultTransport, body: Body
    ) -> tuple[list[Entry], int]:
        secret, entries, size = self._vault.epochs.secret(body.epoch), list[Entry](), 0
        for index, name in enumerate(body.parts):
            data = await transport.part(name)
            if part_hash(data) != name:  # 5.6
                raise SnapshotForged("another part than it names", height=body.height)
            size += len(data)
            more = open_part(data, body, index, secret=secret)
            if entries and more and more[0].item < entries[-1].item:
                raise FormatError("snapshot: items out of order")
            entries += more
        return entries, size

    async def _compare(
        self, entries: list[Entry], believed: Believed, membership: Membership
    ) -> list[IncomingChange]:
        """Return what to bring in (5.7)."""
        body, replica = believed.snapshot.body, self._vault.replica
        beyond = changes_beyond(
            body.covered, vault=self._vault, store=self.store, membership=membership
        )
        packed = {
            item: list(rows) for item, rows in groupby(entries, lambda row: row.item)
        }
        authors = set(believed.ahead).union(*map(membership.was, believed.ahead))
        purged = replica.purged_in(row.change for row in packed.get(SETTINGS, []))
        found: list[IncomingChange] = []
        async for item in unhurried(sorted({*packed, *replica.held_items()})):
            # All of one item in one go: an edit in between would look dropped.
            rows, held = packed.get(item, []), replica.held(item)
            every = [*(row.change for row in rows), *(each.change for each in held)]
            missing = missing_changes(
                rows,
                held,
                body=body,
                authors=authors,
                excused=beyond.get(item, set()) | replica.unsent_hashes(item),
                is_purged=partial(replica.is_purged, item, every, purged),
                evidence=(believed.snapshot.data,),
            )
            found += [
                IncomingChange(author, entry.item, entry.change)
                for author, entry in missing
            ]
        return found

    async def _apply(
        self, missing: list[IncomingChange], body: Body, tally: Tally
    ) -> None:
        """Bring in changes, in slices; no snapshot is made before all are in."""
        if not missing:
            return
        with self._journal.storage.transaction():
            self._journal.set_state(State.TAKING, body.height)
        for _, rows in groupby(
            enumerate(_items_together(missing)), lambda row: row[0] // SLICE
        ):
            part = [each for _, item in rows for each in item]
            with self._journal.storage.transaction():
                tally.count(self._vault.replica.apply_all(part))
            await give_way()

    def _keep(self, believed: Believed, size: int, now: Round) -> None:
        """Make it the one taken, in one transaction with all that follows from it."""
        snapshot, before = believed.snapshot, self._intake.frontier
        body = snapshot.body
        is_own = body.author == self._own
        try:
            with self._journal.storage.transaction():
                if self._was_early(believed, before, now.tally):
                    early = DeletedEarly(
                        "the relay deleted what this device had not signed for",
                        height=body.height,
                    )
                    self._intake.note(early, now.tally)
                for device, chain in believed.ahead.items():
                    self.store.keep_mark(device, chain.mark.number, chain.mark.hash)
                self._intake.save(before.jump(believed.ahead))
                self.store.keep_taken(snapshot, size)
                if believed.ahead:
                    self._journal.forget_positions()
                self._journal.set_state(State.TAKING, 0)
                self._journal.set_state(State.ACK_OWED, 0 if is_own else 1)
                if is_own and now.may_seal:
                    told = Announced(body.height, snapshot.hash)
                    self._outbox.announce(now.membership, told)
        except BaseException:
            self._intake.frontier = before
            raise

    def _was_early(self, believed: Believed, before: Frontier, tally: Tally) -> bool:
        """Tell whether the relay deleted what needed this device's signature.

        A device that has written nothing is not asked for one.
        """
        gone = set(before.missing) | {
            alert.device for alert in tally.alerts if isinstance(alert, GapError)
        }
        has_written = before.chain(self._own).mark.number > 0
        return has_written and not gone.isdisjoint(believed.ahead)

    async def acknowledge(self, transport: VaultTransport) -> None:
        """Tell the relay that this device has what the snapshot taken covers.

        Raises:
            TransportError, RelayRefused: it is told next time.
        """
        taken = self.store.taken()
        if taken is None or not self._journal.state(State.ACK_OWED):
            return
        ack = sign_ack(
            self._vault.id,
            self._own,
            taken.height,
            taken.hash,
            key=self._vault.secrets.signing,
        )
        # Unknown: another has taken its place, or the relay was set back.
        with suppress(UnknownSnapshotError):
            await transport.acknowledge(ack)
        with self._journal.storage.transaction():
            self._journal.set_state(State.ACK_OWED, 0)


def _items_together(changes: list[IncomingChange]) -> Iterator[list[IncomingChange]]:
    for _, rows in groupby(changes, lambda each: each.item_id):
        yield list(rows)
