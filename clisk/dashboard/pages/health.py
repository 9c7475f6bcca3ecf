"""What is wrong with the passwords. Each is read for it and recorded: on demand."""

from __future__ import annotations

from starlette.responses import Response

from clisk.dashboard.page import act, show
from clisk.dashboard.visit import Visit


def page(visit: Visit) -> Response:
    """Say what an examination does, and offer it."""
    return visit.show("health.html", report=None)


def examine(visit: Visit) -> Response:
    """Examine every password on this device; no service is asked."""
    return visit.show("health_report.html", report=visit.desk.ask("health"))


ROUTES = (
    show("/health", page),
    act("/health/examine", examine),
)
