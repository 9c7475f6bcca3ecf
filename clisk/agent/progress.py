"""Tells a waiting client how far a long operation has come."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from clisk.agent.caller import Caller

Result = TypeVar("Result")

_EVERY_SECONDS = 1.0


class Counter:
    """Written by the vault's thread, read by the loop that tells the client."""

    def __init__(self) -> None:
        self.items = 0

    def count(self, items: int) -> None:
        """Take how many are done so far."""
        self.items = items

    async def read(self) -> int:
        """Return how many are done so far."""
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
