"""Processes that write and sync until they are killed, and the relay they share.

Run as a program it makes such a process for each line on its input. It has one
thread and has all imported, so a fork of it is quick and cannot be left with a
lock that nobody holds any more, as a fork of the tests' own process could.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Self

from clisk_sync.engine import SyncEngine
from clisk_sync.envelope import parse_unverified_envelope
from clisk_sync.journal import Journal
from clisk_sync.record import parse_unverified_record
from clisk_sync.testing import MemoryRelay, MemoryVaultTransport, PassingTransport
from clisk_vault.draft import ItemDraft
from clisk_vault.ids import DeviceId
from clisk_vault.vault import Vault
from tests.vault.made import CHEAP_LIMITS, PASSPHRASE

_ROOT = Path(__file__).parents[2]
# Far more than a process needs to begin, on whatever machine.
_PATIENCE_SECONDS = 120.0


class FolderTransport(PassingTransport):
    """A relay that keeps its log in a file: what it answered to, it has."""

    def __init__(self, log: Path, vault: Vault) -> None:
        self._path, self._vault = log, vault.id
        self._relay = MemoryRelay()
        self._records = list(Journal(vault.storage).membership(vault.id).records)
        super().__init__(self._as(vault.secrets.public.id))

    def _as(self, device: DeviceId) -> MemoryVaultTransport:
        return MemoryVaultTransport(self._relay, self._vault, device)

    async def load(self) -> None:
        """Admit what stands in the file; a torn end was never answered."""
        await self.honest.create(self._records[0])
        for record in self._records[1:]:
            author = parse_unverified_record(record).unverified_body.author
            await self._as(author).append_record(record)
        data, at = self._path.read_bytes(), 0
        while len(data) >= at + 4:
            end = at + 4 + int.from_bytes(data[at : at + 4])
            if end > len(data):
                break
            envelope = data[at + 4 : end]
            author = parse_unverified_envelope(envelope).unverified_header.author
            await self._as(author).append(envelope)
            at = end
        os.truncate(self._path, at)

    async def append(self, envelope: bytes) -> int:
        log = self._relay.find(self._vault).log
        before = len(log)
        position = await self.honest.append(envelope)
        if len(log) > before:
            with self._path.open("ab") as file:
                file.write(framed(envelope))
                file.flush()
                os.fsync(file.fileno())
        return position


def framed(envelope: bytes) -> bytes:
    """Return *envelope* as it stands in the file."""
    return len(envelope).to_bytes(4) + envelope


async def opened(path: Path, log: Path) -> tuple[Vault, SyncEngine]:
    """Return the vault at *path*, open, and what syncs it over *log*."""
    vault = Vault.unlock(path, PASSPHRASE, limits=CHEAP_LIMITS)
    transport = FolderTransport(log, vault)
    await transport.load()
    return vault, SyncEngine(vault, transport)


async def _work(path: Path, log: Path, turn: int) -> None:
    """Write and sync until killed; tell each title once its write has returned."""
    vault, engine = await opened(path, log)
    os.write(1, f"ready {os.getpid()}\n".encode())
    for count in range(1_000_000):
        title = f"turn {turn} note {count}"
        vault.add(ItemDraft("note", title))
        os.write(1, f"wrote {title}\n".encode())
        await engine.sync_once()


def _serve() -> None:
    for line in sys.stdin:
        path, log, turn = json.loads(line)
        child = os.fork()
        if child == 0:
            try:
                asyncio.run(_work(Path(path), Path(log), turn))
            finally:
                os._exit(70)
        _, status = os.waitpid(child, 0)
        os.write(1, f"ended {status}\n".encode())


class Workers:
    """The program above, and what its processes tell."""

    def __enter__(self) -> Self:
        self._server = subprocess.Popen(
            [sys.executable, "-m", "tests.sync.kill_work"],
            cwd=_ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self._server.stdout is not None
        self._out = self._server.stdout.fileno()
        self._held = b""
        return self

    def __exit__(self, *_: object) -> None:
        self._server.kill()
        self._server.communicate()

    def killed(self, path: Path, log: Path, *, turn: int, delay: float) -> set[str]:
        """Return what a process told before it was killed, *delay* after it began.

        Raises:
            AssertionError: it failed by itself, or says nothing at all.
        """
        assert self._server.stdin is not None
        self._server.stdin.write(
            json.dumps([str(path), str(log), turn]).encode() + b"\n"
        )
        self._server.stdin.flush()
        kind, process = self._next()
        assert kind == "ready", "it failed before it began"
        # The kill comes at a random instant.
        select.select([], [], [], delay)
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(process), signal.SIGKILL)
        told = set()
        while (line := self._next())[0] == "wrote":
            told.add(line[1])
        assert line[0] == "ended"
        assert os.WTERMSIG(int(line[1])) == signal.SIGKILL, "it failed before that"
        return told

    def _next(self) -> tuple[str, str]:
        ends = time.monotonic() + _PATIENCE_SECONDS
        while b"\n" not in self._held:
            left = ends - time.monotonic()
            assert left > 0, "it says nothing"
            if select.select([self._out], [], [], left)[0]:
                chunk = os.read(self._out, 1 << 16)
                assert chunk, "it has gone"
                self._held += chunk
        line, _, self._held = self._held.partition(b"\n")
        kind, _, rest = line.decode().partition(" ")
        return kind, rest


if __name__ == "__main__":
    _serve()
