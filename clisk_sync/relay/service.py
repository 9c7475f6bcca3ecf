"""What a relay does, whatever carries the requests: protocol/relay-api.md."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Awaitable,
    Callable,
    Mapping,
    Sequence,
)
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, TypeAlias

from clisk_sync.admission import (
    Head,
    Members,
    admit_envelope,
    admit_genesis,
    admit_record,
)
from clisk_sync.errors import QuotaError, UnknownVaultError
from clisk_sync.login import parse_unverified_login
from clisk_sync.refusals import Code, refuse, refusing_bad_input
from clisk_sync.relay.auth import Authority, Caller, RelaySecret, now_ms
from clisk_sync.relay.invites import invite_hash
from clisk_sync.relay.limits import FullVaults, Gate, TokenBuckets
from clisk_sync.relay.metrics import Metrics
from clisk_sync.relay.news import News, Written, topic_of
from clisk_sync.relay.sessions import Sessions
from clisk_sync.relay.settings import Creation, Settings
from clisk_sync.relay.store import Store, VaultRow
from clisk_sync.relay.store_append import MembershipMovedError
from clisk_sync.relay.store_snapshots import Kept
from clisk_sync.relay.writer import Writer
from clisk_sync.snapshot import part_hash
from clisk_sync.snapshot_admission import admit_ack, admit_snapshot
from clisk_vault.ids import DeviceId, PartHash, VaultId

_MAX_MEMBERSHIPS: Final = 1024
# Membership may move between check and commit; more often than this is a fault.
_TRIES: Final = 5

# Done when the client has hung up.
Gone: TypeAlias = "asyncio.Task[None]"


@dataclass(frozen=True, slots=True)
class Reading:
    """A page of the log, and what stood there when it was begun."""

    head: int
    records: int
    first: Sequence[tuple[int, bytes]]
    rest: AsyncIterator[tuple[int, bytes]] | None

    @property
    def end(self) -> int | None:
        """The position of the last of *first*; None if there was more to read."""
        last = self.first[-1][0] if self.first else self.head
        # Beyond the head stands what was written while it was read.
        return None if self.rest is not None or last < self.head else last


class _Room(NamedTuple):
    """What an answer may still hold; each page of it has one entry at the least."""

    most: int
    most_bytes: int

    @property
    def is_left(self) -> bool:
        return self.most > 0 and self.most_bytes > 0

    def less(self, entries: Sequence[tuple[int, bytes]]) -> _Room:
        return _Room(self.most - len(entries), self.most_bytes - _size(entries))

    def holds(self, entries: Sequence[tuple[int, bytes]]) -> bool:
        return len(entries) <= self.most and _size(entries) <= self.most_bytes


def _size(entries: Sequence[tuple[int, bytes]]) -> int:
    return sum(len(data) for _, data in entries)


class Relay:
    """One relay process. Made by `open`; every refusal is a RelayRefused."""

    def __init__(
        self,
        settings: Settings,
        store: Store,
        secret: RelaySecret,
        *,
        clock: Callable[[], int] = now_ms,
    ) -> None:
        limits = settings.limits
        self.limits = limits
        self.store = store
        self.authority = Authority(
            secret,
            challenge_seconds=limits.challenge_seconds,
            token_seconds=limits.token_seconds,
            clock=clock,
        )
        self.sessions = Sessions(self.authority, store)
        self.news = News(most=limits.waiters, most_each=limits.waiters_per_vault)
        self.creations = TokenBuckets(limits.creations)
        self.logins = TokenBuckets(limits.logins)
        self.appends = TokenBuckets(limits.appends)
        self.mailbox_calls = TokenBuckets(limits.mailbox_calls)
        self.gate = Gate(limits.requests)
        self._full = FullVaults()
        self._origins = settings.origins
        self._creation = settings.creation
        self.shows_metrics_to_all = settings.shows_metrics_to_all
        self._clock = clock
        self._bell = store.bell()
        self.metrics = Metrics()
        self._writer = Writer(
            store, limits, self._publish, committed=self.metrics.committed
        )
        self._show_gauges()
        self._memberships: OrderedDict[VaultId, Members] = OrderedDict()

    @classmethod
    async def open(
        cls, settings: Settings, *, clock: Callable[[], int] = now_ms
    ) -> Relay:
        """Open the database and begin to take envelopes.

        Raises:
            CallerError, RelayRefused: as Store.open().
        """
        store = await Store.open(settings.database)
        try:
            secret = RelaySecret(await store.key())
        except BaseException:
            await store.close()
            raise
        relay = cls(settings, store, secret, clock=clock)
        relay._writer.start()
        relay._bell.start(relay.news.wake, relay._look_again)
        return relay

    def _look_again(self) -> None:
        self.metrics.listening()
        self.news.look_again()

    def _show_gauges(self) -> None:
        show = self.metrics.show
        show("waiting", "Requests that wait for news.", lambda: self.news.count)
        show("serving", "Requests being served now.", lambda: self.gate.taken)
        show("queued", "Envelopes to be written.", lambda: self._writer.queued)
        show("members", "Memberships in memory.", lambda: len(self._memberships))

    async def stop(self) -> None:
        """Wake whoever waits, write what was taken, close the store."""
        self.news.close()
        await self._writer.stop()
        await self._bell.stop()
        await self.store.close()

    def _publish(self, what: bytes, written: Written | None = None) -> None:
        """Wake those who wait here, and soon those at other processes."""
        self.news.publish(what, written)
        self._bell.ring(topic_of(what))

    # --- vaults and membership

    async def create(self, genesis: bytes, invite: str = "") -> tuple[VaultId, bool]:
        """Begin the vault that *genesis* founds; says whether it is new."""
        vault = admit_genesis(genesis).membership.vault_id
        if self._creation is not Creation.OPEN and await self._knows(vault):
            return vault, False
        if self._creation is Creation.CLOSED:
            raise refuse(Code.CREATION_CLOSED)
        needed = self._creation is Creation.INVITE
        created = await self.store.create_vault(
            vault,
            genesis,
            at=self._clock(),
            invite=invite_hash(invite) if needed else None,
        )
        return vault, created

    async def members(self, vault: VaultId) -> tuple[Members, VaultRow]:
        """Return the newest membership of *vault* and what is counted of it."""
        row = await self.store.vault(vault)
        return await self._members_of(vault, row), row

    async def _members_of(self, vault: VaultId, row: VaultRow) -> Members:
        cached = self._memberships.get(vault)
        if cached is None or cached.head != row.record_head:
            records = await self.store.records(vault)
            cached = await asyncio.to_thread(Members.verify, vault, records)
            self._remember(vault, cached)
        return cached

    async def append_record(self, caller: Caller, record: bytes) -> int:
        """Append a membership record by the caller; its index."""
        for _ in range(_TRIES):
            members, _row = await self.members(caller.vault)
            index = members.find(record)
            if index is not None:
                return index
            members.active(caller.device)
            if members.count >= self.limits.records:
                raise refuse(Code.RECORDS_FULL)
            heads = _Heads(await self.store.heads(caller.vault))
            after = admit_record(
                members, record, author=caller.device, newest=heads.newest
            )
            try:
                index = await self.store.append_record(
                    caller.vault,
                    after=members.head,
                    record=record,
                    record_hash=after.head,
                    heads=heads.relied_on,
                )
            except MembershipMovedError:
                continue
            self._remember(caller.vault, after)
            self._publish(caller.vault)
            return index
        raise refuse(Code.BUSY)

    async def records(self, caller: Caller) -> list[bytes]:
        """Return the membership records, to a member or to one that was."""
        members, _ = await self.members(caller.vault)
        members.known(caller.device)
        return list(members.membership.records)

    # --- the log

    def check_append(self, caller: Caller, size: int) -> None:
        """Refuse what cannot succeed before its body is read."""
        self.appends.take(caller.vault + caller.device)
        self._full.check(caller.vault, size)

    async def append(self, caller: Caller, data: bytes) -> int:
        """Append an envelope by the caller; its position."""
        members = self._memberships.get(caller.vault)
        for _ in range(_TRIES):
            if members is None:
                members, _row = await self.members(caller.vault)
            admitted = admit_envelope(members, data, author=caller.device)
            try:
                return await self._writer.append(admitted)
            except MembershipMovedError:
                members = None
            except QuotaError:
                self._full.note(caller.vault, len(data))
                raise
        raise refuse(Code.BUSY)

    async def read(self, caller: Caller, after: int) -> Reading:
        """Return the page of the log above *after*."""
        room = _Room(self.limits.page_items, self.limits.page_bytes)
        return await self._read(caller, after, room)

    async def _read(self, caller: Caller, after: int, room: _Room) -> Reading:
        page = await self.store.page(
            caller.vault, after=after, most=room.most, most_bytes=room.most_bytes
        )
        members = await self._members_of(caller.vault, page.row)
        members.active(caller.device)
        rest = self.store.rest(caller.vault, page) if page.later else None
        return Reading(page.row.head, page.row.records, page.first, rest)

    async def follow(
        self,
        caller: Caller,
        after: int,
        seconds: float,
        *,
        records: int | None,
        gone: Gone,
    ) -> AsyncGenerator[Reading, None]:
        """Yield the page above *after* once there is one, then all that follows it.

        Ends after *seconds*, or after as much as one page may hold. A membership of
        another number of *records* is the last that it yields, with or without a
        page. None: of another number than there are now.
        """
        ends = time.monotonic() + min(seconds, self.limits.wait_seconds)
        room = _Room(self.limits.page_items, self.limits.page_bytes)
        with self.news.listening(caller.vault) as listener:
            reading = await self._look(caller, after, room)
            records = reading.records if records is None else records
            while True:
                if reading.first or reading.records != records:
                    yield reading
                    room = room.less(reading.first)
                    if reading.records != records or reading.end is None:
                        return
                    if not room.is_left:
                        return
                    after = reading.end
                if not await self._woken(listener.wake, ends - time.monotonic(), gone):
                    return
                reading = self._just_written(
                    caller, after, listener.take(), room
                ) or await self._look(caller, after, room)

    async def _look(self, caller: Caller, after: int, room: _Room) -> Reading:
        """Return the page above *after*; where there is none, for one small look."""
        members, row = await self.members(caller.vault)
        if row.head > after:
            return await self._read(caller, after, room)
        members.active(caller.device)
        return Reading(row.head, row.records, (), None)

    def _just_written(
        self,
        caller: Caller,
        after: int,
        written: Sequence[Written] | None,
        room: _Room,
    ) -> Reading | None:
        """Return the page above *after*, if it is just what was *written*, and fits.

        Its last commit found the membership to be the newest.
        """
        members = self._memberships.get(caller.vault)
        if not written or members is None or members.head != written[-1].record_head:
            return None
        entries = [entry for each in written for entry in each.entries]
        if not room.holds(entries):
            return None
        places = [position for position, _ in entries]
        if places != list(range(after + 1, after + 1 + len(places))):
            return None
        members.active(caller.device)
        return Reading(places[-1], members.count, entries, None)

    # --- snapshots

    async def put_part(self, caller: Caller, name: PartHash, part: bytes) -> None:
        """Keep a part of a snapshot by the caller, under its own hash."""
        await self._check_active(caller)
        if part_hash(part) != name:
            raise refuse(Code.MALFORMED)
        await self.store.put_part(
            caller.vault, name, part, limits=self.limits, at=self._clock()
        )

    async def part(self, caller: Caller, name: PartHash) -> bytes:
        """Return the part of that hash."""
        await self._check_active(caller)
        body = await self.store.part(caller.vault, name)
        if body is None:
            raise refuse(Code.UNKNOWN_SNAPSHOT)
        return body

    async def append_snapshot(self, caller: Caller, data: bytes) -> None:
        """Add a snapshot by the caller."""

        async def add(members: Members) -> None:
            snapshot = admit_snapshot(members, data, author=caller.device)
            await self.store.add_snapshot(caller.vault, snapshot, members)

        await self._with_members(caller, add)

    async def acknowledge(self, caller: Caller, data: bytes) -> None:
        """Note that the caller has all that a snapshot covers."""

        async def add(members: Members) -> None:
            ack = admit_ack(members, data, device=caller.device)
            await self.store.add_ack(caller.vault, ack, members)

        await self._with_members(caller, add)

    async def snapshots(self, caller: Caller) -> list[Kept]:
        """Return the snapshots of the caller's vault."""
        await self._check_active(caller)
        return await self.store.snapshots(caller.vault)

    async def _with_members(
        self, caller: Caller, add: Callable[[Members], Awaitable[None]]
    ) -> None:
        """Do it with the newest membership, and again if that moves meanwhile."""
        for _ in range(_TRIES):
            members, _row = await self.members(caller.vault)
            try:
                return await add(members)
            except MembershipMovedError:
                continue
        raise refuse(Code.BUSY)

    # --- signing in

    async def log_in(self, vault: VaultId, data: bytes) -> tuple[str, int]:
        """Return a token for the device that signed *data*, and when it expires."""
        with refusing_bad_input():
            login = parse_unverified_login(data)
        if login.vault != vault or login.origin not in self._origins:
            raise refuse(Code.LOGIN_REFUSED)
        self.authority.check_challenge(login.challenge)
        members, _ = await self.members(vault)
        with refusing_bad_input():
            login.verify(members.known(login.device))
        return await self.sessions.begin(
            login.challenge, vault, login.device, now=self._clock()
        )

    # --- mailboxes

    async def post(self, mailbox: bytes, slot: int, body: bytes) -> None:
        """Write a mailbox slot, once."""
        await self.store.put_slot(
            mailbox, slot, body, limits=self.limits, now=self._clock()
        )
        self._publish(mailbox)

    async def fetch(
        self, mailbox: bytes, slot: int, seconds: float, *, gone: Gone
    ) -> bytes | None:
        """Return what stands in a mailbox slot, waiting for it."""
        ends = time.monotonic() + seconds
        while True:
            with self.news.listening(mailbox) as listener:
                body = await self.store.slot(mailbox, slot, now=self._clock())
                left = ends - time.monotonic()
                if body is not None:
                    return body
                if not await self._woken(listener.wake, left, gone):
                    return None

    # --- inside

    async def _woken(
        self, wake: asyncio.Future[None], seconds: float, gone: Gone
    ) -> bool:
        """Return once *wake* is done: True. At timeout, or when nobody waits: False."""
        if seconds <= 0:
            return False
        with self.gate.left():
            either: set[asyncio.Future[Any]] = {wake, gone}
            await asyncio.wait(
                either,
                timeout=min(seconds, self.limits.wait_seconds),
                return_when=asyncio.FIRST_COMPLETED,
            )
        if self.news.closed:
            raise refuse(Code.BUSY)
        return wake.done()

    async def _knows(self, vault: VaultId) -> bool:
        try:
            await self.store.vault(vault)
        except UnknownVaultError:
            return False
        return True

    async def _check_active(self, caller: Caller) -> None:
        members, _row = await self.members(caller.vault)
        members.active(caller.device)

    def _remember(self, vault: VaultId, members: Members) -> None:
        self._memberships[vault] = members
        self._memberships.move_to_end(vault)
        while len(self._memberships) > _MAX_MEMBERSHIPS:
            self._memberships.popitem(last=False)


class _Heads:
    """Tells the heads of devices, and remembers which a decision rests on."""

    def __init__(self, heads: Mapping[DeviceId, Head]) -> None:
        self._heads = heads
        self.relied_on: dict[DeviceId, Head] = {}

    def newest(self, device: DeviceId) -> Head:
        """Return the newest envelope of *device*."""
        head = self._heads.get(device, Head.none())
        self.relied_on[device] = head
        return head
