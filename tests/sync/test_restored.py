"""A vault file that came back from a backup: noticed before it writes, and renewed."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from clisk_sync.envelope_content import ItemChange
from clisk_sync.errors import CallerError, CloneDetected, RevokedError
from clisk_sync.founding import add_record
from clisk_sync.inbox import incoming
from clisk_sync.membership import Membership
from clisk_sync.succession import hand_over
from clisk_vault.device import enrol
from clisk_vault.errors import CallerError as VaultCallerError
from clisk_vault.errors import PassphraseError
from clisk_vault.keys import SecretText
from clisk_vault.verdict import Finding
from tests.sync.world import Device, LyingTransport, World, names, run
from tests.vault.made import PASSPHRASE


@pytest.fixture(name="world")
def _world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path)
    yield world
    world.close()


def _back_up(device: Device) -> Path:
    device.vault.lock()
    backup = device.path.with_suffix(".backup")
    shutil.copy(device.path, backup)
    device.reopen()
    return backup


def _restore(device: Device, backup: Path) -> None:
    device.vault.lock()
    shutil.copy(backup, device.path)
    device.reopen()


async def _restored(world: World) -> tuple[Device, Device]:
    """Return laptop and phone; the laptop is a backup that has written since."""
    laptop, phone = await world.pair()
    backup = _back_up(laptop)
    laptop.write("after the backup")
    await laptop.sync()
    await phone.sync()
    _restore(laptop, backup)
    laptop.write("only in the copy")
    return laptop, phone


def test_a_restored_copy_notices_before_it_writes(world: World) -> None:
    """One read of the relay shows it; not one byte goes out, now or later."""

    async def story() -> None:
        laptop, phone = await _restored(world)
        laptop.transport.sent.clear()

        first = await laptop.sync()
        laptop.restart()
        second = await laptop.sync()
        await phone.sync()

        assert names(first) == ["CloneDetected"]
        assert "restored from a backup" in first.alerts[0].advice
        assert laptop.engine.cloned
        assert (first.pushed, second.pushed, laptop.transport.sent) == (0, 0, [])
        assert phone.engine.evidence() == []
        with pytest.raises(CloneDetected):
            await laptop.engine.rotate()

    run(story())


def test_its_access_log_begins_anew_and_says_restored(world: World) -> None:
    """At once, by one call of sync's; it is called restored and not tampered with."""

    async def story() -> None:
        laptop, _ = await _restored(world)
        before = laptop.vault.log.origin

        await laptop.sync()
        await laptop.sync()

        log = laptop.vault.log
        assert log.slot == 2
        assert log.origin != before
        assert [each.origin for each in log.earlier()] == [before]
        assert log.verify(laptop.secrets.public.signing).findings == ()

    run(story())


def test_a_renewed_device_loses_nothing(world: World) -> None:
    """What only the copy held and what only the relay held come together."""

    async def story() -> None:
        laptop, phone = await _restored(world)
        old = laptop.id
        await laptop.sync()

        await laptop.renew()
        report = await laptop.sync()
        await world.settle()

        assert report.alerts == ()
        assert laptop.id != old
        assert not laptop.engine.cloned
        found = laptop.engine.evidence()
        assert {each.kind for each in found} == {"CloneDetected"}
        assert all(each.acknowledged_ms for each in found), "it is dealt with"
        everything = ["after the backup", "first", "only in the copy"]
        assert laptop.titles() == phone.titles() == everything
        departed = phone.engine.membership.departed[old]
        assert departed.by == laptop.id
        assert departed.cut.number == phone.engine.frontier.chain(old).mark.number
        assert phone.engine.membership.member(laptop.id).succeeds == old
        assert phone.engine.evidence() == []
        assert phone.vault.replica.quarantine() == []
        laptop.write("goes on")
        phone.write("both ways")
        await world.settle()
        assert laptop.titles() == phone.titles()
        # The log of the new identity is its own; the old ones are kept.
        log = laptop.vault.log
        assert log.verify(laptop.secrets.public.log).findings == ()
        assert len(log.earlier()) == 2

    run(story())


def test_what_a_copy_had_sealed_and_nobody_got_is_sent_again(world: World) -> None:
    """An envelope kept under a number that was taken: its changes go out anew."""

    async def story() -> None:
        laptop, phone = await world.pair()
        backup = _back_up(laptop)
        laptop.write("after the backup")
        await laptop.sync()
        _restore(laptop, backup)
        laptop.write("sealed in the copy")

        # A relay that hides the newer envelope until the copy has sealed its own.
        hidden = laptop.transport
        hidden.on_read = lambda log: log[:-1]
        await laptop.sync()
        assert laptop.vault.replica.unsent() == 0  # sealed, under a number taken
        hidden.on_read = lambda log: log
        await laptop.sync()
        assert laptop.engine.cloned
        await laptop.renew()
        await world.settle()

        everything = ["after the backup", "first", "sealed in the copy"]
        assert laptop.titles() == phone.titles() == everything
        assert phone.vault.replica.quarantine() == []

    run(story())


def test_the_original_that_still_runs_is_told(world: World) -> None:
    """Of two copies the renewed one goes on; the other keeps what it had."""

    async def story() -> None:
        laptop, _ = await world.pair()
        backup = _back_up(laptop)
        twin_path = laptop.path.with_name("twin.db")
        shutil.copy(backup, twin_path)
        twin = Device(
            world,
            laptop.vault_id,
            laptop.secrets,
            twin_path,
            laptop.transport,
            laptop.vault,
            laptop.engine,
        )
        twin.reopen()
        world.devices["twin"] = twin
        laptop.write("by the original")
        await laptop.sync()
        await twin.sync()
        await twin.renew()
        await twin.sync()

        laptop.write("unsent")
        with pytest.raises(RevokedError, match="revoked by laptop"):
            await laptop.sync()
        assert "unsent" in laptop.titles()
        assert twin.titles() == ["by the original", "first"]

    run(story())


def test_a_crash_after_the_new_keys_is_made_good(world: World) -> None:
    """The old identity is ended by the next sync, whenever it comes."""

    async def story() -> None:
        laptop, phone = await _restored(world)
        old = laptop.id
        await laptop.sync()
        await laptop.renew()
        laptop.restart()
        await phone.sync()
        assert old in phone.engine.membership.devices

        await laptop.sync()
        await phone.sync()
        assert old in phone.engine.membership.departed

    run(story())


@pytest.mark.parametrize("crashes", [1, 3])
def test_a_crash_before_the_new_keys_leaves_no_phantom(
    world: World, crashes: int
) -> None:
    """Records of successors whose keys are lost: the next renewal ends them too."""

    async def story() -> None:
        laptop, phone = await _restored(world)
        old = laptop.id
        await laptop.sync()
        phantoms = []
        for _ in range(crashes):
            lost, _ = enrol()
            await laptop.engine.succeed(lost.public)
            phantoms.append(lost.public.id)
            laptop.restart()  # before the file had them
        await phone.sync()
        assert phone.engine.membership.devices.keys() >= {old, *phantoms}

        await laptop.renew()
        await laptop.sync()
        await world.settle()

        membership = phone.engine.membership
        assert membership.devices.keys() == {laptop.id, phone.id}
        assert membership.departed.keys() == {old, *phantoms}
        assert all(membership.departed[each].by == laptop.id for each in phantoms)
        assert phone.titles() == laptop.titles()
        assert "only in the copy" in phone.titles()
        assert phone.engine.evidence() == []

    run(story())


@pytest.mark.parametrize("when", ["earlier", "later"])
def test_what_another_copy_goes_on_as_stays(world: World, when: str) -> None:
    """Somebody may be it, though it has written nothing yet: it is no phantom."""

    async def story() -> None:
        laptop, phone = await _restored(world)
        other, _ = enrol()
        await laptop.sync()

        async def other_copy_renews() -> None:
            held = laptop.engine.membership
            record = laptop.engine._registrar.successor(held, other.public)
            assert record is not None
            await laptop.transport.honest.append_record(record)

        if when == "earlier":
            await other_copy_renews()
            await laptop.renew()
        else:
            fresh, first_log_key = enrol()
            fresh = replace(fresh, storage=laptop.secrets.storage)
            membership = await laptop.engine.succeed(fresh.public)
            await other_copy_renews()
            laptop.vault.take_identity(
                PASSPHRASE,
                fresh,
                first_log_key,
                also=lambda _: hand_over(laptop.vault, membership),
            )
            laptop.secrets = fresh
            laptop.transport = LyingTransport(world.relay.vault(laptop.vault_id, fresh))
            laptop.restart()
        await laptop.sync()
        await phone.sync()

        assert other.public.id in phone.engine.membership.devices
        assert len(phone.engine.membership.departed) == 1

    run(story())


def test_who_is_no_copy_does_not_renew(world: World) -> None:
    """Nor does a wrong passphrase or another storage key change the file."""

    async def story() -> None:
        laptop, _ = await world.pair()
        fresh, log_key = enrol()
        with pytest.raises(CallerError):
            await laptop.engine.succeed(fresh.public)

        def nothing(_: object) -> None:
            raise AssertionError("not reached")

        vault = laptop.vault
        with pytest.raises(VaultCallerError, match="storage key"):
            vault.take_identity(PASSPHRASE, fresh, log_key, also=nothing)
        wrong = SecretText("not the passphrase")
        same = type(fresh)(
            fresh.signing,
            fresh.wrapping,
            laptop.secrets.storage,
            fresh.cosign,
            fresh.public,
        )
        with pytest.raises(PassphraseError):
            vault.take_identity(wrong, same, log_key, also=nothing)
        laptop.restart()
        assert laptop.vault.device_id == laptop.id
        assert Finding.RESTORED not in {
            each.kind
            for each in laptop.vault.log.verify(laptop.secrets.public.log).findings
        }

    run(story())


def test_only_a_successor_speaks_for_another(world: World) -> None:
    """Attack: a member sends changes in another's name. They are refused."""

    async def story() -> None:
        laptop, phone = await world.pair()
        tablet = await world.join(laptop, "tablet")
        await world.settle()
        phone.write("by the phone")
        (pending,) = phone.vault.replica.pending(9, 1 << 16)
        change = ItemChange(pending.item_id, pending.change)
        membership = laptop.engine.membership

        def taken(as_of: Membership) -> list[str]:
            content = type("", (), {"changes": (change,)})()
            arrived = incoming(tablet.id, content, as_of)
            found = laptop.vault.replica.apply_all(arrived)
            return [type(each).__name__ for each in found]

        assert taken(membership) == ["Quarantined"]
        # Control: with a record that says whose successor it is, they go in.
        fresh, _ = enrol()
        epochs = phone.vault.epochs
        record = add_record(
            membership,
            phone.secrets,
            epochs.secret(epochs.current),
            fresh.public,
            "phone",
            succeeds=phone.id,
        )
        heir = membership.extend(record)
        content = type("", (), {"changes": (change,)})()
        (arrival,) = incoming(fresh.public.id, content, heir)
        assert arrival.author == phone.id
        # And for nobody else than the one whose successor it is.
        laptop.write("by the laptop")
        (foreign,) = laptop.vault.replica.pending(9, 1 << 16)
        change = ItemChange(foreign.item_id, foreign.change)
        content = type("", (), {"changes": (change,)})()
        (arrival,) = incoming(fresh.public.id, content, heir)
        assert arrival.author == fresh.public.id

    run(story())


def test_a_copy_from_before_a_snapshot_is_renewed(world: World) -> None:
    """The relay has deleted what lies between; the snapshot brings it all the same."""

    async def story() -> None:
        laptop, phone = await world.pair()
        backup = _back_up(laptop)
        laptop.write("after the backup")
        await laptop.sync()
        await phone.sync()
        await laptop.engine.compact()
        await world.settle()
        laptop.write("after the snapshot")
        await world.settle()
        _restore(laptop, backup)
        laptop.write("only in the copy")

        await laptop.sync()
        assert laptop.engine.cloned
        await laptop.renew()
        await world.settle()

        everything = ["after the backup", "after the snapshot", "first"]
        assert laptop.titles() == phone.titles() == [*everything, "only in the copy"]
        assert (await laptop.sync()).alerts == ()
        phone.write("goes on")
        await world.settle()
        assert laptop.titles() == phone.titles()

    run(story())
