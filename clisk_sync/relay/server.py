"""Running the application: `serve` for a process, `start` inside one."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

import uvicorn

from clisk_sync.errors import CallerError, RelayRefused
from clisk_sync.origin import is_loopback, relay_origin
from clisk_sync.relay.app import create_app
from clisk_sync.relay.limits import Limits
from clisk_sync.relay.logs import log_event, set_up_logs
from clisk_sync.relay.only import only_relay_on
from clisk_sync.relay.patience import patient_protocol
from clisk_sync.relay.settings import Creation, Settings
from clisk_sync.relay.store import Store

_SHUTDOWN_SECONDS = 10
_BACKLOG = 512
_KEEP_ALIVE_SECONDS = 75


@dataclass(frozen=True, slots=True)
class RunningRelay:
    """A relay that answers now."""

    url: str
    port: int


def serve(
    *,
    database: str | Path,
    host: str = "127.0.0.1",
    port: int = 8470,
    limits: Limits | None = None,
    origins: Iterable[str] = (),
    creation: Creation = Creation.OPEN,
    shows_metrics_to_all: bool = False,
    unsafe_listen_beyond_this_machine: bool = False,
    on_started: Callable[[RunningRelay], None] | None = None,
) -> None:
    """Run a relay until the process is told to stop; logs go to standard error.

    *origins* are further addresses under which devices reach it, such as
    `https://relay.example` for a proxy that ends TLS. *database* is a path, or
    `postgresql+asyncpg://...`, which other processes may share. Port 0 takes a
    free one, which *on_started* is told.

    Raises:
        CallerError: a host that others can reach, without saying so; no origin
            for it; an address that cannot be bound, a database that cannot be
            opened.
    """
    origins = list(origins)
    _check_host(host, origins, allowed=unsafe_listen_beyond_this_machine)
    set_up_logs()
    with only_relay_on(database), _bound(host, port) as bound:
        settings = Settings(
            database=database,
            origins=_origins_of(bound) | {relay_origin(each) for each in origins},
            creation=creation,
            shows_metrics_to_all=shows_metrics_to_all,
            limits=limits or Limits(),
        )
        running, server = _running(bound), _Server(_config(settings))

        async def run() -> None:
            await _check_database(database)
            task = asyncio.create_task(server.serve(sockets=[bound]))
            await server.up.wait()
            log_event("started", url=running.url)
            if on_started is not None:
                on_started(running)
            await task
            log_event("stopped")

        asyncio.run(run())


@asynccontextmanager
async def start(
    *,
    database: str | Path,
    host: str = "127.0.0.1",
    port: int = 0,
    limits: Limits | None = None,
) -> AsyncIterator[RunningRelay]:
    """Run a relay on loopback beside other work, until the block ends.

    Raises:
        CallerError: *host* is not on loopback, or as serve().
    """
    _check_host(host, (), allowed=False)
    with only_relay_on(database), _bound(host, port) as bound:
        settings = Settings(
            database=database, origins=_origins_of(bound), limits=limits or Limits()
        )
        server = _Embedded(_config(settings))
        await _check_database(database)
        task = asyncio.create_task(server.serve(sockets=[bound]), name="relay")
        try:
            await server.up.wait()
            yield _running(bound)
        finally:
            server.should_exit = True
            await task


def _running(bound: socket.socket) -> RunningRelay:
    host, port = bound.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    return RunningRelay(f"http://{shown}:{port}", port)


def _origins_of(bound: socket.socket) -> frozenset[str]:
    """Return the names of this machine; a relay for others is told its own."""
    host, port = bound.getsockname()[:2]
    names = ("127.0.0.1", "localhost", "[::1]") if is_loopback(host) else ()
    return frozenset(f"http://{name}:{port}" for name in names)


def _config(settings: Settings) -> uvicorn.Config:
    return uvicorn.Config(
        create_app(settings),
        http=patient_protocol(settings.limits.request_seconds),
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        backlog=_BACKLOG,
        limit_concurrency=settings.limits.connections,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=_SHUTDOWN_SECONDS,
    )


class _Server(uvicorn.Server):
    """A server that says when it is up, and wakes long polls before it ends."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.up = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.up.set()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        super().handle_exit(sig, frame)
        # Else uvicorn raises it again at the end: to be stopped is no failure.
        self._captured_signals.clear()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        app = self.config.app
        relay = getattr(getattr(app, "state", None), "relay", None)
        if relay is not None:
            relay.news.close()
        await super().shutdown(sockets)


class _Embedded(_Server):
    """One that leaves the signals to the program it runs in."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def _check_database(database: str | Path) -> None:
    """Open the database once before the server does.

    The server would end the whole program when its application cannot start.
    """
    try:
        store = await Store.open(database)
    except RelayRefused as err:
        raise CallerError(
            "the relay's database cannot be opened",
            advice="check the path, its permissions and the free space",
        ) from err
    await store.close()


def _check_host(host: str, origins: Sequence[str], *, allowed: bool) -> None:
    if is_loopback(host):
        return
    if not allowed:
        raise CallerError(
            "the relay listens on this machine only, unless told otherwise",
            advice="put a proxy that ends TLS before it; only if you know why:"
            " --listen-beyond-this-machine",
        )
    if not origins:
        raise CallerError(
            "a relay that others reach must know its own address",
            advice="give its origin, such as https://relay.example",
        )


@contextlib.contextmanager
def _bound(host: str, port: int) -> Iterator[socket.socket]:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # The protocol is named because asyncio turns Nagle's delay off only then;
    # with it each answer on a kept connection takes 40 ms.
    with socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP) as bound:
        try:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            bound.bind((host, port))
            bound.listen(_BACKLOG)
        except OSError as err:
            raise CallerError(
                f"cannot listen there: {os.strerror(err.errno or 0).lower()}",
                advice="choose another port, or stop what is using this one",
            ) from err
        yield bound
