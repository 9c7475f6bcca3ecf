"""Keeps one vault in step with its other devices over one relay.

Records first, then envelopes in, then envelopes out. Nothing that a relay says is
believed before intake.py has checked it, and nothing is sent before it is saved;
so a call may be cancelled, and the process killed, at any instant.

Spec: protocol/envelope.md §6 to §8.
"""

from __future__ import annotations

import asyncio
import itertools
import os
from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Callable,
    Coroutine,
    Mapping,
)
from contextlib import asynccontextmanager, suppress
from typing import Final

from clisk_sync.compaction import Compacted, Compactor, Progress, Round
from clisk_sync.device_name import check_name
from clisk_sync.envelope_content import Mark
from clisk_sync.errors import (
    AuthError,
    CallerError,
    CloneDetected,
    ConflictError,
    NumberTakenError,
    RecordConflictError,
    RelayMisbehaved,
    RelayRefused,
    RevokedError,
    RollbackDetected,
    SyncError,
    TransportError,
)
from clisk_sync.founding import clock_ms
from clisk_sync.frontier import Frontier
from clisk_sync.inbox import Inbox
from clisk_sync.intake import Intake, Offered
from clisk_sync.journal import Evidence, Journal, Placed, State
from clisk_sync.membership import Departed, Membership
from clisk_sync.outbox import Outbox
from clisk_sync.ports import VaultPort
from clisk_sync.registrar import Registrar
from clisk_sync.report import Heard, SyncReport, Tally
from clisk_sync.retry import RetryPolicy
from clisk_sync.roster import Roster
from clisk_sync.transport import VaultTransport
from clisk_vault.device import DevicePublic
from clisk_vault.ids import DeviceId, EnvelopeHash
from clisk_vault.primitives import Random, sha256

# One transaction takes in this much.
_GROUP_BYTES: Final = 64 << 10
# A stream of junk need not end; after this much of it the relay is not heard out.
_MAX_REFUSED: Final = 1000
_RESCAN_EVERY_MS: Final = 60_000
# A conflict is looked into once, and tried again once.
_ATTEMPTS: Final = 2
# Others may sign records at the same time; so often one is made anew.
_RECORD_ATTEMPTS: Final = 8
_DEBOUNCE_SECONDS: Final = 0.25
_WAIT_SECONDS: Final = 30.0
_BACKOFF = RetryPolicy(base_seconds=1.0, cap_seconds=300.0)


class SyncEngine:
    """One vault, one relay. `sync_once` does a round, `follow` keeps at it."""

    def __init__(
        self,
        vault: VaultPort,
        transport: VaultTransport,
        *,
        clock: Callable[[], int] = clock_ms,
        random: Random = os.urandom,
    ) -> None:
        """Take up where the vault file left off.

        The file must hold the membership records: Journal.keep_membership().
        """
        self._transport = transport
        self._clock = clock
        self._journal = Journal(vault.storage)
        self._roster = Roster(vault, self._journal, clock)
        self._intake = Intake(vault, self._journal, clock)
        self._inbox = Inbox(vault, self._journal)
        self._outbox = Outbox(
            vault, self._journal, self._intake, clock=clock, random=random
        )
        self._compactor = Compactor(
            vault, self._journal, self._intake, self._outbox, clock=clock, random=random
        )
        self._registrar = Registrar(vault, self._intake, clock=clock, random=random)
        self._one_at_a_time = asyncio.Lock()
        # Then a snapshot tells it where each chain stands: snapshot.md §7.
        self._relay_lost_our_chain = False
        self._nudge = asyncio.Event()

    @property
    def membership(self) -> Membership:
        """The membership as verified so far."""
        return self._roster.membership

    @property
    def frontier(self) -> Frontier:
        """The frontier as verified so far."""
        return self._intake.frontier

    @property
    def cloned(self) -> bool:
        """Whether another device writes under this one's identity.

        Then this one writes no more: it has to be paired again.
        """
        return self._journal.state(State.CLONED) == 1

    @property
    def is_compaction_due(self) -> bool:
        """Whether it is this device's turn to make a snapshot."""
        return self._compactor.is_due()

    def evidence(self) -> list[Evidence]:
        """Return everything ever found against the relay or a device."""
        return self._journal.evidence()

    def heard(self) -> dict[DeviceId, Heard]:
        """Return when each other member was last heard from."""
        chains = self.frontier.chains.items()
        return {
            device: Heard(chain.mark.number, chain.written_ms, chain.received_ms)
            for device, chain in chains
            if device != self.frontier.own
        }

    def adopt(self, membership: Membership) -> None:
        """Keep *membership*, which continues the one held: after a pairing."""
        self._roster.take(membership)

    def handover(self) -> dict[DeviceId, tuple[int, EnvelopeHash]]:
        """Return every mark, the own one too: what a newcomer must be able to find."""
        return {
            device: (chain.mark.number, chain.mark.hash)
            for device, chain in self.frontier.chains.items()
        }

    def expect(self, marks: Mapping[DeviceId, tuple[int, EnvelopeHash]]) -> None:
        """Hold the relay to *marks*, which came with the pairing."""
        expected = self.frontier.expecting(
            {device: Mark(*mark) for device, mark in marks.items()},
            self.membership.head,
            now_ms=self._clock(),
        )
        with self._journal.storage.transaction():
            self._intake.save(expected)

    def nudge(self) -> None:
        """Say that there is something to send; follow() wakes up."""
        self._nudge.set()

    async def sync_once(self, *, tell_logs: bool = False) -> SyncReport:
        """Take in all that is new, send all that is not sent.

        *tell_logs*: tell the others of this device's access log now, not once an
        hour: a person asks.

        Faults of the relay and of other devices are alerts in the report.

        Raises:
            TransportError, RelayRefused: the relay; what was done stays done.
            RevokedError: this device is no member any more.
            UnsupportedError: the membership needs a newer program.
        """
        async with self._one_at_a_time:
            tally = Tally()
            async with self._telling_revocation(tally):
                await self._exchange(tally, tell_logs=tell_logs)
            self._journal.set_state(State.CONTACT_MS, self._clock())
            for alert in self.frontier.withheld():
                tally.alert(alert)
            if self.cloned and not tally.has(CloneDetected):
                # Found in an earlier round, and still so: nothing was sent.
                tally.alert(self._older_copy())
            return tally.report(self.heard())

    async def add_kit(self, kit: DevicePublic, name: str, *, anchor: Mark) -> None:
        """Make a recovery kit a member: protocol/recovery.md §4.

        *anchor* is what speak() returned when the kit was written.

        Raises:
            CallerError: *anchor* is no envelope of this device.
            as revoke().
        """
        async with self._changing() as tally:
            if self._journal.hash_of(self.frontier.own, anchor.number) != anchor.hash:
                raise CallerError("the kit's mark is not an envelope of this device")
            await self._append_record(
                lambda held: self._registrar.kit(held, kit, name), tally
            )

    async def succeed(self, device: DevicePublic) -> Membership:
        """Let *device* in as what this restored one goes on as; return the records.

        The last thing that the old identity signs: a record takes no number of its
        chain. succession.py then makes the file the new device's.

        Raises:
            CallerError: this device is no older copy of itself.
            RevokedError, RecordConflictError, TransportError, RelayRefused.
        """
        async with self._one_at_a_time:
            tally = Tally()
            async with self._telling_revocation(tally):
                await self._learn(tally)
                await self._pull(tally)
                if not self.cloned:
                    raise CallerError("this device is no older copy of itself")
                await self._append_record(
                    lambda held: self._registrar.successor(held, device), tally
                )
            return self.membership

    async def speak(self) -> Mark:
        """Write an envelope now, whatever there is to say, and return its mark.

        Raises:
            as revoke().
        """
        async with self._changing() as tally:
            self._outbox.seal_next(self.membership, tally, speak=True)
            await self._outbox.send_all(self._transport, tally)
            return self.frontier.chain(self.frontier.own).mark

    async def revoke(self, device: DeviceId) -> Departed:
        """End the membership of *device* and return the record of it.

        The relay has the record before this device believes it. Revoked already,
        or revoked by another device meanwhile: then that stands. This device may
        revoke itself: it leaves.

        Raises:
            NotAMember: there is no such device.
            MembershipError: it is the last one.
            RevokedError: this device was revoked first.
            TransportError, RelayRefused: not known to be done; ask again.
        """
        async with self._changing() as tally:
            self.membership.known(device)
            await self._append_record(
                lambda held: self._registrar.revocation(held, device), tally
            )
            return self.membership.departed[device]

    async def rotate(self) -> int:
        """Begin a new epoch and return its number.

        Raises:
            as revoke().
        """
        async with self._changing() as tally:
            await self._append_record(self._registrar.rotation, tally)
            return self.membership.epoch

    async def rename(self, name: str) -> None:
        """Give this device another name.

        Raises:
            FormatError: *name* is not a device name.
            as revoke().
        """
        check_name(name)
        async with self._changing() as tally:
            await self._append_record(
                lambda held: self._registrar.new_name(held, name), tally
            )

    async def compact(
        self, *, progress: Progress = lambda _doing, _done, _all: None
    ) -> tuple[SyncReport, Compacted]:
        """Pack all there is into a snapshot, so that the relay may delete the rest.

        Syncs first. *progress* is told what is being done, how much of it, of how
        much. Where another device was first its snapshot is taken instead.

        Raises:
            CloneDetected: a copy of this device makes none.
            as sync_once().
        """
        async with self._one_at_a_time:
            tally = Tally()
            async with self._telling_revocation(tally):
                await self._exchange(tally)
                if self.cloned:
                    raise self._older_copy()
                await self._look_at_snapshots(tally)
                before = self._compactor.store.uncovered()
                made = self._compactor.has_something() and (
                    await self._make_snapshot(tally, progress)
                )
            for alert in self.frontier.withheld():
                tally.alert(alert)
            compacted = self._compactor.outcome(
                self.membership, made=made, before=before
            )
            return tally.report(self.heard()), compacted

    async def _make_snapshot(
        self, tally: Tally, progress: Progress = lambda _doing, _done, _all: None
    ) -> bool:
        """Make one, take it back from the relay, and tell the others."""
        compactor = self._compactor
        if self._journal.state(State.TAKING) or not self._registrar.may_seal(
            self.membership
        ):
            return False
        made = await compactor.make(self._transport, self.membership, progress=progress)
        await self._look_at_snapshots(tally)
        await compactor.acknowledge(self._transport)
        await self._outbox.send_all(self._transport, tally)
        return made

    async def follow(
        self,
        stop: asyncio.Event,
        *,
        tell: Callable[[SyncReport | SyncError], None],
        backoff: RetryPolicy = _BACKOFF,
    ) -> None:
        """Sync now, at each nudge and whenever the relay has news, until *stop*.

        *tell* gets each round's report, or why there was none: then the pauses grow.

        Raises:
            RevokedError: this device is no member any more.
            UnsupportedError: the membership needs a newer program.
        """
        failures = 0
        while not stop.is_set():
            try:
                report = await self.sync_once()
                tell(report)
                if (report.pushed or report.pulled) and self.is_compaction_due:
                    report, _ = await self.compact()
                    tell(report)
                failures = 0
                await self._idle(stop)
            except (TransportError, RelayRefused) as err:
                failures += 1
                tell(err)
                pause = backoff.pause_seconds(failures)
                await _first(pause, stop.wait())

    async def _idle(self, stop: asyncio.Event) -> None:
        """Return when there may be something to do."""
        after = self._journal.state(State.CURSOR)
        await _first(
            _WAIT_SECONDS + 5,
            stop.wait(),
            self._nudge.wait(),
            self._transport.wait(after, _WAIT_SECONDS),
        )
        if self._nudge.is_set():
            # Changes come in bursts, and an envelope holds many.
            await _first(_DEBOUNCE_SECONDS, stop.wait())
            self._nudge.clear()

    @asynccontextmanager
    async def _changing(self) -> AsyncIterator[Tally]:
        """Read all that is new, let the caller sign, and tell the others at once."""
        async with self._one_at_a_time:
            tally = Tally()
            async with self._telling_revocation(tally):
                await self._exchange(tally)
                if self.cloned:
                    raise self._older_copy()
                yield tally
                # It is done; that others hear of it now is a courtesy.
                with suppress(TransportError, RelayRefused):
                    await self._announce(tally)

    def _older_copy(self) -> CloneDetected:
        own = self.frontier.own
        return CloneDetected(
            "another copy of this device has gone on; this one signs nothing",
            device=own,
            number=self.frontier.chain(own).mark.number,
        )

    @asynccontextmanager
    async def _telling_revocation(self, tally: Tally) -> AsyncIterator[None]:
        """Where the relay refuses this device, find out whether it was revoked."""
        try:
            yield
        except AuthError:
            await self._learn(tally)
            raise

    async def _exchange(self, tally: Tally, *, tell_logs: bool = False) -> None:
        await self._learn(tally)
        if self._compactor.is_new_here():
            await self._look_at_snapshots(tally)
        for _ in range(_ATTEMPTS):
            await self._pull(tally)
            if self._compactor.is_worth_a_look(tally) and (
                await self._look_at_snapshots(tally)
            ):
                await self._pull(tally)
            if self.cloned:
                self._intake.close_log()
                return
            await self._compactor.acknowledge(self._transport)
            for _ in self._registrar.owed_ends(self.membership):
                await self._append_record(self._registrar.owed_end, tally)
            await self._append_record(self._registrar.owed_rotation, tally)
            if self._relay_lost_our_chain:
                await self._make_snapshot(tally)
            if await self._push(tally, tell_logs=tell_logs):
                return

    async def _learn(self, tally: Tally) -> None:
        """Take in the membership records, and what follows from them.

        Raises:
            RevokedError: this device is no member any more.
        """
        await self._roster.pull(self._transport, tally)
        self._heed(tally)

    def _heed(self, tally: Tally) -> None:
        self._intake.settle(self.membership, tally)
        departed = self.membership.departed.get(self.frontier.own)
        if departed is None:
            return
        if departed.by == self.frontier.own:
            message = "this device has left the vault"
        else:
            by = self._registrar.name_of(self.membership, departed.by)
            message = f"this device was revoked by {by}"
        raise RevokedError(message, by=departed.by, revoked_ms=departed.revoked_ms)

    async def _look_at_snapshots(self, tally: Tally) -> bool:
        """Take the newest snapshot, if any; tell whether a chain moved by it."""
        may_seal = not self.cloned and self._registrar.may_seal(self.membership)
        return await self._compactor.look(
            Round(self._transport, self.membership, tally, may_seal)
        )

    async def _append_record(
        self, make: Callable[[Membership], bytes | None], tally: Tally
    ) -> None:
        """Append what *make* says, if anything, on whatever is the newest record.

        Raises:
            RecordConflictError: others were faster each time.
        """
        for attempt in itertools.count(1):
            record = make(self.membership)
            if record is None:
                return
            try:
                await self._transport.append_record(record)
            except RecordConflictError:
                if attempt == _RECORD_ATTEMPTS:
                    raise
                if attempt > 1:
                    # Somebody's last envelope was passed over, behind a gap perhaps.
                    self._journal.forget_positions()
                await self._learn(tally)
                await self._pull(tally)
            else:
                self._roster.take(self.membership.extend(record))
                return

    async def _announce(self, tally: Tally) -> None:
        if self.frontier.own in self.membership.departed:
            return
        self._intake.settle(self.membership, tally)
        if self._registrar.may_seal(self.membership):
            self._outbox.seal_next(self.membership, tally, speak=True)
            await self._outbox.send_all(self._transport, tally)

    async def _pull(self, tally: Tally) -> None:
        """Take in all that is new, after seeing that what was read last still stands.

        A relay that was set back has it no more. In one reading where it can be.
        """
        anchor = self._journal.newest_placed()
        if anchor is None and self._compactor.store.taken() is not None:
            # All that was read is covered: the snapshot itself is the anchor.
            await self._look_at_snapshots(tally)
        rescan = self._is_rescan_due()
        if anchor is not None and (
            rescan or anchor.position != self._journal.state(State.CURSOR)
        ):
            if not await self._stands(anchor):
                self._set_back(anchor.author, anchor.number, tally)
            anchor = None
        if rescan:
            self._journal.forget_positions()
            self._journal.set_state(State.RESCANNED_MS, self._clock())
        if not await self._read_on(anchor, tally):
            assert anchor is not None
            self._set_back(anchor.author, anchor.number, tally)
            await self._read_on(None, tally)
        await self._inbox.empty(self.membership, tally)
        if self.frontier.missing_record is not None:
            await self._learn(tally)

    async def _stands(self, anchor: Placed) -> bool:
        async with _reading(self._transport, anchor.position - 1) as stream:
            return await _begins_with(stream, anchor)

    async def _read_on(self, anchor: Placed | None, tally: Tally) -> bool:
        """Take in what stands behind the cursor, or behind *anchor* if that stands."""
        after = self._journal.state(State.CURSOR)
        if anchor is not None:
            after = anchor.position - 1
        async with _reading(self._transport, after) as stream:
            if anchor is not None and not await _begins_with(stream, anchor):
                return False
            async for group in _grouped(stream):
                if not all(offer.is_known_to(self.membership) for offer in group):
                    await self._learn(tally)
                self._intake.receive(group, self.membership, tally)
                if tally.refused > _MAX_REFUSED:
                    tally.alert(RelayMisbehaved("it gives more junk than envelopes"))
                    break
                if self._inbox.is_full():
                    await self._inbox.empty(self.membership, tally)
        return True

    def _set_back(self, device: DeviceId, number: int, tally: Tally) -> None:
        found = RollbackDetected(
            "the relay no longer gives it", device=device, number=number
        )
        with self._journal.storage.transaction():
            self._intake.note(found, tally)
            self._journal.forget_positions()

    def _is_rescan_due(self) -> bool:
        """Tell whether to read everything again: for what is missing, in moderation."""
        if not self._journal.state(State.RESCAN) and not self.frontier.missing:
            return False
        since_ms = self._clock() - self._journal.state(State.RESCANNED_MS)
        return abs(since_ms) >= _RESCAN_EVERY_MS

    async def _push(self, tally: Tally, *, tell_logs: bool) -> bool:
        """Send all there is; return whether the relay took it.

        Where it did not, everything is to be read again first: the relay was set
        back, or holds envelopes of ours that we do not know.
        """
        try:
            await self._outbox.send_all(self._transport, tally)
            while self._registrar.may_seal(self.membership) and self._outbox.seal_next(
                self.membership, tally, tell_logs=tell_logs
            ):
                await self._outbox.send_all(self._transport, tally)
        except NumberTakenError:
            tally.alert(RelayMisbehaved("the relay says it has another one of ours"))
            self._journal.forget_positions()
        except ConflictError as conflict:
            # What a snapshot covers is kept here no more, so it cannot be sent again.
            number = self._compactor.covers(self.frontier.own)
            self._relay_lost_our_chain = conflict.head_number < number
            self._set_back(self.frontier.own, conflict.head_number + 1, tally)
        else:
            self._relay_lost_our_chain = False
            return True
        return False


@asynccontextmanager
async def _reading(
    transport: VaultTransport, after: int
) -> AsyncIterator[AsyncIterator[tuple[int, bytes]]]:
    """Yield the relay's log above *after*, and let go of it in any case."""
    stream = transport.read(after)
    try:
        yield stream
    finally:
        if isinstance(stream, AsyncGenerator):
            await stream.aclose()


async def _begins_with(
    stream: AsyncIterator[tuple[int, bytes]], anchor: Placed
) -> bool:
    """Tell whether *anchor* is what comes first in *stream*."""
    async for position, data in stream:
        return position == anchor.position and sha256(data) == anchor.hash
    return False


async def _grouped(
    stream: AsyncIterator[tuple[int, bytes]],
) -> AsyncIterator[list[Offered]]:
    group, size = list[Offered](), 0
    async for position, data in stream:
        group.append(Offered.parse(position, data))
        size += len(data)
        if size >= _GROUP_BYTES:
            yield group
            group, size = [], 0
    if group:
        yield group


async def _first(
    timeout_seconds: float, *awaitables: Coroutine[object, object, object]
) -> None:
    """Return when the first of *awaitables* is done, or at the timeout.

    Raises:
        what the first one raised, if it did.
    """
    tasks = [asyncio.ensure_future(each) for each in awaitables]
    try:
        done, _ = await asyncio.wait(
            tasks, timeout=timeout_seconds, return_when=asyncio.FIRST_COMPLETED
        )
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
