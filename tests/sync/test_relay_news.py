"""An answer of news goes on: what ends it, and that nothing is lost or given away."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from clisk_sync.admission import Head, admit_record
from clisk_sync.errors import AuthError
from clisk_sync.http_transport import HttpRelay
from clisk_sync.relay import Limits, Settings, start
from clisk_sync.relay.auth import Caller
from clisk_sync.relay.news import (
    _MOST_UNHEARD,
    _MOST_UNHEARD_BYTES,
    Listener,
    Written,
)
from clisk_sync.relay.service import Reading, Relay
from clisk_sync.relay_client import HttpVaultTransport
from clisk_sync.testing import Author, Family
from clisk_sync.transport import News
from clisk_vault.ids import RecordHash
from tests.sync.relay_process import transport_of

_LONG = 60.0


@dataclass(slots=True)
class _Both:
    """A relay with sockets, a laptop that writes and a phone that reads."""

    relay: HttpRelay
    family: Family
    phone: Author
    writes: HttpVaultTransport
    reads: HttpVaultTransport

    async def write(self, size: int = 100) -> bytes:
        envelope = self.family.founder.write(bytes(size))
        await self.writes.append(envelope)
        return envelope

    async def count(self, does: str) -> int:
        """Return how many requests of that kind were answered to the end."""
        text = (await self.relay.call("GET", "/metrics", max_bytes=1 << 20)).decode()
        return sum(
            round(float(line.split()[-1]))
            for line in text.splitlines()
            if line.startswith(f'clisk_relay_requests_total{{does="{does}"')
        )


def _run(
    folder: Path,
    test: Callable[[_Both], Awaitable[None]],
    limits: Limits | None = None,
) -> None:
    async def run() -> None:
        async with (
            start(database=folder / "relay.db", limits=limits) as running,
            HttpRelay(running.url) as relay,
        ):
            family = Family.found()
            writes = transport_of(relay, family.founder)
            await writes.create(family.genesis)
            record, phone = family.add()
            await writes.append_record(record)
            await test(_Both(relay, family, phone, writes, transport_of(relay, phone)))

    asyncio.run(run())


def test_one_answer_brings_what_is_written_one_by_one(tmp_path: Path) -> None:
    """A hundred changes cost the reader one request, and come in order."""

    async def test(both: _Both) -> None:
        for position in range(1, 101):
            waiting = asyncio.create_task(both.reads.wait(position - 1, _LONG))
            envelope = await both.write()
            assert await waiting == News(((position, envelope),))
        assert await both.count("wait_for_news") == 0, "the first is still answered"

    _run(tmp_path, test)


def test_what_is_written_while_nobody_reads_is_not_lost(tmp_path: Path) -> None:
    """The answer lies open; a burst behind it comes whole, by it or by the next."""

    async def test(both: _Both) -> None:
        written = [await both.write()]
        found = list((await _news(both, 0)).entries)
        written += [await both.write(20_000) for _ in range(4 * _MOST_UNHEARD)]
        while len(found) < len(written):
            found += (await _news(both, found[-1][0])).entries
        assert found == list(enumerate(written, 1))

    _run(tmp_path, test)


async def _news(both: _Both, after: int) -> News:
    news = await both.reads.wait(after, _LONG)
    assert news is not None
    return news


def test_a_revoked_device_hears_nothing_more_by_an_answer_that_is_open(
    tmp_path: Path,
) -> None:
    """Its answer ends with the record, and what is written then is refused to it."""

    async def test(both: _Both) -> None:
        await both.write()
        await _news(both, 0)
        await both.writes.append_record(both.family.record_revoking(both.phone))
        await both.write()
        with pytest.raises(AuthError):
            await both.reads.wait(1, _LONG)

    _run(tmp_path, test)


@pytest.mark.parametrize("remembers_stale", [False, True])
def test_a_revoked_device_is_not_told_before_the_record_is(
    tmp_path: Path, remembers_stale: bool
) -> None:
    """Another process took the revocation; the next envelope is heard of first.

    So it is where a slow look puts the membership back that was read before it.
    """

    async def run() -> None:
        async with _opened(tmp_path, Limits()) as (relay, family):
            founder = _caller(family.founder)
            record, phone = family.add()
            await relay.append_record(founder, record)
            async with _following(relay, _caller(phone)) as heard:
                await relay.append(founder, family.founder.write())
                assert (await anext(heard)).end == 1
                members, _ = await relay.members(family.vault)
                revoked = family.record_revoking(phone)
                after = admit_record(
                    members,
                    revoked,
                    author=founder.device,
                    newest=lambda _device: Head.none(),
                )
                await relay.store.append_record(
                    family.vault,
                    after=members.head,
                    record=revoked,
                    record_hash=after.head,
                    heads={},
                )
                await relay.append(founder, family.founder.write())
                if remembers_stale:
                    relay._memberships[family.vault] = members
                with pytest.raises(AuthError):
                    await anext(heard)

    asyncio.run(run())


def test_another_membership_ends_the_answer(tmp_path: Path) -> None:
    """What comes then is for the next question: there are more records."""

    async def run() -> None:
        async with _opened(tmp_path, Limits()) as (relay, family):
            founder = _caller(family.founder)
            async with _following(relay, founder) as readings:
                await relay.append(founder, family.founder.write())
                assert (await anext(readings)).records == 1
                record, _ = family.add()
                await relay.append_record(founder, record)
                assert await anext(readings) == Reading(1, 2, (), None)
                await relay.append(founder, family.founder.write())
                assert await anext(readings, None) is None

    asyncio.run(run())


@asynccontextmanager
async def _opened(folder: Path, limits: Limits) -> AsyncIterator[tuple[Relay, Family]]:
    settings = Settings(
        database=folder / "relay.db", origins=frozenset(), limits=limits
    )
    relay = await Relay.open(settings)
    family = Family.found()
    await relay.create(family.genesis)
    try:
        yield relay, family
    finally:
        await relay.stop()


def _caller(author: Author) -> Caller:
    return Caller(author.vault, author.secrets.public.id)


@asynccontextmanager
async def _following(
    relay: Relay, caller: Caller
) -> AsyncIterator[AsyncGenerator[Reading, None]]:
    gone = asyncio.create_task(asyncio.sleep(_LONG))
    readings = relay.follow(caller, 0, _LONG, records=None, gone=gone)
    try:
        async with aclosing(readings):
            yield readings
    finally:
        gone.cancel()


def test_an_answer_ends_with_as_much_as_a_page_holds(tmp_path: Path) -> None:
    """A reader bounds what it takes of one answer, so the relay begins another."""

    async def run() -> None:
        async with _opened(tmp_path, Limits(page_bytes=3000)) as (relay, family):
            caller, sizes = _caller(family.founder), list[int]()
            async with _following(relay, caller) as readings:
                while sum(sizes) < 3000:
                    await relay.append(caller, family.founder.write())
                    sizes += [len(data) for _, data in (await anext(readings)).first]
                await relay.append(caller, family.founder.write())
                assert await anext(readings, None) is None
            assert relay.news.count == 0

    asyncio.run(run())


def test_whoever_hangs_up_in_mid_answer_gives_the_place_back(tmp_path: Path) -> None:
    """Readers that take news and leave are not counted for ever."""

    async def test(both: _Both) -> None:
        await both.write()
        for _ in range(3):
            async with HttpRelay(both.relay.origin) as relay:
                assert await transport_of(relay, both.phone).wait(0, _LONG)
        while await _waiting(both.relay):
            pass

    _run(tmp_path, test, Limits(waiters=4))


async def _waiting(relay: HttpRelay) -> int:
    text = (await relay.call("GET", "/metrics", max_bytes=1 << 20)).decode()
    lines = text.splitlines()
    line = next(line for line in lines if line.startswith("clisk_relay_waiting"))
    return round(float(line.split()[-1]))


def test_a_listener_that_is_slow_looks_instead_of_keeping_all() -> None:
    """What it has not heard is bounded; then it is told to look."""

    async def run() -> None:
        listener = Listener()
        one = Written(RecordHash(bytes(32)), ((1, b"x"),))
        for _ in range(_MOST_UNHEARD):
            listener.tell(one)
        assert listener.take() == [one] * _MOST_UNHEARD
        assert not listener.wake.done()
        for _ in range(_MOST_UNHEARD + 2):
            listener.tell(one)
        assert listener.wake.done()
        assert listener.take() is None
        listener.tell(None)
        listener.tell(one)
        assert listener.take() is None

    asyncio.run(run())


def test_what_piled_up_is_bounded_like_a_page(tmp_path: Path) -> None:
    """Attack: one that reads slowly, while much is written, fills no memory."""

    async def run() -> None:
        async with _opened(tmp_path, Limits(page_bytes=4000)) as (relay, family):
            caller = _caller(family.founder)
            async with _following(relay, caller) as readings:
                await relay.append(caller, family.founder.write())
                size = len((await anext(readings)).first[0][1])
                for _ in range(10):
                    await relay.append(caller, family.founder.write())
                found = (await anext(readings)).first
                assert size * (len(found) + 1) <= 4000 + size
                assert await anext(readings, None) is None

    asyncio.run(run())


def test_a_listener_keeps_no_more_than_a_mebibyte() -> None:
    """However few the commits: then it looks at the store."""

    async def run() -> None:
        listener = Listener()
        half = Written(RecordHash(bytes(32)), ((1, bytes(_MOST_UNHEARD_BYTES // 2)),))
        for _ in range(2):
            listener.tell(half)
        assert listener.take() == [half, half]
        for _ in range(3):
            listener.tell(half)
        assert listener.take() is None

    asyncio.run(run())
