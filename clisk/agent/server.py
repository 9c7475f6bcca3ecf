"""The agent's socket and who may connect to it: protocol/agent.md §1."""
# Names come from clisk.home, which does without pathlib.
# ruff: noqa: PTH108

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable
from contextlib import suppress

from clisk import wire
from clisk.agent.conversation import Conversation
from clisk.agent.core import Agent
from clisk.agent.journal import log
from clisk.agent.peer import peer_user
from clisk.home import Home

MAX_CLIENTS = 64


class AgentServer:
    """Welcomes the same user's processes and nobody else."""

    def __init__(
        self,
        agent: Agent,
        *,
        peer: Callable[[socket.socket], int | None] = peer_user,
    ) -> None:
        self._agent = agent
        self._peer = peer
        self._clients: set[asyncio.Task[None]] = set()

    async def start(self, listener: socket.socket) -> asyncio.Server:
        """Return a server that accepts on *listener*."""
        return await asyncio.start_unix_server(
            self._welcome, sock=listener, limit=wire.MAX_LINE
        )

    async def hang_up(self) -> None:
        """End every conversation, in the middle of a wait if need be."""
        for client in self._clients:
            client.cancel()
        await asyncio.gather(*self._clients, return_exceptions=True)

    async def _welcome(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        task = asyncio.current_task()
        assert task is not None, "the server runs each client in a task of its own"
        self._clients.add(task)
        try:
            if self._may_talk(writer.get_extra_info("socket")):
                await Conversation(self._agent, reader, writer).hold()
        except asyncio.CancelledError:
            pass  # hang_up: the server's own task goes on
        finally:
            self._clients.discard(task)
            writer.close()

    def _may_talk(self, stream: socket.socket) -> bool:
        if len(self._clients) > MAX_CLIENTS:
            log.warning("refused a client: too many at once")
            return False
        if self._peer(stream) != os.getuid():
            log.warning("refused a client: not this user, or unknown to the system")
            return False
        return True


def listen(home: Home) -> socket.socket:
    """Return the listening socket of *home*, mode 0600.

    The caller holds the agent's lock, so a socket file found there was left
    behind by an agent that died.
    """
    address = home.socket_address()
    with suppress(FileNotFoundError):
        os.unlink(home.socket)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    # bind() applies the umask, so there is no instant at which others may connect.
    before = os.umask(0o177)
    try:
        listener.bind(address)
    finally:
        os.umask(before)
    listener.listen(MAX_CLIENTS)
    return listener
