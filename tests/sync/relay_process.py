"""Real relay processes, and devices that write to them until they are killed."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

from clisk_sync.errors import TransportError
from clisk_sync.http_transport import HttpRelay
from clisk_sync.relay_client import HttpVaultTransport
from clisk_sync.retry import RetryPolicy
from clisk_sync.testing import Author

_PROGRAM = textwrap.dedent(
    """
    import itertools, os, signal, sys
    from clisk_sync.relay import Limits, Rate, serve, store_snapshots

    # Few envelopes at once, and death in the middle of one of those transactions.
    at_once, dies_at = int(sys.argv[2]), int(sys.argv[3])
    store_snapshots.DELETED_AT_ONCE = at_once
    delete, counts = store_snapshots.delete_covered, itertools.count(1)

    def delete_and_die(*args):
        done = delete(*args)
        if next(counts) == dies_at:
            os.kill(os.getpid(), signal.SIGKILL)
        return done

    store_snapshots.delete_covered = delete_and_die
    free = Rate(1e9, 1e9)
    serve(
        database=sys.argv[1], port=0,
        limits=Limits(appends=free, creations=free, logins=free),
        on_started=lambda relay: print(relay.url, flush=True),
    )
    """
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
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [
                    sys.executable,
                    "-c",
                    _PROGRAM,
                    str(self._database),
                    str(deletes_at_once),
                    str(dies_at_deletion),
                ],
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()

    @property
    def pid(self) -> int:
        """The process that runs now."""
        return self._process.pid

    def kill(self) -> None:
        """End it without a word."""
        os.kill(self._process.pid, signal.SIGKILL)
        self._process.communicate()

    def stop(self) -> int:
        """Tell it to end; return its exit code."""
        self._process.send_signal(signal.SIGTERM)
        self._process.communicate()
        return self._process.returncode


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
