"""Every value that the fields of an item had, and bringing one back."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from clisk.dashboard.page import act, show
from clisk.dashboard.visit import Visit


def listed(visit: Visit) -> Response:
    """Show the versions, field by field; opens none."""
    answer = visit.desk.ask("history", item=visit.params["item"])
    fields = [each for each in answer["fields"] if len(each["versions"]) > 1]
    return visit.show(
        "item_history.html", item=answer["item"], title=answer["title"], fields=fields
    )


def reveal(visit: Visit) -> Response:
    """Show an earlier value of a secret field; the read is recorded."""
    answer = visit.ask_guarded("history.reveal", **_meant(visit))
    return visit.show("secret.html", value=answer["value"])


def restore(visit: Visit) -> Response:
    """Make an earlier value the current one; the others stay in the history."""
    visit.ask_guarded("history.restore", **_meant(visit))
    return visit.go(f"/items/{visit.params['item']}/history")


def _meant(visit: Visit) -> dict[str, Any]:
    return {
        "item": visit.params["item"],
        "field": visit.form.get("field", ""),
        "version": visit.form.get("version", ""),
    }


ROUTES = (
    show("/items/{item:str}/history", listed),
    act("/items/{item:str}/history/reveal", reveal),
    act("/items/{item:str}/history/restore", restore),
)
