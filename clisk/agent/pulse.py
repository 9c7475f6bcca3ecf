"""Tells waiting clients that something may have changed, and nothing more."""

from __future__ import annotations

import asyncio
from contextlib import suppress


class Pulse:
    """A number that grows with each change, and whoever waits for the next one.

    Belongs to the loop that answers clients; another thread strikes it by way of
    `call_soon_threadsafe`.
    """

    def __init__(self) -> None:
        self.beat = 0
        self._next = asyncio.Event()

    def strike(self) -> None:
        """Say that something changed."""
        self.beat += 1
        self._next.set()
        self._next = asyncio.Event()

    async def wait(self, seen: int, *, seconds: float) -> int:
        """Return the beat as soon as it is not *seen*, or after *seconds*."""
        if self.beat == seen:
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._next.wait()
        return self.beat
