"""Times as a person reads them. The wire and JSON carry milliseconds since 1970."""

from __future__ import annotations

import time
from datetime import datetime


def date_and_time(time_ms: object) -> str:
    """Return the local date and time of *time_ms*, to the second."""
    if not isinstance(time_ms, int):
        return "never"
    moment = datetime.fromtimestamp(time_ms / 1000).astimezone()
    return moment.strftime("%Y-%m-%d %H:%M:%S")


def ago(time_ms: object, *, now_ms: int | None = None) -> str:
    """Return how long ago *time_ms* was, in the largest fitting unit."""
    if not isinstance(time_ms, int):
        return "never"
    now = time.time_ns() // 1_000_000 if now_ms is None else now_ms
    seconds = max(0, now - time_ms) // 1000
    for unit, size in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        if seconds >= size:
            count = seconds // size
            return f"{count} {unit}{'s' if count > 1 else ''} ago"
    return "just now"
