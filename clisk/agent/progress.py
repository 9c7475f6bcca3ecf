"""Tells a waiting client how far a long operation has come."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from clisk.agent.caller import Caller
from clisk.errors import CliskError

Result = TypeVar("Result")

_EVERY_SECONDS = 1.0


class StoppedError(CliskError):
    """The client left before the work was done."""

    default_advice = "begin it again; nothing of it was kept"


class Counter:
    """Written by the vault's thread, read by the loop that tells the client."""

    def __init__(self) -> None:
        self.items = 0
        self._stopped = False

    def one_more(self) -> None:
        """Count one.

        Raises:
            StoppedError: after stop(); what was begun is to be left undone.
        """
        if self._stopped:
            raise StoppedError("stopped: nobody waits for it any longer")
        self.items += 1

    def stop(self) -> None:
        """Let the work end at the next item: the client is gone."""
        self._stopped = True

    async def read(self) -> int:
        """Return how many were counted."""
        return self.items


async def with_progress(
    caller: Caller, work: Awaitable[Result], items: Callable[[], Awaitable[int]]
) -> Result:
    """Return what *work* returns; until then send the number of *items* each second."""
    task = asyncio.ensure_future(work)
    try:
        while True:
            done, _ = await asyncio.wait({task}, timeout=_EVERY_SECONDS)
            if done:
                return task.result()
            await caller.send_event("progress", {"items": await items()})
    finally:
        task.cancel()


async def counted(caller: Caller, work: Awaitable[Result], counter: Counter) -> Result:
    """Do as with_progress(), for work that calls *counter*.

    It ends at the next item once the client has hung up. The vault's thread would
    else go on to the end with what it has begun, and answer nobody meanwhile.
    """
    try:
        return await with_progress(caller, work, counter.read)
    except asyncio.CancelledError:
        counter.stop()
        raise
