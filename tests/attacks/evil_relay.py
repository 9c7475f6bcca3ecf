"""One who owns the relay, behind the interface that the real one stands behind.

What a relay gives is rows of bytes on a channel: envelopes, records, snapshots,
acknowledgements, parts, mail, and for the weak model its rows and answers. A
misdeed is a function from the rows there are to the rows a device is given; the
same one is tried on us and on the weak model. `used` tells which ones took effect.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import AsyncIterator, Callable
from typing import Final, TypeAlias

import httpx

from clisk_sync.errors import TransportError
from clisk_sync.testing import MemoryMailboxTransport, MemoryRelay, PassingTransport
from clisk_sync.transport import News, Offer, VaultTransport
from clisk_vault.device import DeviceSecrets
from clisk_vault.ids import DeviceId, PartHash, VaultId

Rows: TypeAlias = list[bytes]
Misdeed: TypeAlias = Callable[[Rows], Rows]
# A time that no clock shows: the relay's word for it is in no message of ours.
FAR_FUTURE: Final = b"253402300799000"


class EvilRelay(MemoryRelay):
    """A relay that keeps everything and tells each device what it likes."""

    def __init__(self) -> None:
        super().__init__()
        self._lies: dict[tuple[str, DeviceId | None], list[Misdeed]] = {}
        self._cuts: dict[str, str] = {}
        self.used: set[str] = set()
        # All that devices ever sent, and how often they asked for anything.
        self.transcript: list[bytes] = []
        self.calls = 0

    def lie(self, channel: str, *misdeeds: Misdeed, to: DeviceId | None = None) -> None:
        """Do *misdeeds* to what is given on *channel*, to everybody or one device."""
        self._lies[channel, to] = list(misdeeds)

    def behave(self) -> None:
        """Tell the truth again."""
        self._lies.clear()

    def give(self, channel: str, rows: Rows, to: DeviceId | None = None) -> Rows:
        """Return what *to* is given of *rows*."""
        self.calls += 1
        lies = self._lies.get((channel, None), [])
        if to is not None:
            lies = [*lies, *self._lies.get((channel, to), [])]
        for misdeed in lies:
            rows = misdeed(rows)
        return rows

    def hear(self, data: bytes, call: str = "") -> None:
        """Keep what a device sent, whatever becomes of it."""
        self.calls += 1
        self.transcript.append(data)
        if self._cuts.get(call) == "request":
            self._cut(call)

    def heard(self, call: str) -> None:
        """Lose the answer, where that is asked for."""
        if call in self._cuts:
            self._cut(call)

    def _cut(self, call: str) -> None:
        del self._cuts[call]
        self.used.add("disconnect-mid-write")
        raise TransportError("no answer")

    def disconnect_mid_write(self, call: str, *, lost: str) -> None:
        """Lose the request, or the answer, of the next *call*."""
        self._cuts[call] = lost

    def bring(self, data: bytes) -> bytes:
        """Return what a thief made, to be given in the thief's name: it is kept."""
        self.used.add("thief's-bytes")
        self.hear(data)
        return data

    # Misdeeds, by the names they have in the table

    def _named(self, name: str, change: Misdeed) -> Misdeed:
        def misdeed(rows: Rows) -> Rows:
            given = change(list(rows))
            if given != rows:
                self.used.add(name)
            return given

        return misdeed

    def drop(self, at: int) -> Misdeed:
        """Leave one out."""
        return self._named("drop", lambda rows: rows[:at] + rows[at:][1:])

    def delay(self, newest: int = 1) -> Misdeed:
        """Keep the newest back."""
        return self._named("delay", lambda rows: rows[:-newest])

    def withhold(self, count: int) -> Misdeed:
        """Show nothing behind the first *count*, for as long as it likes."""
        return self._named("withhold-from", lambda rows: rows[:count])

    def duplicate(self, at: int) -> Misdeed:
        """Give one twice."""

        def twice(rows: Rows) -> Rows:
            place = at % len(rows)
            return rows[: place + 1] + rows[place:]

        return self._named("duplicate", twice)

    def reorder(self) -> Misdeed:
        """Give all in the other order."""
        return self._named("reorder", lambda rows: rows[::-1])

    def replay_old(self, at: int = 0) -> Misdeed:
        """Give an old one again, as the newest."""
        return self._named("replay-old", lambda rows: [*rows, rows[at]])

    def old_instead(self, at: int, old: bytes) -> Misdeed:
        """Give what stood there before in place of what stands there."""
        return self._named("replay-old", lambda rows: _set(rows, at, old))

    def roll_back(self, count: int) -> Misdeed:
        """Give what there was when there were *count*."""
        return self._named("rollback-all", lambda rows: rows[:count])

    def fork(self, count: int, *others: bytes) -> Misdeed:
        """Give other rows behind the first *count*."""
        return self._named("fork", lambda rows: [*rows[:count], *others])

    def swap(self, one: int, other: int) -> Misdeed:
        """Put each in the place of the other."""
        return self._named(
            "swap", lambda rows: _set(_set(rows, one, rows[other]), other, rows[one])
        )

    def bitflip(self, at: int, byte: int, mask: int = 1) -> Misdeed:
        """Change one bit of one."""

        def flip(rows: Rows) -> Rows:
            row = bytearray(rows[at])
            row[byte] ^= mask
            return _set(rows, at, bytes(row))

        return self._named("bitflip", flip)

    def truncate(self, at: int, count: int = 1) -> Misdeed:
        """Cut the end off one."""
        return self._named("truncate", lambda rows: _set(rows, at, rows[at][:-count]))

    def extend(self, at: int, data: bytes = b"\x00") -> Misdeed:
        """Put something behind one."""
        return self._named("extend", lambda rows: _set(rows, at, rows[at] + data))

    def substitute_key(self, theirs: bytes, mine: bytes) -> Misdeed:
        """Put the own key wherever another's stands."""
        return self._named(
            "substitute-key", lambda rows: [row.replace(theirs, mine) for row in rows]
        )

    def inject_ciphertext(self, *rows: bytes) -> Misdeed:
        """Give what anybody may encrypt to a public key, rightly encrypted."""
        name = "inject-valid-ciphertext-to-pubkey"
        return self._named(name, lambda given: [*given, *rows])

    def inject_member(self, *rows: bytes) -> Misdeed:
        """Give a member that nobody let in."""
        return self._named("inject-unknown-member", lambda given: [*given, *rows])

    def own_message_instead(self, mine: bytes) -> Misdeed:
        """Give a message with the own keys in place of another's."""
        return self._named("substitute-key", says(mine))

    def downgrade(self, change: Misdeed) -> Misdeed:
        """Say that something older and weaker is to be used."""
        return self._named("downgrade", change)

    def oversize(self, size: int) -> Misdeed:
        """Give far more than anybody asked for."""
        return self._named("oversize", lambda rows: [*rows, bytes(size)])

    def inflate_bomb(self, size: int) -> Misdeed:
        """Give little that becomes much when it is inflated."""
        bomb = zlib.compress(bytes(size), 9)
        return self._named("inflate-bomb", lambda rows: [*rows, bomb])

    def lie_about_time(self) -> Misdeed:
        """Say that it is another day."""
        return self._named("lie-about-time", lambda _: [FAR_FUTURE])

    # The production interface

    def vault(self, vault: VaultId, device: DeviceSecrets) -> VaultTransport:  # type: ignore[override]  # what lies is no MemoryVaultTransport
        """Return what *device* uses to reach *vault*, and all that is sent is kept."""
        return EvilTransport(self, super().vault(vault, device), device.public.id)

    def mailboxes(self) -> MemoryMailboxTransport:
        """Return mailboxes that lie."""
        return _EvilMailboxes(self)


class EvilTransport(PassingTransport):
    """VaultTransport to an EvilRelay."""

    def __init__(self, relay: EvilRelay, honest: VaultTransport, to: DeviceId) -> None:
        super().__init__(honest)
        self._relay, self._to = relay, to

    async def create(self, genesis: bytes) -> VaultId:
        self._relay.hear(genesis, "create")
        return await self.honest.create(genesis)

    async def append_record(self, record: bytes) -> int:
        self._relay.hear(record, "append_record")
        index = await self.honest.append_record(record)
        self._relay.heard("append_record")
        return index

    async def records(self) -> list[bytes]:
        return self._relay.give("records", await self.honest.records(), self._to)

    async def append(self, envelope: bytes) -> int:
        self._relay.hear(envelope, "append")
        position = await self.honest.append(envelope)
        self._relay.heard("append")
        return position

    async def read(self, after: int) -> AsyncIterator[tuple[int, bytes]]:
        log = [each async for each in self.honest.read(0)]
        given = self._relay.give("envelopes", [data for _, data in log], self._to)
        places = [position for position, _ in log]
        places += range((places or [0])[-1] + 1, len(given) + (places or [0])[-1] + 1)
        for position, data in zip(places, given, strict=False):
            if position > after:
                yield position, data

    async def put_part(self, part: bytes) -> None:
        self._relay.hear(part, "put_part")
        await self.honest.put_part(part)

    async def part(self, name: PartHash) -> bytes:
        given = self._relay.give("parts", [await self.honest.part(name)], self._to)
        return given[0]

    async def append_snapshot(self, snapshot: bytes) -> None:
        self._relay.hear(snapshot, "append_snapshot")
        await self.honest.append_snapshot(snapshot)
        self._relay.heard("append_snapshot")

    async def acknowledge(self, ack: bytes) -> None:
        self._relay.hear(ack, "acknowledge")
        await self.honest.acknowledge(ack)

    async def snapshots(self) -> Offer:
        offer, give = await self.honest.snapshots(), self._relay.give
        return Offer(
            tuple(give("snapshots", list(offer.snapshots), self._to)),
            tuple(give("acks", list(offer.acks), self._to)),
        )

    async def wait(
        self, after: int, timeout_seconds: float, *, records: int | None = None
    ) -> News | None:
        self._relay.calls += 1
        # No entries: it is asked for them by read(), and lies there.
        found = await self.honest.wait(after, timeout_seconds, records=records)
        return None if found is None else News()


class _EvilMailboxes(MemoryMailboxTransport):
    def __init__(self, relay: EvilRelay) -> None:
        super().__init__(relay)
        self._evil = relay

    async def post(self, mailbox: bytes, slot: int, body: bytes) -> None:
        self._evil.hear(body, "post")
        await super().post(mailbox, slot, body)

    async def fetch(
        self, mailbox: bytes, slot: int, timeout_seconds: float
    ) -> bytes | None:
        body = await super().fetch(mailbox, slot, timeout_seconds)
        return None if body is None else self._evil.give(f"mail {slot}", [body])[0]


class EvilConnection(httpx.AsyncBaseTransport):
    """The same relay one layer down, where it may say anything in its answers."""

    def __init__(self, relay: EvilRelay, honest: httpx.AsyncBaseTransport) -> None:
        self._relay, self._honest = relay, honest
        # What it says besides: into JSON answers, and into the heads of all.
        self.members: dict[str, object] = {}
        self.headers: dict[str, str] = {}
        # Members of its answers that are times, and what it says in their place.
        self.times: dict[str, int] = {}
        self.asked: list[tuple[str, str]] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        body = await request.aread()
        self._relay.hear(body)
        self.asked.append((request.method, str(request.url)))
        answer = await self._honest.handle_async_request(request)
        data = await answer.aread()
        kind = answer.headers.get("content-type", "")
        is_json = kind == "application/json" and data.startswith(b"{")
        if self.times and is_json and self.times.keys() & json.loads(data).keys():
            data = json.dumps({**json.loads(data), **self.times}).encode()
            self._relay.used.add("lie-about-time")
        if self.members and is_json:
            more = httpx.Response(200, json=self.members).content
            data = data[:-1] + b"," + more[1:]
            self._relay.used.add("downgrade")
        if self.headers:
            lie = "lie-about-time" if "date" in self.headers else "downgrade"
            self._relay.used.add(lie)
        headers = {**answer.headers, **self.headers}
        headers["content-length"] = str(len(data))
        stream = httpx.ByteStream(data)
        return httpx.Response(answer.status_code, headers=headers, stream=stream)


def says(answer: bytes) -> Misdeed:
    """Return what gives *answer*, whatever was asked."""
    return lambda _: [answer]


def _set(rows: Rows, at: int, row: bytes) -> Rows:
    at %= len(rows)
    return [*rows[:at], row, *rows[at + 1 :]]
