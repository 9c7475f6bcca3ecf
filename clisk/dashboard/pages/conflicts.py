"""Conflicts: values that devices wrote without knowing of each other."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from clisk.dashboard.page import act, show
from clisk.dashboard.visit import Visit


def listed(visit: Visit) -> Response:
    """Show every conflict with the versions that stand beside each other."""
    template = "conflicts_list.html" if visit.fragment else "conflicts.html"
    return visit.show(template, conflicts=visit.desk.ask("conflicts")["conflicts"])


def compare(visit: Visit) -> Response:
    """Show one version of a secret field; the read is recorded."""
    answer = visit.ask_guarded("reveal.version", **_meant(visit))
    return visit.show("secret.html", value=answer["value"])


def settle(visit: Visit) -> Response:
    """Make one version the current one; the others stay in the history."""
    visit.ask_guarded("settle", **_meant(visit))
    return visit.go("/conflicts")


def _meant(visit: Visit) -> dict[str, Any]:
    return {
        "item": visit.params["item"],
        "field": visit.form.get("field", ""),
        "version": visit.form.get("version", ""),
    }


ROUTES = (
    show("/conflicts", listed),
    act("/conflicts/{item:str}/compare", compare),
    act("/conflicts/{item:str}/settle", settle),
)
