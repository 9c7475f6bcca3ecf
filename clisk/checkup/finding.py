"""One thing that was looked at, and what is to be done about it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from clisk.home import Home
from clisk.wire import Message


class State(StrEnum):
    """How bad it is: as it should be, worth knowing, or to be mended."""

    OK = "ok"
    NOTE = "note"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found; *advice* is the next step, empty where there is none."""

    check: str
    state: State
    says: str
    advice: str = ""

    def as_message(self) -> Message:
        """Return it for --json."""
        return {
            "check": self.check,
            "state": self.state.value,
            "says": self.says,
            "advice": self.advice,
        }


def ok(check: str, says: str, advice: str = "") -> Finding:
    """Return a finding that all is well."""
    return Finding(check, State.OK, says, advice)


def note(check: str, says: str, advice: str) -> Finding:
    """Return a finding that is worth knowing and stops nothing."""
    return Finding(check, State.NOTE, says, advice)


def bad(check: str, says: str, advice: str) -> Finding:
    """Return a finding that is to be mended."""
    return Finding(check, State.BAD, says, advice)


Check = Callable[[Home], Iterator[Finding]]
