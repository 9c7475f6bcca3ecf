"""Devices witness each other's access logs, inside sync: protocol/access-log.md §11."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from clisk_vault.access_log import first_key
from clisk_vault.access_record import (
    AccessRecord,
    Outcome,
    Requester,
    RequesterKind,
    Retention,
)
from clisk_vault.log_leaf import Leaf, LeafType
from clisk_vault.log_view import split_origin
from clisk_vault.verdict import Finding, Level, Notice, Verdict
from clisk_vault.witness import witness_key
from tests.sync.world import Device, World, names, run


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path)
    yield world
    world.close()


def read(device: Device, count: int = 1) -> None:
    """Leave records of that many reads in the log of *device*."""
    for _ in range(count):
        device.vault.log.append(
            AccessRecord(
                Outcome.GRANTED,
                Requester(RequesterKind.PERSON, "terminal"),
                "look",
                device.id,
                device.world.clock(),
            )
        )


async def tell(*devices: Device) -> list[str]:
    """Sync all of them until every log was told and answered; return alerts."""
    found: list[str] = []
    for device in [*devices, *devices]:
        device.world.clock.now_ms += 60_000
        report = await device.engine.sync_once(tell_logs=device in devices)
        found += names(report)
    return found


def verdict(device: Device) -> Verdict:
    """Return what *device* makes of its own log."""
    vault, members = device.vault, device.engine.membership.devices
    origin = vault.log.origin
    return vault.log.verify(
        first_key(device.secrets.public, split_origin(origin)[1]),
        peers=[witness_key(m.public) for m in members.values() if m.id != device.id],
        seen=vault.witness.cosigned(origin),
    )


def types(device: Device) -> list[LeafType]:
    """Return the types of the leaves of the log of *device*."""
    return [Leaf.parse(row.leaf).type for row in device.vault.log.rows()]


def test_a_log_that_a_peer_countersigned_is_witnessed(world: World) -> None:
    """One round later the verdict says by whom, and how far."""

    async def story() -> None:
        laptop, phone = await world.pair()
        read(laptop, 3)
        assert verdict(laptop).level is Level.SEALED

        assert await tell(laptop, phone) == []

        found = verdict(laptop)
        assert found.findings == ()
        assert found.level is Level.WITNESSED
        assert found.witnessed_size == 4
        assert found.witnesses == (phone.id.hex(),)
        assert LeafType.WITNESS in types(phone)

    run(story())


def test_countersignatures_do_not_answer_each_other_for_ever(world: World) -> None:
    """When nothing is read, the devices fall silent, whatever time goes by."""

    async def story() -> None:
        laptop, phone = await world.pair()
        read(laptop)
        await tell(laptop, phone)
        sizes = [laptop.vault.log.size, phone.vault.log.size]
        pushed: list[int] = []
        for _ in range(5):
            world.clock.now_ms += 2 * 60 * 60 * 1000
            pushed += [
                (await device.engine.sync_once()).pushed for device in (laptop, phone)
            ]
        assert pushed[-2:] == [0, 0]
        for device, size in zip((laptop, phone), sizes, strict=True):
            assert device.vault.log.size <= size + 1

    run(story())


def test_a_log_is_told_once_an_hour(world: World) -> None:
    """Ten reads make one envelope: the relay cannot count them."""

    async def story() -> None:
        laptop, _ = await world.pair()
        await laptop.engine.sync_once()
        world.clock.now_ms += 60 * 60 * 1000
        await laptop.engine.sync_once()
        sent = len(laptop.transport.sent)
        for _ in range(10):
            read(laptop)
            await laptop.sync()
        assert len(laptop.transport.sent) == sent
        world.clock.now_ms += 60 * 60 * 1000
        await laptop.engine.sync_once()
        assert len(laptop.transport.sent) == sent + 1

    run(story())


def test_what_the_phone_read_is_known_on_the_laptop(world: World) -> None:
    """Entries travel sealed, and any member opens and verifies them."""

    async def story() -> None:
        laptop, phone = await world.pair()
        read(phone, 5)
        await tell(laptop, phone)

        [log] = laptop.vault.witness.logs(phone.id)
        assert [record.device for _, record in log.records()] == [phone.id] * 5
        found = log.verify(
            phone.secrets.public.log,
            peers=[witness_key(laptop.secrets.public)],
            seen=laptop.vault.witness.cosigned(log.origin),
        )
        assert found.findings == ()
        assert found.level is Level.WITNESSED

    run(story())


def test_a_device_put_back_from_a_backup_says_restored(world: World) -> None:
    """It hears that more of its log was seen, and begins the next incarnation."""

    async def story() -> None:
        laptop, phone = await world.pair()
        await tell(laptop, phone)
        laptop.vault.lock()
        older = laptop.path.read_bytes()
        laptop.reopen()
        read(laptop, 4)
        await tell(laptop, phone)
        laptop.vault.lock()
        laptop.path.write_bytes(older)
        for side in ("-wal", "-shm"):
            laptop.path.with_name(laptop.path.name + side).unlink(missing_ok=True)
        laptop.reopen()

        found = names(await laptop.sync())

        # The file went back as a whole, so its envelopes tell the same story.
        assert {"LogRestored", "CloneDetected"} & set(found)
        assert laptop.vault.log.origin.endswith("/2")
        says = " ".join(verdict(laptop).sentences())
        assert "restored" in says
        assert "nothing says that anybody tampered" in says
        [closed] = laptop.vault.log.earlier()
        lost = closed.verify(
            laptop.secrets.public.log,
            peers=[witness_key(phone.secrets.public)],
            seen=laptop.vault.witness.cosigned(closed.origin),
        ).findings
        # By the head that the new log names, and by the witness: one story.
        assert {each.kind for each in lost} == {Finding.RESTORED}
        assert closed.size + 1 in {each.first for each in lost}

    run(story())


def test_a_newcomer_gets_the_logs_from_their_beginning(world: World) -> None:
    """It says what it holds, and is told the rest; then it witnesses too."""

    async def story() -> None:
        laptop, phone = await world.pair()
        read(laptop, 3)
        await tell(laptop, phone)
        tablet = await world.join(laptop, "tablet")
        read(laptop, 2)
        await tell(laptop, phone, tablet)
        await tell(laptop, phone, tablet)

        [log] = tablet.vault.witness.logs(laptop.id)
        assert log.size >= 6
        assert len(verdict(laptop).witnesses) >= 1
        assert set(laptop.vault.witness.cosigned(laptop.vault.log.origin)) != set()

    run(story())


def test_a_device_that_is_used_leaves_a_heartbeat_a_day(world: World) -> None:
    """Silence is then a device that is off, or somebody who keeps news back."""

    async def story() -> None:
        laptop, phone = await world.pair()
        for _ in range(3):
            world.clock.now_ms += 25 * 60 * 60 * 1000
            await laptop.engine.sync_once()
            await phone.engine.sync_once()
        assert LeafType.HEARTBEAT in types(laptop)
        assert types(laptop).count(LeafType.HEARTBEAT) <= 3

    run(story())


def test_a_relay_that_withholds_only_the_news_of_a_log_is_noticed(world: World) -> None:
    """Those envelopes are links of their author's chain: a gap in it is named."""

    async def story() -> None:
        laptop, phone, tablet = await world.three()
        await world.settle()
        size = len(laptop.transport.sent)
        read(laptop, 3)
        await tell(laptop)
        news = laptop.transport.sent[size:]
        assert news, "nothing but the log was told of"
        await tell(phone)
        tablet.transport.on_read = lambda log: [e for e in log if e[1] not in news]

        report = await tablet.engine.sync_once()

        assert "Withheld" in names(report)
        held = [log.size for log in tablet.vault.witness.logs(laptop.id)]
        assert max(held, default=0) < laptop.vault.log.size
        tablet.transport.on_read = lambda log: log
        assert names(await tablet.engine.sync_once()) == []
        held = [log.size for log in tablet.vault.witness.logs(laptop.id)]
        assert max(held) >= 4

    run(story())


def test_a_revoked_devices_countersignature_does_not_count(world: World) -> None:
    """Who is revoked may be in anybody's hands: only the others vouch for a log."""

    async def story() -> None:
        laptop, phone, tablet = await world.three()
        read(laptop, 3)
        await tell(laptop, phone)
        before = verdict(laptop)
        assert (before.level, before.witnesses) == (
            Level.WITNESSED,
            (phone.id.hex(),),
        )

        await laptop.engine.revoke(phone.id)

        after = verdict(laptop)
        assert laptop.vault.witness.cosigned(laptop.vault.log.origin), "it is kept"
        assert (after.level, after.witnesses, after.findings) == (Level.SEALED, (), ())
        assert tablet.id in laptop.engine.membership.devices

    run(story())


def test_what_a_device_erased_by_its_policy_is_erased_in_copies_too(
    world: World,
) -> None:
    """A peer that prunes follows others' written prunes, and erases no more."""

    async def story() -> None:
        laptop, phone = await world.pair()
        read(laptop, 5)
        await tell(laptop, phone)
        [log] = phone.vault.witness.logs(laptop.id)
        assert all(row.ciphertext for row in log.rows())
        laptop.vault.retention.write_policy(Retention(None, 3))
        below = laptop.vault.retention.prune().below
        assert below > 1
        phone.vault.retention.write_policy(Retention(None, 1000))
        phone.vault.retention.prune()
        assert all(row.ciphertext for row in log.rows()), "it was not told yet"

        await tell(laptop, phone)
        phone.vault.retention.prune()

        erased = [row.seq for row in log.rows() if row.ciphertext is None]
        assert erased == list(range(below))
        found = log.verify(laptop.secrets.public.log)
        assert found.findings == ()
        assert [(n.kind, n.first, n.last) for n in found.notices] == [
            (Notice.PRUNED, 0, below - 1)
        ]

    run(story())
