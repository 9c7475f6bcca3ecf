"""Items: the list with its search, and one item without its secrets."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from clisk.dashboard.given import whole_number
from clisk.dashboard.page import act, show
from clisk.dashboard.visit import Visit
from clisk_vault.item_types import ITEM_TYPES

PAGE_ROWS = 50
_MAX_DIGITS = 7
# Fields that the page shows as marks beside the title.
_MARKS = ("favourite", "archived")
_PLACES: dict[str, dict[str, Any]] = {
    "": {},
    "trash": {"trash": True},
    "archive": {"archived": True},
}


def listed(visit: Visit) -> Response:
    """Show the items that match, a page of them at a time."""
    query = visit.query
    place = query.get("in", "") if query.get("in", "") in _PLACES else ""
    at = whole_number(query.get("at", ""), digits=_MAX_DIGITS) or 0
    # Only what was asked for: a list without filters is quicker.
    wanted: dict[str, Any] = {
        name: query[name] for name in ("type", "tag", "folder") if query.get(name)
    }
    found = visit.desk.ask(
        "list",
        query=query.get("q", "")[:200],
        # One more than is shown tells whether there is a next page.
        limit=at + PAGE_ROWS + 1,
        **wanted,
        **_PLACES[place],
    )["items"]
    shown = {
        "rows": found[at : at + PAGE_ROWS],
        "at": at,
        "next_at": at + PAGE_ROWS if at + PAGE_ROWS < len(found) else None,
        "previous_at": max(0, at - PAGE_ROWS) if at else None,
        "filters": {
            name: query.get(name, "") for name in ("q", "type", "tag", "folder")
        }
        | {"in": place},
    }
    if visit.fragment:
        return visit.show("items_rows.html", **shown)
    return visit.show(
        "items.html",
        kinds=list(ITEM_TYPES),
        places=list(_PLACES),
        folders=visit.desk.ask("folders")["names"],
        **shown,
    )


def one(visit: Visit) -> Response:
    """Show an item; its secrets are there and masked."""
    item = visit.desk.ask("view", item=visit.params["item"])
    values = {field["field"]: field["value"] for field in item["fields"]}
    return visit.show(
        "item_fields.html" if visit.fragment else "item.html",
        item=item,
        fields=[field for field in item["fields"] if not _has_own_place(field)],
        marks=[name for name in _MARKS if values.get(name) == "true"],
        codes="totp" in values,
        files=visit.desk.ask("attach.list", item=item["item"])["attachments"],
    )


def _has_own_place(field: dict[str, Any]) -> bool:
    return field["field"] in _MARKS or field["field"].startswith("attachment.")


def trash(visit: Visit) -> Response:
    """Move an item to the trash."""
    visit.desk.ask("trash", item=visit.params["item"])
    return visit.go("/items")


def clone(visit: Visit) -> Response:
    """Make a second item like this one, and show it."""
    made = visit.desk.ask("clone", item=visit.params["item"])
    return visit.go(f"/items/{made['item']}")


def restore(visit: Visit) -> Response:
    """Take an item out of the trash."""
    item = visit.params["item"]
    visit.desk.ask("restore", item=item)
    return visit.go(f"/items/{item}")


def favour(visit: Visit) -> Response:
    """Make an item a favourite, or no longer."""
    return _arrange(visit, favourite=visit.form.get("value") == "yes")


def archive(visit: Visit) -> Response:
    """Put an item aside, or take it back."""
    return _arrange(visit, archived=visit.form.get("value") == "yes")


def _arrange(visit: Visit, **change: Any) -> Response:
    item = visit.params["item"]
    visit.desk.ask("arrange", items=[item], **change)
    return visit.go(f"/items/{item}")


ROUTES = (
    show("/items", listed),
    show("/items/{item:str}", one),
    act("/items/{item:str}/clone", clone),
    act("/items/{item:str}/trash", trash),
    act("/items/{item:str}/restore", restore),
    act("/items/{item:str}/favourite", favour),
    act("/items/{item:str}/archive", archive),
)
