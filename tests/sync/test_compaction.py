"""Snapshots between honest devices: protocol/snapshot.md §5 and §6."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest

from clisk_sync.errors import TransportError
from clisk_vault.keys import SecretText
from tests.sync.world import Device, World, names, run


def _kept(device: Device) -> int:
    """Return how many envelopes the relay still has."""
    vault = device.world.relay.find(device.vault_id)
    return len(vault.log) - len(vault.deleted)


def _due(*devices: Device) -> tuple[bool, ...]:
    return tuple(each.engine.is_compaction_due for each in devices)


def test_what_all_have_signed_is_deleted_and_nothing_is_lost(tmp_path: Path) -> None:
    """Two devices acknowledge; a third starts from the snapshot with every value."""

    async def story() -> None:
        world = World(tmp_path)
        laptop, phone = await world.pair()
        item = laptop.write("bank")
        for number in range(5):
            laptop.vault.edit(item, {"password": SecretText(f"old {number}")})
            await laptop.sync()
        await world.settle()
        before = _kept(laptop)

        report, done = await laptop.engine.compact()

        assert not report.alerts
        assert done.made
        assert done.envelopes == before
        assert done.waiting_for == (phone.id,)
        assert _kept(laptop) > before, "nothing goes before the phone has signed"

        assert not (await phone.sync()).alerts
        # The announcement is what is left, and what the phone has said since.
        assert _kept(laptop) <= 2
        assert not (await laptop.sync()).alerts

        tablet = await world.join(laptop, "tablet")
        report = await tablet.sync()
        assert not report.alerts
        assert tablet.titles() == laptop.titles() == phone.titles()
        history = [
            len(device.vault.view(item).fields["password"].history)
            for device in (laptop, phone, tablet)
        ]
        assert history == [4, 4, 4]
        await world.settle()
        tablet.write("from the tablet")
        await world.settle()
        assert phone.titles() == tablet.titles()
        world.close()

    run(story())


def test_a_device_that_was_away_keeps_what_it_had_not_sent(tmp_path: Path) -> None:
    """It recovers from the snapshot, says what the relay did, and sends its own."""

    async def story() -> None:
        world = World(tmp_path)
        laptop, phone = await world.pair()
        item = laptop.write("before")
        await world.settle()
        laptop.vault.edit(item, {"title": "while the phone was away"})
        await laptop.sync()
        phone.vault.edit(item, {"title": "written in the meantime"})
        vault = world.relay.find(laptop.vault_id)
        await laptop.engine.compact()
        # A relay that does not wait for the phone's signature.
        vault.deleted |= set(range(1, len(vault.log)))

        found = await phone.sync()

        assert "DeletedEarly" in names(found)
        assert "while the phone was away" in [
            head.text for head in phone.vault.view(item).fields["title"].heads
        ]
        await world.settle()
        for device in (laptop, phone):
            assert len(device.vault.view(item).fields["title"].heads) == 2
        world.close()

    run(story())


def test_two_devices_compact_at_once_and_one_is_taken(tmp_path: Path) -> None:
    """The relay takes one; the other device finds it and acknowledges that."""

    async def story() -> None:
        world = World(tmp_path)
        laptop, phone = await world.pair()
        laptop.write("one")
        await world.settle()

        async def meanwhile() -> None:
            _, theirs = await laptop.engine.compact()
            assert theirs.made

        phone.transport.before_part = meanwhile
        report, done = await phone.engine.compact()

        assert not report.alerts
        assert not done.made
        assert done.height == 1
        await world.settle()
        vault = world.relay.find(laptop.vault_id)
        assert [each.body.author for each in vault.snapshots] == [laptop.id]
        world.close()

    run(story())


@pytest.mark.parametrize("step", ["put_part", "append_snapshot", "acknowledge", "part"])
@pytest.mark.parametrize("lost", ["request", "answer"])
def test_a_crash_between_any_two_steps_is_made_good(
    tmp_path: Path, step: str, lost: str
) -> None:
    """The device starts again from its file, and ends where it would have ended."""

    async def story() -> None:
        world = World(tmp_path)
        laptop, phone = await world.pair()
        laptop.write("one")
        await world.settle()
        for device in (laptop, phone):
            device.transport.fail_once(step, lost=lost)
            with_fault = (
                device.engine.compact()
                if device is laptop
                else device.engine.sync_once()
            )
            with suppress(TransportError):
                await with_fault
            device.restart()

        for device in (laptop, phone, laptop, phone):
            with suppress(TransportError):
                await device.engine.compact()
        await world.settle()

        assert _kept(laptop) <= 4
        tablet = await world.join(phone, "tablet")
        assert not (await tablet.sync()).alerts
        assert tablet.titles() == laptop.titles()
        world.close()

    run(story())


def test_a_second_snapshot_takes_the_place_of_the_first(tmp_path: Path) -> None:
    """The relay keeps the newest complete one, and each device the newest it took."""

    async def story() -> None:
        world = World(tmp_path)
        laptop, phone = await world.pair()
        for number in range(3):
            laptop.write(f"note {number}")
            await world.settle()
            maker = (laptop, phone)[number % 2]
            _, done = await maker.engine.compact()
            assert done.made
            assert done.height == number + 1
            await world.settle()

        kept = world.relay.find(laptop.vault_id).snapshots
        assert [each.body.height for each in kept] == [3]
        world.close()

    run(story())


def test_a_vault_of_many_parts_is_packed_and_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A vault larger than a part goes in several, and each is told."""
    monkeypatch.setattr("clisk_sync.making.MAX_PART_CHANGES_BYTES", 600)

    async def story() -> None:
        world = World(tmp_path)
        laptop, phone = await world.pair()
        for number in range(20):
            laptop.write(f"note {number}")
        await world.settle()
        told: list[tuple[str, int, int]] = []

        await laptop.engine.compact(progress=lambda *each: told.append(each))

        parts = world.relay.find(laptop.vault_id).snapshots[0].body.parts
        assert len(parts) > 5
        assert ("sending", len(parts), len(parts)) in told
        assert not (await phone.sync()).alerts
        tablet = await world.join(phone, "tablet")
        await tablet.sync()
        assert tablet.titles() == laptop.titles()
        world.close()

    run(story())


def test_a_rotated_epoch_and_a_revoked_device_are_covered(tmp_path: Path) -> None:
    """What the revoked one wrote up to its cut is in the snapshot, and no more."""

    async def story() -> None:
        world = World(tmp_path)
        laptop, phone, tablet = await world.three()
        tablet.write("by the tablet")
        await world.settle()
        await laptop.engine.revoke(tablet.id)
        world.devices.pop("tablet")
        await world.settle()
        laptop.write("in the new epoch")
        await world.settle()

        _, done = await phone.engine.compact()
        assert done.made
        await world.settle()
        newcomer = await world.join(phone, "desk")
        assert not (await newcomer.sync()).alerts

        assert "by the tablet" in newcomer.titles()
        assert newcomer.titles() == laptop.titles() == phone.titles()
        tablet.vault.lock()
        world.close()

    run(story())


def test_an_agent_compacts_when_it_is_its_turn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever wrote most is due above the bound, the other only far above it."""
    monkeypatch.setattr("clisk_sync.compaction.DUE_ENVELOPES", 10)

    async def story() -> None:
        world = World(tmp_path)
        laptop, phone = await world.pair()
        for number in range(9):
            laptop.write(f"note {number}")
            await laptop.sync()
        await world.settle()

        assert _due(laptop, phone) == (True, False)
        for number in range(30):
            laptop.write(f"more {number}")
            await laptop.sync()
        await phone.sync()
        assert _due(laptop, phone) == (True, True)
        await phone.engine.compact()
        await laptop.sync()
        assert _due(laptop, phone) == (False, False)
        world.close()

    run(story())


def test_a_relay_that_lost_its_log_is_given_a_snapshot(tmp_path: Path) -> None:
    """Each device signs where its chain stands, so each may go on from there."""

    async def story() -> None:
        world = World(tmp_path)
        laptop, phone = await world.pair()
        laptop.write("one")
        await world.settle()
        await laptop.engine.compact()
        await world.settle()
        world.relay.vaults.clear()

        found = await laptop.sync()
        assert "MembershipRollback" in names(found)
        await phone.sync()
        laptop.write("afterwards")
        await world.settle()

        assert phone.titles() == laptop.titles()
        world.close()

    run(story())


def test_compacting_again_at_once_makes_no_other(tmp_path: Path) -> None:
    """Its own announcement is no reason for another snapshot."""

    async def story() -> None:
        world = World(tmp_path)
        laptop = await world.found()
        laptop.write("one")
        await laptop.sync()

        _, first = await laptop.engine.compact()
        _, second = await laptop.engine.compact()

        assert (first.made, second.made) == (True, False)
        assert second.height == first.height == 1
        assert _kept(laptop) == 1
        world.close()

    run(story())


@pytest.mark.parametrize("knows", ["the author", "the reader"])
def test_a_purge_on_one_side_is_no_lie_of_the_other(tmp_path: Path, knows: str) -> None:
    """One from before a purge, or after it, agrees with a device that differs."""

    async def story() -> None:
        world = World(tmp_path)
        laptop, phone = await world.pair()
        item = laptop.write("to be purged")
        await world.settle()
        purger, other = (laptop, phone) if knows == "the author" else (phone, laptop)
        purger.vault.trash(item)
        if knows == "the author":
            await world.settle()
        purger.vault.purging.purge([item])
        if knows == "the author":
            await laptop.sync()

        report, done = await laptop.engine.compact()
        assert done.made
        assert not report.alerts
        found = await phone.sync()

        assert not found.alerts
        assert phone.engine._taker.store.taken() is not None
        await world.settle()
        assert "to be purged" not in laptop.titles() + phone.titles()
        newcomer = await world.join(other, "desk")
        assert not (await newcomer.sync()).alerts
        assert newcomer.titles() == laptop.titles()
        world.close()

    run(story())
