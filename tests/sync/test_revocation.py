"""protocol/membership.md §5.3 to §6 on real vaults: what a revocation stops.

Each attack is named in its test; what an honest relay would have prevented is
played with a relay that lies.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from clisk_sync.envelope_content import Mark
from clisk_sync.errors import (
    AuthError,
    CloneDetected,
    MembershipError,
    NotAMember,
    RecordConflictError,
    RevokedError,
    TransportError,
)
from clisk_sync.founding import revoke_record, rotate_record
from clisk_sync.intake import Offered
from clisk_sync.record import parse_unverified_record, sign_record
from clisk_sync.report import SyncReport, Tally
from clisk_vault.device import enrol
from clisk_vault.draft import ItemDraft
from clisk_vault.errors import FormatError
from tests.sync.crashes import CrashError, DyingAfter
from tests.sync.world import Device, Forger, World, digest, names, run


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """Yield an empty world."""
    made = World(tmp_path)
    yield made
    made.close()


def log_of(device: Device) -> list[bytes]:
    """Return what the honest relay holds."""
    return [each.data for each in device.world.relay.find(device.vault.id).log]


def revocation(by: Device, of: Device, newest: Mark) -> bytes:
    """Return a revocation with a cut of the test's choice."""
    membership = by.engine.membership
    secret = by.vault.epochs.secret(membership.epoch)
    return revoke_record(membership, by.secrets, secret, of.id, newest)


def test_a_revoked_device_reads_and_writes_nothing_more(world: World) -> None:
    """It is told by name; what others write later it cannot open, nor they hear it."""

    async def story() -> None:
        laptop, phone, tablet = await world.three()
        tablet.write("counts")
        await tablet.sync()
        tablet.write("never sent")

        departed = await laptop.engine.revoke(tablet.id)
        laptop.write("after it")
        reports = [await laptop.sync(), await phone.sync()]
        with pytest.raises(RevokedError, match="revoked by laptop") as caught:
            await tablet.sync()

        assert [report.alerts for report in reports] == [(), ()]
        assert laptop.titles() == phone.titles() == ["after it", "counts", "first"]
        assert tablet.titles() == ["counts", "first", "never sent"]
        assert "clisk join" in caught.value.advice
        assert (caught.value.by, departed.by) == (laptop.id, laptop.id)
        assert tablet.vault.epochs.numbers() == [1]
        assert laptop.vault.epochs.numbers() == phone.vault.epochs.numbers() == [1, 2]
        tablet.restart()
        with pytest.raises(RevokedError):
            await tablet.engine.follow(asyncio.Event(), tell=print)

    run(story())


def test_the_relay_takes_nothing_of_a_revoked_device(world: World) -> None:
    """Neither envelopes nor records; why that is so it may still read."""

    async def story() -> None:
        laptop, _phone, tablet = await world.three()
        mark = laptop.engine.frontier.chain(tablet.id).mark
        held = tablet.engine.membership
        await laptop.engine.revoke(tablet.id)
        records = len(laptop.engine.membership.records)

        late = Forger.of(tablet).envelope(mark.number + 1, mark.hash)
        with pytest.raises(AuthError):
            await tablet.transport.append(late)
        secret = tablet.vault.epochs.secret(1)
        with pytest.raises(AuthError):
            await tablet.transport.append_record(
                rotate_record(held, tablet.secrets, secret)
            )
        assert len(await tablet.transport.records()) == records

    run(story())


def test_what_a_revoked_device_writes_after_the_cut_is_quarantined(
    world: World,
) -> None:
    """A lying relay takes and spreads it: kept and shown, and never applied."""

    async def story() -> None:
        laptop, phone, tablet = await world.three()
        mark = phone.engine.frontier.chain(tablet.id).mark
        await laptop.engine.revoke(tablet.id)
        await phone.sync()
        late = Forger.of(tablet).envelope(mark.number + 1, mark.hash)
        later = Forger.of(tablet).envelope(mark.number + 2, digest(late))
        end = len(log_of(phone))
        phone.transport.on_read = lambda log: [*log, (end + 1, late), (end + 2, later)]
        before = phone.trusted()

        report = await phone.sync()

        assert names(report) == ["AfterTheCut"]
        assert phone.trusted() == before
        assert {each.first for each in phone.engine.evidence()} == {late, later}

    run(story())


def test_an_endless_quarantine_is_bounded(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A revoked device with a relay of its own cannot fill the disk."""
    monkeypatch.setattr("clisk_sync.intake._MAX_QUARANTINED", 3)

    async def story() -> None:
        laptop, phone, tablet = await world.three()
        await laptop.engine.revoke(tablet.id)
        await phone.sync()
        end, forger = len(log_of(phone)), Forger.of(tablet)
        flood = [
            (end + n, forger.envelope(50 + n, bytes([n]) * 32)) for n in range(1, 9)
        ]
        phone.transport.on_read = lambda log: [*log, *flood]

        await phone.sync()

        assert len(phone.engine.evidence()) == 3

    run(story())


def test_what_was_written_before_the_cut_still_counts_when_it_comes_late(
    world: World,
) -> None:
    """Missing until it comes, and applied then, though its author is gone."""

    async def story() -> None:
        laptop, phone, tablet = await world.three()
        tablet.write("late")
        await tablet.sync()
        hidden = len(log_of(tablet))
        phone.transport.on_read = lambda log: [e for e in log if e[0] != hidden]
        await laptop.engine.revoke(tablet.id)

        assert "Withheld" in names(await phone.sync())
        phone.transport.on_read = lambda log: log
        await phone.sync()

        assert phone.titles() == ["first", "late"]
        assert (await phone.sync()).alerts == ()

    run(story())


@pytest.mark.parametrize("counts", [True, False])
def test_what_waits_in_the_inbox_is_judged_by_the_cut(
    world: World, counts: bool
) -> None:
    """Deferred before the revocation, opened after it: up to the cut, no further."""

    async def story() -> None:
        laptop, phone, tablet = await world.three()
        before = laptop.engine.frontier.chain(tablet.id).mark
        tablet.vault.add_many(ItemDraft("note", f"{n}") for n in range(40))
        await tablet.sync()
        offers = [Offered.parse(at + 1, data) for at, data in enumerate(log_of(phone))]
        phone.engine._intake.receive(offers, phone.engine.membership, Tally())
        assert phone.engine._journal.count_deferred() == 1
        if counts:
            await laptop.engine.revoke(tablet.id)
        else:
            world.relay.find(phone.vault.id).heads.clear()  # a relay that lies
            await laptop.transport.append_record(revocation(laptop, tablet, before))

        report = await phone.sync()

        assert len(phone.titles()) == (41 if counts else 1)
        assert names(report) == ([] if counts else ["AfterTheCut"])

    run(story())


def test_a_hidden_revocation_is_named(world: World) -> None:
    """The relay keeps the record from one device: the next word of another tells."""

    async def story() -> None:
        laptop, phone, tablet = await world.three()
        held = len(laptop.engine.membership.records)
        await laptop.engine.revoke(tablet.id)
        phone.transport.on_records = lambda records: records[:held]
        before = phone.trusted()

        report = await phone.sync()

        assert {"RecordsWithheld", "UnknownEpoch"} <= set(names(report))
        assert phone.trusted() == before
        phone.transport.on_records = lambda records: records
        await phone.sync()
        assert (await phone.sync()).alerts == ()
        assert tablet.id in phone.engine.membership.departed

    run(story())


def test_a_forged_cut_is_named_with_the_record(world: World) -> None:
    """A member names another last envelope than was verified: a fork, with evidence."""

    async def story() -> None:
        laptop, phone, tablet = await world.three()
        tablet.write("true")
        await world.settle()
        mark = phone.engine.frontier.chain(tablet.id).mark
        record = revocation(laptop, tablet, replace(mark, hash=digest(b"other")))
        await laptop.transport.append_record(record)

        report = await phone.sync()

        assert names(report) == ["ForkDetected"]
        assert phone.titles() == ["first", "true"]
        (evidence,) = phone.engine.evidence()
        assert evidence.second == record
        assert digest(evidence.first or b"") == mark.hash

    run(story())


def test_another_envelope_at_the_cut_is_refused(world: World) -> None:
    """Who has not got the last one takes none but the one that the cut names."""

    async def story() -> None:
        laptop, phone, tablet = await world.three()
        tablet.write("true")
        await tablet.sync()
        true = log_of(tablet)[-1]
        mark = tablet.engine.frontier.chain(tablet.id).mark
        previous = parse_previous(true)
        other = Forger.of(tablet).envelope(mark.number, previous, clock_ms=7)
        phone.transport.on_read = lambda log: [
            (at, other if data == true else data) for at, data in log
        ]
        await laptop.engine.revoke(tablet.id)

        report = await phone.sync()

        assert {"ForkDetected", "Withheld"} <= set(names(report))
        phone.transport.on_read = lambda log: log
        await phone.sync()
        assert phone.titles() == ["first", "true"]

    run(story())


def parse_previous(envelope: bytes) -> bytes:
    """Return the hash that an envelope builds on."""
    parsed = Offered.parse(1, envelope).envelope
    assert not isinstance(parsed, Exception)
    return parsed.unverified_header.previous


def test_a_cut_behind_what_was_taken_in_is_named(world: World) -> None:
    """Only a lying relay lets a device take in what does not count: it alerts."""

    async def story() -> None:
        laptop, phone, tablet = await world.three()
        before = laptop.engine.frontier.chain(tablet.id).mark
        tablet.write("taken in")
        await tablet.sync()
        await phone.sync()
        record = revocation(laptop, tablet, before)
        with pytest.raises(RecordConflictError):
            await laptop.transport.append_record(record)
        world.relay.find(phone.vault.id).heads.clear()
        await laptop.transport.append_record(record)

        report = await phone.sync()

        assert names(report) == ["AfterTheCut"]

    run(story())


def test_a_device_that_writes_before_the_cut_is_read_first(world: World) -> None:
    """Its last envelope arrives while another revokes it: the cut is made anew."""

    async def story() -> None:
        laptop, phone, tablet = await world.three()
        tablet.write("just in time")
        laptop.transport.before_record = tablet.sync

        departed = await laptop.engine.revoke(tablet.id)
        await phone.sync()

        assert (
            departed.cut.number == tablet.engine.frontier.chain(tablet.id).mark.number
        )
        assert phone.titles() == laptop.titles() == ["first", "just in time"]

    run(story())


def test_writing_in_an_epoch_known_to_be_over_is_named(world: World) -> None:
    """An author that knows of the revocation and writes as if it had not been."""

    async def story() -> None:
        laptop, phone, tablet = await world.three()
        await laptop.engine.revoke(tablet.id)
        await phone.sync()
        mark = laptop.engine.frontier.chain(phone.id).mark
        said = laptop.engine.frontier.said[phone.id].claim.marks
        marks = {device: m for device, m in said.items() if device != tablet.id}
        old = Forger.of(phone).envelope(mark.number + 1, mark.hash, marks=dict(marks))
        laptop.transport.on_read = lambda log: [*log, (len(log) + 1, old)]

        report = await laptop.sync()

        assert names(report) == ["StaleEpoch"]

    run(story())


def test_a_secret_that_was_not_committed_to_stops_the_writing(world: World) -> None:
    """A member shuts others out of its epoch: told, and nothing is sealed for it."""

    async def story() -> None:
        laptop, phone, _tablet = await world.three()
        membership = laptop.engine.membership
        honest = rotate_record(
            membership, laptop.secrets, laptop.vault.epochs.secret(1)
        )
        body = parse_unverified_record(honest).unverified_body
        assert body.epoch is not None
        wrong = replace(body.epoch, commitment=bytes(32))
        lied = sign_record(laptop.secrets.signing, replace(body, epoch=wrong))
        await laptop.transport.append_record(lied)
        phone.write("not for the epoch before")

        reports = [await phone.sync(), await phone.sync()]

        for report in reports:
            assert "TamperedError" in names(report)
            assert report.pushed == 0
        assert phone.engine.membership.epoch == 2
        assert phone.vault.replica.pending(10, 10_000)

    run(story())


def test_who_leaves_learns_nothing_of_what_follows(world: World) -> None:
    """The leaver drew a secret; the others draw another before they write."""

    async def story() -> None:
        laptop, phone, tablet = await world.three()
        tablet.write("farewell")

        departed = await tablet.engine.revoke(tablet.id)
        laptop.write("among us")
        await laptop.sync()
        await phone.sync()

        assert departed.by == tablet.id
        assert laptop.titles() == phone.titles() == ["among us", "farewell", "first"]
        assert laptop.engine.membership.epoch == phone.engine.membership.epoch == 3
        newest = Offered.parse(1, log_of(laptop)[-1]).envelope
        assert not isinstance(newest, Exception)
        assert newest.unverified_header.epoch == 3
        with pytest.raises(RevokedError, match="has left"):
            await tablet.sync()

    run(story())


def test_mutual_revocation_is_settled_by_the_log(world: World) -> None:
    """The first in the log wins; the other's author is told that it is out."""

    async def story() -> None:
        laptop, phone, tablet = await world.three()
        laptop.transport.before_record = lambda: phone.engine.revoke(laptop.id)

        with pytest.raises(RevokedError):
            await laptop.engine.revoke(phone.id)

        await tablet.sync()
        active = set(tablet.engine.membership.devices)
        assert active == {phone.id, tablet.id}

    run(story())


def test_two_revocations_at_once_both_happen(world: World) -> None:
    """The loser of the race signs anew on the winner's record."""

    async def story() -> None:
        laptop, phone, tablet = await world.three()
        watch = await world.join(laptop, "watch")
        await world.settle()
        laptop.transport.before_record = lambda: phone.engine.revoke(tablet.id)

        await laptop.engine.revoke(watch.id)
        await phone.sync()

        for each in (laptop, phone):
            assert set(each.engine.membership.devices) == {laptop.id, phone.id}
            assert each.vault.epochs.numbers() == [1, 2, 3]

    run(story())


def test_revoking_twice_is_done_once(world: World) -> None:
    """Asked again, or done by another meanwhile: that stands, with its author."""

    async def story() -> None:
        laptop, phone, tablet = await world.three()
        laptop.transport.before_record = lambda: phone.engine.revoke(tablet.id)

        first = await laptop.engine.revoke(tablet.id)
        again = await laptop.engine.revoke(tablet.id)

        assert first == again
        assert first.by == phone.id
        assert laptop.engine.membership.epoch == 2

    run(story())


def test_a_relay_that_always_says_conflict_is_not_asked_for_ever(
    world: World,
) -> None:
    """The race is lost at last, by name, and nothing is changed."""

    async def story() -> None:
        laptop, _phone, tablet = await world.three()

        async def refuse(record: bytes) -> int:
            raise RecordConflictError("x", code="x", head_number=0, head_hash=b"")

        laptop.transport.append_record = refuse  # type: ignore[method-assign]
        before = laptop.trusted()
        with pytest.raises(RecordConflictError):
            await laptop.engine.revoke(tablet.id)
        assert laptop.trusted() == before

    run(story())


def test_strangers_and_the_last_member_are_not_revoked(world: World) -> None:
    """A device that never was is named as such; the last one stays."""

    async def story() -> None:
        laptop = await world.found()
        with pytest.raises(NotAMember):
            await laptop.engine.revoke(enrol()[0].public.id)
        with pytest.raises(MembershipError, match="last member"):
            await laptop.engine.revoke(laptop.id)
        assert laptop.engine.membership.epoch == 1

    run(story())


def test_a_copy_signs_nothing(world: World) -> None:
    """A device that was cloned changes no membership."""

    async def story() -> None:
        laptop, phone = await world.pair()
        phone.vault.lock()
        backup = phone.path.read_bytes()
        phone.reopen()
        phone.write("after the backup")
        await phone.sync()
        phone.vault.lock()
        phone.path.write_bytes(backup)
        phone.reopen()

        with pytest.raises(CloneDetected):
            await phone.engine.revoke(laptop.id)
        assert len((await laptop.sync()).alerts) == 0

    run(story())


def test_rotation_and_new_names_travel(world: World) -> None:
    """A new epoch on demand, and a new name, are known to all after a sync."""

    async def story() -> None:
        laptop, phone = await world.pair()

        assert await laptop.engine.rotate() == 2
        await phone.engine.rename("pocket")
        with pytest.raises(FormatError):
            await phone.engine.rename(" x")
        laptop.write("in epoch 2")
        await world.settle()

        registrar = laptop.engine._registrar
        assert registrar.name_of(laptop.engine.membership, phone.id) == "pocket"
        assert phone.titles() == ["first", "in epoch 2"]
        tablet = await world.join(phone, "tablet")
        await tablet.sync()
        assert tablet.titles() == ["first", "in epoch 2"]

    run(story())


def test_a_lost_answer_is_made_good_by_asking_again(world: World) -> None:
    """The relay had it all the same: nothing is done twice."""

    async def story() -> None:
        laptop, phone, tablet = await world.three()
        honest = laptop.transport.honest.append_record

        async def lose(record: bytes) -> int:
            await honest(record)
            raise TransportError("no answer")

        laptop.transport.honest.append_record = lose  # type: ignore[method-assign]
        with pytest.raises(TransportError):
            await laptop.engine.revoke(tablet.id)
        assert (await laptop.engine.revoke(tablet.id)).by == laptop.id
        await phone.sync()
        assert phone.engine.membership.epoch == laptop.engine.membership.epoch == 2

    run(story())


def test_a_revocation_outlives_a_crash_at_any_statement(world: World) -> None:
    """Killed anywhere in it, the device ends where the relay is, and can go on."""

    async def crashes(laptop: Device, watch: Device, statements: int) -> bool:
        try:
            with DyingAfter(laptop.vault.storage, statements):
                await laptop.engine.revoke(watch.id)
        except CrashError:
            return True
        return False

    async def story() -> None:
        laptop, phone = await world.pair()
        for statements in range(0, 200, 9):
            watch = await world.join(laptop, f"watch {statements}")
            await watch.sync()
            went = await crashes(laptop, watch, statements)
            laptop.restart()
            await laptop.engine.revoke(watch.id)
            reports: list[SyncReport] = [await laptop.sync(), await phone.sync()]
            assert [report.alerts for report in reports] == [(), ()]
            assert laptop.engine.membership == phone.engine.membership
            assert laptop.vault.epochs.numbers() == phone.vault.epochs.numbers()
            if not went:
                return
        raise AssertionError("it never got through")

    run(story())


def test_a_newcomer_reads_what_a_revoked_device_wrote(world: World) -> None:
    """History counts for those who come later, and no more of it than for others."""

    async def story() -> None:
        laptop, phone, tablet = await world.three()
        tablet.write("by the tablet")
        await tablet.sync()
        await laptop.engine.revoke(tablet.id)
        await phone.sync()

        watch = await world.join(phone, "watch")
        reports = [await watch.sync(), await laptop.sync(), await watch.sync()]

        assert watch.titles() == laptop.titles() == ["by the tablet", "first"]
        assert watch.vault.epochs.numbers() == [1, 2]
        assert [report.alerts for report in reports] == [()] * 3

    run(story())
