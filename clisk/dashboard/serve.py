"""The dashboard's process: a socket on loopback, one link, and the application."""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

import uvicorn

from clisk.agent.hardening import keep_memory_private
from clisk.dashboard.app import Dashboard, create_app
from clisk.dashboard.desk import Desk
from clisk.dashboard.live import Watcher
from clisk.dashboard.sessions import IDLE_SECONDS, Sessions
from clisk.errors import CliskError
from clisk.home import Home

_LOOPBACK = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Opened:
    """A dashboard that answers now."""

    url: str
    link: str
    """Opens one session, once, within two minutes: a secret until then."""


def draw_host_name() -> str:
    """Return a name that only this run has: protocol/dashboard.md §1."""
    return f"clisk-{secrets.token_hex(8)}.localhost"


def serve(
    home: Home,
    *,
    collected: Path,
    port: int = 0,
    host_name: str | None = None,
    idle_seconds: float = IDLE_SECONDS,
    on_started: Callable[[Opened], None],
) -> None:
    """Serve the dashboard of *home* until told to stop.

    Raises:
        CliskError: the port cannot be had.
    """
    keep_memory_private()
    _log_to_stderr()
    name = host_name or draw_host_name()
    with _bound(port) as bound:
        host = f"{name}:{bound.getsockname()[1]}"
        sessions = Sessions(
            draw=os.urandom, clock=time.monotonic, idle_seconds=idle_seconds
        )
        link = f"http://{host}/open/{sessions.new_link()}"

        async def run() -> None:
            dashboard = Dashboard(
                Desk(home, collected=collected),
                sessions,
                Watcher(home, sessions),
                (host,),
            )
            server = _Server(
                uvicorn.Config(
                    create_app(dashboard),
                    http="h11",
                    ws="none",
                    lifespan="on",
                    log_config=None,
                    access_log=False,
                    server_header=False,
                    proxy_headers=False,
                    timeout_graceful_shutdown=2,
                ),
                lambda: on_started(Opened(f"http://{host}/", link)),
            )
            await server.serve(sockets=[bound])

        asyncio.run(run())


class _Server(uvicorn.Server):
    """A server that says when it is up, and for which Ctrl-C is an orderly end."""

    def __init__(self, config: uvicorn.Config, up: Callable[[], None]) -> None:
        super().__init__(config)
        self._up = up

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._up()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        super().handle_exit(sig, frame)
        # Else uvicorn raises it again at the end: to be stopped is no failure.
        self._captured_signals.clear()


def _bound(port: int) -> socket.socket:
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((_LOOPBACK, port))
        bound.listen(128)
    except OSError as err:
        bound.close()
        raise CliskError(
            f"cannot listen there: {os.strerror(err.errno or 0).lower()}",
            advice="leave --port away, and a free one is taken",
        ) from err
    return bound


def _log_to_stderr() -> None:
    # Classes and places, no values: see clisk.agent.journal.
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(levelname)s %(message)s"))
    log = logging.getLogger("clisk.dashboard")
    log.addHandler(handler)
    log.propagate = False
    # The server would write the whole traceback of a fault, with the error's own words.
    server = logging.getLogger("uvicorn")
    server.addHandler(logging.NullHandler())
    server.propagate = False
