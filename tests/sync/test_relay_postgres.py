"""Several relay processes on one PostgreSQL: one order, no gap, no lost wake-up.

Against a real server, which these tests start; it must be installed
(scripts/setup_postgres.sh): without it they fail, they are not skipped.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from clisk_sync.admission import Members, admit_envelope
from clisk_sync.errors import CallerError, QuotaError, RelayRefused, SlotTakenError
from clisk_sync.http_transport import HttpRelay
from clisk_sync.relay import Limits, make_invite, start
from clisk_sync.relay.store import Brief, Store
from clisk_sync.relay.store_postgres import PostgresDatabase
from clisk_sync.relay_client import HttpMailboxTransport
from clisk_sync.testing import ACCEPTANCE, Acceptance, Author, Family
from clisk_vault.ids import VaultId
from tests.sync.postgres import Postgres, name_of, running_postgres
from tests.sync.relay_kit import here, refusal_of
from tests.sync.relay_process import RelayProcess, stored, transport_of
from tests.sync.test_relay_acceptance import OverHttp

pytestmark = pytest.mark.slow
_LIMITS = Limits()
_PATIENCE = 20.0  # below the 25 s after which a client asks again by itself


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    with running_postgres() as server:
        yield server


@pytest.fixture(scope="module")
def shared(postgres: Postgres) -> str:
    """Return a database for tests whose vaults do not meet."""
    return postgres.database()


@pytest.mark.parametrize("check", ACCEPTANCE, ids=[c.__name__ for c in ACCEPTANCE])
def test_acceptance(check: Acceptance, shared: str) -> None:
    """A relay on PostgreSQL does what every transport must do."""

    async def run() -> None:
        async with (
            start(database=shared) as running,
            HttpRelay(running.url) as relay,
        ):
            await check(OverHttp(relay))

    asyncio.run(run())


@asynccontextmanager
async def _stores(postgres: Postgres, count: int) -> AsyncIterator[list[Store]]:
    """Open one new database as several processes would, all at once."""
    address = postgres.database()
    opened = await asyncio.gather(*(Store.open(address) for _ in range(count)))
    try:
        yield list(opened)
    finally:
        for store in opened:
            await store.close()


def _with_stores(
    postgres: Postgres, count: int, test: Callable[[list[Store]], Awaitable[None]]
) -> None:
    async def run() -> None:
        async with _stores(postgres, count) as stores:
            await test(stores)

    asyncio.run(run())


def test_processes_start_together_on_an_empty_database(postgres: Postgres) -> None:
    """One of them makes the schema; all take the same key."""

    async def test(stores: list[Store]) -> None:
        keys = await asyncio.gather(*(store.key() for store in stores))
        assert len(set(keys)) == 1

    _with_stores(postgres, 4, test)


def test_a_commit_is_on_the_disk_whatever_the_server_is_set_to(
    postgres: Postgres,
) -> None:
    """The server of these tests answers before its disk does, unless overruled."""
    address = postgres.database()
    name = name_of(address)

    async def seen(relay: Store) -> list[Any]:
        def ask(db: Any) -> Any:
            return db.exec_driver_sql("SHOW synchronous_commit").scalar()

        return [await relay._db.write(ask), await relay._db.read(ask)]

    async def run() -> list[Any]:
        relay = await Store.open(address)
        try:
            return await seen(relay)
        finally:
            await relay.close()

    assert postgres.sql("SHOW synchronous_commit", database=name) == "off"
    assert asyncio.run(run()) == ["on", "on"]


def test_the_log_is_partitioned_and_not_compressed(postgres: Postgres) -> None:
    """By the hash of the vault; bodies are stored as they are."""
    address = postgres.database()
    name = name_of(address)
    asyncio.run(make_invite(address, days=1))

    strategy = "SELECT partstrat FROM pg_partitioned_table"
    parts = "SELECT count(*) FROM pg_inherits WHERE inhparent = 'log'::regclass"
    storage = (
        "SELECT DISTINCT attstorage FROM pg_attribute"
        " JOIN pg_class ON pg_class.oid = attrelid"
        " WHERE attname = 'body' AND relname LIKE 'log%'"
    )
    assert postgres.sql(strategy, database=name) == "h"
    assert postgres.sql(parts, database=name) == "16"
    assert postgres.sql(storage, database=name) == "e"


async def _founded(store: Store, devices: int) -> tuple[Members, list[Author]]:
    family = Family.found()
    await store.create_vault(family.vault, family.genesis, at=0)
    members, authors = Members.verify(family.vault, [family.genesis]), [family.founder]
    for _ in range(devices - 1):
        record, author = family.add()
        after, members = members.head, members.extend(record)
        await store.append_record(
            family.vault, after=after, record=record, record_hash=members.head, heads={}
        )
        authors.append(author)
    return members, authors


async def _positions(store: Store, vault: VaultId, after: int) -> list[int]:
    page = await store.page(vault, after=after, most=10_000, most_bytes=1 << 30)
    places = [position for position, _ in page.first]
    return places + [position async for position, _ in store.rest(vault, page)]


def test_a_reader_never_skips_what_commits_late(postgres: Postgres) -> None:
    """While 2 processes write one vault, readers at both see a prefix, ever longer."""

    async def test(stores: list[Store]) -> None:
        members, authors = await _founded(stores[0], 6)
        vault, placed, done = authors[0].vault, list[object](), asyncio.Event()

        async def write(store: Store, author: Author) -> None:
            device = author.secrets.public.id
            for _ in range(20):
                admitted = admit_envelope(members, author.write(), author=device)
                placed.extend(await store.append([admitted], limits=_LIMITS, at=0))

        async def read(store: Store) -> int:
            after = 0
            while True:
                last = done.is_set()
                for position in await _positions(store, vault, after):
                    assert position == after + 1
                    after = position
                if last:
                    return after

        readers = [asyncio.create_task(read(store)) for store in stores * 2]
        await asyncio.gather(
            *(write(stores[at % 2], author) for at, author in enumerate(authors))
        )
        done.set()
        assert await asyncio.gather(*readers) == [120] * 4
        assert sorted(map(str, placed)) == sorted(map(str, range(1, 121)))

    _with_stores(postgres, 2, test)


def test_the_same_at_two_processes_at_once_happens_once(postgres: Postgres) -> None:
    """A vault, an envelope, a challenge, an invitation, a slot: one wins."""

    async def test(stores: list[Store]) -> None:
        def both(call: Callable[[Store], Awaitable[Any]]) -> Awaitable[list[Any]]:
            return asyncio.gather(*map(call, stores), return_exceptions=True)

        for number in range(8):
            family = Family.found()
            made = await both(
                lambda s, f=family: s.create_vault(f.vault, f.genesis, at=0)  # type: ignore[misc]
            )
            assert sorted(made) == [False, True]

            members = Members.verify(family.vault, [family.genesis])
            device = family.founder.secrets.public.id
            same = admit_envelope(members, family.founder.write(), author=device)
            at = await both(
                lambda s, e=same: s.append([e, e], limits=_LIMITS, at=0)  # type: ignore[misc]
            )
            assert at == [[1, 1], [1, 1]]

            answered = Brief(os.urandom(32), 10)
            let_in = await both(
                lambda s, a=answered: s.sign_in(  # type: ignore[misc]
                    answered=a, token=Brief(os.urandom(32), 10), now=0
                )
            )
            assert sorted(let_in) == [False, True]

            invite = Brief(os.urandom(32), 10)
            await stores[0].add_invite(invite, now=0)
            families = iter([Family.found(), Family.found()])

            async def use(store: Store, hash_: bytes = invite.hash) -> bool:
                new = next(families)  # noqa: B023  # awaited within this round
                return await store.create_vault(
                    new.vault, new.genesis, at=0, invite=hash_
                )

            used = await both(use)
            assert [each is True for each in used].count(True) == 1
            assert [isinstance(each, RelayRefused) for each in used].count(True) == 1

            bodies = iter([b"one", b"two"])
            put = await both(
                lambda s, n=number, b=bodies: s.put_slot(  # type: ignore[misc]
                    bytes([n]) * 32, 0, next(b), limits=_LIMITS, now=0
                )
            )
            assert [each is None for each in put].count(True) == 1
            assert [isinstance(each, SlotTakenError) for each in put].count(True) == 1

    _with_stores(postgres, 2, test)


def test_mailboxes_are_bounded_for_all_processes_together(postgres: Postgres) -> None:
    """Two processes that take the last free one at once do not both get it."""
    limits = Limits(mailboxes=5)

    async def test(stores: list[Store]) -> None:
        async def put(number: int) -> bool:
            try:
                await stores[number % 2].put_slot(
                    bytes([number]) * 32, 0, b"x", limits=limits, now=0
                )
            except QuotaError:
                return False
            return True

        assert sum(await asyncio.gather(*map(put, range(20)))) == 5

    _with_stores(postgres, 2, test)


def test_a_token_of_one_process_opens_the_other(
    postgres: Postgres, tmp_path: Path
) -> None:
    """And a challenge that one made is answered at the other, once for both."""

    async def run() -> None:
        address = postgres.database()
        async with (
            here(tmp_path, database=address) as one,
            here(tmp_path, database=address) as two,
        ):
            family, token = await one.found()
            path = f"/v1/vaults/{family.vault.hex()}/records"
            assert (await two.get(path, token)).status_code == 200
            challenge = await one.challenge()
            answers = [
                await relay.log_in(family.founder, challenge=challenge)
                for relay in (two, one, two)
            ]
            assert [each.status_code for each in answers] == [200, 401, 401]
            assert refusal_of(answers[1]) == "login-refused"

    asyncio.run(run())


@asynccontextmanager
async def _two_relays(postgres: Postgres) -> AsyncIterator[tuple[HttpRelay, HttpRelay]]:
    address = postgres.database()
    async with AsyncExitStack() as stack:
        urls = [
            (await stack.enter_async_context(start(database=address))).url
            for _ in range(2)
        ]
        one, two = [await stack.enter_async_context(HttpRelay(url)) for url in urls]
        yield one, two


def test_no_wake_up_is_lost_between_processes(postgres: Postgres) -> None:
    """A message goes to and fro: each is waited for at the other process."""

    async def run() -> None:
        async with _two_relays(postgres) as (one, two):
            family = Family.found()
            founder = transport_of(one, family.founder)
            await founder.create(family.genesis)
            record, phone_author = family.add()
            await founder.append_record(record)
            phone = transport_of(two, phone_author)
            for turn in range(0, 100, 2):
                waiting = asyncio.create_task(phone.wait(turn, _PATIENCE))
                await founder.append(family.founder.write())
                assert await waiting
                waiting = asyncio.create_task(founder.wait(turn + 1, _PATIENCE))
                await phone.append(phone_author.write())
                assert await waiting

    asyncio.run(run())


def test_a_mailbox_is_awaited_at_another_process(postgres: Postgres) -> None:
    """Two devices that pair may have reached different processes."""

    async def run() -> None:
        async with _two_relays(postgres) as (one, two):
            for _ in range(10):
                mailbox = os.urandom(32)
                fetching = asyncio.create_task(
                    HttpMailboxTransport(two).fetch(mailbox, 0, _PATIENCE)
                )
                await asyncio.sleep(0)
                await HttpMailboxTransport(one).post(mailbox, 0, b"hello")
                assert await fetching == b"hello"

    asyncio.run(run())


_BELLS = "FROM pg_stat_activity WHERE application_name = 'clisk relay news'"


def test_news_while_nobody_listened_is_found_after_a_reconnect(
    postgres: Postgres,
) -> None:
    """The connection that listens is cut, and news comes meanwhile: it is not lost."""

    async def run() -> None:
        async with _two_relays(postgres) as (one, two):
            family = Family.found()
            founder = transport_of(one, family.founder)
            reader = transport_of(two, family.founder)
            await founder.create(family.genesis)
            for turn in range(5):
                waiting = asyncio.create_task(reader.wait(turn, _PATIENCE))
                await reader.records()  # by then it waits, or nearly
                await asyncio.to_thread(
                    postgres.sql,
                    f"SELECT count(pg_terminate_backend(pid)) {_BELLS}",
                    database="postgres",
                )
                await founder.append(family.founder.write())
                assert await waiting

    asyncio.run(run())


def test_each_process_listens_on_one_connection(postgres: Postgres) -> None:
    """And gives it back when it ends."""

    async def run() -> list[str]:
        async with _two_relays(postgres) as (one, two):
            family = Family.found()
            for relay in (one, two):
                await transport_of(relay, family.founder).create(family.genesis)
                await transport_of(relay, family.founder).append(family.founder.write())
            during = await asyncio.to_thread(
                postgres.sql, f"SELECT count(*) {_BELLS}", database="postgres"
            )
        after = await asyncio.to_thread(
            postgres.sql, f"SELECT count(*) {_BELLS}", database="postgres"
        )
        return [during, after]

    assert asyncio.run(run()) == ["2", "0"]


def test_two_processes_with_writers_and_readers_on_both(
    postgres: Postgres, tmp_path: Path
) -> None:
    """Real processes: every reader gets every envelope once, in one order, in time."""
    address, each = postgres.database(), 25
    processes = [
        RelayProcess(address, tmp_path / f"relay{number}.log") for number in range(2)
    ]
    urls = [process.start() for process in processes]
    family = Family.found()

    async def run() -> None:
        async with HttpRelay(urls[0]) as one, HttpRelay(urls[1]) as two:
            relays = (one, two)
            founder = transport_of(one, family.founder)
            await founder.create(family.genesis)
            authors = [family.founder]
            for _ in range(3):
                record, author = family.add()
                await founder.append_record(record)
                authors.append(author)
            total, sent = each * len(authors), set[bytes]()

            async def write(number: int, author: Author) -> None:
                for turn in range(each):
                    envelope = author.write(os.urandom(300))
                    sent.add(envelope)
                    relay = relays[(number + turn) % 2]
                    await transport_of(relay, author).append(envelope)

            async def read(relay: HttpRelay, author: Author) -> list[bytes]:
                transport, got = transport_of(relay, author), list[bytes]()
                while len(got) < total:
                    assert await transport.wait(len(got), _PATIENCE)
                    async for position, envelope in transport.read(len(got)):
                        assert position == len(got) + 1
                        got.append(envelope)
                return got

            readers = [read(relays[n % 2], author) for n, author in enumerate(authors)]
            writers = [write(n, author) for n, author in enumerate(authors)]
            results = await asyncio.gather(*readers, *writers)
            first, *others = results[: len(authors)]
            assert first is not None
            assert set(first) == sent
            assert all(other == first for other in others)
            assert list((await stored(two, family.founder)).values()) == first

    try:
        asyncio.run(run())
    finally:
        codes = [process.stop() for process in processes]
    assert codes == [0, 0]


@pytest.mark.parametrize(
    "address",
    ["postgresql://relay@/relay", "mysql://a:planted@b/c", "postgresql+asyncpg://[::"],
)
def test_another_address_is_refused_without_being_quoted(address: str) -> None:
    """It may hold a password."""
    with pytest.raises(CallerError) as err:
        asyncio.run(Store.open(address))
    assert "planted" not in f"{err.value}{err.value.advice}"


def test_a_server_that_may_lose_a_commit_is_refused(
    shared: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With fsync off a crash would take back what devices were told is stored."""

    async def read(_database: object, _work: object) -> str:
        return "off"

    monkeypatch.setattr(PostgresDatabase, "read", read)
    with pytest.raises(CallerError, match="fsync off"):
        asyncio.run(Store.open(shared))


def test_a_server_that_is_away_is_named(postgres: Postgres) -> None:
    """A relay without its database does not start."""

    async def run() -> None:
        async with start(database=postgres.database() + "/nowhere"):
            pass

    with pytest.raises(CallerError, match="database"):
        asyncio.run(run())
