"""The agent's socket: protocol/agent.md §1 to §3, against a real server."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import socket
import stat
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from clisk import wire
from clisk.agent import operations, registry, server
from clisk.agent.caller import Caller
from clisk.agent.core import Agent
from clisk.agent.idle import IdleTimer
from clisk.agent.konnector_session import KonnectorSession
from clisk.agent.lockfile import AgentLock, AgentRunsError
from clisk.agent.peer import peer_user
from clisk.agent.server import AgentServer, listen
from clisk.home import Home
from clisk_vault.ids import ItemId

operations.load()


class Peer:
    """A client that may send anything."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.reader = reader
        self.writer = writer

    async def send(self, line: bytes) -> None:
        self.writer.write(line)
        await self.writer.drain()

    async def receive(self) -> Any:
        """Return the next message, None at the end."""
        line = await self.reader.readline()
        return json.loads(line) if line else None

    async def ask(self, op: str, params: Any = None, number: int = 1) -> Any:
        await self.send(_line(v=1, id=number, op=op, params=params or {}))
        return await self.receive()


Conversation = Callable[[Peer, Agent], Awaitable[None]]


def _line(**message: Any) -> bytes:
    return json.dumps(message).encode() + b"\n"


def talk(
    folder: Path,
    conversation: Conversation,
    *,
    peer: Callable[[socket.socket], int | None] = peer_user,
) -> None:
    """Hold *conversation* with an agent that has no vault yet."""

    async def run() -> None:
        home = Home(str(folder))
        home.make()
        agent = Agent(home)
        welcome = AgentServer(agent, peer=peer)
        running = await welcome.start(listen(home))
        try:
            peer_ends = await asyncio.open_unix_connection(
                home.socket_address(), limit=wire.MAX_LINE
            )
            await conversation(Peer(*peer_ends), agent)
            peer_ends[1].close()
        finally:
            running.close()
            await welcome.hang_up()
            await agent.close()

    asyncio.run(asyncio.wait_for(run(), timeout=30))


def test_the_socket_is_its_owners_alone(tmp_path: Path) -> None:
    """Mode 0600 from the first instant, whatever the umask is."""
    before = os.umask(0)
    try:
        home = Home(str(tmp_path / "home"))
        home.make()
        listen(home).close()
    finally:
        os.umask(before)

    assert stat.S_IMODE(Path(home.socket).stat().st_mode) == 0o600


@pytest.mark.parametrize("user", [os.getuid() + 1, None])
def test_another_user_is_hung_up_on(tmp_path: Path, user: int | None) -> None:
    """A peer that is not this user, or not known, gets no word."""

    async def conversation(peer: Peer, _agent: Agent) -> None:
        assert await peer.receive() is None

    talk(tmp_path, conversation, peer=lambda _stream: user)


def test_the_kernel_names_the_peer() -> None:
    """The user id comes from the socket, not from what is sent."""
    ours, theirs = socket.socketpair(socket.AF_UNIX)
    with ours, theirs:
        assert peer_user(ours) == os.getuid()


def test_too_many_clients_are_turned_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one above the limit is hung up on; the others go on."""
    monkeypatch.setattr(server, "MAX_CLIENTS", 1)

    async def conversation(peer: Peer, agent: Agent) -> None:
        assert (await peer.ask("status"))["ok"]["state"] == "none"
        second = Peer(*await asyncio.open_unix_connection(agent.home.socket))
        assert await second.receive() is None
        second.writer.close()
        assert (await peer.ask("status"))["ok"]["state"] == "none"

    talk(tmp_path, conversation)


@pytest.mark.parametrize(
    ("line", "error", "message"),
    [
        (b"planted\n", "WireError", "not JSON"),
        (b"[]\n", "WireError", "not a JSON object"),
        (_line(v=2, id=1, op="status", params={}), "WireError", "not version 1"),
        (_line(v=1, id=1, op="status"), "WireError", "only these"),
        (_line(v=1, id=1, op="status", params={}, planted=1), "WireError", "only"),
        (_line(v=1, id=-1, op="status", params={}), "WireError", "only these"),
        (_line(v=1, id=True, op="status", params={}), "WireError", "only these"),
        (_line(v=1, id="1", op="status", params={}), "WireError", "only these"),
        (
            _line(v=1, id=1, op="planted", params={}),
            "RequestError",
            "no such operation",
        ),
        (_line(v=1, id=1, op=["status"], params={}), "RequestError", "no such"),
        (_line(v=1, id=1, op="status", params=[]), "RequestError", "params"),
        (_line(v=1, id=1, op="lock", params={"x": "planted"}), "RequestError", ": x"),
        (
            _line(v=1, id=1, op="unlock", params={"passphrase": ["planted"]}),
            "RequestError",
            "unlock: not allowed: passphrase",
        ),
        (
            _line(
                v=1,
                id=1,
                op="unlock",
                params={"passphrase": "planted", "lock_after_seconds": "planted"},
            ),
            "RequestError",
            "unlock: not allowed: lock_after_seconds",
        ),
        (
            _line(v=1, id=1, op="list", params={}),
            "LockedError",
            "the vault is locked",
        ),
    ],
)
def test_what_is_asked_in_the_wrong_way_is_refused(
    tmp_path: Path, line: bytes, error: str, message: str
) -> None:
    """Each fault has its name, quotes nothing, and does not end the conversation."""

    async def conversation(peer: Peer, _agent: Agent) -> None:
        await peer.send(line)
        refusal = await peer.receive()
        assert set(refusal) == {"v", "id", "error", "message", "advice"}
        assert refusal["error"] == error
        assert message in refusal["message"]
        assert "planted" not in str(refusal)
        assert refusal["id"] == (None if error == "WireError" else 1)
        assert (await peer.ask("status", number=7))["id"] == 7

    talk(tmp_path, conversation)


def test_a_line_without_end_is_cut_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More than a message may have is refused, and the client hung up on."""
    monkeypatch.setattr(wire, "MAX_LINE", 1024)

    async def conversation(peer: Peer, _agent: Agent) -> None:
        await peer.send(b"x" * 4096)
        refusal = await peer.receive()
        assert (refusal["id"], refusal["error"]) == (None, "WireError")
        assert await peer.receive() is None

    talk(tmp_path, conversation)


@pytest.fixture(name="enter")
def _enter(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, Any], None]:
    """Enter an operation for the length of a test."""

    def enter(name: str, run: Any) -> None:
        row = registry.Operation(name, registry.NoParams, registry.Done, run, True)
        monkeypatch.setitem(registry.OPERATIONS, name, row)

    return enter


def test_a_fault_of_the_agent_hides_its_words(
    tmp_path: Path, enter: Callable[[str, Any], None], caplog: pytest.LogCaptureFixture
) -> None:
    """Neither the client nor the log sees an unforeseen exception's text."""

    async def fail(*_: object) -> registry.Done:
        raise RuntimeError("planted")

    async def conversation(peer: Peer, _agent: Agent) -> None:
        refusal = await peer.ask("fail")
        assert refusal["error"] == "InternalError"
        assert "planted" not in str(refusal)

    enter("fail", fail)
    with caplog.at_level(logging.INFO, "clisk.agent"):
        talk(tmp_path, conversation)

    assert "RuntimeError at" in caplog.text
    assert "planted" not in caplog.text


def test_hanging_up_ends_a_wait(
    tmp_path: Path, enter: Callable[[str, Any], None]
) -> None:
    """Ctrl-C in a client stops what only it was waiting for, and what it held."""
    ended = asyncio.Event()

    async def wait(_agent: Agent, caller: Caller, _params: object) -> registry.Done:
        caller.at_hang_up.callback(ended.set)
        await caller.send_event("progress", {"items": 0})
        await asyncio.Event().wait()
        return registry.Done()

    async def conversation(peer: Peer, _agent: Agent) -> None:
        event = await peer.ask("wait", number=3)
        assert event == {"v": 1, "id": 3, "event": "progress", "data": {"items": 0}}
        peer.writer.close()
        await ended.wait()

    enter("wait", wait)
    talk(tmp_path, conversation)


def test_requests_are_answered_in_their_order(
    tmp_path: Path, enter: Callable[[str, Any], None]
) -> None:
    """A request that is sent early waits for the one before it."""

    async def slow(*_params: object) -> registry.Done:
        for _ in range(20):
            await asyncio.sleep(0)
        return registry.Done()

    async def conversation(peer: Peer, _agent: Agent) -> None:
        await peer.send(_line(v=1, id=1, op="slow", params={}))
        await peer.send(_line(v=1, id=2, op="lock", params={}))
        assert [(await peer.receive())["id"] for _ in range(2)] == [1, 2]

    enter("slow", slow)
    talk(tmp_path, conversation)


def test_a_konnectors_connection_can_ask_for_nothing_else(
    tmp_path: Path, enter: Callable[[str, Any], None]
) -> None:
    """Once confined, a connection reaches no operation but those of konnectors."""

    async def confine(_agent: Agent, caller: Caller, _params: object) -> registry.Done:
        caller.konnector = KonnectorSession("shop", bytes(32), ItemId(bytes(16)))
        return registry.Done()

    async def conversation(peer: Peer, _agent: Agent) -> None:
        early = await peer.ask("konnector.release", {"field": "x", "purpose": "y"})
        assert early["message"].startswith("say which konnector runs first")
        assert "ok" in await peer.ask("status")
        assert "ok" in await peer.ask("confine")
        others = [name for name in registry.OPERATIONS if "konnector." not in name]
        for name in others:
            refusal = await peer.ask(name)
            assert refusal["message"] == _CONFINED, name
        assert (await peer.ask("konnector.fields"))["error"] == "LockedError"

    enter("confine", confine)
    talk(tmp_path, conversation)


_CONFINED = "this connection serves a konnector, and nothing else"


def test_one_agent_a_vault(tmp_path: Path) -> None:
    """The second is refused while the first lives, and takes over when it is gone."""
    home = Home(str(tmp_path))
    first = AgentLock(home)

    with pytest.raises(AgentRunsError):
        AgentLock(home)
    first.close()
    AgentLock(home).close()


def test_a_dead_agents_socket_is_replaced(tmp_path: Path) -> None:
    """A socket file that nobody listens on does not keep a new agent away."""
    home = Home(str(tmp_path))
    listen(home).close()

    async def conversation(peer: Peer, _agent: Agent) -> None:
        assert (await peer.ask("status"))["ok"]["agent"] is True

    assert Path(home.socket).exists()
    talk(tmp_path, conversation)


def test_an_idle_vault_locks_itself() -> None:
    """Only time without use counts, and a running operation is use."""
    now = 0.0
    timer = IdleTimer(60, clock=lambda: now)

    now = 59.0
    assert timer.left_seconds() == 1
    timer.touch()
    now = 118.0
    assert timer.left_seconds() == 1
    now = 120.0
    assert timer.left_seconds() == -1
    timer.set_limit(10)
    assert timer.left_seconds() == 10
