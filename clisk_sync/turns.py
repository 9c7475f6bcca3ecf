"""Where long work lets others of its event loop have their turn."""

from __future__ import annotations

import asyncio


async def give_way() -> None:
    """Let whoever came meanwhile have their turn.

    A call from another thread becomes a task in the first turn of the loop, and is
    answered in the second.
    """
    await asyncio.sleep(0)
    await asyncio.sleep(0)
