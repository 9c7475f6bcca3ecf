"""What a relay does, whatever carries the requests: protocol/relay-api.md."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from typing import Final, TypeAlias

from clisk_sync.admission import (
    Members,
    admit_envelope,
    admit_genesis,
    admit_record,
)
from clisk_sync.errors import QuotaError, UnknownVaultError
from clisk_sync.login import parse_unverified_login
from clisk_sync.refusals import Code, refuse, refusing_bad_input
from clisk_sync.relay.auth import Authority, Caller, now_ms
from clisk_sync.relay.limits import FullVaults, Gate, TokenBuckets
from clisk_sync.relay.news import News, Wake
from clisk_sync.relay.settings import Settings
from clisk_sync.relay.store import Store, VaultRow
from clisk_sync.relay.store_append import MembershipMovedError
from clisk_sync.relay.writer import Writer
from clisk_vault.ids import VaultId
from clisk_vault.primitives import sha256

_MAX_MEMBERSHIPS: Final = 1024
# Membership may move between check and commit; more often than this is a fault.
_TRIES: Final = 5

# Done when the client has hung up.
Gone: TypeAlias = "asyncio.Task[None]"


class Relay:
    """One relay process. Made by `open_relay`; every refusal is a RelayRefused."""

    def __init__(
        self, settings: Settings, store: Store, *, clock: Callable[[], int] = now_ms
    ) -> None:
        limits = settings.limits
        self.limits = limits
        self.store = store
        self.authority = Authority(
            settings.secret,
            challenge_seconds=limits.challenge_seconds,
            token_seconds=limits.token_seconds,
            clock=clock,
        )
        self.news = News(most=limits.waiters, most_each=limits.waiters_per_vault)
        self.creations = TokenBuckets(limits.creations)
        self.logins = TokenBuckets(limits.logins)
        self.appends = TokenBuckets(limits.appends)
        self.mailbox_calls = TokenBuckets(limits.mailbox_calls)
        self.gate = Gate(limits.requests)
        self._full = FullVaults()
        self._origins = settings.origins
        self._takes_new_vaults = settings.takes_new_vaults
        self._clock = clock
        self._writer = Writer(store, limits, self.news.publish)
        self._memberships: OrderedDict[VaultId, Members] = OrderedDict()

    def start(self) -> None:
        """Begin to take envelopes."""
        self._writer.start()

    async def stop(self) -> None:
        """Wake whoever waits, write what was taken, close the store."""
        self.news.close()
        await self._writer.stop()
        await self.store.close()

    # --- vaults and membership

    async def create(self, genesis: bytes) -> tuple[VaultId, bool]:
        """Begin the vault that *genesis* founds; says whether it is new."""
        vault = admit_genesis(genesis).membership.vault_id
        if not self._takes_new_vaults:
            await self._check_known(vault)
            return vault, False
        return vault, await self.store.create_vault(vault, genesis, at=self._clock())

    async def members(self, vault: VaultId) -> tuple[Members, VaultRow]:
        """Return the newest membership of *vault* and what is counted of it."""
        row = await self.store.vault(vault)
        cached = self._memberships.get(vault)
        if cached is None or cached.head != row.record_head:
            records = await self.store.records(vault)
            cached = await asyncio.to_thread(Members.verify, vault, records)
            self._remember(vault, cached)
        return cached, row

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
            after = admit_record(members, record, author=caller.device)
            try:
                index = await self.store.append_record(
                    caller.vault,
                    after=members.head,
                    record=record,
                    record_hash=after.head,
                )
            except MembershipMovedError:
                continue
            self._remember(caller.vault, after)
            self.news.publish(caller.vault)
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

    async def read(
        self, caller: Caller, after: int
    ) -> tuple[int, AsyncIterator[tuple[int, bytes]]]:
        """Return the newest position and the page of the log above *after*."""
        head = (await self._check_active(caller)).head
        return head, self.store.page(
            caller.vault,
            after=after,
            most=self.limits.page_items,
            most_bytes=self.limits.page_bytes,
        )

    async def wait(
        self, caller: Caller, after: int, seconds: float, *, gone: Gone
    ) -> bool:
        """Return True once something may stand above *after*, to a member.

        A new membership record is news too.
        """
        with self.news.listening(caller.vault) as wake:
            row = await self._check_active(caller)
            return row.head > after or await self._woken(wake, seconds, gone)

    # --- signing in

    async def log_in(self, vault: VaultId, data: bytes) -> tuple[str, int]:
        """Return a token for the device that signed *data*, and when it expires."""
        with refusing_bad_input():
            login = parse_unverified_login(data)
        if login.vault != vault or login.origin not in self._origins:
            raise refuse(Code.LOGIN_REFUSED)
        expires = self.authority.check_challenge(login.challenge)
        members, _ = await self.members(vault)
        with refusing_bad_input():
            login.verify(members.known(login.device))
        used = sha256(login.challenge)
        if not await self.store.use_challenge(used, expires=expires, now=self._clock()):
            raise refuse(Code.LOGIN_REFUSED)
        return self.authority.new_token(vault, login.device)

    # --- mailboxes

    async def post(self, mailbox: bytes, slot: int, body: bytes) -> None:
        """Write a mailbox slot, once."""
        await self.store.put_slot(
            mailbox, slot, body, limits=self.limits, now=self._clock()
        )
        self.news.publish(mailbox)

    async def fetch(
        self, mailbox: bytes, slot: int, seconds: float, *, gone: Gone
    ) -> bytes | None:
        """Return what stands in a mailbox slot, waiting for it."""
        ends = time.monotonic() + seconds
        while True:
            with self.news.listening(mailbox) as wake:
                body = await self.store.slot(mailbox, slot, now=self._clock())
                left = ends - time.monotonic()
                if body is not None or not await self._woken(wake, left, gone):
                    return body

    # --- inside

    async def _woken(self, wake: Wake, seconds: float, gone: Gone) -> bool:
        """Return True once *wake* is done; False at timeout or when nobody waits."""
        if seconds <= 0:
            return False
        with self.gate.left():
            await asyncio.wait(
                {wake, gone},
                timeout=min(seconds, self.limits.wait_seconds),
                return_when=asyncio.FIRST_COMPLETED,
            )
        if self.news.closed:
            raise refuse(Code.BUSY)
        return wake.done()

    async def _check_known(self, vault: VaultId) -> None:
        try:
            await self.store.vault(vault)
        except UnknownVaultError:
            raise refuse(Code.CREATION_CLOSED) from None

    async def _check_active(self, caller: Caller) -> VaultRow:
        members, row = await self.members(caller.vault)
        members.active(caller.device)
        return row

    def _remember(self, vault: VaultId, members: Members) -> None:
        self._memberships[vault] = members
        self._memberships.move_to_end(vault)
        while len(self._memberships) > _MAX_MEMBERSHIPS:
            self._memberships.popitem(last=False)
