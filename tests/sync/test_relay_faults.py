"""Faults around a relay: a full disk, a cut connection, clocks that are years off."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import httpx
import pytest
from sqlalchemy import event

from clisk_sync.acceptance_snapshots import Two
from clisk_sync.errors import RelayRefused, TransportError
from clisk_sync.http_transport import HttpRelay
from clisk_sync.relay import start
from clisk_sync.relay.auth import now_ms
from clisk_sync.relay.store import Store
from clisk_sync.retry import RetryPolicy
from clisk_sync.testing import Family
from tests.sync.relay_kit import ORIGIN, Here, Through, here
from tests.sync.relay_process import transport_of
from tests.sync.test_relay_acceptance import OverHttp
from tests.sync.world import World, run

_ONCE = RetryPolicy(attempts=1)
_YEAR_MS = 365 * 24 * 3600 * 1000


def _over(kit: Here) -> HttpRelay:
    through = Through(httpx.ASGITransport(app=kit.app))
    return HttpRelay(ORIGIN, retry=_ONCE, connection=through)


def _pages(store: Store, most: int) -> None:
    """Let the store's file grow to so many pages and no more: a disk that fills."""
    engine = store._db._writing  # type: ignore[attr-defined]
    engine.dispose()

    @event.listens_for(engine, "connect")
    def _limit(connection: object, _record: object) -> None:
        connection.execute(f"PRAGMA max_page_count = {most}").close()  # type: ignore[attr-defined]


def test_a_full_disk_is_no_success_and_loses_nothing(tmp_path: Path) -> None:
    """What was acknowledged is there; the rest is taken once there is room."""

    async def story() -> None:
        async with here(tmp_path) as kit, _over(kit) as relay:
            family = Family.found()
            transport = transport_of(relay, family.founder)
            await transport.create(family.genesis)
            running_store = kit.relay.store
            _pages(running_store, 60)
            acknowledged: dict[int, bytes] = {}
            while True:
                envelope = family.founder.write(bytes(20_000))
                try:
                    acknowledged[await transport.append(envelope)] = envelope
                except TransportError:
                    break
            assert acknowledged
            assert dict([e async for e in transport.read(0)]) == acknowledged

            _pages(running_store, 10_000)
            position = await transport.append(envelope)

            assert position == len(acknowledged) + 1
            await transport.append(family.founder.write())

    run(story())


@pytest.mark.parametrize("after", [0, 1, 700])
def test_a_connection_cut_within_a_body_stores_nothing(
    tmp_path: Path, after: int
) -> None:
    """Half an envelope is none; the device sends it again and it gets its place."""

    async def story() -> None:
        async with (
            start(database=tmp_path / "relay.db") as running,
            HttpRelay(running.url, retry=_ONCE) as relay,
        ):
            family = Family.found()
            transport = transport_of(relay, family.founder)
            await transport.create(family.genesis)
            assert [e async for e in transport.read(0)] == []
            envelope = family.founder.write()
            head = (
                f"POST /v1/vaults/{family.vault.hex()}/envelopes HTTP/1.1\r\n"
                f"Host: x\r\nAuthorization: Bearer {transport._token}\r\n"
                f"Content-Length: {len(envelope)}\r\n\r\n"
            ).encode()

            def cut() -> None:
                with socket.create_connection(("127.0.0.1", running.port)) as raw:
                    raw.sendall(head + envelope[:after])
                    raw.shutdown(socket.SHUT_RDWR)

            for _ in range(5):
                await asyncio.to_thread(cut)

            assert [e async for e in transport.read(0)] == []
            assert await transport.append(envelope) == 1

    run(story())


@pytest.mark.parametrize("years", [-50, 40])
def test_a_device_whose_clock_is_years_off_syncs(tmp_path: Path, years: int) -> None:
    """Both ways, without an alert, and its heartbeat does not go wild."""

    async def story() -> None:
        world = World(tmp_path)
        laptop, phone = await world.pair()
        world.clock.now_ms = max(1, world.clock.now_ms + years * _YEAR_MS)
        phone.write("from another time")
        sent = await phone.sync()
        world.clock.now_ms = now_ms()

        got = await laptop.sync()
        laptop.write("from now")
        await laptop.sync()
        await phone.sync()

        assert not sent.alerts
        assert not got.alerts
        assert laptop.titles() == phone.titles()
        assert "from another time" in laptop.titles()
        world.close()

    run(story())


@pytest.mark.parametrize("years", [-20, 20])
def test_a_relay_whose_clock_jumps_goes_on(tmp_path: Path, years: int) -> None:
    """Tokens that it takes for old are asked for anew; nothing is refused for good."""

    async def story() -> None:
        async with here(tmp_path) as kit, _over(kit) as relay:
            family = Family.found()
            transport = transport_of(relay, family.founder)
            await transport.create(family.genesis)
            await transport.append(family.founder.write())
            authority = kit.relay.authority
            authority._clock = lambda: now_ms() + years * _YEAR_MS

            assert await transport.append(family.founder.write()) == 2
            other = transport_of(relay, family.founder)
            assert len([e async for e in other.read(0)]) == 2

    run(story())


def test_a_relay_that_dies_while_it_deletes_goes_on_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is half deleted stays readable behind it, and the next one ends it."""
    monkeypatch.setattr("clisk_sync.relay.store_snapshots.DELETED_AT_ONCE", 1)

    async def story() -> None:
        async with here(tmp_path) as kit, _over(kit) as relay:
            two = await Two.make(OverHttp(relay))
            await two.mine.put_part(b"part")
            snapshot = two.sign(two.body([b"part"]))
            await two.mine.append_snapshot(snapshot)
            store = kit.relay.store
            whole = store._delete_covered

            async def once(vault: object) -> None:
                from clisk_sync.relay import store_snapshots

                await store._db.write(
                    lambda db: store_snapshots.delete_covered(db, vault)  # type: ignore[arg-type]
                )
                raise RelayRefused("killed", code="internal")

            store._delete_covered = once  # type: ignore[method-assign]
            with pytest.raises((RelayRefused, TransportError)):
                await two.theirs.acknowledge(two.ack(two.phone, snapshot))
            assert len([e async for e in two.mine.read(0)]) == 3

            store._delete_covered = whole  # type: ignore[method-assign]
            await two.theirs.acknowledge(two.ack(two.phone, snapshot))
            assert [e async for e in two.mine.read(0)] == []

    run(story())
