"""What is wrong with the passwords. Each is read for it and recorded: on demand."""

from __future__ import annotations

import os.path
from typing import Any

from starlette.responses import Response

from clisk.dashboard.asked import Asked
from clisk.dashboard.given import whole_number
from clisk.dashboard.page import act, show
from clisk.dashboard.visit import Visit
from clisk.errors import UsageError

_KEY = "health"
_SHOWN = 500
_MAX_DIGITS = 5


def page(visit: Visit) -> Response:
    """Say what an examination does, offer it, and show the last one of the session."""
    return visit.show("health.html", **_report(visit))


def examine(visit: Visit) -> Response:
    """Examine every password on this device; a service is asked only if told to."""
    visit.session.kept[_KEY] = Asked(visit.desk, "health", **_wanted(visit))
    return visit.show("health_report.html", **_report(visit))


def progress(visit: Visit) -> Response:
    """Say how far the examination is, or what it found."""
    return visit.show("health_report.html", **_report(visit))


def _wanted(visit: Visit) -> dict[str, Any]:
    given = visit.form.get("old_days", "").strip()
    days = whole_number(given, digits=_MAX_DIGITS)
    if given and days is None:
        raise UsageError(
            "that is not a number of days", advice="a whole number, such as 365"
        )
    wanted: dict[str, Any] = {"online": visit.form.get("online") == "1"}
    if days is not None:
        wanted["old_days"] = days
    if breaches := visit.form.get("breaches", "").strip():
        # Of a user whom this machine does not have it leaves the `~` as it is.
        path = os.path.expanduser(breaches)  # noqa: PTH111 - Path's own raises there
        if not path.startswith("/"):
            raise UsageError(
                "the place of the breached passwords is not a whole path",
                advice="one that begins with a slash: /home/you/pwned-passwords.txt",
            )
        wanted["breaches"] = path
    return wanted


def _report(visit: Visit) -> dict[str, Any]:
    asked = visit.session.kept.get(_KEY)
    if not isinstance(asked, Asked):
        return {"asked": None}
    findings = asked.answer["findings"] if asked.answer else []
    # Of the passwords that are used twice, each other one has a line of its own.
    titles = {each["item"]: each["title"] for each in findings}
    shown = [
        {**each, "same": [titles[other] for other in each["others"]]}
        for each in findings[:_SHOWN]
    ]
    counted: dict[str, int] = {}
    for each in findings:
        counted[each["fault"]] = counted.get(each["fault"], 0) + 1
    return {"asked": asked, "findings": shown, "all": len(findings), "counted": counted}


ROUTES = (
    show("/health", page),
    act("/health/examine", examine),
    show("/health/progress", progress),
)
