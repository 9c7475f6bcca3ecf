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
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Final

from clisk_sync.compaction import Compacted, has_something, is_due, outcome
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
    TransportError,
)
from clisk_sync.following import BACKOFF, WAIT_SECONDS, Follower, Outcome, Rounds
from clisk_sync.founding import clock_ms
from clisk_sync.frontier import Frontier
from clisk_sync.inbox import Inbox
from clisk_sync.intake import Intake
from clisk_sync.journal import Evidence, Journal, State
from clisk_sync.making import Maker, Progress
from clisk_sync.membership import Departed, Membership
from clisk_sync.outbox import Outbox
from clisk_sync.ports import VaultPort
from clisk_sync.reading import Reader
from clisk_sync.registrar import Registrar
from clisk_sync.report import Heard, SyncReport, Tally
from clisk_sync.retry import RetryPolicy
from clisk_sync.roster import Roster
from clisk_sync.taking import Taker
from clisk_sync.transport import News, VaultTransport
from clisk_vault.device import DevicePublic
from clisk_vault.ids import DeviceId, EnvelopeHash
from clisk_vault.primitives import Random

# A conflict is looked into once, and tried again once.
_ATTEMPTS: Final = 2
# Others may sign records at the same time; so often one is made anew.
_RECORD_ATTEMPTS: Final = 8
_CONTACT_MS: Final = 1000


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
        self._outbox = Outbox(
            vault, self._journal, self._intake, clock=clock, random=random
        )
        self._taker = Taker(
            vault, self._journal, self._intake, self._outbox, clock=clock
        )
        self._maker = Maker(
            vault, self._taker.store, self._intake, clock=clock, random=random
        )
        self._registrar = Registrar(
            vault, self._journal, self._intake, clock=clock, random=random
        )
        self._reader = Reader(
            transport,
            journal=self._journal,
            roster=self._roster,
            intake=self._intake,
            inbox=Inbox(vault, self._journal),
            taker=self._taker,
            registrar=self._registrar,
            clock=clock,
        )
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
        return is_due(self._taker.store, self.frontier.own)

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
            return self._finished(tally)

    def _finished(self, tally: Tally) -> SyncReport:
        now_ms = self._clock()
        # To the second is near enough, and not a commit of its own each time.
        if abs(now_ms - self._journal.state(State.CONTACT_MS)) >= _CONTACT_MS:
            self._journal.set_state(State.CONTACT_MS, now_ms)
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
                await self._reader.learn(tally)
                await self._reader.pull(tally)
                if not self.cloned:
                    raise CallerError("this device is no older copy of itself")
                # Before the record: a crash behind it leaves a member that nobody is.
                self._journal.note_successor(device.id)
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
                await self._reader.look_at_snapshots(tally)
                before = self._taker.store.uncovered()
                made = has_something(self._taker.store) and (
                    await self._make_snapshot(tally, progress)
                )
            for alert in self.frontier.withheld():
                tally.alert(alert)
            compacted = outcome(
                self._taker.store,
                self.membership,
                own_id=self.frontier.own,
                signed=self._taker.signed,
                made=made,
                before=before,
            )
            return tally.report(self.heard()), compacted

    async def _make_snapshot(
        self, tally: Tally, progress: Progress = lambda _doing, _done, _all: None
    ) -> bool:
        """Make one, take it back from the relay, and tell the others."""
        if self._journal.state(State.TAKING) or not self._registrar.may_seal(
            self.membership
        ):
            return False
        made = await self._maker.make(
            self._transport, self.membership, progress=progress
        )
        await self._reader.look_at_snapshots(tally)
        await self._taker.acknowledge(self._transport)
        await self._outbox.send_all(self._transport, tally)
        return made

    async def sync_news(self, news: News) -> SyncReport:
        """Take in what came as *news*, and send what is not sent.

        Of the relay nothing else is asked, unless there is something to say or
        something is not as it should be.

        Raises:
            as sync_once().
        """
        async with self._one_at_a_time:
            tally = Tally()
            async with self._telling_revocation(tally):
                await self._reader.take(news.entries, tally)
                if not await self._said_in_brief(tally):
                    await self._exchange(tally)
            return self._finished(tally)

    async def _said_in_brief(self, tally: Tally) -> bool:
        """Send what is to be sent, unless a whole round is what is called for."""
        if (
            self.cloned
            or tally.alerts
            or self._is_lacking()
            or self._taker.is_worth_a_look(tally)
        ):
            return False
        if not self._outbox.has_to_say():
            return True
        # Nothing is sealed under an epoch that a revocation has ended meanwhile.
        head = self.membership.head
        await self._reader.learn(tally)
        if self.membership.head != head or tally.alerts:
            return False
        return await self._push(tally, tell_logs=False)

    async def follow(
        self,
        stop: asyncio.Event,
        *,
        tell: Callable[[Outcome], None],
        backoff: RetryPolicy = BACKOFF,
    ) -> None:
        """Sync now, at each nudge and whenever the relay has news, until *stop*.

        *tell* gets each round's report, or why there was none: then the pauses grow.

        Raises:
            RevokedError: this device is no member any more.
            UnsupportedError: the membership needs a newer program.
        """
        rounds = Rounds(
            whole=self.sync_once,
            brief=self.sync_news,
            compact=self._compact_if_due,
            news=self._news,
            is_lacking=self._is_lacking,
        )
        await Follower(rounds, self._nudge, stop).run(tell, backoff)

    async def _news(self) -> News | None:
        return await self._transport.wait(
            self._journal.state(State.CURSOR),
            WAIT_SECONDS,
            records=len(self.membership.records),
        )

    def _is_lacking(self) -> bool:
        """Tell whether something is to be asked for that no news brings."""
        states = (State.RESCAN, State.TAKING, State.ACK_OWED)
        return bool(self.frontier.withheld()) or any(map(self._journal.state, states))

    async def _compact_if_due(self) -> SyncReport | None:
        if not self.is_compaction_due:
            return None
        report, _ = await self.compact()
        return report

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
            await self._reader.learn(tally)
            raise

    async def _exchange(self, tally: Tally, *, tell_logs: bool = False) -> None:
        await self._reader.learn(tally)
        if self._taker.is_new_here():
            await self._reader.look_at_snapshots(tally)
        for _ in range(_ATTEMPTS):
            await self._reader.pull(tally)
            if self._taker.is_worth_a_look(tally) and (
                await self._reader.look_at_snapshots(tally)
            ):
                await self._reader.pull(tally)
            if self.cloned:
                self._intake.close_log()
                return
            await self._taker.acknowledge(self._transport)
            for _ in self._registrar.owed_ends(self.membership):
                await self._append_record(self._registrar.owed_end, tally)
            await self._append_record(self._registrar.owed_rotation, tally)
            if self._relay_lost_our_chain:
                await self._make_snapshot(tally)
            if await self._push(tally, tell_logs=tell_logs):
                return

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
                await self._reader.learn(tally)
                await self._reader.pull(tally)
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
            number = self._taker.covers(self.frontier.own)
            self._relay_lost_our_chain = conflict.head_number < number
            self._reader.set_back(self.frontier.own, conflict.head_number + 1, tally)
        else:
            self._relay_lost_our_chain = False
            return True
        return False
