"""What a lying relay tries, and what comes of it: protocol/envelope.md §7.

Each attack has three parts: the name under which it is found, the device's state
unchanged, and a control: the honest path works, or a naive reader falls for it.
"""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from clisk_sync.envelope import Envelope, parse_unverified_envelope
from clisk_sync.envelope_content import ItemChange, Mark, parse_content
from clisk_sync.founding import add_record, found
from clisk_sync.membership import Membership
from clisk_vault import document
from clisk_vault.device import enrol
from clisk_vault.errors import VaultError
from clisk_vault.ids import ItemId
from tests.sync.world import (
    Device,
    Forger,
    Log,
    LyingTransport,
    World,
    digest,
    names,
    run,
)

ITEM = ItemId(bytes(range(16)))


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """Yield an empty world."""
    made = World(tmp_path)
    yield made
    made.close()


def naive_reader(device: Device, envelope: bytes) -> bool:
    """Tell whether somebody who checks nothing but the seal would take *envelope*.

    The weak model: any bytes that open under the epoch's key are believed.
    """
    unverified = parse_unverified_envelope(envelope)
    header = unverified.unverified_header
    key = device.vault.epochs.secret(1)
    try:
        opened = Envelope(envelope, header, unverified.hash, unverified._sealed)
        parse_content(opened.open(key), author=header.author)
    except VaultError:
        return False
    return True


async def refused(device: Device, name: str) -> None:
    """Sync, and find *name* with nothing changed."""
    before = device.trusted()

    report = await device.sync()

    assert name in names(report)
    assert device.trusted() == before


def log_of(device: Device) -> list[bytes]:
    """Return what the honest relay holds."""
    vault = device.world.relay.find(device.vault.id)
    return [each.data for each in vault.log]


def test_replay_is_named_and_changes_nothing(world: World) -> None:
    """An envelope offered a second time, at a later position, is no news."""

    async def story() -> None:
        laptop, phone = await world.pair()
        first = log_of(laptop)[0]
        phone.transport.on_read = lambda log: [*log, (len(log) + 1, first)]

        assert naive_reader(phone, first)
        await refused(phone, "ReplayedEnvelope")

    run(story())


def test_a_gap_is_named_and_heals(world: World) -> None:
    """Without the envelope before it the next one is not taken; later both are."""

    async def story() -> None:
        laptop, phone = await world.pair()
        laptop.write("hidden")
        await laptop.sync()
        laptop.write("shown")
        await laptop.sync()
        at = len(log_of(laptop)) - 1
        phone.transport.on_read = lambda log: [each for each in log if each[0] != at]

        assert naive_reader(phone, log_of(laptop)[-1])
        await refused(phone, "GapError")
        phone.transport.on_read = lambda log: log
        await phone.sync()

        assert phone.titles() == ["first", "hidden", "shown"]

    run(story())


def test_a_gap_is_found_again_at_each_sync(world: World) -> None:
    """A relay that keeps an envelope back forever is named each time."""

    async def story() -> None:
        laptop, phone = await world.pair()
        for title in ("hidden", "shown"):
            laptop.write(title)
            await laptop.sync()
        at = len(log_of(laptop)) - 1
        phone.transport.on_read = lambda log: [each for each in log if each[0] != at]

        for _ in range(3):
            await refused(phone, "GapError")

    run(story())


def test_rollback_is_named_and_repaired(world: World) -> None:
    """A relay set back to an earlier state is caught; the devices fill it again."""

    async def story() -> None:
        laptop, phone = await world.pair()
        relay = world.relay.find(laptop.vault.id)
        kept = len(relay.log), dict(relay.heads), dict(relay.placed)
        laptop.write("after the copy")
        await laptop.sync()
        await phone.sync()
        del relay.log[kept[0] :]
        relay.heads, relay.placed = kept[1:]

        seen_by_phone = await phone.sync()
        seen_by_laptop = await laptop.sync()
        await world.settle()

        assert "RollbackDetected" in names(seen_by_phone)
        assert "RollbackDetected" in names(seen_by_laptop)
        assert phone.titles() == laptop.titles() == ["after the copy", "first"]
        assert len(relay.log) >= kept[0] + 1

    run(story())


def test_rollback_under_new_positions_is_named(world: World) -> None:
    """Set back and filled with other envelopes up to the same length: still caught."""

    async def story() -> None:
        laptop, phone = await world.pair()
        laptop.write("lost")
        await laptop.sync()
        await phone.sync()
        relay = world.relay.find(laptop.vault.id)
        lost = relay.log.pop()
        relay.heads[laptop.id] = type(relay.heads[laptop.id])(
            lost.number - 1, lost.previous
        )
        del relay.placed[laptop.id, lost.number]
        phone.write("instead")
        phone.transport.on_read = lambda log: [*log, (lost_at, lost.data)]
        lost_at = len(relay.log) + 1
        await phone.sync()
        phone.transport.on_read = lambda log: log

        report = await laptop.sync()
        await world.settle()

        assert "RollbackDetected" in names(report)
        assert laptop.titles() == phone.titles() == ["first", "instead", "lost"]

    run(story())


def test_rollback_towards_a_new_device_is_named(world: World) -> None:
    """The pairing hands over what must be there, so the first sync misses it."""

    async def story() -> None:
        laptop, phone = await world.pair()
        old = len(log_of(laptop))
        phone.write("new")
        await phone.sync()
        await laptop.sync()
        tablet = await world.join(laptop, "tablet")
        tablet.transport.on_read = lambda log: log[:old]

        report = await tablet.sync()

        assert "Withheld" in names(report)
        tablet.transport.on_read = lambda log: log
        assert (await tablet.sync()).alerts == ()
        assert tablet.titles() == ["first", "new"]

    run(story())


def test_a_fork_at_the_device_is_named_with_both_envelopes(world: World) -> None:
    """Two envelopes of one number, both signed: the first stays, both are kept."""

    async def story() -> None:
        laptop, phone = await world.pair()
        number = phone.engine.frontier.chain(laptop.id).mark.number
        previous = parse_unverified_envelope(
            phone.engine._journal.bytes_of(laptop.id, number) or b""
        ).unverified_header.previous
        other = Forger.of(laptop).envelope(number, previous)
        phone.transport.on_read = lambda log: [*log, (len(log) + 1, other)]

        assert naive_reader(phone, other)
        await refused(phone, "ForkDetected")
        (evidence,) = phone.engine.evidence()
        kept = phone.engine._journal.bytes_of(laptop.id, number)
        assert (evidence.first, evidence.second) == (kept, other)

    run(story())


def test_a_fork_between_devices_is_named_after_one_exchange(world: World) -> None:
    """Two devices are shown different histories of a third; their claims differ."""

    async def story() -> None:
        laptop, phone = await world.pair()
        tablet = await world.join(laptop, "tablet")
        await world.settle()
        mark = phone.engine.frontier.chain(laptop.id).mark
        forger = Forger.of(laptop)
        left = forger.envelope(mark.number + 1, mark.hash, clock_ms=1)
        right = forger.envelope(mark.number + 1, mark.hash, clock_ms=2)
        at = len(log_of(laptop)) + 1
        phone.transport.on_read = lambda log: insert(log, at, left)
        tablet.transport.on_read = lambda log: insert(log, at, right)
        assert (await phone.sync()).alerts == ()
        assert (await tablet.sync()).alerts == ()

        tablet.write("whatever")
        await tablet.sync()
        report = await phone.sync()

        assert "ForkDetected" in names(report)
        assert phone.titles() == ["first", "whatever"]
        (evidence,) = phone.engine.evidence()
        assert evidence.first == left
        assert evidence.second == log_of(laptop)[-1]

    run(story())


def insert(log: Log, at: int, data: bytes) -> Log:
    """Return *log* with *data* at a position, and the rest moved on."""
    return [
        *[each for each in log if each[0] < at],
        (at, data),
        *[(position + 1, each) for position, each in log if position >= at],
    ]


def test_another_previous_is_named(world: World) -> None:
    """The next number on another past: its author has two histories."""

    async def story() -> None:
        laptop, phone = await world.pair()
        number = phone.engine.frontier.chain(laptop.id).mark.number + 1
        other = Forger.of(laptop).envelope(number, bytes([7]) * 32)
        phone.transport.on_read = lambda log: [*log, (len(log) + 1, other)]

        assert naive_reader(phone, other)
        await refused(phone, "PreviousMismatch")

    run(story())


def test_a_claim_that_goes_back_is_named(world: World) -> None:
    """An author that knew more before was restored, or is not one device."""

    async def story() -> None:
        laptop, phone = await world.pair()
        laptop.write("has heard of the phone")
        await world.settle()
        mark = phone.engine.frontier.chain(laptop.id).mark
        said = phone.engine.frontier.said[laptop.id].claim
        assert phone.id in said.marks
        forgetful = Forger.of(laptop).envelope(mark.number + 1, mark.hash)
        phone.transport.on_read = lambda log: [*log, (len(log) + 1, forgetful)]

        report = await phone.sync()

        assert names(report) == ["FrontierRegression"]
        assert phone.engine.frontier.said[laptop.id].claim.marks == said.marks
        honest = Forger.of(laptop).envelope(
            mark.number + 2, digest(forgetful), marks=dict(said.marks)
        )
        phone.transport.on_read = lambda log: [
            *log,
            (len(log) + 1, forgetful),
            (len(log) + 2, honest),
        ]
        assert (await phone.sync()).alerts == ()

    run(story())


def test_going_back_to_an_old_epoch_is_named(world: World) -> None:
    """An author that wrote in an epoch never writes in an earlier one again."""

    async def story() -> None:
        laptop, phone = await world.pair()
        chain = phone.engine.frontier.chain(laptop.id)
        later = type(chain)(chain.mark, 2, 0, 0)
        frontier = phone.engine.frontier
        chains = {**frontier.chains, laptop.id: later}
        phone.engine._intake.frontier = type(frontier)(
            frontier.own, chains, frontier.said, frontier.missing
        )
        laptop.write("in epoch 1")
        await laptop.sync()

        await refused(phone, "FrontierRegression")

    run(story())


def test_withholding_is_named_with_its_age(world: World) -> None:
    """A peer has it, the relay does not give it: that is said, and since when."""

    async def story() -> None:
        laptop, phone = await world.pair()
        tablet = await world.join(laptop, "tablet")
        await world.settle()
        laptop.write("withheld")
        await laptop.sync()
        hidden = len(log_of(laptop))
        await phone.sync()
        phone.write("mentions it")
        await phone.sync()
        tablet.transport.on_read = lambda log: [e for e in log if e[0] != hidden]

        first = await tablet.sync()
        since = world.clock.now_ms
        again = await tablet.sync()

        assert tablet.titles() == ["first", "mentions it"]
        for report in (first, again):
            (alert,) = report.alerts
            assert type(alert).__name__ == "Withheld"
            assert getattr(alert, "since_ms", 0) == since
        tablet.transport.on_read = lambda log: log
        assert (await tablet.sync()).alerts == ()
        assert "withheld" in tablet.titles()

    run(story())


def test_a_partition_shows_as_old_news(world: World) -> None:
    """A relay that shows a device only its own part cannot hide the age of news."""

    async def story() -> None:
        laptop, phone = await world.pair()
        frozen = log_of(laptop)
        heard = phone.engine.heard()[laptop.id]
        phone.transport.on_read = lambda log: log[: len(frozen)]
        laptop.write("not shown")
        await laptop.sync()

        report = await phone.sync()

        assert report.heard[laptop.id] == heard
        assert heard.written_ms < world.clock.now_ms

    run(story())


def test_a_clone_is_named_and_writes_no_more(world: World) -> None:
    """A restored backup learns from the relay that it wrote more than it knows."""

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
        phone.write("by the copy")

        report = await phone.sync()

        assert names(report) == ["CloneDetected"]
        assert report.pushed == 0
        assert phone.engine.cloned
        phone.restart()
        assert (await phone.sync()).pushed == 0
        await laptop.sync()
        assert laptop.titles() == ["after the backup", "first"]

    run(story())


def test_a_clone_is_named_when_only_a_peer_tells(world: World) -> None:
    """The relay hides the own envelopes; a peer's claim names them all the same."""

    async def story() -> None:
        laptop, phone = await world.pair()
        phone.vault.lock()
        backup = phone.path.read_bytes()
        phone.reopen()
        phone.write("after the backup")
        await phone.sync()
        hidden = len(log_of(phone))
        await laptop.sync()
        laptop.write("mentions it")
        await laptop.sync()
        phone.vault.lock()
        phone.path.write_bytes(backup)
        phone.reopen()
        phone.transport.on_read = lambda log: [e for e in log if e[0] != hidden]
        phone.write("by the copy")

        report = await phone.sync()

        assert names(report) == ["CloneDetected"]
        assert report.pushed == 0

    run(story())


def test_a_copy_used_beside_the_original_is_named(world: World) -> None:
    """Two copies of one device: the second to write is stopped by the relay's word."""

    async def story() -> None:
        laptop, phone = await world.pair()
        phone.vault.lock()
        copy = world.folder / "copy.db"
        copy.write_bytes(phone.path.read_bytes())
        phone.reopen()
        phone.write("by the original")
        await phone.sync()
        await laptop.sync()
        phone.vault.lock()
        phone.path = copy
        phone.reopen()
        phone.write("by the copy")
        shown = len(log_of(laptop)) - 1
        phone.transport.on_read = lambda log: log[:shown]

        report = await phone.sync()

        assert "RelayMisbehaved" in names(report)
        phone.transport.on_read = lambda log: log
        report = await phone.sync()
        assert "ForkDetected" in names(report)
        assert phone.engine.cloned

    run(story())


def test_substitution_is_refused(world: World) -> None:
    """A stranger's envelope in a member's place is never opened."""

    async def story() -> None:
        laptop, phone = await world.pair()
        stranger, _ = enrol()
        forged = Forger.of(laptop, stranger).envelope(
            1, changes=(ItemChange(ITEM, b"x"),)
        )
        phone.transport.on_read = lambda log: [*log, (len(log) + 1, forged)]

        assert naive_reader(phone, forged)  # rightly sealed, wrongly signed
        await refused(phone, "NotAMember")

    run(story())


def test_a_members_name_over_a_strangers_signature_is_refused(world: World) -> None:
    """Naming a member as author does not make it the signer."""

    async def story() -> None:
        laptop, phone = await world.pair()
        stranger, _ = enrol()
        mark = phone.engine.frontier.chain(laptop.id).mark
        forger = Forger.of(laptop)
        masked = replace(stranger, public=laptop.secrets.public)
        forger.secrets = masked
        forged = forger.envelope(mark.number + 1, mark.hash)
        phone.transport.on_read = lambda log: [*log, (len(log) + 1, forged)]

        assert naive_reader(phone, forged)
        await refused(phone, "TamperedError")

    run(story())


def test_an_envelope_of_another_vault_is_refused(world: World, tmp_path: Path) -> None:
    """The same person's other vault cannot be mixed into this one."""

    async def story() -> None:
        laptop, phone = await world.pair()
        (tmp_path / "other").mkdir()
        other = World(tmp_path / "other")
        theirs, _ = await other.pair()
        # One made with a member's own keys: only the vault it names is wrong.
        mark = phone.engine.frontier.chain(laptop.id).mark
        forger = Forger.of(laptop)
        forger.vault = theirs.vault_id
        for foreign in (
            log_of(theirs)[0],
            forger.envelope(mark.number + 1, mark.hash),
        ):
            phone.transport.on_read = lambda log, foreign=foreign: [  # type: ignore[misc]
                *log,
                (len(log) + 1, foreign),
            ]
            await refused(phone, "ForeignEnvelope")
        assert (await theirs.sync()).alerts == ()
        other.close()

    run(story())


def test_an_epoch_that_nobody_began_is_refused(world: World) -> None:
    """A member's envelope under an unknown epoch waits for the record of it."""

    async def story() -> None:
        laptop, phone = await world.pair()
        mark = phone.engine.frontier.chain(laptop.id).mark
        forger = Forger.of(laptop)
        forger.epoch = 2
        early = forger.envelope(mark.number + 1, mark.hash)
        phone.transport.on_read = lambda log: [*log, (len(log) + 1, early)]

        await refused(phone, "UnknownEpoch")

    run(story())


@pytest.mark.parametrize("place", ["head", "middle", "tail"])
def test_a_flipped_bit_is_refused_and_heals(world: World, place: str) -> None:
    """Changed on the way: refused, asked for again, taken when it comes unharmed."""

    async def story() -> None:
        laptop, phone = await world.pair()
        laptop.write("flipped")
        await laptop.sync()
        last = len(log_of(laptop))

        def flip(log: Log) -> Log:
            position, data = log[last - 1]
            at = {"head": 3, "middle": len(data) // 2, "tail": len(data) - 1}[place]
            broken = bytearray(data)
            broken[at] ^= 1
            return [*log[: last - 1], (position, bytes(broken)), *log[last:]]

        phone.transport.on_read = flip
        before = phone.trusted()
        report = await phone.sync()

        assert set(names(report)) <= {"TamperedError", "RelayMisbehaved", "NotAMember"}
        assert report.alerts
        assert phone.trusted() == before
        phone.transport.on_read = lambda log: log
        await phone.sync()
        assert phone.titles() == ["first", "flipped"]

    run(story())


def test_unsigned_junk_never_reaches_the_documents(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever no member signed, the document library is not called once."""
    calls = 0
    real = document.EntryDocument.__init__

    def counting(self: document.EntryDocument, *args: object) -> None:
        nonlocal calls
        calls += 1
        real(self, *args)  # type: ignore[arg-type]

    async def story() -> None:
        laptop, phone = await world.pair()
        await phone.sync()
        stranger, _ = enrol()
        mark = phone.engine.frontier.chain(laptop.id).mark
        good = Forger.of(laptop).envelope(
            mark.number + 1, mark.hash, changes=(ItemChange(ITEM, b"junk"),)
        )
        forged = Forger.of(laptop, stranger).envelope(
            1, changes=(ItemChange(ITEM, b"junk"),)
        )
        junk = [b"", b"\x00", bytes(2000), forged, forged[:-1], forged + b"\x00"]
        junk += [
            good[:at] + bytes([good[at] ^ 4]) + good[at + 1 :]
            for at in range(0, 1200, 7)
        ]
        monkeypatch.setattr(document.EntryDocument, "__init__", counting)
        end = len(log_of(laptop))
        phone.transport.on_read = lambda log: [
            *log,
            *((end + 1 + at, data) for at, data in enumerate(junk)),
        ]
        before = phone.trusted()

        report = await phone.sync()

        assert calls == 0
        assert phone.trusted() == before
        assert report.alerts
        # The control: the same junk, signed by a member, does get there.
        phone.transport.on_read = lambda log: [*log, (end + 1, good)]
        report = await phone.sync()
        assert calls > 0
        assert report.quarantined == 1

    run(story())


@pytest.mark.parametrize("junk", ["nonsense", "replays"])
def test_a_stream_that_never_ends_is_not_heard_out(world: World, junk: str) -> None:
    """An endless log of junk costs a bounded time and a bounded report."""

    async def story() -> None:
        laptop, phone = await world.pair()
        old = log_of(laptop)[0]

        class Endless(LyingTransport):
            async def read(self, after: int) -> AsyncIterator[tuple[int, bytes]]:
                log = [each async for each in self.honest.read(after)]
                for each in log:
                    yield each
                for position in itertools.count(len(log_of(laptop)) + 1):
                    yield position, old if junk == "replays" else b"junk"

        phone.network = Endless(phone.transport.honest)
        phone.restart()
        report = await phone.sync()

        assert "RelayMisbehaved" in names(report)
        assert len(report.alerts) <= 100

    run(story())


def test_nonsense_by_a_member_is_set_aside_and_the_chain_goes_on(world: World) -> None:
    """A member's unreadable envelope is kept with its author; the next one counts."""

    async def story() -> None:
        laptop, phone = await world.pair()
        mark = phone.engine.frontier.chain(laptop.id).mark
        nonsense = Forger.of(laptop).envelope(
            mark.number + 1, mark.hash, content=b"\xff\x00"
        )
        wrong_key = Forger.of(laptop)
        wrong_key.secret = type(wrong_key.secret)(bytes(32))
        sealed_wrongly = wrong_key.envelope(mark.number + 2, digest(nonsense))
        said = phone.engine.frontier.said[laptop.id].claim.marks
        good = Forger.of(laptop).envelope(
            mark.number + 3, digest(sealed_wrongly), marks=dict(said)
        )
        end = len(log_of(laptop))
        phone.transport.on_read = lambda log: [
            *log,
            (end + 1, nonsense),
            (end + 2, sealed_wrongly),
            (end + 3, good),
        ]

        report = await phone.sync()

        assert [each.number for each in report.set_aside] == [
            mark.number + 1,
            mark.number + 2,
        ]
        assert report.alerts == ()
        assert phone.engine.frontier.chain(laptop.id).mark.number == mark.number + 3

    run(story())


def test_a_forked_membership_is_named_with_both_records(world: World) -> None:
    """Two records at one height, both valid: the first stays, both are kept."""

    async def story() -> None:
        laptop, phone = await world.pair()
        records = list(laptop.engine.membership.records)
        before_phone = Membership.verify(laptop.vault.id, records[:1])
        spy, _ = enrol()
        other = add_record(
            before_phone,
            laptop.secrets,
            laptop.vault.epochs.secret(1),
            spy.public,
            "spy",
        )
        phone.transport.on_records = lambda _: [records[0], other]

        await refused(phone, "MembershipFork")
        (evidence,) = phone.engine.evidence()
        assert (evidence.first, evidence.second) == (records[1], other)

    run(story())


def test_a_silent_new_member_is_refused(world: World) -> None:
    """A record that adds a device, signed by no member, changes nothing."""

    async def story() -> None:
        _, phone = await world.pair()
        spy, _ = enrol()
        genesis, vault_id, secret = found(spy, "spy")
        forged = add_record(
            Membership.verify(vault_id, [genesis]), spy, secret, enrol()[0].public, "x"
        )
        phone.transport.on_records = lambda records: [*records, forged]

        await refused(phone, "MembershipError")

    run(story())


def test_a_relay_that_forgets_records_is_named(world: World) -> None:
    """Fewer records than before: told, and nobody loses a membership."""

    async def story() -> None:
        _, phone = await world.pair()
        phone.transport.on_records = lambda records: records[:1]

        await refused(phone, "MembershipRollback")

    run(story())


def test_withheld_records_are_named_when_a_peer_knows_more(world: World) -> None:
    """A peer's envelope names a record that the relay keeps from this device."""

    async def story() -> None:
        laptop, phone = await world.pair()
        await world.join(laptop, "tablet")
        laptop.write("knows the tablet")
        await laptop.sync()
        phone.transport.on_records = lambda records: records[:2]

        report = await phone.sync()

        assert names(report) == ["RecordsWithheld"]
        phone.transport.on_records = lambda records: records
        assert (await phone.sync()).alerts == ()

    run(story())


def test_an_honest_world_raises_no_alarm(world: World) -> None:
    """The control of all of the above: many syncs, three devices, no alert."""

    async def story() -> None:
        laptop, phone = await world.pair()
        tablet = await world.join(phone, "tablet")
        reports = []
        for turn in range(4):
            for device in (laptop, phone, tablet):
                device.write(f"{turn}")
                reports.append(await device.sync())
                device.restart()
        await world.settle()

        assert [report.alerts for report in reports] == [()] * len(reports)
        assert laptop.titles() == phone.titles() == tablet.titles()
        assert [each.engine.evidence() for each in (laptop, phone, tablet)] == [[]] * 3

    run(story())


@pytest.mark.parametrize("lie", ["replay", "fork", "splice"])
def test_what_a_lie_stood_in_the_place_of_is_read(world: World, lie: str) -> None:
    """An envelope that gets the position of a refused one is not passed over."""

    async def story() -> None:
        laptop, phone = await world.pair()
        mark, log = phone.engine.frontier.chain(laptop.id).mark, log_of(laptop)
        at = len(log) + 1
        forger = Forger.of(laptop)
        given = {
            "replay": log[-1],
            "fork": forger.envelope(mark.number, bytes([7]) * 32),
            "splice": forger.envelope(mark.number + 1, bytes([7]) * 32),
        }[lie]
        phone.transport.on_read = lambda read: [*read, (at, given)]
        assert (await phone.sync()).alerts
        phone.transport.on_read = lambda read: read

        laptop.write("in its place")
        await laptop.sync()
        assert len(log_of(laptop)) == at
        await phone.sync()
        await phone.sync()

        assert "in its place" in phone.titles()

    run(story())


def test_a_relay_that_goes_on_lying_is_read_from_the_start_once_a_minute(
    world: World,
) -> None:
    """A lie asks for all to be read again; each one at once would cost the most."""

    async def story() -> None:
        laptop, phone = await world.pair()
        begun: list[int] = []
        real = phone.transport.read

        def read(after: int) -> AsyncIterator[tuple[int, bytes]]:
            begun.append(after)
            return real(after)

        phone.transport.read = read  # type: ignore[method-assign]
        lie = Forger.of(laptop).envelope(50, bytes([7]) * 32)
        place = itertools.count(100)
        phone.transport.on_read = lambda log: [*log, (next(place), lie)]
        await phone.engine.sync_once()
        begun.clear()

        for _ in range(4):
            assert "GapError" in names(await phone.engine.sync_once())
        assert begun.count(0) <= 1, begun
        world.clock.now_ms += 60_000
        begun.clear()
        await phone.engine.sync_once()

        assert 0 in begun

    run(story())


def test_an_attacked_device_still_sends(world: World) -> None:
    """Lies about others do not stop a device from writing its own."""

    async def story() -> None:
        laptop, phone = await world.pair()
        phone.transport.on_read = lambda log: [*log, (len(log) + 1, b"junk")]
        phone.write("still here")

        report = await phone.sync()
        await laptop.sync()

        assert report.pushed == 1
        assert laptop.titles() == ["first", "still here"]

    run(story())


def test_what_is_found_survives_a_restart(world: World) -> None:
    """Missing envelopes, claims and evidence are on disk, not in memory."""

    async def story() -> None:
        laptop, phone = await world.pair()
        await world.settle()
        mark = phone.engine.frontier.chain(laptop.id).mark
        marks = dict(phone.engine.frontier.said[laptop.id].claim.marks)
        other = Forger.of(laptop).envelope(
            mark.number + 1,
            mark.hash,
            marks={**marks, phone.id: Mark(1, digest(b"other"))},
        )
        phone.transport.on_read = lambda log: [*log, (len(log) + 1, other)]
        await phone.sync()
        engine = phone.engine
        before = engine.frontier, engine.evidence(), engine.membership

        phone.restart()

        engine = phone.engine
        assert (engine.frontier, engine.evidence(), engine.membership) == before
        assert before[1]

    run(story())
