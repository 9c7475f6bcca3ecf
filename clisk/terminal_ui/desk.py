"""Where pages ask the agent, and how they hear of changes. Knows no operation of it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from clisk.client import AgentClient
from clisk.errors import CliskError
from clisk.home import Home
from clisk.start import connect_or_start

_WAIT_SECONDS = 25.0
_RETRY_SECONDS = 0.5
_PROGRAM = "terminal"  # what a record of a read says


class Desk:
    """Asks the agent of one home folder, a connection a question."""

    def __init__(self, home: Home) -> None:
        self.home = home

    async def ask(
        self,
        operation: str,
        *,
        quiet: bool = False,
        again: str = "",
        **params: object,
    ) -> dict[str, Any]:
        """Return the agent's answer; *quiet* does not put off the automatic lock.

        *again*: the passphrase, typed once more for this one question.
        Raises what AgentClient.call raises. The terminal stays alive meanwhile.
        """

        def work() -> dict[str, Any]:
            with AgentClient.connect(self.home) as agent:
                agent.call("introduce", {"program": _PROGRAM, "quiet": quiet})
                if again:
                    agent.call("confirm", {"passphrase": again})
                return agent.call(operation, params)

        return await asyncio.to_thread(work)

    async def wake(self) -> None:
        """Start an agent where none listens; it is locked."""

        def work() -> None:
            with connect_or_start(self.home):
                pass

        await asyncio.to_thread(work)


@dataclass(frozen=True, slots=True)
class State:
    """What the agent says of itself; *opened* counts how often it was unlocked."""

    opened: int = 0
    unlocked: bool = False


class Watcher:
    """A thread that waits for the agent's news and tells of each one."""

    def __init__(self, home: Home, tell: Callable[[State], object]) -> None:
        self._home = home
        self._tell = tell
        self._ended = threading.Event()
        self._agent: AgentClient | None = None
        self._thread = threading.Thread(target=self._run, name="watcher", daemon=True)

    def start(self) -> None:
        """Begin; the first news is how things stand."""
        self._thread.start()

    def end(self) -> None:
        """Hang up and wait for the thread."""
        self._ended.set()
        if self._agent is not None:
            self._agent.close()
        self._thread.join(timeout=_RETRY_SECONDS)

    def _run(self) -> None:
        while not self._ended.is_set():
            with suppress(CliskError, OSError, ValueError):
                self._listen()
            # No agent, no open vault. One that starts anew counts from zero.
            if not self._ended.is_set():
                self._tell(State())
                self._ended.wait(_RETRY_SECONDS)

    def _listen(self) -> None:
        with AgentClient.connect(self._home) as agent:
            self._agent = agent
            agent.call("introduce", {"program": _PROGRAM, "quiet": True})
            beat, wait = 0, 0.0
            while not self._ended.is_set():
                answer: dict[str, Any] = agent.call(
                    "watch", {"seen": beat, "seconds": wait}
                )
                wait = _WAIT_SECONDS
                if not self._ended.is_set():
                    self._tell(State(answer["opened"], answer["unlocked"]))
                beat = answer["beat"]
