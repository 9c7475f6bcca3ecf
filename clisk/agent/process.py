"""The agent as a process: lock file, socket, signals, an orderly end."""
# Names come from clisk.home, which does without pathlib.
# ruff: noqa: PTH108

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import suppress

from clisk.agent import journal, operations, session_watch
from clisk.agent.core import IDLE_SECONDS, Agent
from clisk.agent.hardening import keep_memory_private
from clisk.agent.idle import IdleTimer
from clisk.agent.lockfile import AgentLock, AgentRunsError
from clisk.agent.schedule_driver import ScheduleDriver
from clisk.agent.server import AgentServer, listen
from clisk.agent.trash_driver import TrashDriver
from clisk.home import Home


def run(
    home: Home, *, idle_seconds: float = IDLE_SECONDS, ready_fd: int | None = None
) -> None:
    """Be the agent of *home* until told to stop.

    *ready_fd* gets one byte as soon as clients can connect, also when they
    will be talking to an agent that was there before.

    Raises:
        AgentRunsError: another agent holds this home.
    """
    keep_memory_private()
    journal.write_to_stderr()
    operations.load()
    home.make()
    try:
        lock = AgentLock(home)
    except AgentRunsError:
        _tell(ready_fd)
        raise
    try:
        asyncio.run(_serve(home, idle_seconds, ready_fd))
    finally:
        lock.close()


async def _serve(home: Home, idle_seconds: float, ready_fd: int | None) -> None:
    agent = Agent(home, timer=IdleTimer(idle_seconds))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        loop.add_signal_handler(number, agent.stopped.set)
    welcome = AgentServer(agent)
    server = await welcome.start(listen(home))
    idle = asyncio.create_task(agent.watch_idle())
    session = asyncio.create_task(session_watch.watch(agent.lock))
    schedules = asyncio.create_task(ScheduleDriver(agent).watch())
    trash = asyncio.create_task(TrashDriver(agent).watch())
    journal.log.info("listening")
    _tell(ready_fd)
    try:
        await agent.stopped.wait()
    finally:
        server.close()
        with suppress(FileNotFoundError):
            os.unlink(home.socket)
        idle.cancel()
        session.cancel()
        schedules.cancel()
        trash.cancel()
        await welcome.hang_up()
        await agent.close()
        journal.log.info("stopped")


def _tell(ready_fd: int | None) -> None:
    if ready_fd is not None:
        os.write(ready_fd, b"1")
        os.close(ready_fd)
