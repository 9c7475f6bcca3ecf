"""Relays of others in Node.js, with their clients: installed, started, asked, ended.

They come from npm by the lock in node/, the first time they are measured; no other
part and no test needs them. A peer is two processes, as ours are: its server, and all
of its clients, which node/measure.mjs drives. Both end with their input, so nothing
outlives whoever started them.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from benchmarks.harness import MissingError, PartError

_FOLDER = Path(__file__).with_name("node")
_HOST = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Kind:
    """A peer by its name in figures, its client in node/, and its server there."""

    name: str
    client: str
    server: str


SECSYNC = Kind(
    "secsync, its own client; nothing stored",
    "secsync.mjs",
    "secsync_server.mjs",
)
SECSYNC_BARE = Kind(
    "secsync, an update a change; nothing stored",
    "secsync_bare.mjs",
    "secsync_server.mjs",
)
Y_WEBSOCKET = Kind(
    "y-websocket; plaintext, nothing stored",
    "y_websocket.mjs",
    "node_modules/y-websocket/bin/server.cjs",
)


def set_up(folder: Path = _FOLDER) -> None:
    """Install the peers that *folder* locks, unless they are there.

    Raises:
        MissingError: no Node.js, no npm, or npm could not install.
    """
    for program in ("node", "npm"):
        if shutil.which(program) is None:
            raise MissingError(
                f"no {program} here, which the relays of others run on",
                advice="install Node.js 20 or newer (Debian: apt-get install npm)",
            )
    if _is_installed(folder):
        return
    print("relay-peers: installing from the lock, once", file=sys.stderr)
    install = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    install += ["--loglevel=error"]  # on standard error; figures have the other
    done = subprocess.run(install, cwd=folder, stdout=subprocess.DEVNULL, check=False)
    if done.returncode:
        raise MissingError(
            "secsync and y-websocket are not here, and npm could not install them",
            advice="try `npm ci --prefix benchmarks/node`; it needs the network once",
        )


def _is_installed(folder: Path) -> bool:
    # npm writes it last; an older one is of another lock.
    written = folder / "node_modules" / ".package-lock.json"
    lock = folder / "package-lock.json"
    return written.exists() and written.stat().st_mtime >= lock.stat().st_mtime


class PeerError(PartError):
    """A peer ended, or did what it should not."""

    def __init__(self, why: str) -> None:
        super().__init__(why, advice="measure once more: benchmarks relay-peers")


class NodePeer:
    """A server with its clients, both running."""

    def __init__(
        self, clients: subprocess.Popen[str], server: psutil.Process, log: Path
    ) -> None:
        self._clients, self._server, self._log = clients, server, log
        self._processes = psutil.Process(clients.pid), server

    def ask(self, work: str, **given: object) -> dict[str, Any]:
        """Return what the clients answer to *work*: see node/measure.mjs.

        Raises:
            PeerError: they ended instead.
        """
        assert self._clients.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._clients.stdin.write(json.dumps({"work": work, **given}) + "\n")
            self._clients.stdin.flush()
        answer = json.loads(_line(self._clients, self._log))
        assert isinstance(answer, dict)
        return answer

    def cpu_seconds(self) -> float:
        """Return the CPU seconds of server and clients so far."""
        times = [process.cpu_times() for process in self._processes]
        return sum(each.user + each.system for each in times)

    def server_memory(self) -> int:
        """Return how many bytes of the server are in memory."""
        return int(self._server.memory_info().rss)


@contextlib.contextmanager
def running(kind: Kind, folder: Path) -> Iterator[NodePeer]:
    """Give a peer that runs until the block ends; it listens on loopback only."""
    log = folder / f"{kind.client}.log"
    ends_with_us = ("--require", "./ends_with_us.cjs")
    with log.open("w") as errors, contextlib.ExitStack() as stack:

        def start(*words: str) -> subprocess.Popen[str]:
            process = _start(*words, errors=errors.fileno())
            stack.callback(_end, process)
            return process

        server = start(*ends_with_us, kind.server)
        _line(server, log)  # it says that it listens
        url = f"ws://{_HOST}:{_port(psutil.Process(server.pid))}"
        clients = start("measure.mjs", kind.client, url)
        yield NodePeer(clients, psutil.Process(server.pid), log)


def _start(*words: str, errors: int) -> subprocess.Popen[str]:
    # Nothing of ours in its environment: y-websocket would store where one says so.
    return subprocess.Popen(
        ["node", *words],
        cwd=_FOLDER,
        env={"PATH": os.environ["PATH"], "HOST": _HOST, "PORT": "0"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=errors,
        text=True,
    )


def _end(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.communicate()


def _line(process: subprocess.Popen[str], log: Path) -> str:
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        raise PeerError(f"a peer ended: {log.read_text()[-2000:]}")
    return line


def _port(server: psutil.Process) -> int:
    """Return the port that *server* was given, having asked for any."""
    listening = [
        connection.laddr
        for connection in server.net_connections(kind="tcp")
        if connection.status == psutil.CONN_LISTEN
    ]
    if [address.ip for address in listening] != [_HOST]:
        raise PeerError("a peer's server listens elsewhere than on loopback")
    return int(listening[0].port)
