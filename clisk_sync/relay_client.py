"""A vault and the mailboxes of a relay, over HTTP: protocol/relay-api.md.

Implements transport.py. Every call may be repeated, so each is, with pauses,
until the relay answers; what it answers is parsed strictly and believed by nobody.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final, TypeVar

from clisk_sync.errors import (
    AuthError,
    CallerError,
    RelayMisbehaved,
    TransportError,
)
from clisk_sync.http_transport import HttpRelay
from clisk_sync.login import sign_login
from clisk_sync.long_poll import milliseconds, poll
from clisk_sync.news_stream import NewsStream
from clisk_sync.page import PageReader, misbehaving
from clisk_sync.refusals import Code
from clisk_sync.relay_answers import (
    HEAD_HEADER,
    Challenge,
    Created,
    Placed,
    RecordIndex,
    Token,
    parse_answer,
)
from clisk_sync.sequence import (
    ACK_ITEM,
    MAX_ENTRY_BYTES,
    MAX_RECORD_ITEM_BYTES,
    SNAPSHOT_ITEM,
    SequenceReader,
    parse_entry,
    parse_record_item,
)
from clisk_sync.snapshot import part_hash
from clisk_sync.transport import (
    MAX_MAILBOX_BODY_BYTES,
    MAX_PART_BYTES,
    MAX_RECORDS,
    News,
    Offer,
)
from clisk_vault.errors import FormatError
from clisk_vault.ids import DeviceId, PartHash, VaultId
from clisk_vault.primitives import SigningKey

_MAX_RECORDS_BYTES: Final = 32 << 20
_MAX_OFFER_BYTES: Final = 4 << 20
_INVITE: Final = re.compile(r"([0-9a-f]{32})?")

T = TypeVar("T")


@dataclass(slots=True)
class _Page:
    """What came of asking for one page."""

    entries: list[tuple[int, bytes]] = field(default_factory=list)
    unverified_head: str = ""
    cut: TransportError | None = None


def check_invite(invite: str) -> None:
    """Refuse what no relay's invitation looks like; none at all is allowed.

    Raises:
        CallerError: as said.
    """
    if not _INVITE.fullmatch(invite):
        raise CallerError(
            "an invitation is 32 digits and letters a to f",
            advice="copy it whole, as whoever runs the relay gave it",
        )


class HttpVaultTransport:
    """VaultTransport for one vault and one device, over HTTP."""

    def __init__(
        self,
        relay: HttpRelay,
        vault: VaultId,
        *,
        device: DeviceId,
        signing: SigningKey,
        invite: str = "",
    ) -> None:
        """Name them; *invite* is for a relay that takes new vaults by invitation.

        Raises:
            CallerError: not what an invitation looks like.
        """
        check_invite(invite)
        self._relay = relay
        self._invite = invite
        self._vault = vault
        self._device = device
        self._signing = signing
        self._path = f"/v1/vaults/{vault.hex()}"
        self._token = ""
        self._signing_in = asyncio.Lock()
        self._news = NewsStream(relay, f"{self._path}/news", self._with_token)

    async def create(self, genesis: bytes) -> VaultId:
        """Bring the vault to the relay."""
        body = await self._relay.retry.run(
            lambda: self._relay.call(
                "POST", "/v1/vaults", body=genesis, invite=self._invite
            )
        )
        if parse_answer(Created, body).vault != self._vault.hex():
            raise RelayMisbehaved("the relay made another vault than it was asked for")
        return self._vault

    async def append_record(self, record: bytes) -> int:
        """Append a membership record; returns its index."""
        body = await self._call("POST", "/records", body=record)
        return parse_answer(RecordIndex, body).index

    async def records(self) -> list[bytes]:
        """Return all membership records in order, unverified."""
        return await self._relay.retry.run(lambda: self._with_token(self._records))

    async def append(self, envelope: bytes) -> int:
        """Append an envelope of this device; returns its position."""
        body = await self._call("POST", "/envelopes", body=envelope)
        return parse_answer(Placed, body).position

    async def read(self, after: int) -> AsyncIterator[tuple[int, bytes]]:
        """Yield (position, envelope), unverified, for each position above *after*."""
        retry, failures = self._relay.retry, 0
        while True:
            page = await self._page(after)
            for position, envelope in page.entries:
                after = position
                yield position, envelope
            if page.cut is None:
                # The relay says when there is no more; one that lies could as
                # well have left things out.
                if not page.entries or page.unverified_head == str(after):
                    return
                failures = 0
                continue
            # What arrived whole was worth having: only standing still counts.
            failures = 1 if page.entries else failures + 1
            if failures >= retry.attempts:
                raise page.cut
            await retry.sleep(retry.pause_seconds(failures))

    async def put_part(self, part: bytes) -> None:
        """Keep a sealed part of a snapshot."""
        await self._call("PUT", _part_path(part_hash(part)), body=part)

    async def part(self, name: PartHash) -> bytes:
        """Return the part of that hash, unverified."""

        async def fetch(token: str) -> bytes:
            return await self._relay.call(
                "GET",
                self._path + _part_path(name),
                token=token,
                max_bytes=MAX_PART_BYTES,
            )

        return await self._relay.retry.run(lambda: self._with_token(fetch))

    async def append_snapshot(self, snapshot: bytes) -> None:
        """Add a snapshot of this device, whose parts are there."""
        await self._call("POST", "/snapshots", body=snapshot)

    async def acknowledge(self, ack: bytes) -> None:
        """Say that this device has all that a snapshot covers."""
        await self._call("POST", "/acks", body=ack)

    async def snapshots(self) -> Offer:
        """Return the snapshots that the relay keeps, and what was acknowledged."""
        return await self._relay.retry.run(lambda: self._with_token(self._offer))

    async def wait(
        self, after: int, timeout_seconds: float, *, records: int | None = None
    ) -> News | None:
        """Return what stands above *after* once something does, None at timeout."""
        return await self._news.wait(after, timeout_seconds, records=records)

    async def _call(self, method: str, path: str, *, body: bytes) -> bytes:
        async def call(token: str) -> bytes:
            return await self._relay.call(
                method, self._path + path, body=body, token=token
            )

        return await self._relay.retry.run(lambda: self._with_token(call))

    async def _with_token(self, call: Callable[[str], Awaitable[T]]) -> T:
        """Return what *call* returns, signing in first, and again if told to: once."""
        token = self._token or await self._sign_in("")
        try:
            return await call(token)
        except AuthError as err:
            if err.code != Code.NOT_SIGNED_IN:
                raise
        return await call(await self._sign_in(token))

    async def _sign_in(self, stale: str) -> str:
        async with self._signing_in:
            if self._token != stale:
                return self._token  # another task was quicker
            made = parse_answer(
                Challenge, await self._relay.call("POST", "/v1/challenges")
            )
            login = sign_login(
                self._signing,
                device=self._device,
                # The address that we dialled, never one that the relay says.
                origin=self._relay.origin,
                vault=self._vault,
                challenge=bytes.fromhex(made.challenge),
            )
            body = await self._relay.call("POST", self._path + "/tokens", body=login)
            self._token = parse_answer(Token, body).token
            return self._token

    async def _records(self, token: str) -> list[bytes]:
        path = self._path + "/records"
        records: list[bytes] = []
        reader = SequenceReader(
            max_item_bytes=MAX_RECORD_ITEM_BYTES, max_bytes=_MAX_RECORDS_BYTES
        )
        with misbehaving():
            async with self._relay.stream("GET", path, token=token) as incoming:
                async for chunk in incoming.chunks:
                    records += map(parse_record_item, reader.feed(chunk))
                    if len(records) > MAX_RECORDS:
                        raise RelayMisbehaved("the relay gave too many records")
            reader.close()
        return records

    async def _offer(self, token: str) -> Offer:
        path = self._path + "/snapshots"
        found: tuple[list[bytes], list[bytes]] = [], []
        reader = SequenceReader(
            max_item_bytes=MAX_ENTRY_BYTES, max_bytes=_MAX_OFFER_BYTES
        )
        with misbehaving():
            async with self._relay.stream("GET", path, token=token) as incoming:
                async for chunk in incoming.chunks:
                    for kind, data in map(parse_entry, reader.feed(chunk)):
                        if kind not in (SNAPSHOT_ITEM, ACK_ITEM):
                            raise FormatError("snapshots: an item of another kind")
                        found[kind].append(data)
            reader.close()
        snapshots, acks = found
        return Offer(tuple(snapshots), tuple(acks))

    async def _page(self, after: int) -> _Page:
        """Return one page, held whole, so no connection waits for its consumer."""
        page, path = _Page(), f"{self._path}/envelopes?after={after}"

        async def fetch(token: str) -> None:
            reader = PageReader(after)
            async with self._relay.stream("GET", path, token=token) as incoming:
                async for chunk in incoming.chunks:
                    page.entries.extend(reader.feed(chunk))
                page.unverified_head = incoming.headers.get(HEAD_HEADER, "")
            reader.close()

        try:
            await self._with_token(fetch)
        except TransportError as err:
            page.cut = err
        return page


class HttpMailboxTransport:
    """MailboxTransport over HTTP."""

    def __init__(self, relay: HttpRelay) -> None:
        self._relay = relay

    async def post(self, mailbox: bytes, slot: int, body: bytes) -> None:
        """Write *body* into the slot."""
        if not 1 <= len(body) <= MAX_MAILBOX_BODY_BYTES:
            raise CallerError("mailbox: a body of a size that is not allowed")
        path = _slot_path(mailbox, slot)
        await self._relay.retry.run(lambda: self._relay.call("PUT", path, body=body))

    async def fetch(
        self, mailbox: bytes, slot: int, timeout_seconds: float
    ) -> bytes | None:
        """Return what stands in the slot, waiting for it, or None at timeout."""

        async def ask(seconds: float) -> bytes | None:
            path = f"{_slot_path(mailbox, slot)}?wait_ms={milliseconds(seconds)}"
            body = await self._relay.retry.run(
                lambda: self._relay.call(
                    "GET", path, wait_seconds=seconds, max_bytes=MAX_MAILBOX_BODY_BYTES
                )
            )
            return body or None

        return await poll(ask, timeout_seconds)


def _part_path(name: PartHash) -> str:
    return f"/parts/{name.hex()}"


def _slot_path(mailbox: bytes, slot: int) -> str:
    return f"/v1/mailboxes/{mailbox.hex()}/{int(slot)}"
