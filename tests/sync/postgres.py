"""A PostgreSQL server of the tests' own: a cluster in a folder, on a Unix socket."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_START_SECONDS = 120.0
_OPTIONS = {
    "listen_addresses": "",
    "max_connections": "120",
    "shared_buffers": "32MB",
    # As a server is set up where nothing acknowledged may be lost.
    "fsync": "on",
    "synchronous_commit": "off",  # which the relay must overrule
}


class MissingPostgresError(Exception):
    """The tests need a real server and do not go on without one."""


def _programs() -> Path:
    """Return the folder of the newest server's programs."""
    found = list(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if elsewhere := shutil.which("initdb"):
        found.append(Path(elsewhere))
    if not found:
        raise MissingPostgresError("no PostgreSQL here: bash scripts/setup_postgres.sh")
    newest = max(found, key=lambda path: (len(str(path)), str(path)))
    return newest.parent


def _owner() -> str | None:
    """Return whom the server runs as if not as us: it refuses root."""
    if os.geteuid() != 0:
        return None
    pwd.getpwnam("postgres")  # the package makes this user
    return "postgres"


class Postgres:
    """One server, which can be killed and started again."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._programs = _programs()
        self._owner = _owner()
        self._data = folder / "data"
        self._databases = 0
        self._process: subprocess.Popen[bytes] | None = None

    def create(self) -> None:
        """Make the cluster and start it."""
        if self._owner is not None:
            shutil.chown(self._folder, self._owner)
        self._run(
            "initdb",
            f"--pgdata={self._data}",
            "--username=relay",
            "--auth=trust",
            "--encoding=UTF8",
            "--no-locale",
            "--no-sync",
        )
        self.start()

    def start(self) -> None:
        """Start the server, after a crash too, and wait until it answers."""
        ends = time.monotonic() + _START_SECONDS
        # Right after a kill the memory of the last one may still be in use, and
        # the server ends at once: then once more.
        while not self._answers():
            if self._process is None or self._process.poll() is not None:
                self._process = self._launch()
            assert time.monotonic() < ends, (self._folder / "log").read_text()[-2000:]

    def kill(self) -> None:
        """Kill the server and all its processes, as a crash of the machine would."""
        assert self._process is not None
        victims = self._children(self._process.pid)
        self._process.kill()
        for child in victims:
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
        self._process.wait()

    def stop(self) -> None:
        """Stop the server at once."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait()

    def database(self) -> str:
        """Return the address of a new, empty database."""
        self._databases += 1
        name = f"relay{self._databases}"
        self.sql(f"CREATE DATABASE {name}", database="postgres")
        return f"postgresql+asyncpg://relay@/{name}?host={self._folder}"

    def sql(self, statement: str, *, database: str) -> str:
        """Return what *statement* prints, run by psql beside every relay."""
        return self._run(
            "psql",
            f"--host={self._folder}",
            "--username=relay",
            f"--dbname={database}",
            "--no-psqlrc",
            "--tuples-only",
            "--no-align",
            f"--command={statement}",
        ).strip()

    def _launch(self) -> subprocess.Popen[bytes]:
        options = _OPTIONS | {"unix_socket_directories": str(self._folder)}
        settings = [f"--{name}={value}" for name, value in options.items()]
        with (self._folder / "log").open("ab") as log:
            return subprocess.Popen(
                self._command("postgres", "-D", str(self._data), *settings),
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def _answers(self) -> bool:
        asked = self._command("pg_isready", f"--host={self._folder}", "--timeout=1")
        done = subprocess.run(asked, cwd="/", stdout=subprocess.DEVNULL, check=False)
        return done.returncode == 0

    @staticmethod
    def _children(pid: int) -> list[int]:
        found = []
        for stat in Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(OSError):
                fields = stat.read_text().rpartition(")")[2].split()
                if int(fields[1]) == pid:
                    found.append(int(stat.parent.name))
        return found

    def _command(self, program: str, *arguments: str) -> list[str]:
        command = [str(self._programs / program), *arguments]
        if self._owner is None:
            return command
        return ["setpriv", f"--reuid={self._owner}", "--init-groups", *command]

    def _run(self, program: str, *arguments: str) -> str:
        done = subprocess.run(
            self._command(program, *arguments),
            cwd="/",
            stdin=subprocess.DEVNULL,
            check=False,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, f"{program}: {done.stdout}{done.stderr}"
        return done.stdout


def name_of(address: str) -> str:
    """Return the name of the database at *address*."""
    return address.partition("@/")[2].partition("?")[0]


@contextmanager
def running_postgres() -> Iterator[Postgres]:
    """Run a server until the block ends.

    Raises:
        MissingPostgresError: it is not installed.
    """
    # A short path, because that of a Unix socket has room for 107 bytes; on a disk,
    # and below no folder that is ours alone: the server runs as another user.
    with tempfile.TemporaryDirectory(prefix="clisk-pg-", dir="/tmp") as folder:
        server = Postgres(Path(folder))
        server.create()
        try:
            yield server
        finally:
            server.stop()
