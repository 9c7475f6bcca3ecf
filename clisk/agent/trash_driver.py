"""Empties the trash of what is due, once a day for as long as the vault stays open.

Each unlock does it too (core.py); this is for a vault that is not locked for days.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from clisk.agent.core import Agent
from clisk_vault.elapsed import suspended_time_counts

EVERY_SECONDS = 24 * 3600.0
# A sleeping machine wakes with its timers unfinished.
_LOOK_SECONDS = 600.0


class TrashDriver:
    """Knows when the trash was last looked through."""

    def __init__(
        self, agent: Agent, clock: Callable[[], float] = suspended_time_counts
    ) -> None:
        self._agent = agent
        self._clock = clock
        self._opened = 0
        self._done = clock()

    async def watch(self) -> None:
        """Empty it once a day; runs as long as the agent."""
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            await self.empty_if_due()

    async def empty_if_due(self) -> bool:
        """Empty the trash of what is due, if a day is over; say whether it was."""
        if not self._agent.unlocked:
            return False
        if self._agent.times_opened != self._opened:
            # Looked through then; at most one look of ours ago.
            self._opened, self._done = self._agent.times_opened, self._clock()
        if self._clock() - self._done < EVERY_SECONDS:
            return False
        self._done = self._clock()
        await self._agent.empty_trash()
        return True
