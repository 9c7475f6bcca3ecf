"""Asking again until there is an answer: for what a relay holds back until then."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

# A relay's own wait is 30 s; ours is shorter so that its answer comes first.
_POLL_SECONDS: Final = 25.0
# After an answer that came too soon, so that no relay makes us spin.
_PAUSE_SECONDS: Final = 0.5

T = TypeVar("T")


async def poll(
    ask: Callable[[float], Awaitable[T | None]], timeout_seconds: float
) -> T | None:
    """Return the first answer that is not None, asking again until the timeout.

    *ask* is told for how many seconds the relay may wait.
    """
    ends = time.monotonic() + timeout_seconds
    while True:
        left = max(0.0, ends - time.monotonic())
        asked, began = min(left, _POLL_SECONDS), time.monotonic()
        found = await ask(asked)
        left = ends - time.monotonic()
        if found is not None or left <= 0:
            return found
        if time.monotonic() - began < asked / 2:
            await asyncio.sleep(min(_PAUSE_SECONDS, left))


def milliseconds(seconds: float) -> int:
    """Return *seconds* as a query spells a wait."""
    return max(0, int(seconds * 1000))
