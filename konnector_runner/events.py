"""What a run says while it goes on, and what it leaves behind: no value of a secret.

Every text in here has gone through the run's Redactor.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum

from konnector_runner.bills import Bill
from konnector_runner.credentials import Release
from konnector_runner.file_index import SavedFile
from konnector_runner.strict_json import Json


class EventKind(Enum):
    """What happened: the values stand in `--json` output and do not change."""

    STEP = "step"
    LOG = "log"
    VISIT = "visit"
    ATTENTION = "attention"
    RELEASED = "released"
    REFUSED = "refused"
    PROPOSED = "proposed"
    FILE_SAVED = "file saved"
    FINISHED = "finished"


@dataclass(frozen=True, slots=True)
class RunEvent:
    """One line of a run's story."""

    kind: EventKind
    text: str


OnEvent = Callable[[RunEvent], None]


class RunOutcome(Enum):
    """How a run ended."""

    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class RunError:
    """Why a run failed: a code of protocol/konnector-bridge.md §8, and the text."""

    code: str
    message: str
    advice: str = ""

    @property
    def needs_person(self) -> bool:
        """Say whether running again without the person would be wrong.

        A site locks an account that fails to log in again and again.
        """
        if self.code == "USER_ACTION_NEEDED.CGU_FORM":
            return False
        return self.code.split(".")[0] in {"LOGIN_FAILED", "USER_ACTION_NEEDED"}


@dataclass(frozen=True, slots=True)
class RunReport:
    """What one run did."""

    konnector: str
    digest: bytes
    outcome: RunOutcome
    error: RunError | None
    account: str | None
    # Written in this run; those that were there already are only counted.
    saved: tuple[SavedFile, ...]
    already_there: int
    bills: tuple[Bill, ...]
    releases: tuple[Release, ...]
    log: tuple[str, ...]
    duration_seconds: float
    # Personal data for the program to keep in the vault.
    identity: Json = field(default=None, repr=False)
