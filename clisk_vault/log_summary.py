"""The access log at a glance: when, by whom, of what; and which reads stand out.

What stands out is a hint for a person and never a verdict: protocol/access-log.md
§10.2 has the rules.
"""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple

from clisk_vault.access_record import Outcome, RequesterKind
from clisk_vault.ids import ItemId

_HABIT_READS = 100
_RARE_SHARE = 0.01
_BURST_ITEMS = 20
_BURST_MS = 60_000
_KEPT_UNUSUAL = 100
_DAY_SECONDS = 86_400
_QUARTER_MS = 15 * 60 * 1000
_GRANTED = int(Outcome.GRANTED)
# Code that is not ours: it reads an item for the first time only once.
_CODE = frozenset({RequesterKind.KONNECTOR, RequesterKind.PROGRAM})
# These read many items by their nature, and a person started them.
_BULK = frozenset({RequesterKind.EXPORT, RequesterKind.RECOVERY, RequesterKind.VAULT})


class Moment(NamedTuple):
    """One record, as far as a summary looks at it. *at*: its index in the log."""

    at: int
    time_ms: int
    outcome: int
    kind: int
    name: str
    item: ItemId | None


class Oddity(Enum):
    """Why a read stands out."""

    REFUSED = "refused"
    FIRST = "first"
    ODD_HOUR = "odd-hour"
    BURST = "burst"


@dataclass(slots=True)
class Summary:
    """Counts of reads. *hours*: by weekday, Monday first, and hour; local time."""

    total: int = 0
    hours: list[list[int]] = field(default_factory=lambda: [[0] * 24 for _ in range(7)])
    days: Counter[int] = field(default_factory=Counter)
    """By local day, as a day of the calendar: date.toordinal()."""
    readers: Counter[tuple[int, str]] = field(default_factory=Counter)
    items: Counter[ItemId] = field(default_factory=Counter)
    outcomes: Counter[int] = field(default_factory=Counter)
    unusual: deque[tuple[int, Oddity]] = field(
        default_factory=lambda: deque(maxlen=_KEPT_UNUSUAL)
    )
    """The newest reads that stand out, oldest first, and why."""


Local = Callable[[float], time.struct_time]


def summarise(reads: Iterable[Moment], *, local: Local = time.localtime) -> Summary:
    """Return a summary of *reads*, which come oldest first.

    *local* turns seconds since 1970 into local time.
    """
    found = Summary()
    habits = _Habits()
    # Clocks are set back and forth at quarters of an hour; what is between is alike.
    quarters: dict[int, tuple[int, int, int]] = {}
    known = list(reads)
    for read in known:
        quarter = read.time_ms // _QUARTER_MS
        if quarter not in quarters:
            moment = local(quarter * _QUARTER_MS / 1000)
            day = _ordinal(quarter * _QUARTER_MS, moment)
            quarters[quarter] = moment.tm_wday, moment.tm_hour, day
        for oddity in habits.oddities(read, quarters[quarter][1]):
            found.unusual.append((read.at, oddity))
    # Counted all at once: of a hundred thousand reads that is several times quicker.
    by_quarter = Counter(read.time_ms // _QUARTER_MS for read in known)
    for quarter, count in by_quarter.items():
        weekday, hour, day = quarters[quarter]
        found.hours[weekday][hour] += count
        found.days[day] += count
    found.total = len(known)
    found.readers = Counter((read.kind, read.name) for read in known)
    found.outcomes = Counter(read.outcome for read in known)
    found.items = Counter(read.item for read in known if read.item is not None)
    return found


def _ordinal(time_ms: int, moment: time.struct_time) -> int:
    # 719163 is the ordinal of 1970-01-01. The offset is that of this very moment.
    return 719_163 + (time_ms // 1000 + moment.tm_gmtoff) // _DAY_SECONDS


class _Habits:
    """What was usual up to a read."""

    def __init__(self) -> None:
        self._hours = [0] * 24
        self._total = 0
        self._seen: set[tuple[int, str, ItemId | None]] = set()
        self._recent: dict[tuple[int, str], deque[tuple[int, ItemId | None]]] = {}

    def oddities(self, read: Moment, hour: int) -> list[Oddity]:
        """Return why *read* stands out, and count it from now on."""
        found = []
        if read.outcome != _GRANTED:
            found.append(Oddity.REFUSED)
        if read.kind in _CODE and self._is_first(read):
            found.append(Oddity.FIRST)
        if self._is_rare(hour):
            found.append(Oddity.ODD_HOUR)
        if self._begins_burst(read):
            found.append(Oddity.BURST)
        self._hours[hour] += 1
        self._total += 1
        return found

    def _is_first(self, read: Moment) -> bool:
        """Say whether other code than ours reads the item for the first time."""
        key = (read.kind, read.name, read.item)
        known = key in self._seen
        self._seen.add(key)
        return not known

    def _is_rare(self, hour: int) -> bool:
        if self._total < _HABIT_READS:
            return False
        hours = self._hours
        around = hours[hour - 1] + hours[hour] + hours[(hour + 1) % 24]
        return around < self._total * _RARE_SHARE

    def _begins_burst(self, read: Moment) -> bool:
        """Say whether one reader has now read many items within a minute."""
        if read.kind in _BULK:
            return False
        reader = read.kind, read.name
        recent = self._recent.get(reader)
        if recent is None:
            recent = self._recent[reader] = deque()
        recent.append((read.time_ms, read.item))
        while recent[0][0] < read.time_ms - _BURST_MS:
            recent.popleft()
        if len(recent) < _BURST_ITEMS:
            return False
        if len({item for _, item in recent}) < _BURST_ITEMS:
            return False
        recent.clear()
        return True
