"""What a relay says is new: one answer that goes on, over many questions.

Whoever waits gets what came; the answer stays open behind it, so that what is
written next costs no request. One that ended, or does not fit what is asked, is
replaced by a new one, and nobody who waits can tell.

Spec: protocol/relay-api.md §5.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Final, Protocol, TypeVar

from clisk_sync.errors import TransportError
from clisk_sync.http_transport import HttpRelay
from clisk_sync.long_poll import milliseconds, poll
from clisk_sync.page import Entry, PageReader
from clisk_sync.transport import News

_NO_CONTENT: Final = 204
# What an answer may be late by, before it is taken for lost.
_LATE_SECONDS: Final = 30.0

T = TypeVar("T")


class WithToken(Protocol):
    """Calls with a token, and once more with a fresh one."""

    async def __call__(self, call: Callable[[str], Awaitable[T]], /) -> T:
        """Return what *call* returns."""


class NewsStream:
    """The news of one vault on one relay."""

    def __init__(self, relay: HttpRelay, path: str, with_token: WithToken) -> None:
        self._relay = relay
        self._path = path
        self._with_token = with_token
        self._open: _Answer | None = None

    async def wait(
        self, after: int, timeout_seconds: float, *, records: int | None
    ) -> News | None:
        """Return what stands above *after* once something does, None at timeout."""
        return await poll(
            lambda seconds: self._ask(after, records, seconds), timeout_seconds
        )

    async def _ask(
        self, after: int, records: int | None, seconds: float
    ) -> News | None:
        ends = time.monotonic() + seconds
        # Taken, so that two who wait at once do not read the same answer.
        answer, self._open = self._open, None
        if answer is not None:
            if answer.fits(after, records, ends) and (news := await _rest_of(answer)):
                await self._keep(answer)
                return news
            await answer.close()
        answer = await self._with_token(
            lambda token: self._begin(token, after, records, ends)
        )
        if answer is None:
            return None
        entries = await answer.next()
        if entries:
            await self._keep(answer)
        else:
            await answer.close()
        return News(entries)

    async def _begin(
        self, token: str, after: int, records: int | None, ends: float
    ) -> _Answer | None:
        seconds = ends - time.monotonic()
        known = "" if records is None else f"&records={records}"
        query = f"?after={after}&wait_ms={milliseconds(seconds)}{known}"
        incoming, stack = await self._relay.open(
            self._path + query, token=token, wait_seconds=seconds
        )
        if incoming.status == _NO_CONTENT:
            await stack.aclose()
            return None
        return _Answer(incoming.chunks, stack, after=after, records=records, ends=ends)

    async def _keep(self, answer: _Answer) -> None:
        if self._open is None:
            self._open = answer
        else:
            await answer.close()


async def _rest_of(answer: _Answer) -> News | None:
    """Return what came next. None: ended, or cut; whoever asks anew hears why."""
    try:
        entries = await answer.next()
    except TransportError:
        return None
    return News(entries) if entries else None


class _Answer:
    """News that comes in until *ends*, on a connection that *stack* lets go of."""

    def __init__(
        self,
        chunks: AsyncIterator[bytes],
        stack: AsyncExitStack,
        *,
        after: int,
        records: int | None,
        ends: float,
    ) -> None:
        self._chunks = chunks
        self._stack = stack
        self._page = PageReader(after)
        self._records = records
        self._ends = ends

    def fits(self, after: int, records: int | None, until: float) -> bool:
        """Whether it goes on as an answer to that question would."""
        here = self._page.after, self._records
        return here == (after, records) and self._ends <= until

    async def next(self) -> tuple[Entry, ...]:
        """Return the entries that come next; none: it has ended.

        Raises:
            TransportError, RelayMisbehaved: and it is closed.
        """
        left = max(0.0, self._ends - time.monotonic())
        try:
            async with asyncio.timeout(left + _LATE_SECONDS):
                async for chunk in self._chunks:
                    if entries := tuple(self._page.feed(chunk)):
                        return entries
            self._page.close()
        except TimeoutError:
            await self.close()
            raise TransportError("the relay took too long to answer") from None
        except BaseException:
            await self.close()
            raise
        return ()

    async def close(self) -> None:
        """Let go of the connection."""
        await self._stack.aclose()
