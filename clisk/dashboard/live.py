"""News for open pages: one watcher of the agent, any number of streams.

Implements protocol/dashboard.md §5. Carries no data: a page that hears news
fetches its own regions again.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from starlette.responses import PlainTextResponse, Response, StreamingResponse

from clisk import wire
from clisk.dashboard.sessions import Session, Sessions
from clisk.errors import CliskError, WireError
from clisk.home import Home

MAX_STREAMS = 32
_BEAT_SECONDS = 15.0
_RETRY_SECONDS = 0.5
_WAIT_SECONDS = 25.0


@dataclass(frozen=True, slots=True)
class State:
    """What the watcher knows of the agent."""

    beat: int = 0
    opened: int = 0
    unlocked: bool = False


class Watcher:
    """Waits for the agent's news, and locks the sessions when the vault locks."""

    def __init__(self, home: Home, sessions: Sessions) -> None:
        self._home = home
        self._sessions = sessions
        self._state = State()
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self.streams = 0

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._watch(), name="watcher")
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        err: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._task is not None, "it was entered"
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task
        self._changed.set()

    async def look(self) -> State:
        """Return how things stand at this moment."""
        with suppress(OSError, CliskError):
            async with _connection(self._home) as ask:
                self._heard(await ask(self._state.beat, 0))
                return self._state
        self._heard(State())
        return self._state

    async def next(self, seen: int) -> int:
        """Return the beat when it is not *seen* any more, or after a while."""
        if self._state.beat == seen:
            with suppress(TimeoutError):
                async with asyncio.timeout(_BEAT_SECONDS):
                    await self._changed.wait()
        return self._state.beat

    @property
    def beat(self) -> int:
        """The newest beat."""
        return self._state.beat

    async def _watch(self) -> None:
        while True:
            with suppress(OSError, CliskError):
                async with _connection(self._home) as ask:
                    while True:
                        self._heard(await ask(self._state.beat, _WAIT_SECONDS))
            # No agent, no open vault. One that starts anew counts from zero.
            self._heard(State())
            await asyncio.sleep(_RETRY_SECONDS)

    def _heard(self, state: State) -> None:
        if state == self._state:
            return
        self._state = state
        self._sessions.heard(opened=state.opened, unlocked=state.unlocked)
        self._changed.set()
        self._changed = asyncio.Event()


Ask = Callable[[int, float], Awaitable[State]]


@asynccontextmanager
async def _connection(home: Home) -> AsyncIterator[Ask]:
    """Give a connection of its own: asked in the event loop, it can be cancelled."""
    reader, writer = await asyncio.open_unix_connection(
        home.socket_address(), limit=wire.MAX_LINE
    )
    numbers = itertools.count(1)

    async def ask(seen: int, seconds: float) -> State:
        question: wire.Message = {
            "v": wire.VERSION,
            "id": next(numbers),
            "op": "watch",
            "params": {"seen": seen, "seconds": seconds},
        }
        writer.write(wire.encode_line(question))
        await writer.drain()
        answer = wire.parse_line(await reader.readline()).get("ok")
        if not isinstance(answer, dict):
            raise WireError("the agent does not say how things stand")
        return State(**answer)

    try:
        yield ask
    finally:
        writer.close()


def stream(watcher: Watcher, *, alive: Callable[[], Session | None]) -> Response:
    """Answer with events until the session ends or locks, or the browser leaves."""
    if watcher.streams >= MAX_STREAMS:
        return PlainTextResponse("too many pages listen\n", status_code=503)

    async def events() -> AsyncIterator[str]:
        watcher.streams += 1
        try:
            seen = watcher.beat
            yield "retry: 1000\n\n"
            while True:
                session = alive()
                if session is None or session.locked:
                    yield "event: locked\ndata:\n\n"
                    return
                beat = await watcher.next(seen)
                # A comment, when nothing happened: it finds out who has left.
                yield ": still here\n\n" if beat == seen else "event: news\ndata:\n\n"
                seen = beat
        finally:
            watcher.streams -= 1

    return StreamingResponse(events(), media_type="text/event-stream")
