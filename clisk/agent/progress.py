"""Tells a waiting client how far a long operation has come."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

from clisk.agent.caller import Caller
from clisk.agent.core import Agent

Result = TypeVar("Result")

_EVERY_SECONDS = 1.0


async def with_progress(
    agent: Agent, caller: Caller, work: Awaitable[Result]
) -> Result:
    """Return what *work* returns; until then send the number of items each second."""
    task = asyncio.ensure_future(work)
    try:
        while True:
            done, _ = await asyncio.wait({task}, timeout=_EVERY_SECONDS)
            if done:
                return await task
            items = await agent.vault(lambda vault: len(vault.overviews()))
            await caller.send_event("progress", {"items": items})
    finally:
        task.cancel()
