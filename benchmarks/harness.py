"""Measuring: medians of interleaved rounds, and a floor for each figure.

A machine that others use gives other seconds each time; the ratio to a floor
measured in the same round moves far less. Subject and floor take turns, so a
slow moment falls on both.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Figure:
    """One result: seconds are medians of one operation."""

    name: str
    seconds: float
    floor: str
    floor_seconds: float
    rounds: int
    aim: str
    # What the two numbers are of: seconds, unless it says otherwise.
    unit: str = "s"

    @property
    def ratio(self) -> float:
        """How many floors the subject takes."""
        return self.seconds / self.floor_seconds

    def row(self) -> dict[str, Any]:
        """Return the figure for JSON."""
        return {**asdict(self), "ratio": round(self.ratio, 2)}


def seconds(
    work: Callable[[], object], clock: Callable[[], float] = time.perf_counter
) -> float:
    """Return how long *work* takes once."""
    started = clock()
    work()
    return clock() - started


def compare_both(
    name: str,
    subject: Callable[[], object],
    *,
    floor: str,
    floor_work: Callable[[], object],
    rounds: int,
    aim: str,
    before: Callable[[], object] = lambda: None,
) -> tuple[Figure, Figure]:
    """Return two figures of the same rounds: time, and CPU time of this process.

    Where others use the machine, CPU moves less; time is what a person waits.
    """
    taken = [(list[float](), list[float]()) for _ in range(2)]
    for number in range(rounds + 1):
        before()
        for which, work in enumerate((floor_work, subject)):
            began, cpu = time.perf_counter(), time.process_time()
            work()
            if number:
                taken[which][0].append(time.perf_counter() - began)
                taken[which][1].append(time.process_time() - cpu)
    (floor_time, floor_cpu), (its_time, its_cpu) = (
        [statistics.median(each) for each in both] for both in taken
    )
    return (
        Figure(name, its_time, floor, floor_time, rounds, aim),
        Figure(f"{name}: CPU", its_cpu, floor, floor_cpu, rounds, aim),
    )


def compare(
    name: str,
    subject: Callable[[], object],
    *,
    floor: str,
    floor_work: Callable[[], object],
    rounds: int,
    aim: str,
    operations: int = 1,
    before: Callable[[], object] = lambda: None,
    cpu: bool = False,
) -> Figure:
    """Return the medians of *subject* and *floor_work*, run in turns.

    Both do *operations* operations a call; *before* makes ready, outside the
    clock. One round of each warms up uncounted. *cpu*: the time of this process on a
    core alone, for work that waits for nothing; what others do on the machine then
    falls on nobody.
    """
    subject_times, floor_times = list[float](), list[float]()
    for number in range(rounds + 1):
        before()
        clock = time.process_time if cpu else time.perf_counter
        floor_time, subject_time = seconds(floor_work, clock), seconds(subject, clock)
        if number:
            floor_times.append(floor_time / operations)
            subject_times.append(subject_time / operations)
    return Figure(
        name,
        statistics.median(subject_times),
        floor,
        statistics.median(floor_times),
        rounds,
        aim,
    )
