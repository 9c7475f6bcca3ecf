"""When a vault is synced: what news brings, and when the quiet is not believed."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from clisk_sync.envelope import parse_unverified_envelope
from clisk_sync.errors import RelayMisbehaved, SyncError, TransportError
from clisk_sync.following import Follower, Outcome, Rounds
from clisk_sync.journal import Journal
from clisk_sync.report import SyncReport, Tally
from clisk_sync.retry import RetryPolicy
from clisk_sync.transport import News
from clisk_vault.errors import DiskFullError, VaultError
from tests.sync.world import Device, World, run

_NOTHING: SyncReport = Tally().report({})
_SOMETHING: SyncReport = Tally(pulled=1).report({})
_ENTRY = News(((1, b"an envelope"),))


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.close()


class _Told(Follower):
    """A follower of rounds that are scripted, with a clock that is set."""

    def __init__(self, *answers: tuple[float, News | Exception | None]) -> None:
        self.now, self.done, self.pauses = 0.0, list[str](), list[float]()
        self._answers = deque(answers)
        self.lacking = False
        rounds = Rounds(
            whole=lambda: self._did("whole", _NOTHING),
            brief=lambda news: self._did(f"brief {len(news.entries)}", _SOMETHING),
            compact=self._none,
            news=self._next,
            is_lacking=lambda: self.lacking,
        )
        self.ends, self.nudge = asyncio.Event(), asyncio.Event()
        super().__init__(rounds, self.nudge, self.ends, monotonic=lambda: self.now)

    async def _did(self, what: str, report: SyncReport) -> SyncReport:
        self.done.append(what)
        return report

    async def _none(self) -> None:
        return None

    async def _next(self) -> News | None:
        if not self._answers:
            self.ends.set()
            await asyncio.Event().wait()
        self.now, answer = self._answers.popleft()
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def _pause(self, seconds: float) -> None:
        self.pauses.append(seconds)
        await asyncio.sleep(0)


def _follow(*answers: tuple[float, News | Exception | None]) -> _Told:
    async def story() -> _Told:
        follower = _Told(*answers)
        backoff = RetryPolicy(base_seconds=7, jitter=lambda: 1.0)
        await follower.run(lambda _: None, backoff)
        return follower

    return asyncio.run(story())


def test_news_is_taken_in_and_nothing_else_asked() -> None:
    """For a minute; then everything that could have been kept back is asked for."""
    told = _follow((1, _ENTRY), (30, _ENTRY), (61, _ENTRY), (62, _ENTRY))
    assert told.done == ["whole", "brief 1", "brief 1", "whole", "brief 1"]


def test_quiet_is_not_believed_for_ever() -> None:
    """Where no news comes a whole round is made each five minutes."""
    quiet: list[tuple[float, News | Exception | None]]
    quiet = [(30.0 * turn, None) for turn in range(1, 22)]
    assert _follow(*quiet).done == ["whole"] * 3


def test_news_without_a_page_is_looked_into() -> None:
    """Other records than were named: no envelope says which."""
    assert _follow((1, News())).done == ["whole", "whole"]


def test_news_of_nothing_does_not_make_us_spin() -> None:
    """A relay that says so at once, again and again, is asked slowly."""
    told = _follow(*[(1.0, News())] * 5)
    assert told.done == ["whole"] * 6
    assert told.pauses == [0.5] * 5


@pytest.mark.parametrize("kind", [TransportError, RelayMisbehaved, DiskFullError])
def test_after_a_failure_everything_is_looked_at(
    kind: type[SyncError | VaultError],
) -> None:
    """The relay that comes back may be another one, or an older one.

    Nor does an answer that no relay gives, a hotel's page, end the syncing for good,
    nor a disk that was full for a while.
    """
    told = _follow((1, _ENTRY), (2, kind("gone")), (3, _ENTRY))
    assert told.done == ["whole", "brief 1", "whole", "brief 1"]
    assert told.pauses == [7.0]


def test_news_of_other_records_is_not_taken_for_a_nudge() -> None:
    """A change of this device's own at the same moment must not hide it."""

    async def story() -> _Told:
        follower = _Told((1, News()))
        answer = follower._next

        async def nudged() -> News | None:
            follower.nudge.set()
            return await answer()

        follower._rounds = replace(follower._rounds, news=nudged)
        await follower.run(lambda _: None)
        return follower

    assert asyncio.run(story()).done[:2] == ["whole", "whole"]


def test_a_change_goes_at_once_and_a_burst_behind_it_together() -> None:
    """Whoever saves one item waits for nothing; a loop of them makes few envelopes."""

    async def story() -> _Told:
        follower = _Told((0.0, _ENTRY), (5.0, None), (5.1, None), (9.0, None))
        answer = follower._next

        async def nudged() -> News | None:
            news = await answer()
            if not news:
                follower.nudge.set()
            return news

        follower._rounds = replace(follower._rounds, news=nudged)
        await follower.run(lambda _: None)
        return follower

    told = asyncio.run(story())
    assert told.done == ["whole", "brief 1", "brief 0", "brief 0", "brief 0"]
    assert told.pauses == [pytest.approx(0.15)]


@pytest.mark.parametrize("who", ["phone", "tablet"])
def test_a_change_is_not_sealed_for_a_device_that_is_gone(
    world: World, who: str
) -> None:
    """Not even within the minute in which the quiet is believed.

    Revoked by the phone, which begins an epoch; or left, and then the laptop does.
    """

    async def story() -> None:
        laptop, phone, tablet = await world.three()
        await world.settle()
        old = laptop.vault.epochs.current
        # The control: before, a change goes out under the epoch that all three have.
        laptop.write("for all three")
        await laptop.engine.sync_news(News())
        assert _epoch_of_newest(laptop) == old == tablet.vault.epochs.current

        await world.devices[who].engine.revoke(tablet.id)
        laptop.write("for the two of us")
        await laptop.engine.sync_news(News())

        await phone.sync()
        assert _epoch_of_newest(laptop) == phone.vault.epochs.current > old
        assert "for the two of us" in phone.titles()

    run(story())


def _epoch_of_newest(device: Device) -> int:
    journal = Journal(device.vault.storage)
    number = device.engine.frontier.chain(device.id).mark.number
    data = journal.bytes_of(device.id, number)
    assert data is not None
    return parse_unverified_envelope(data).unverified_header.epoch


def test_a_live_change_asks_the_reader_for_nothing_else(world: World) -> None:
    """The news was the page. Who writes asks for the records first, and no more."""

    async def story() -> None:
        laptop, phone = await world.pair()
        await laptop.sync()
        await phone.sync()
        phone.write("quick")
        waiting = asyncio.ensure_future(laptop.engine._news())
        await asyncio.sleep(0)

        def unasked(_: object) -> list[bytes]:
            raise AssertionError("asked for the records")

        laptop.transport.on_records = unasked
        sent = await phone.engine.sync_news(News())
        news = await waiting
        assert news is not None
        report = await laptop.engine.sync_news(news)

        assert (sent.pushed, report.pulled, report.changes_in) == (1, 1, 1)
        assert (sent.alerts, report.alerts) == ((), ())
        assert "quick" in laptop.titles()

    run(story())


def test_news_is_believed_no_more_than_a_page(world: World) -> None:
    """A forged envelope in it is an alert, and the device looks for itself."""

    async def story() -> None:
        laptop, phone = await world.pair()
        phone.write("honest")
        await phone.sync()
        (_, envelope), *_ = [each async for each in phone.transport.read(0)]
        forged = bytearray(envelope)
        forged[-1] ^= 1
        before = laptop.titles()

        report = await laptop.engine.sync_news(News(((99, bytes(forged)),)))

        assert any(isinstance(each, Exception) for each in report.alerts)
        assert set(laptop.titles()) == {*before, "honest"}

    run(story())


def test_a_stopped_follower_leaves_no_question_behind(world: World) -> None:
    """Cancelled in the middle of a wait, nothing of it goes on."""

    async def story() -> None:
        laptop, _ = await world.pair()
        stop, told = asyncio.Event(), asyncio.Event()

        def tell(_: Outcome) -> None:
            told.set()

        following = asyncio.create_task(laptop.engine.follow(stop, tell=tell))
        await told.wait()
        await asyncio.sleep(0)
        following.cancel()
        await asyncio.wait({following})
        assert asyncio.all_tasks() == {asyncio.current_task()}

    run(story())
