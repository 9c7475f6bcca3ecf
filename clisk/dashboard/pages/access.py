"""Who read what, and when; and whether the record of it is whole."""

from __future__ import annotations

from starlette.responses import Response

from clisk.dashboard.page import act, show
from clisk.dashboard.visit import Visit
from clisk.errors import AgentRefusal

ROWS = 200


def listed(visit: Visit) -> Response:
    """Show the newest reads, newest first."""
    item = visit.query.get("item") or None
    records, damage = [], None
    try:
        records = visit.desk.ask("log.list", last=ROWS, item=item)["records"][::-1]
    except AgentRefusal as err:
        if err.name == "LockedError":
            raise
        # A log that cannot be read is the one to be verified: the button stays.
        damage = err
    template = "access_rows.html" if visit.fragment else "access.html"
    return visit.show(template, records=records, item=item, damage=damage)


def one(visit: Visit) -> Response:
    """Show one entry with what its leaf commits to."""
    index = visit.params["index"]
    return visit.show(
        "access_entry.html", entry=visit.desk.ask("log.show", index=index)
    )


def verify(visit: Visit) -> Response:
    """Check the whole log and say how far it can be trusted."""
    return visit.show("verdict.html", verdict=visit.desk.ask("log.verify"))


ROUTES = (
    show("/access", listed),
    act("/access/verify", verify),
    show("/access/{index:int}", one),
)
