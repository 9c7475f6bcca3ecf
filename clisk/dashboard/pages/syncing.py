"""How this device stands with the relay and with the others."""

from __future__ import annotations

import base64

from starlette.responses import Response

from clisk.dashboard.handing_out import handed_out
from clisk.dashboard.page import act, show
from clisk.dashboard.visit import Visit


def page(visit: Visit) -> Response:
    """Show relay, devices with the age of their news, and what was found."""
    template = "sync_state.html" if visit.fragment else "sync.html"
    return visit.show(template, status=visit.desk.ask("sync.status"), round=None)


def now(visit: Visit) -> Response:
    """Send and fetch everything, and say what happened."""
    done = visit.desk.ask("sync")
    return visit.show(
        "sync_state.html", status=visit.desk.ask("sync.status"), round=done
    )


def acknowledge(visit: Visit) -> Response:
    """Note that the alerts were seen; their evidence stays."""
    visit.desk.ask("sync.acknowledge")
    return visit.go("/sync")


def evidence(visit: Visit) -> Response:
    """Hand out everything that was found, with the signed bytes that show it."""
    file = base64.b64decode(visit.desk.ask("sync.evidence")["file"])
    return handed_out(file, "clisk-evidence.cbor")


def relay(visit: Visit) -> Response:
    """Use another relay from now on."""
    visit.desk.ask(
        "relay.set",
        url=visit.form.get("url", "").strip(),
        invite=visit.form.get("invite", "").strip(),
    )
    return visit.go("/sync")


ROUTES = (
    show("/sync", page),
    act("/sync/now", now),
    act("/sync/acknowledge", acknowledge),
    act("/sync/evidence", evidence),
    act("/sync/relay", relay),
)
