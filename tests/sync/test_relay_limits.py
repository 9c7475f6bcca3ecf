"""Each limit of a relay holds, is named, and never looks like success."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from clisk_sync.errors import CallerError, RateError, RelayRefused
from clisk_sync.http_transport import HttpRelay
from clisk_sync.relay import Creation, Limits, Rate, make_invite
from clisk_sync.relay.invites import invite_hash
from clisk_sync.relay.limits import FullVaults, Gate, TokenBuckets
from clisk_sync.relay.service import Relay
from clisk_sync.relay_client import HttpVaultTransport
from clisk_sync.sequence import SequenceReader, parse_entry
from clisk_sync.testing import Family
from tests.sync.relay_kit import (
    ORIGIN,
    Clock,
    Here,
    Through,
    bearer,
    here,
    refusal_of,
)


async def _pieces(size: int) -> AsyncIterator[bytes]:
    for _ in range(size // 1000):
        yield bytes(1000)


@pytest.mark.parametrize("announced", [True, False], ids=["length", "chunked"])
def test_a_body_above_the_limit_is_refused(tmp_path: Path, announced: bool) -> None:
    """By its announced length before it is read, else once too much has come."""

    async def run() -> None:
        async with here(tmp_path, Limits(envelope_bytes=10_000)) as relay:
            family, token = await relay.found()
            body: Any = bytes(11_000) if announced else _pieces(11_000)
            answer = await relay.append(family.founder, token, body)
            assert (answer.status_code, refusal_of(answer)) == (413, "too-large")

    asyncio.run(run())


def test_an_announced_length_is_refused_before_the_body(tmp_path: Path) -> None:
    """A body that says it is too large is not read at all."""
    read = 0

    async def body() -> AsyncIterator[bytes]:
        nonlocal read
        read += 1
        yield bytes(6000)

    async def run() -> None:
        async with here(tmp_path, Limits(record_bytes=5000)) as relay:
            headers = {"Content-Length": "6000"}
            answer = await relay.client.post(
                "/v1/vaults", content=body(), headers=headers
            )
            assert refusal_of(answer) == "too-large"

    asyncio.run(run())
    assert read == 0


def test_a_body_is_not_gathered_beyond_the_limit(tmp_path: Path) -> None:
    """A body without end is read up to the limit and a piece, no further."""
    read = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal read
        while True:
            read += 1000
            yield bytes(1000)

    async def run() -> None:
        async with here(tmp_path, Limits(record_bytes=5000)) as relay:
            answer = await relay.client.post("/v1/vaults", content=endless())
            assert refusal_of(answer) == "too-large"

    asyncio.run(run())
    assert read <= 7000


def test_a_full_vault_stores_nothing_more(tmp_path: Path) -> None:
    """The quota refuses with 507, keeps what is there, and does not move the head."""

    async def run() -> None:
        async with here(tmp_path, Limits(vault_bytes=12_000)) as relay:
            family, token = await relay.found()
            sent = []
            while True:
                envelope = family.founder.write()
                answer = await relay.append(family.founder, token, envelope)
                if answer.status_code != 200:
                    break
                sent.append(answer.json()["position"])
            assert (answer.status_code, refusal_of(answer)) == (507, "vault-full")
            assert "position" not in answer.json()
            assert sent == list(range(1, len(sent) + 1))
            assert 0 < len(sent) < 10
            row = await relay.relay.store.vault(family.vault)
            assert row.head == len(sent)

    asyncio.run(run())


def test_a_vault_known_to_be_full_costs_no_more_work(tmp_path: Path) -> None:
    """The next upload of that size is refused before its body is read."""
    read = 0

    async def run() -> None:
        nonlocal read
        async with here(tmp_path, Limits(vault_bytes=1000)) as relay:
            family, token = await relay.found()
            first = await relay.append(family.founder, token, family.founder.peek())
            assert refusal_of(first) == "vault-full"

            async def body() -> AsyncIterator[bytes]:
                nonlocal read
                read += 1
                yield bytes(9000)

            path = f"/v1/vaults/{family.vault.hex()}/envelopes"
            headers = bearer(token) | {"Content-Length": "9000"}
            again = await relay.client.post(path, content=body(), headers=headers)
            assert refusal_of(again) == "vault-full"

    asyncio.run(run())
    assert read == 0


def test_full_vaults_are_forgotten_after_a_moment() -> None:
    """Room that was made is found; smaller envelopes are let through at once."""
    now = 0.0
    full = FullVaults(monotonic=lambda: now)
    full.note(b"vault", 100)
    full.check(b"vault", 99)
    with pytest.raises(RelayRefused):
        full.check(b"vault", 100)
    now = 6.0
    full.check(b"vault", 100)


def test_a_membership_of_many_records_is_full(tmp_path: Path) -> None:
    """The number of records of a vault is bounded."""

    async def run() -> None:
        async with here(tmp_path, Limits(records=2)) as relay:
            family, token = await relay.found()
            path = f"/v1/vaults/{family.vault.hex()}/records"
            first, second = family.add()[0], family.add()[0]
            assert (await relay.post(path, first, token)).status_code == 200
            answer = await relay.post(path, second, token)
            assert (answer.status_code, refusal_of(answer)) == (507, "records-full")

    asyncio.run(run())


def test_a_device_that_appends_too_fast_is_told_to_wait(tmp_path: Path) -> None:
    """The rate is a device's own: another device of the vault goes on."""

    async def run() -> None:
        async with here(tmp_path, Limits(appends=Rate(2, 0.5))) as relay:
            family, token = await relay.found()
            record, phone = family.add()
            path = f"/v1/vaults/{family.vault.hex()}/records"
            assert (await relay.post(path, record, token)).status_code == 200
            ok = await relay.append(family.founder, token, family.founder.write())
            slow = await relay.append(family.founder, token, family.founder.write())
            assert ok.status_code == 200
            assert (slow.status_code, refusal_of(slow)) == (429, "too-fast")
            assert 1 <= int(slow.headers["retry-after"]) <= 2
            theirs = await relay.append(phone, await relay.token(phone), phone.write())
            assert theirs.json() == {"position": 2}

    asyncio.run(run())


@pytest.mark.parametrize(
    ("limits", "method", "path"),
    [
        (Limits(creations=Rate(1, 0.001)), "POST", "/v1/vaults"),
        (Limits(logins=Rate(1, 0.001)), "POST", "/v1/challenges"),
        (Limits(logins=Rate(1, 0.001)), "POST", f"/v1/vaults/{'00' * 32}/tokens"),
        (Limits(mailbox_calls=Rate(1, 0.001)), "PUT", f"/v1/mailboxes/{'00' * 32}/0"),
        (Limits(mailbox_calls=Rate(1, 0.001)), "GET", f"/v1/mailboxes/{'00' * 32}/0"),
    ],
    ids=["create", "challenge", "login", "post", "fetch"],
)
def test_what_needs_no_token_is_counted_by_address(
    tmp_path: Path, limits: Limits, method: str, path: str
) -> None:
    """The second request in a row is one too many, whatever the first was."""

    async def run() -> None:
        async with here(tmp_path, limits) as relay:
            first = await relay.client.request(method, path, content=b"x")
            second = await relay.client.request(method, path, content=b"x")
            assert first.status_code != 429
            assert (second.status_code, refusal_of(second)) == (429, "too-fast")

    asyncio.run(run())


def test_a_bucket_fills_up_again() -> None:
    """A burst, then a steady rate; the refusal says when the next is free."""
    now = 0.0
    buckets = TokenBuckets(Rate(2, 0.5), monotonic=lambda: now)
    buckets.take(b"a")
    buckets.take(b"a")
    with pytest.raises(RateError) as err:
        buckets.take(b"a")
    assert err.value.retry_after_seconds == 2
    buckets.take(b"b")
    now = 2.0
    buckets.take(b"a")
    with pytest.raises(RateError):
        buckets.take(b"a")
    now = 1000.0
    buckets.take(b"a")
    buckets.take(b"a")
    with pytest.raises(RateError):
        buckets.take(b"a")


def test_buckets_are_bounded() -> None:
    """A flood from many addresses does not fill the memory."""
    buckets = TokenBuckets(Rate(1, 1))
    for number in range(10_500):
        buckets.take(number.to_bytes(4))
    assert len(buckets._buckets) == 10_000


async def _waiting(relay: Relay, count: int) -> None:
    while relay.news._count < count:  # noqa: ASYNC110  # no event tells a test
        await asyncio.sleep(0)


# Of one page: else an answer goes on for half a minute.
@pytest.mark.parametrize(
    "limits",
    [Limits(waiters=2, page_bytes=1), Limits(waiters_per_vault=2, page_bytes=1)],
)
def test_only_so_many_may_wait(tmp_path: Path, limits: Limits) -> None:
    """The third waiter is refused at once; the two are woken as ever."""

    async def run() -> None:
        async with here(tmp_path, limits) as relay:
            family, token = await relay.found()
            path = f"/v1/vaults/{family.vault.hex()}/news?after=0&wait_ms=60000"
            waiting = [asyncio.create_task(relay.get(path, token)) for _ in range(2)]
            await _waiting(relay.relay, 2)
            third = await relay.get(path, token)
            assert (third.status_code, refusal_of(third)) == (503, "busy")
            await relay.append(family.founder, token, family.founder.write())
            for task in waiting:
                news = await task
                assert (news.status_code, news.headers["clisk-head"]) == (200, "1")

    asyncio.run(run())


def test_a_waiter_that_leaves_gives_its_place_back(tmp_path: Path) -> None:
    """Waiters that hang up are not counted for ever."""

    async def run() -> None:
        async with here(tmp_path, Limits(waiters=1)) as relay:
            family, token = await relay.found()
            path = f"/v1/vaults/{family.vault.hex()}/news?after=0&wait_ms=60000"
            for _ in range(3):
                gone = asyncio.create_task(relay.get(path, token))
                await _waiting(relay.relay, 1)
                gone.cancel()
                await asyncio.wait({gone})
            assert relay.relay.news._count == 0
            assert not relay.relay.news._waiting

    asyncio.run(run())


def test_only_so_many_requests_are_served_at_once(tmp_path: Path) -> None:
    """One too many is refused at once; those who only wait hold no place."""

    async def run() -> None:
        async with here(tmp_path, Limits(requests=1)) as relay:
            family, token = await relay.found()
            path = f"/v1/vaults/{family.vault.hex()}/news?after=0&wait_ms=60000"
            waiting = asyncio.create_task(relay.get(path, token))
            await _waiting(relay.relay, 1)
            while relay.relay.gate._free < 1:  # noqa: ASYNC110  # as above
                await asyncio.sleep(0)
            reading = asyncio.Event()
            go_on = asyncio.Event()

            async def slow() -> AsyncIterator[bytes]:
                reading.set()
                await go_on.wait()
                yield b"x"

            sending = asyncio.create_task(
                relay.client.post("/v1/vaults", content=slow())
            )
            await reading.wait()
            answer = await relay.get("/healthz")
            assert (answer.status_code, refusal_of(answer)) == (503, "busy")
            go_on.set()
            assert refusal_of(await sending) == "malformed"
            assert (await relay.get("/healthz")).status_code == 200
            waiting.cancel()

    asyncio.run(run())


def test_a_gate_gives_every_place_back() -> None:
    """Whatever happens inside, and after leaving it for a while."""
    gate = Gate(1)
    for _ in range(3):
        with pytest.raises(KeyError), gate, gate.left():
            raise KeyError
    with gate:
        with pytest.raises(RelayRefused), gate:
            pass
        with gate.left(), gate:
            pass


def test_a_body_that_trickles_is_given_up(tmp_path: Path) -> None:
    """A body must have arrived within the relay's patience."""

    async def never() -> AsyncIterator[bytes]:
        yield b"x"
        await asyncio.Event().wait()

    async def run() -> None:
        async with here(tmp_path, Limits(request_seconds=0.05)) as relay:
            answer = await relay.client.post("/v1/vaults", content=never())
            assert (answer.status_code, refusal_of(answer)) == (408, "too-slow")

    asyncio.run(run())


def test_mailboxes_are_bounded_in_count_and_time(tmp_path: Path) -> None:
    """A new mailbox needs a free place; after ten minutes the old ones are gone."""

    async def run() -> None:
        clock = Clock()
        async with here(tmp_path, Limits(mailboxes=2), clock=clock) as relay:
            ids = [os.urandom(32).hex() for _ in range(3)]

            async def put(mailbox: str, slot: int, body: bytes = b"x") -> Any:
                path = f"/v1/mailboxes/{mailbox}/{slot}"
                return await relay.client.put(path, content=body)

            assert (await put(ids[0], 0)).status_code == 204
            assert (await put(ids[1], 0)).status_code == 204
            full = await put(ids[2], 0)
            assert (full.status_code, refusal_of(full)) == (507, "mailboxes-full")
            clock.ms += 599_000
            assert (await put(ids[0], 1)).status_code == 204
            assert refusal_of(await put(ids[0], 1, b"other")) == "slot-taken"
            # All of a mailbox goes ten minutes after its first slot.
            clock.ms += 2_000
            assert (await relay.get(f"/v1/mailboxes/{ids[0]}/1")).status_code == 204
            assert (await put(ids[2], 0)).status_code == 204

    asyncio.run(run())


def test_a_mailbox_body_is_bounded(tmp_path: Path) -> None:
    """Eight KiB and not a byte more, in eight slots."""

    async def run() -> None:
        async with here(tmp_path) as relay:
            box = f"/v1/mailboxes/{'ab' * 32}"
            ok = await relay.client.put(f"{box}/7", content=bytes(8192))
            large = await relay.client.put(f"{box}/6", content=bytes(8193))
            outside = await relay.client.put(f"{box}/8", content=b"x")
            assert ok.status_code == 204
            assert refusal_of(large) == "too-large"
            assert refusal_of(outside) == "malformed"

    asyncio.run(run())


def test_a_closed_relay_takes_no_new_vault(tmp_path: Path) -> None:
    """It goes on for the vaults that are there, and says no to others."""

    async def run() -> None:
        async with here(tmp_path) as relay:
            family, token = await relay.found()
        async with here(tmp_path, creation=Creation.CLOSED) as relay:
            again = await relay.post("/v1/vaults", family.genesis)
            assert (again.status_code, again.json()["created"]) == (200, False)
            other = await relay.post("/v1/vaults", Family.found().genesis)
            assert (other.status_code, refusal_of(other)) == (403, "creation-closed")
            answer = await relay.append(family.founder, token, family.founder.write())
            assert answer.status_code == 200

    asyncio.run(run())


def test_a_vault_needs_an_invitation_where_one_is_asked_for(tmp_path: Path) -> None:
    """Each is good once; none, a made-up and a used one are refused alike."""

    async def run() -> None:
        invite = await make_invite(tmp_path / "relay.db", days=1)
        async with here(tmp_path, creation=Creation.INVITE) as relay:
            one, two = Family.found(), Family.found()

            async def create(family: Family, *invite: str) -> Any:
                headers = [("Clisk-Invite", each) for each in invite]
                return await relay.client.post(
                    "/v1/vaults", content=family.genesis, headers=headers
                )

            for bad in ((), ("",), ("00" * 16,), (invite.upper(),)):
                answer = await create(one, *bad)
                assert (answer.status_code, refusal_of(answer)) == (
                    403,
                    "invite-needed",
                )
            assert (await create(one, invite)).status_code == 201
            # Done again it is done already, with or without.
            assert (await create(one, invite)).status_code == 200
            assert (await create(one)).status_code == 200
            assert refusal_of(await create(two, invite)) == "invite-needed"

    asyncio.run(run())


def test_a_device_shows_its_invitation(tmp_path: Path) -> None:
    """By the transport, to the relay that it founds a vault on; a misspelt one, no."""
    database = tmp_path / "relay.db"

    async def run() -> None:
        invite = await make_invite(database, days=1)
        async with here(tmp_path, creation=Creation.INVITE) as there:
            transport = Through(httpx.ASGITransport(there.app))
            async with HttpRelay(ORIGIN, connection=transport) as relay:

                def founder(family: Family, invite: str) -> HttpVaultTransport:
                    secrets = family.founder.secrets
                    return HttpVaultTransport(
                        relay,
                        family.vault,
                        device=secrets.public.id,
                        signing=secrets.signing,
                        invite=invite,
                    )

                family = Family.found()
                with pytest.raises(RelayRefused, match="invitation"):
                    await founder(family, "").create(family.genesis)
                with pytest.raises(CallerError, match="invitation"):
                    founder(family, invite[:-1])
                await founder(family, invite).create(family.genesis)

    asyncio.run(run())


def test_an_invitation_ends(tmp_path: Path) -> None:
    """After its days it founds nothing."""

    async def run() -> None:
        invite = await make_invite(tmp_path / "relay.db", days=1)
        clock = Clock()
        clock.ms += 86_400_001
        async with here(tmp_path, creation=Creation.INVITE, clock=clock) as relay:
            answer = await relay.client.post(
                "/v1/vaults",
                content=Family.found().genesis,
                headers={"Clisk-Invite": invite},
            )
            assert refusal_of(answer) == "invite-needed"

    asyncio.run(run())


def test_the_database_holds_no_invitation(tmp_path: Path) -> None:
    """Only its hash: a stolen database founds no vault."""
    invite = asyncio.run(make_invite(tmp_path / "relay.db", days=1))

    held = b"".join(path.read_bytes() for path in tmp_path.iterdir())

    assert invite.encode() not in held
    assert bytes.fromhex(invite) not in held
    assert invite_hash(invite) in held


def test_no_cache_on_the_way_keeps_an_answer(tmp_path: Path) -> None:
    """Every answer says so: a mailbox is read without a token."""

    async def run() -> None:
        async with here(tmp_path) as relay:
            for path in ("/healthz", "/nowhere", f"/v1/mailboxes/{'ab' * 32}/0"):
                answer = await relay.get(path)
                assert answer.headers["cache-control"] == "no-store"

    asyncio.run(run())


def test_a_page_is_bounded(tmp_path: Path) -> None:
    """By count and by bytes, yet always at least one envelope."""

    async def run() -> None:
        async with here(tmp_path, Limits(page_items=3, page_bytes=4000)) as relay:
            family, token = await relay.found()
            for size in (0, 0, 0, 0, 9000):
                await relay.append(
                    family.founder, token, family.founder.write(os.urandom(size))
                )
            seen = [
                await _positions(relay, family.vault.hex(), token, at)
                for at in range(6)
            ]
            assert seen == [[1, 2, 3], [2, 3, 4], [3, 4], [4], [5], []]

    asyncio.run(run())


async def _positions(relay: Here, vault: str, token: str, after: int) -> list[int]:
    answer = await relay.get(f"/v1/vaults/{vault}/envelopes?after={after}", token)
    reader = SequenceReader(max_item_bytes=1 << 20, max_bytes=1 << 24)
    found = [parse_entry(item)[0] for item in reader.feed(answer.content)]
    reader.close()
    return found
