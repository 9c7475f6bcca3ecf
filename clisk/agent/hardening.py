"""What the operating system can do to keep the agent's memory to itself."""

from __future__ import annotations

import ctypes
import os
import resource
import sys

_PR_SET_DUMPABLE = 4


_PR_GET_DUMPABLE = 3


def core_dumps_off() -> bool:
    """Say whether this process leaves no core dump."""
    return resource.getrlimit(resource.RLIMIT_CORE) == (0, 0)


def debuggers_off() -> bool | None:
    """Say whether debuggers of the same user are kept out; None: not told here."""
    if not sys.platform.startswith("linux"):
        return None
    dumpable: int = ctypes.CDLL(None).prctl(_PR_GET_DUMPABLE, 0, 0, 0, 0)
    return dumpable == 0


def keep_memory_private() -> None:
    """Forbid core dumps, and on Linux debuggers of the same user as well.

    Also makes every file the process creates its owner's alone. Called before
    any secret is in memory.
    """
    os.umask(0o077)
    # They are in force from the start of the process (start.py), and not for what
    # the agent starts: a browser would only be slow.
    for name in ("PYTHONMALLOC", "GLIBC_TUNABLES"):
        os.environ.pop(name, None)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform.startswith("linux"):
        # No Python function: prctl(PR_SET_DUMPABLE, 0) closes /proc/PID/mem.
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


def give_back_memory() -> None:
    """Return to the system what was freed, where the C library can be told to."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc's alone
    if trim is not None:
        trim(0)
