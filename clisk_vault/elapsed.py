"""How much time has gone by, whatever the clock on the wall was set to."""

from __future__ import annotations

import time


def suspended_time_counts() -> float:
    """Return seconds of a clock that nobody can set and that runs through sleep."""
    clock = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
    return time.clock_gettime(clock)
