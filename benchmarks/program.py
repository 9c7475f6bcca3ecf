"""The program: `clisk get` as a whole process, from a warm agent."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import psutil

from benchmarks.harness import Figure, compare
from benchmarks.vault import export
from clisk.client import AgentClient
from clisk.home import Home
from clisk.wire import Message

ITEMS = 1_000
MANY = 10_000
_MIB = 1024 * 1024
_GETS = 200
_PAUSE_SECONDS = 0.05
_PASSPHRASE = b"a benchmark's passphrase"


def run(folder: Path, *, rounds: int) -> Iterator[Figure]:
    """Yield the figures of the program."""
    home = folder / "home"
    _clisk(home, "init", "--passphrase-fd", "0", given=_PASSPHRASE)
    try:
        _clisk(home, "import", "-", given=export(ITEMS))
        get = [_program(), "--home", str(home), "get", "Service 7 of 433", "-f"]
        floor = [sys.executable, "-I", "-c", "pass"]
        yield compare(
            "clisk get, a whole process with a warm agent",
            lambda: _quietly([*get, "password"]),
            floor="python3 -I -c pass",
            floor_work=lambda: _quietly(floor),
            rounds=3 * rounds,
            aim="at most 6 times",
        )
        yield _over_the_socket(home, folder, rounds)
        _clisk(home, "import", "-", given=export(MANY))
        yield _memory(home)
        yield _beside_health(home)
    finally:
        _clisk(home, "agent", "stop")


def _over_the_socket(home: Path, folder: Path, rounds: int) -> Figure:
    operations = 50
    bare = sqlite3.connect(folder / "bare.db", isolation_level=None)
    bare.execute("PRAGMA journal_mode = WAL")
    bare.execute("PRAGMA synchronous = FULL")
    bare.execute("CREATE TABLE rows (value BLOB)")

    def floor() -> None:
        for _ in range(operations):
            bare.execute("INSERT INTO rows VALUES (?)", (os.urandom(512),))

    agent = AgentClient.connect(Home(str(home)))
    params: Message = {
        "item": "Service 7 of 433",
        "field": "password",
        "purpose": "benchmark",
    }

    def subject() -> None:
        for _ in range(operations):
            agent.call("reveal", params)

    figure = compare(
        "one get over the agent's socket, recorded",
        subject,
        floor="commit 512 bytes to SQLite, WAL and FULL",
        floor_work=floor,
        rounds=rounds,
        aim="at most 2 ms more than the floor",
        operations=operations,
    )
    bare.close()
    return figure


def _memory(home: Path) -> Figure:
    """Return what the agent holds once it has imported, listed and searched."""
    with AgentClient.connect(Home(str(home))) as agent:
        agent.call("list", {})
        agent.call("list", {"query": "service 99"})
    running = psutil.Process(int((home / "agent.lock").read_text()))
    bare = subprocess.Popen(
        [sys.executable, "-I", "-c", "import sys; sys.stdin.read()"],
        stdin=subprocess.PIPE,
    )
    time.sleep(0.5)
    floor = psutil.Process(bare.pid).memory_info().rss / _MIB
    bare.communicate(b"")
    return Figure(
        f"memory of the agent with {MANY + ITEMS:,} items",
        running.memory_info().rss / _MIB,
        "a bare Python",
        floor,
        1,
        "at most 120 MiB",
        "MiB",
    )


def _beside_health(home: Path) -> Figure:
    """Return the longest that a get waits while another client examines them all."""
    over = threading.Event()

    def examine() -> None:
        with AgentClient.connect(Home(str(home))) as other:
            other.call("health")
        over.set()

    with AgentClient.connect(Home(str(home))) as agent:
        found = cast("list[Message]", agent.call("list", {"limit": 1})["items"])
        params: Message = {
            "item": found[0]["item"],
            "field": "password",
            "purpose": "benchmark",
        }

        def get() -> float:
            began = time.perf_counter()
            agent.call("reveal", params)
            # One that asks again at once would be most of what the agent does.
            took = time.perf_counter() - began
            time.sleep(_PAUSE_SECONDS)
            return took

        get()  # the first one makes the search index
        alone = [get() for _ in range(_GETS)]
        health = threading.Thread(target=examine)
        health.start()
        beside = []
        while not over.is_set():
            beside.append(get())
        health.join()
    return Figure(
        f"the longest of {len(beside):,} gets beside clisk health of"
        f" {MANY + ITEMS:,} logins",
        max(beside),
        f"the longest of {_GETS} gets alone",
        max(alone),
        1,
        "at most 100 ms",
    )


def _program() -> str:
    return str(Path(sys.executable).with_name("clisk"))


def _clisk(home: Path, *words: str, given: bytes = b"") -> None:
    subprocess.run(
        [_program(), "--home", str(home), *words],
        input=given,
        capture_output=True,
        check=True,
    )


def _quietly(command: list[str]) -> None:
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
