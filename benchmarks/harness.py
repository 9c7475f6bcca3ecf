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
from typing import Any, NamedTuple


class PartError(Exception):
    """A part could not be measured; *advice* says what to do."""

    def __init__(self, why: str, *, advice: str) -> None:
        super().__init__(why)
        self.advice = advice


class MissingError(PartError):
    """What a part measures is not on this machine."""


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
    its, floors = _in_turns(subject, floor_work, rounds=rounds, before=before)
    return (
        Figure(name, its.time, floor, floors.time, rounds, aim),
        Figure(f"{name}: CPU", its.cpu, floor, floors.cpu, rounds, aim),
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
    its, floors = _in_turns(subject, floor_work, rounds=rounds, before=before)
    one, floor_one = (its.cpu, floors.cpu) if cpu else (its.time, floors.time)
    return Figure(name, one / operations, floor, floor_one / operations, rounds, aim)


class _Medians(NamedTuple):
    time: float
    cpu: float


def _in_turns(
    *works: Callable[[], object], rounds: int, before: Callable[[], object]
) -> list[_Medians]:
    """Return the medians of each of *works*, in seconds; the last one goes first."""
    taken = [(list[float](), list[float]()) for _ in works]
    for number in range(rounds + 1):
        before()
        for work, (times, cpus) in reversed([*zip(works, taken, strict=True)]):
            began, cpu = time.perf_counter(), time.process_time()
            work()
            if number:
                times.append(time.perf_counter() - began)
                cpus.append(time.process_time() - cpu)
    return [
        _Medians(statistics.median(times), statistics.median(cpus))
        for times, cpus in taken
    ]
