"""One agent a vault: whoever holds the lock on agent.lock is the agent."""

from __future__ import annotations

import fcntl
import os

from clisk.errors import CliskError
from clisk.home import Home


class AgentRunsError(CliskError):
    """Another agent holds this vault."""

    default_advice = "that one answers already: clisk status"

    def __init__(self, message: str = "an agent is already running here") -> None:
        super().__init__(message)


class AgentLock:
    """Holds the lock until closed. The kernel lets go when the process dies."""

    def __init__(self, home: Home) -> None:
        self._file = os.open(home.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._file)
            raise AgentRunsError from None
        os.ftruncate(self._file, 0)
        os.write(self._file, f"{os.getpid()}\n".encode())

    def close(self) -> None:
        """Let the next agent in."""
        os.close(self._file)
