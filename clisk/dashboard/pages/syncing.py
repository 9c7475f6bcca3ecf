"""How this device stands with the relay and with the others."""

from __future__ import annotations

from starlette.responses import Response

from clisk.dashboard.page import act, show
from clisk.dashboard.visit import Visit


def page(visit: Visit) -> Response:
    """Show relay, age of the news, and what waits to be sent."""
    template = "sync_state.html" if visit.fragment else "sync.html"
    return visit.show(template, status=visit.desk.ask("status"), round=None)


def now(visit: Visit) -> Response:
    """Send and fetch everything, and say what happened."""
    done = visit.desk.ask("sync")
    return visit.show("sync_state.html", status=visit.desk.ask("status"), round=done)


def relay(visit: Visit) -> Response:
    """Use another relay from now on."""
    visit.desk.ask("relay.set", url=visit.form.get("url", "").strip())
    return visit.go("/sync")


ROUTES = (
    show("/sync", page),
    act("/sync/now", now),
    act("/sync/relay", relay),
)
