"""Hybrid logical time: when a value was written, and by which device.

Knows nothing of items. A stamp orders what is shown; which of two values saw the
other is decided by `versions.py`, so a wrong clock spoils a date and no value.

Spec: protocol/item.md §3. Vectors: item/stamp-*.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

from clisk_vault.errors import CallerError, FormatError
from clisk_vault.ids import DeviceId

STAMP_CHARS = 49
END_OF_TIME_MS = 32_503_680_000_000
"""3000-01-01T00:00:00Z. Nothing is stamped later, and no such stamp is read."""
MAX_LEAD_MS = 24 * 60 * 60 * 1000
"""A stamp further ahead of this device's clock than this does not move it."""

_MAX_COUNTER = 0xFFFF
_STAMP = re.compile(r"([0-9a-f]{12})([0-9a-f]{4})-([0-9a-f]{32})", re.ASCII)


class Stamp(NamedTuple):
    """A moment of one device: sorts as its text does."""

    time_ms: int
    counter: int
    device: DeviceId

    def __str__(self) -> str:
        return f"{self.time_ms:012x}{self.counter:04x}-{self.device.hex()}"


@lru_cache(maxsize=1024)  # one write gives all its fields the same stamp
def parse_stamp(text: str) -> Stamp:
    """Return the stamp that *text* spells.

    Raises:
        FormatError: not the one spelling, or a time past the year 3000.
    """
    found = _STAMP.fullmatch(text)
    if found is None:
        raise FormatError("stamp: not time, counter and device in hex")
    time_ms, counter, device = found.groups()
    stamp = Stamp(int(time_ms, 16), int(counter, 16), DeviceId(bytes.fromhex(device)))
    if stamp.time_ms >= END_OF_TIME_MS:
        raise FormatError("stamp: a time past the year 3000")
    return stamp


class HybridClock:
    """Gives one device's stamps, each greater than every one given or observed.

    Save those far in the future: a device whose clock is years ahead would
    otherwise date everybody's later writes.
    """

    def __init__(self, device: DeviceId, clock: Callable[[], int]) -> None:
        self.device = device
        self._now_ms = clock
        self._last = (0, 0)

    def observe(self, stamp: Stamp) -> None:
        """Let later ticks be greater than *stamp*, unless it is far in the future."""
        if stamp.time_ms <= self._now_ms() + MAX_LEAD_MS:
            self._last = max(self._last, (stamp.time_ms, stamp.counter))

    def tick(self, *, after: Stamp | None = None) -> Stamp:
        """Return a new stamp, greater than *after* however far ahead that is.

        *after* is this device's newest stamp in the document that is written:
        its own writes there have to be in order even if its clock was set back.

        Raises:
            CallerError: this device's clock, or *after*, stands at the year 3000.
        """
        own = max((self._now_ms(), 0), _successor(*self._last))
        forced = _successor(after.time_ms, after.counter) if after else own
        time_ms, counter = max(own, forced)
        if time_ms >= END_OF_TIME_MS:
            raise CallerError(
                "stamp: this device's clock shows a year past 3000",
                advice="set the clock of this device, then try again",
            )
        self._last = own
        stamp = Stamp(time_ms, counter, self.device)
        self.observe(stamp)
        return stamp


def _successor(time_ms: int, counter: int) -> tuple[int, int]:
    if counter < _MAX_COUNTER:
        return time_ms, counter + 1
    return time_ms + 1, 0
