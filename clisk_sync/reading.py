"""Reads a relay: records, the log, snapshots, and whether what was read still stands.

Nothing that a relay says is believed here: roster.py, intake.py and taking.py
check it. Reading may be cut off at any instant and is done again.

Spec: protocol/envelope.md §6 to §8, protocol/relay-api.md §5.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Final

from clisk_sync.errors import RelayMisbehaved, RevokedError, RollbackDetected
from clisk_sync.inbox import Inbox
from clisk_sync.intake import Intake, Offered
from clisk_sync.journal import Journal, Placed, State
from clisk_sync.registrar import Registrar
from clisk_sync.report import Tally
from clisk_sync.roster import Roster
from clisk_sync.taking import Round, Taker
from clisk_sync.transport import VaultTransport
from clisk_sync.turns import give_way
from clisk_vault.ids import DeviceId
from clisk_vault.primitives import sha256

# One transaction takes in this much.
_GROUP_BYTES: Final = 64 << 10
# A stream of junk need not end; after this much of it the relay is not heard out.
_MAX_REFUSED: Final = 1000
_RESCAN_EVERY_MS: Final = 60_000


class Reader:
    """What comes in to one vault from one relay."""

    def __init__(
        self,
        transport: VaultTransport,
        *,
        journal: Journal,
        roster: Roster,
        intake: Intake,
        inbox: Inbox,
        taker: Taker,
        registrar: Registrar,
        clock: Callable[[], int],
    ) -> None:
        self._transport = transport
        self._journal = journal
        self._roster = roster
        self._intake = intake
        self._inbox = inbox
        self._taker = taker
        self._registrar = registrar
        self._clock = clock

    async def learn(self, tally: Tally) -> None:
        """Take in the membership records, and what follows from them.

        Raises:
            RevokedError: this device is no member any more.
        """
        await self._roster.pull(self._transport, tally)
        membership, own = self._roster.membership, self._intake.frontier.own
        self._intake.settle(membership, tally)
        departed = membership.departed.get(own)
        if departed is None:
            return
        if departed.by == own:
            message = "this device has left the vault"
        else:
            by = self._registrar.name_of(membership, departed.by)
            message = f"this device was revoked by {by}"
        raise RevokedError(message, by=departed.by, revoked_ms=departed.revoked_ms)

    async def look_at_snapshots(self, tally: Tally) -> bool:
        """Take the newest snapshot, if any; tell whether a chain moved by it."""
        membership = self._roster.membership
        is_cloned = self._journal.state(State.CLONED) == 1
        may_seal = not is_cloned and self._registrar.may_seal(membership)
        return await self._taker.look(
            Round(self._transport, membership, tally, may_seal)
        )

    async def pull(self, tally: Tally) -> None:
        """Take in all that is new, after seeing that what was read last still stands.

        A relay that was set back has it no more. In one reading where it can be.
        """
        anchor = self._journal.newest_placed()
        if anchor is None and self._taker.store.taken() is not None:
            # All that was read is covered: the snapshot itself is the anchor.
            await self.look_at_snapshots(tally)
        rescan = self._is_rescan_due()
        if anchor is not None and (
            rescan or anchor.position != self._journal.state(State.CURSOR)
        ):
            if not await self._stands(anchor):
                self.set_back(anchor.author, anchor.number, tally)
            anchor = None
        if rescan:
            self._journal.forget_positions()
            self._journal.set_state(State.RESCANNED_MS, self._clock())
        if not await self._read_on(anchor, tally):
            assert anchor is not None
            self.set_back(anchor.author, anchor.number, tally)
            await self._read_on(None, tally)
        await self._finish(tally)

    async def take(self, entries: Iterable[tuple[int, bytes]], tally: Tally) -> None:
        """Take in *entries*, which the relay gave as what stands behind the cursor."""
        await self._take_in(_each(entries), tally)
        await self._finish(tally)

    def set_back(self, device: DeviceId, number: int, tally: Tally) -> None:
        """Note that the relay has an envelope no more, and read all of it again."""
        found = RollbackDetected(
            "the relay no longer gives it", device=device, number=number
        )
        with self._journal.storage.transaction():
            self._intake.note(found, tally)
            self._journal.forget_positions()

    async def _finish(self, tally: Tally) -> None:
        await self._inbox.empty(self._roster.membership, tally)
        if self._intake.frontier.missing_record is not None:
            await self.learn(tally)

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
            await self._take_in(stream, tally)
        return True

    async def _take_in(
        self, stream: AsyncIterator[tuple[int, bytes]], tally: Tally
    ) -> None:
        async for group in _grouped(stream):
            if not all(offer.is_known_to(self._roster.membership) for offer in group):
                await self.learn(tally)
            membership = self._roster.membership
            self._intake.receive(group, membership, tally)
            if tally.refused > _MAX_REFUSED:
                tally.alert(RelayMisbehaved("it gives more junk than envelopes"))
                break
            if self._inbox.is_full():
                await self._inbox.empty(membership, tally)
            # What has come already is read on without a wait for the network.
            await give_way()

    def _is_rescan_due(self) -> bool:
        """Tell whether to read everything again: for what is missing, in moderation."""
        if not self._journal.state(State.RESCAN) and not self._intake.frontier.missing:
            return False
        since_ms = self._clock() - self._journal.state(State.RESCANNED_MS)
        return abs(since_ms) >= _RESCAN_EVERY_MS


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


async def _each(
    entries: Iterable[tuple[int, bytes]],
) -> AsyncIterator[tuple[int, bytes]]:
    for entry in entries:
        yield entry


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
