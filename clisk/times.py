"""Times as a person reads them. The wire and JSON carry milliseconds since 1970."""

from __future__ import annotations

import re
import time
from datetime import datetime

from clisk.errors import UsageError

_SPANS = (("day", 86_400), ("hour", 3_600), ("minute", 60))
_UNIT_MS = {"m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 7 * 86_400_000}


def date_and_time(time_ms: object) -> str:
    """Return the local date and time of *time_ms*, to the second."""
    if not isinstance(time_ms, int):
        return "never"
    moment = datetime.fromtimestamp(time_ms / 1000).astimezone()
    return moment.strftime("%Y-%m-%d %H:%M:%S")


def is_past(time_ms: object) -> bool:
    """Return whether *time_ms* was; what is no time was not."""
    return isinstance(time_ms, int) and time_ms <= time.time_ns() // 1_000_000


def since(time_ms: int, *, now_ms: int | None = None) -> tuple[int, str]:
    """Return how many days, hours or minutes ago *time_ms* was; 0: just now."""
    now = time.time_ns() // 1_000_000 if now_ms is None else now_ms
    seconds = max(0, now - time_ms) // 1000
    for unit, size in _SPANS:
        if seconds >= size:
            return seconds // size, unit
    return 0, _SPANS[-1][0]


def ago(time_ms: object, *, now_ms: int | None = None) -> str:
    """Return how long ago *time_ms* was, in the largest fitting unit."""
    if not isinstance(time_ms, int):
        return "never"
    count, unit = since(time_ms, now_ms=now_ms)
    return f"{count} {unit}{'s' if count > 1 else ''} ago" if count else "just now"


def moment_ms(text: str, *, option: str = "", now_ms: int | None = None) -> int:
    """Return the milliseconds that a person means by `12h`, `30d`, `8w` or a date.

    A date, or date and time, is local unless it says otherwise (ISO 8601). *option*
    stands in the error. Nothing is before 1970.

    Raises:
        UsageError: none of these.
    """
    span = re.fullmatch(r"([0-9]{1,6})([mhdw])", text, re.ASCII)
    if span is not None:
        now = time.time_ns() // 1_000_000 if now_ms is None else now_ms
        return max(0, now - int(span[1]) * _UNIT_MS[span[2]])
    try:
        moment = datetime.fromisoformat(text).astimezone()
        return max(0, round(moment.timestamp() * 1000))
    except (ValueError, OverflowError, OSError):
        raise UsageError(
            f"{option}: not a time" if option else "not a time",
            advice="say 12h, 30d, 8w, or a date such as 2026-03-01",
        ) from None
