"""What a run tells: redacted, printable, bounded. protocol/konnector-bridge.md §8."""

from __future__ import annotations

from typing import Any

from clisk_vault.keys import SecretText
from konnector_runner.events import EventKind, RunError, RunEvent
from konnector_runner.journal import Journal
from konnector_runner.limits import RunLimits
from konnector_runner.redaction import Redactor

_SECRET = "s3cret value"


def _journal(**limits: int) -> tuple[Journal, list[RunEvent]]:
    events: list[RunEvent] = []
    redactor = Redactor()
    redactor.add(SecretText(_SECRET))
    bounds = RunLimits(**limits)
    return Journal(redactor, on_event=events.append, limits=bounds), events


def test_a_flood_of_log_lines_is_bounded() -> None:
    """Neither kept nor told beyond the limit."""
    journal, events = _journal(log_lines=3)

    for number in range(10):
        journal.konnector_log("pilot", {"level": "info", "msg": f"line {number}"})

    assert len(journal.lines) == len(events) == 3


def test_a_value_at_the_cut_is_redacted_first() -> None:
    """Cutting it in half would leave its first half."""
    journal, _ = _journal(log_characters=20)

    journal.log("info", "12345" + _SECRET + "x" * 100)

    assert journal.lines == ["info: 12345[redacted"]


def test_a_line_can_not_act_on_a_terminal() -> None:
    """No escape sequence, no new line that looks like one of ours."""
    journal, events = _journal()

    journal.log("info", "a\x1b[2Jb\nerror: forged\u202e")

    assert journal.lines == ["info: a [2Jb error: forged "]
    assert events == [RunEvent(EventKind.LOG, journal.lines[0])]


def test_what_is_no_log_line_is_not_logged() -> None:
    """The site can send anything by that name."""
    journal, events = _journal()
    wrong: list[Any] = [
        None,
        [],
        "text",
        {},
        {"level": "info"},
        {"level": 1, "msg": "m"},
    ]

    for payload in [
        *wrong,
        {"level": "panic", "msg": "m"},
        {"level": "info", "msg": {}},
    ]:
        journal.konnector_log("worker", payload)

    assert (journal.lines, events) == ([], [])


def test_which_errors_need_the_person() -> None:
    """After these a konnector is not run again by itself: sites lock accounts."""
    wanted = {
        "LOGIN_FAILED": True,
        "LOGIN_FAILED.TOO_MANY_ATTEMPTS": True,
        "USER_ACTION_NEEDED": True,
        "USER_ACTION_NEEDED.CGU_FORM": False,
        "VENDOR_DOWN": False,
        "UNKNOWN_ERROR": False,
    }

    assert {code: RunError(code, "").needs_person for code in wanted} == wanted
