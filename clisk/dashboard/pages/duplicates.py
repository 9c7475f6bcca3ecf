"""Items that may be one and the same, and making one of them."""

from __future__ import annotations

from starlette.responses import Response

from clisk.dashboard.page import act, show
from clisk.dashboard.visit import Visit
from clisk.errors import UsageError

_SHOWN = 100


def listed(visit: Visit) -> Response:
    """Show groups of items that may be the same; no secret is read for it."""
    groups = visit.desk.ask("duplicates")["groups"]
    template = "duplicates_list.html" if visit.fragment else "duplicates.html"
    return visit.show(template, groups=groups[:_SHOWN], all=len(groups))


def merge(visit: Visit) -> Response:
    """Bring the others into the one that stays, and put them into the trash."""
    keep = visit.form.get("keep", "")
    others = [each for each in visit.form_lists.get("item", ()) if each != keep]
    if not keep or not others:
        raise UsageError(
            "a merge needs one item that stays and one that goes into it",
            advice="choose the one that stays, and tick the others",
        )
    merged = visit.desk.ask("merge", keep=keep, items=others)
    return visit.go(f"/items/{merged['item']}")


ROUTES = (
    show("/duplicates", listed),
    act("/duplicates/merge", merge),
)
