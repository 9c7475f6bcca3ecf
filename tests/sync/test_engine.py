"""protocol/envelope.md §8 and the round of sync: honest relays, bad networks."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from clisk_sync.envelope_content import MAX_BATCH_CHANGES
from clisk_sync.errors import TransportError
from clisk_sync.following import Outcome
from clisk_sync.outbox import HEARTBEAT_MS
from clisk_sync.report import SyncReport
from clisk_sync.retry import RetryPolicy
from clisk_vault.draft import ItemDraft
from clisk_vault.errors import StoreError, TamperedError
from tests.sync.crashes import CrashError, DyingAfter
from tests.sync.world import World, names, run


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """Yield an empty world."""
    made = World(tmp_path)
    yield made
    made.close()


def test_a_change_travels(world: World) -> None:
    """What one device writes, the other shows after both have synced."""

    async def story() -> None:
        laptop, phone = await world.pair()
        phone.write("from the phone")

        pushed = await phone.sync()
        pulled = await laptop.sync()

        assert (pushed.pushed, pushed.changes_out) == (1, 1)
        assert (pulled.pulled, pulled.changes_in) == (1, 1)
        assert laptop.titles() == phone.titles() == ["first", "from the phone"]
        assert pushed.alerts == pulled.alerts == ()

    run(story())


def test_a_second_sync_has_nothing_to_do(world: World) -> None:
    """Syncing again moves nothing, not even the own envelopes back."""

    async def story() -> None:
        laptop, phone = await world.pair()
        await world.settle()

        reports = [await laptop.sync(), await phone.sync()]

        for report in reports:
            assert (report.pushed, report.pulled, report.alerts) == (0, 0, ())

    run(story())


def test_changes_travel_in_batches(world: World) -> None:
    """Many changes need few envelopes: 256 each."""

    async def story() -> None:
        laptop, phone = await world.pair()
        laptop.vault.add_many(ItemDraft("note", f"note {n}") for n in range(600))

        report = await laptop.sync()
        await phone.sync()

        assert report.changes_out == 600
        assert report.pushed == -(-600 // MAX_BATCH_CHANGES)
        assert len(phone.titles()) == 601

    run(story())


def test_a_crash_while_many_changes_are_applied_costs_nothing(world: World) -> None:
    """Taken in and not yet applied: after a restart the rest is applied."""

    async def story() -> None:
        laptop, phone = await world.pair()
        for turn in range(3):
            laptop.vault.add_many(ItemDraft("note", f"{turn}") for _ in range(100))
            await laptop.sync()
        crashes = 0
        for statements in range(30, 2000, 150):
            with suppress(CrashError), DyingAfter(phone.vault.storage, statements):
                await phone.sync()
                break
            crashes += 1
            phone.vault.lock()
            phone.reopen()
        report = await phone.sync()

        assert crashes > 3
        assert report.alerts == ()
        assert phone.titles() == laptop.titles()
        assert phone.vault.replica.quarantine() == []
        assert phone.engine._journal.count_deferred() == 0

    run(story())


def test_bytes_changed_on_the_own_disk_are_not_applied(world: World) -> None:
    """What waits in the vault file is verified again before it is applied."""

    async def story() -> None:
        laptop, phone = await world.pair()
        laptop.vault.add_many(ItemDraft("note", "x") for _ in range(100))
        await laptop.sync()
        before = phone.titles()
        with suppress(CrashError), DyingAfter(phone.vault.storage, 60):
            await phone.sync()
        phone.vault.lock()
        phone.reopen()
        assert phone.engine._journal.count_deferred() == 1
        storage = phone.vault.storage
        (body,) = storage.one(
            "SELECT body FROM sync_envelope JOIN sync_inbox USING (author, number)"
        ) or (b"",)
        assert isinstance(body, bytes)
        storage.execute(
            "UPDATE sync_envelope SET body = ? WHERE body = ?",
            (body[:-1] + bytes([body[-1] ^ 1]), body),
        )

        with pytest.raises(TamperedError):
            await phone.sync()

        assert phone.titles() == before

    run(story())


def test_two_changes_made_offline_meet(world: World) -> None:
    """Neither of two changes of one field is lost; both devices see a conflict."""

    async def story() -> None:
        laptop, phone = await world.pair()
        (item,) = [each.item for each in laptop.vault.overviews()]
        laptop.vault.edit(item, {"title": "by laptop"})
        phone.vault.edit(item, {"title": "by phone"})

        await world.settle()

        for device in (laptop, phone):
            ((_, field),) = device.vault.conflicts()
            assert {each.content[0] for each in field.conflicts} == {
                "by laptop",
                "by phone",
            }

    run(story())


def test_offline_work_goes_on(world: World) -> None:
    """Without a relay sync says so, and what is written waits."""

    async def story() -> None:
        laptop, phone = await world.pair()

        def unplugged(_: list[bytes]) -> list[bytes]:
            raise TransportError("no answer")

        phone.transport.on_records = unplugged
        phone.write("offline")
        with pytest.raises(TransportError):
            await phone.sync()
        phone.write("offline still")
        phone.transport.on_records = lambda records: records
        await world.settle()

        assert laptop.titles() == ["first", "offline", "offline still"]

    run(story())


def test_an_envelope_is_sent_again_with_the_same_bytes(world: World) -> None:
    """Saved before sent: after a crash at the sending the very bytes go out again."""

    async def story() -> None:
        laptop, phone = await world.pair()

        def crash(envelope: bytes) -> None:
            attempts.append(envelope)
            raise TransportError("no answer")

        attempts: list[bytes] = []
        phone.transport.on_append = crash
        phone.write("once")
        with pytest.raises(TransportError):
            await phone.sync()
        phone.transport.on_append = attempts.append
        phone.restart()
        await phone.sync()
        await laptop.sync()

        assert attempts[0] == attempts[1]
        assert len(attempts) == 2
        assert laptop.titles() == ["first", "once"]

    run(story())


def test_a_damaged_item_does_not_keep_the_others_from_being_sent(
    world: World,
) -> None:
    """It is said, each time, and stays where it is: nothing of it is thrown away."""

    async def story() -> None:
        laptop, phone = await world.pair()
        lost = phone.write("damaged")
        phone.write("whole")
        storage = phone.vault.storage
        row = storage.one("SELECT sealed FROM item WHERE id = ?", (lost,))
        sealed = b"" if row is None else row[0]
        assert isinstance(sealed, bytes)
        flipped = sealed[:-1] + bytes([sealed[-1] ^ 1])
        storage.execute("UPDATE item SET sealed = ? WHERE id = ?", (flipped, lost))

        for _ in range(2):
            report = await phone.sync()
            assert "1 unsent change" in str(report.alerts)
        await laptop.sync()
        assert laptop.titles() == ["first", "whole"]

        # The control: brought back from a backup of the file, it goes out too.
        storage.execute("UPDATE item SET sealed = ? WHERE id = ?", (sealed, lost))
        assert (await phone.sync()).alerts == ()
        await laptop.sync()
        assert laptop.titles() == ["damaged", "first", "whole"]

    run(story())


def test_a_failed_save_is_as_if_it_had_not_been(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the disk refuses, the number is not used up and the changes still wait."""

    async def story() -> None:
        laptop, phone = await world.pair()
        phone.write("kept")
        before = phone.engine.frontier

        def refuse(rowids: Iterable[int]) -> None:
            raise StoreError("disk full")

        with monkeypatch.context() as patch:
            patch.setattr(phone.vault.replica, "forget", refuse)
            with pytest.raises(StoreError):
                await phone.sync()
        assert phone.engine.frontier == before
        report = await phone.sync()
        await laptop.sync()

        assert (report.pushed, report.changes_out) == (1, 1)
        assert laptop.titles() == ["first", "kept"]

    run(story())


def test_a_failed_intake_is_as_if_it_had_not_been(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the disk refuses what came, it is taken in at the next sync instead."""

    async def story() -> None:
        laptop, phone = await world.pair()
        laptop.write("kept")
        await laptop.sync()
        before = phone.engine.frontier

        def refuse(arrived: object) -> None:
            raise StoreError("disk full")

        with monkeypatch.context() as patch:
            patch.setattr(phone.vault.replica, "apply_all", refuse)
            with pytest.raises(StoreError):
                await phone.sync()
        assert phone.engine.frontier == before
        report = await phone.sync()

        assert (report.alerts, phone.titles()) == ((), ["first", "kept"])

    run(story())


def test_an_answer_that_was_lost_costs_nothing(world: World) -> None:
    """The relay has the envelope, the device does not know: nothing is sent twice."""

    async def story() -> None:
        laptop, phone = await world.pair()

        async def lost_answer(envelope: bytes) -> int:
            await honest(envelope)
            raise TransportError("no answer")

        honest = phone.transport.honest.append
        phone.transport.honest.append = lost_answer  # type: ignore[method-assign]
        phone.write("once")
        with pytest.raises(TransportError):
            await phone.sync()
        phone.transport.honest.append = honest  # type: ignore[method-assign]
        phone.restart()
        report = await phone.sync()
        await laptop.sync()

        assert (report.pushed, report.alerts) == (0, ())
        assert laptop.titles() == ["first", "once"]

    run(story())


def test_a_heartbeat_says_what_was_heard(world: World) -> None:
    """A device that only listens confirms what it heard once a day."""

    async def story() -> None:
        laptop, phone = await world.pair()
        laptop.write("news")
        await laptop.sync()
        newest = laptop.engine.frontier.chain(laptop.id).mark
        world.clock.now_ms += HEARTBEAT_MS

        first = await phone.sync()
        second = await phone.sync()
        await laptop.sync()

        assert (first.pushed, second.pushed) == (1, 0)
        claim = laptop.engine.frontier.said[phone.id].claim
        assert claim.marks[laptop.id] == newest

    run(story())


def test_a_newcomer_reads_everything(world: World) -> None:
    """A third device, added by the second, has all that was written before it."""

    async def story() -> None:
        laptop, phone = await world.pair()
        phone.write("second")
        await world.settle()
        tablet = await world.join(phone, "tablet")

        report = await tablet.sync()
        tablet.write("third")
        await world.settle()

        assert report.alerts == ()
        assert laptop.titles() == tablet.titles() == ["first", "second", "third"]
        assert len(laptop.engine.membership.devices) == 3

    run(story())


def test_a_newcomer_writes_before_the_others_know_it(world: World) -> None:
    """Its record is fetched when its first envelope turns up in the middle of a read.

    The membership that was read at the start of that sync did not have it.
    """

    async def story() -> None:
        laptop, phone = await world.pair()
        tablet = await world.join(phone, "tablet")
        await tablet.sync()
        stale = await laptop.transport.honest.records()
        tablet.write("early")
        await tablet.sync()
        answers = [stale[:2]]
        laptop.transport.on_records = lambda now: answers.pop() if answers else now

        report = await laptop.sync()

        assert report.alerts == ()
        assert laptop.titles() == ["early", "first"]

    run(story())


def test_a_lost_relay_is_filled_again(world: World) -> None:
    """A relay that lost everything gets the vault again, and the person is told."""

    async def story() -> None:
        laptop, phone = await world.pair()
        phone.write("second")
        await world.settle()
        world.relay.vaults.clear()

        report = await laptop.sync()
        await world.settle()

        assert "MembershipRollback" in names(report)
        assert laptop.titles() == phone.titles() == ["first", "second"]
        numbers = laptop.engine.frontier.chains.values()
        log = world.relay.find(laptop.vault.id).log
        assert len(log) == sum(chain.mark.number for chain in numbers)

    run(story())


def test_cancelling_at_any_await_is_safe(world: World) -> None:
    """A sync cancelled after any number of steps is finished by the next one."""

    async def story() -> None:
        laptop, phone = await world.pair()
        for steps in range(12):
            phone.write(f"note {steps:02}")
            task = asyncio.ensure_future(phone.sync())
            for _ in range(steps):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            phone.restart()
        await world.settle()

        assert laptop.titles() == phone.titles()
        assert len(laptop.titles()) == 13

    run(story())


def test_follow_brings_a_change_without_being_asked(world: World) -> None:
    """A change on one device shows on the other while both follow the relay."""

    async def story() -> None:
        laptop, phone = await world.pair()
        stop, arrived = asyncio.Event(), asyncio.Event()

        def tell(news: Outcome) -> None:
            assert isinstance(news, SyncReport)
            if "quick" in laptop.titles():
                arrived.set()

        following = [
            asyncio.ensure_future(each.engine.follow(stop, tell=tell))
            for each in (laptop, phone)
        ]
        await asyncio.sleep(0)
        phone.write("quick")
        phone.engine.nudge()
        await asyncio.wait_for(arrived.wait(), timeout=20)
        stop.set()
        await asyncio.gather(*following)

    run(story())


def test_follow_backs_off_while_the_relay_is_away(world: World) -> None:
    """Each failure is told, the pauses grow, and the work is taken up again."""

    async def story() -> None:
        laptop, _ = await world.pair()
        stop, told, pauses = asyncio.Event(), list[str](), list[int]()

        class Pauses(RetryPolicy):
            def pause_seconds(self, failures: int) -> float:
                pauses.append(failures)
                if failures == 3:
                    laptop.transport.on_records = lambda records: records
                return 0.0

        def unplugged(_: list[bytes]) -> list[bytes]:
            raise TransportError("no answer")

        def tell(news: Outcome) -> None:
            told.append(type(news).__name__)
            if isinstance(news, SyncReport):
                stop.set()

        laptop.transport.on_records = unplugged
        await laptop.engine.follow(stop, tell=tell, backoff=Pauses())

        assert pauses == [1, 2, 3]
        assert told == ["TransportError"] * 3 + ["SyncReport"]

    run(story())
