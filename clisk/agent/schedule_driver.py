"""Starts konnectors when their time has come, while the vault is open.

A run is a `clisk konnector run` of its own, as a person would start it: the agent
never drives a browser. One that a person has to mend is not started again until a
person did: protocol/konnector-bridge.md §8.
"""

from __future__ import annotations

import asyncio
import sys
import time

from clisk.agent.core import Agent
from clisk.agent.journal import log
from clisk.agent.konnector_ledger import Book, Ledger, ScheduleRow, why_waiting
from clisk.errors import CliskError
from clisk_vault.errors import VaultError
from clisk_vault.vault import Vault

LOOK_SECONDS = 30.0


class ScheduleDriver:
    """Looks for what is due, and starts it."""

    def __init__(self, agent: Agent) -> None:
        self._agent = agent
        self._running: set[asyncio.Task[None]] = set()

    async def watch(self) -> None:
        """Start what is due; runs as long as the agent."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            try:
                await self.start_due()
            except (CliskError, VaultError, OSError) as err:
                log.info("schedules: %s", type(err).__name__)

    async def start_due(self, *, now_ms: int | None = None) -> list[ScheduleRow]:
        """Start each schedule whose time has come; return those that were."""
        if not self._agent.unlocked:
            return []
        now = time.time_ns() // 1_000_000 if now_ms is None else now_ms
        due = await self._agent.vault(lambda vault: self._take_due(vault, now))
        for row in due:
            task = asyncio.ensure_future(self._run(row))
            self._running.add(task)
            task.add_done_callback(self._running.discard)
        return due

    def _take_due(self, vault: Vault, now_ms: int) -> list[ScheduleRow]:
        ledger = Ledger(self._agent.folder, vault)
        due = [
            row
            for row in ledger.read().schedules
            if row.next_ms <= now_ms
            and row.held is None
            and why_waiting(vault, row) is None
            and not self._agent.runs.is_going((row.konnector, row.item))
        ]
        if not due:
            return []
        numbers = {row.number for row in due}

        def later(book: Book) -> tuple[Book, None]:
            # From now on, not from when it was due: a device that slept for a week
            # does not make up for seven runs.
            rows = tuple(
                row.model_copy(update={"next_ms": now_ms + row.every_seconds * 1000})
                if row.number in numbers
                else row
                for row in book.schedules
            )
            return book.model_copy(update={"schedules": rows}), None

        ledger.change(later)
        return due

    async def _run(self, row: ScheduleRow) -> None:
        process = await asyncio.create_subprocess_exec(
            *command(self._agent.home.folder, row),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            cwd="/",
        )
        log.info("a scheduled konnector was started")
        try:
            await process.wait()
        except asyncio.CancelledError:
            process.terminate()
            raise


def command(home: str, row: ScheduleRow) -> list[str]:
    """Return the command that runs *row*, as a person would type it."""
    # Isolated, as the agent itself is: see clisk/start.py.
    words = [sys.executable, "-I", "-m", "clisk", "--home", home, "konnector", "run"]
    words += [row.source, "--item", row.item, "--scheduled"]
    return words if row.folder is None else [*words, "--to", row.folder]
