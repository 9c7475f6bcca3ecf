"""Real relay processes, and devices that write to them until they are killed."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import multiprocessing
import multiprocessing.util
import os
import signal
import sys
import tempfile
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from clisk_sync.errors import TransportError
from clisk_sync.http_transport import HttpRelay
from clisk_sync.relay import Limits, Rate, serve, store_snapshots
from clisk_sync.relay_client import HttpVaultTransport
from clisk_sync.retry import RetryPolicy
from clisk_sync.testing import Author

# A process that has imported the relay already: each start forks it, for a start by
# itself takes a second of CPU before the first line of the relay runs.
# Its socket's folder is to outlive the tests' own, which goes first.
_tests_folder, tempfile.tempdir = tempfile.tempdir, "/tmp"  # a fresh one in it
multiprocessing.util.get_temp_dir()
tempfile.tempdir = _tests_folder
_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(
    [
        "clisk_sync.relay",
        "clisk_sync.relay.store_migrations",
        "clisk_sync.relay.store_postgres",
        "uvicorn.lifespan.on",
        "uvicorn.loops.auto",
        __name__,
    ]
)


def _serve(
    database: str | Path, log: Path, told: Connection, deletes: tuple[int, int]
) -> None:
    """Run a relay: few deletions at once, and death in the middle of one of them."""
    with log.open("ab") as file:
        os.dup2(file.fileno(), sys.stderr.fileno())
    at_once, dies_at = deletes
    store_snapshots.DELETED_AT_ONCE = at_once  # type: ignore[misc]  # a test may
    delete, counts = store_snapshots.delete_covered, itertools.count(1)

    def delete_and_die(db: Any, vault: Any) -> int:
        done = delete(db, vault)
        if next(counts) == dies_at:
            os.kill(os.getpid(), signal.SIGKILL)
        return done

    store_snapshots.delete_covered = delete_and_die
    free = Rate(1e9, 1e9)
    serve(
        database=database,
        port=0,
        limits=Limits(appends=free, creations=free, logins=free),
        on_started=lambda relay: told.send(relay.url),
    )


ONCE = RetryPolicy(attempts=1)


class RelayProcess:
    """A real relay process on one database, again and again."""

    def __init__(self, database: str | Path, log: Path) -> None:
        self._database = database
        self._log = log

    def start(self, *, deletes_at_once: int = 2000, dies_at_deletion: int = 0) -> str:
        """Start it and return its address.

        It may be made to die before the so-manieth deletion is committed.
        """
        reading, telling = _FORKS.Pipe(duplex=False)
        deletes = deletes_at_once, dies_at_deletion
        arguments = self._database, self._log, telling, deletes
        self._process = _FORKS.Process(target=_serve, args=arguments)
        self._process.start()
        telling.close()
        url = reading.recv()
        reading.close()
        assert isinstance(url, str)
        return url

    @property
    def pid(self) -> int:
        """The process that runs now."""
        assert self._process.pid is not None
        return self._process.pid

    def kill(self) -> None:
        """End it without a word."""
        self._process.kill()
        self._process.join()

    def stop(self) -> int:
        """Tell it to end; return its exit code."""
        self._process.terminate()
        self._process.join()
        assert self._process.exitcode is not None
        return self._process.exitcode


def transport_of(relay: HttpRelay, author: Author) -> HttpVaultTransport:
    """Return what *author* uses to reach its vault."""
    secrets = author.secrets
    return HttpVaultTransport(
        relay, author.vault, device=secrets.public.id, signing=secrets.signing
    )


class Device:
    """Writes envelopes one by one and remembers which were acknowledged."""

    def __init__(self, author: Author) -> None:
        self.author = author
        self.unanswered: bytes | None = None
        self.acknowledged: dict[int, bytes] = {}

    async def write_until_cut(
        self, url: str, *, until: asyncio.Event | None = None
    ) -> None:
        """Write on until there is no answer, or until told to end."""
        async with HttpRelay(url, retry=ONCE) as relay:
            transport = transport_of(relay, self.author)
            with contextlib.suppress(TransportError):
                while until is None or not until.is_set():
                    # Saved before it is sent: what got no answer is sent again.
                    envelope = self.unanswered or self.author.write(os.urandom(600))
                    self.unanswered = envelope
                    position = await transport.append(envelope)
                    assert self.acknowledged.setdefault(position, envelope) == envelope
                    self.unanswered = None


async def stored(relay: HttpRelay, author: Author) -> dict[int, bytes]:
    """Return what the relay gives to *author*, by position."""
    found: dict[int, bytes] = {}
    async for position, envelope in transport_of(relay, author).read(0):
        assert position not in found
        found[position] = envelope
    return found
