"""When a vault is synced: at once, at each nudge, and whenever the relay has news.

One question to the relay stands all the time, and its answer brings what is new.
That is believed as little as any page, and so is the quiet: now and then a whole
round asks for everything that the relay could have kept from us.

Spec: protocol/relay-api.md §5, protocol/envelope.md §8.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, TypeAlias

from clisk_sync.errors import (
    RelayMisbehaved,
    RelayRefused,
    SyncError,
    TransportError,
)
from clisk_sync.report import SyncReport
from clisk_sync.retry import RetryPolicy
from clisk_sync.transport import News
from clisk_vault.elapsed import suspended_time_counts
from clisk_vault.errors import StoreError

WAIT_SECONDS: Final = 30.0
# A change goes at once; those that come sooner after it than this go together.
_GATHERING_SECONDS: Final = 0.25
# A whole round this long after the last one: with news, and without any.
_WHOLE_AFTER_SECONDS: Final = 60.0
_WHOLE_WHILE_QUIET_SECONDS: Final = 300.0
# After news that brought nothing, twice in a row: no relay makes us spin.
_PAUSE_SECONDS: Final = 0.5
BACKOFF: Final = RetryPolicy(base_seconds=1.0, cap_seconds=300.0)
# What another round may be spared: a relay that is away, a disk that is full.
_PASSING: Final = (TransportError, RelayRefused, RelayMisbehaved, StoreError)
# What a round came to.
Outcome: TypeAlias = SyncReport | SyncError | StoreError
# Not of the relay: this device has something to say.
_NUDGED: Final = News()


@dataclass(frozen=True, slots=True)
class Rounds:
    """What there is to do, by whoever can."""

    whole: Callable[[], Awaitable[SyncReport]]
    # With the entries that came as news, perhaps none.
    brief: Callable[[News], Awaitable[SyncReport]]
    # None: compaction is not due.
    compact: Callable[[], Awaitable[SyncReport | None]]
    # Returns once the relay has news, None after WAIT_SECONDS.
    news: Callable[[], Awaitable[News | None]]
    # Whether something is missing that only a whole round can find.
    is_lacking: Callable[[], bool]


class Follower:
    """Keeps one vault in step until it is told to stop."""

    def __init__(
        self,
        rounds: Rounds,
        nudge: asyncio.Event,
        stop: asyncio.Event,
        *,
        monotonic: Callable[[], float] = suspended_time_counts,
    ) -> None:
        self._rounds = rounds
        self._nudge = nudge
        self._stop = stop
        self._monotonic = monotonic
        self._question: asyncio.Future[News | None] | None = None
        self._whole_at = self._nudged_at = float("-inf")
        self._idle_rounds = 0

    async def run(
        self,
        tell: Callable[[Outcome], None],
        backoff: RetryPolicy = BACKOFF,
    ) -> None:
        """Go on until told to stop; *tell* gets each report or why there was none.

        Raises:
            RevokedError, UnsupportedError: as a round.
        """
        failures = 0
        try:
            while not self._stop.is_set():
                try:
                    await self._step(tell)
                    failures = 0
                except _PASSING as err:
                    # A hotel's page in between is no reason to give up. The relay
                    # may be another one when it comes back: look at all.
                    await self._forget()
                    failures += 1
                    tell(err)
                    await self._pause(backoff.pause_seconds(failures))
        finally:
            await self._forget()

    async def _step(self, tell: Callable[[Outcome], None]) -> None:
        if self._whole_at == float("-inf"):
            await self._whole(tell)
        news = await self._something()
        since = self._monotonic() - self._whole_at
        if news is None:
            if since >= _WHOLE_WHILE_QUIET_SECONDS or self._rounds.is_lacking():
                await self._whole(tell)
            return
        if news.entries or news is _NUDGED:
            self._nudge.clear()
            if since < _WHOLE_AFTER_SECONDS:
                await self._told(tell, await self._rounds.brief(news))
                return
        await self._whole(tell)

    async def _whole(self, tell: Callable[[Outcome], None]) -> None:
        self._nudge.clear()
        began = self._monotonic()
        report = await self._rounds.whole()
        self._whole_at = began
        await self._told(tell, report)

    async def _told(self, tell: Callable[[Outcome], None], report: SyncReport) -> None:
        tell(report)
        if not report.pushed and not report.pulled:
            self._idle_rounds += 1
            if self._idle_rounds > 1:
                await self._pause(_PAUSE_SECONDS)
            return
        self._idle_rounds = 0
        if (compacted := await self._rounds.compact()) is not None:
            tell(compacted)

    async def _something(self) -> News | None:
        """Return news, or none of it when nudged, or None when nothing came."""
        if self._question is None:
            self._question = asyncio.ensure_future(self._rounds.news())
        await _first(
            WAIT_SECONDS + 5, self._question, self._stop.wait(), self._nudge.wait()
        )
        if self._nudge.is_set():
            await self._gather()
        if self._question.done():
            answered, self._question = self._question, None
            news = answered.result()
            return _NUDGED if news is None and self._nudge.is_set() else news
        if self._nudge.is_set():
            return _NUDGED
        await self._let_go()
        return None

    async def _gather(self) -> None:
        """Wait for the rest of a burst: an envelope holds many changes."""
        left = self._nudged_at + _GATHERING_SECONDS - self._monotonic()
        if left > 0:
            await self._pause(left)
        self._nudged_at = self._monotonic()

    async def _forget(self) -> None:
        self._whole_at = float("-inf")
        await self._let_go()

    async def _let_go(self) -> None:
        if self._question is not None:
            self._question.cancel()
            await asyncio.gather(self._question, return_exceptions=True)
            self._question = None

    async def _pause(self, seconds: float) -> None:
        await _first(seconds, self._stop.wait())


async def _first(timeout_seconds: float, *awaitables: Awaitable[object]) -> None:
    """Return when the first of *awaitables* is done, or at the timeout.

    Futures among them are left to whoever made them; coroutines end with it.
    """
    tasks = [asyncio.ensure_future(each) for each in awaitables]
    own = [
        task for task, each in zip(tasks, awaitables, strict=True) if task is not each
    ]
    try:
        await asyncio.wait(
            tasks, timeout=timeout_seconds, return_when=asyncio.FIRST_COMPLETED
        )
    finally:
        for task in own:
            task.cancel()
        await asyncio.gather(*own, return_exceptions=True)
