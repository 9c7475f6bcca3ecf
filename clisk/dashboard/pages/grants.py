"""What konnectors may read."""

from __future__ import annotations

from starlette.responses import Response

from clisk.dashboard.page import act, show
from clisk.dashboard.visit import Visit


def listed(visit: Visit) -> Response:
    """Show the grants, those that count first."""
    answer = visit.desk.ask("grants.list")
    rows = sorted(answer["grants"], key=lambda row: row["state"] != "valid")
    template = "grants_list.html" if visit.fragment else "grants.html"
    return visit.show(template, grants=rows, spoilt=answer["spoilt"])


def revoke(visit: Visit) -> Response:
    """Take a grant back, for good."""
    visit.desk.ask("grants.revoke", grant=visit.params["grant"])
    return visit.go("/grants")


ROUTES = (
    show("/grants", listed),
    act("/grants/{grant:str}/revoke", revoke),
)
