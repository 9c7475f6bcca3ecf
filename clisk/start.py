"""Finds the agent of a home folder, and starts one where that is asked for."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

from clisk.client import AgentClient
from clisk.errors import AgentAbsentError, CliskError
from clisk.home import Home

_MAX_LOG_BYTES = 1024 * 1024
_ATTEMPTS = 20
_PAUSE_SECONDS = 0.1


def connect_or_start(home: Home) -> AgentClient:
    """Return a connection to the agent of *home*, starting one if none runs.

    Raises:
        CliskError: a new agent ended before it listened.
        AgentAbsentError: an agent holds the home, and never listens.
    """
    for attempt in range(_ATTEMPTS):
        with suppress(AgentAbsentError):
            return AgentClient.connect(home)
        # Another agent may hold the home: not listening yet, or no longer.
        time.sleep(_PAUSE_SECONDS if attempt else 0)
        home.make()
        start(home)
    return AgentClient.connect(home)


def start(home: Home) -> None:
    """Start an agent that outlives this process; return when it listens."""
    ready, tell = os.pipe()
    _keep_log_short(home)
    log = os.open(home.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        subprocess.Popen(
            # What -I means, with an environment of ours: neither the current folder
            # nor PYTHON* decides which code will be given the passphrase.
            [
                *(sys.executable, "-P", "-s", "-m", "clisk", "--home", home.folder),
                *("agent", "run", "--ready-fd", str(tell)),
            ],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            pass_fds=[tell],
            start_new_session=True,
            cwd="/",
            env=_environment(),
        )
    finally:
        os.close(tell)
        os.close(log)
    with os.fdopen(ready, "rb") as pipe:
        if not pipe.read():  # end of file without a word: it has died
            raise CliskError(
                "the agent did not start", advice="agent.log in the home says why"
            )


def _environment() -> dict[str, str]:
    """Return this environment without PYTHON*, and with memory that forgets.

    Python's own allocator keeps what was freed as it was. The C library's writes
    over it, where it is glibc; elsewhere the two settings mean nothing.
    """
    kept = {name: value for name, value in os.environ.items() if name[:6] != "PYTHON"}
    return {
        **kept,
        "PYTHONMALLOC": "malloc",
        "GLIBC_TUNABLES": "glibc.malloc.perturb=85",
    }


def _keep_log_short(home: Home) -> None:
    log = Path(home.log)
    with suppress(FileNotFoundError):
        if log.stat().st_size > _MAX_LOG_BYTES:
            log.replace(f"{home.log}.1")
