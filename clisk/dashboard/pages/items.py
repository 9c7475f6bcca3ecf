"""Items: the list with its search, and one item without its secrets."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from clisk.dashboard.page import act, show
from clisk.dashboard.visit import Visit
from clisk_vault.item_types import ITEM_TYPES

PAGE_ROWS = 100


def listed(visit: Visit) -> Response:
    """Show the items that match, a page of them at a time."""
    query = visit.query
    trash = query.get("trash") == "1"
    found = visit.desk.ask(
        "list",
        query=query.get("q", "")[:200],
        trash=trash,
        type=query.get("type") or None,
        tag=query.get("tag") or None,
    )["items"]
    at = _offset(query.get("at", ""))
    template = "items_rows.html" if visit.fragment else "items.html"
    return visit.show(
        template,
        rows=found[at : at + PAGE_ROWS],
        total=len(found),
        at=at,
        next_at=at + PAGE_ROWS if at + PAGE_ROWS < len(found) else None,
        previous_at=max(0, at - PAGE_ROWS) if at else None,
        query=query.get("q", ""),
        kind=query.get("type", ""),
        tag=query.get("tag", ""),
        trash=trash,
        kinds=list(ITEM_TYPES),
    )


def _offset(given: str) -> int:
    return int(given) if given.isascii() and given.isdigit() and len(given) < 8 else 0


def one(visit: Visit) -> Response:
    """Show an item; its secrets are there and masked."""
    item = visit.desk.ask("view", item=visit.params["item"])
    template = "item_fields.html" if visit.fragment else "item.html"
    return visit.show(template, item=item, codes=has_codes(item))


def has_codes(item: dict[str, Any]) -> bool:
    """Say whether the item can make one-time codes."""
    return any(field["field"] == "totp" for field in item["fields"])


def trash(visit: Visit) -> Response:
    """Move an item to the trash."""
    visit.desk.ask("trash", item=visit.params["item"])
    return visit.go("/items")


def restore(visit: Visit) -> Response:
    """Take an item out of the trash."""
    item = visit.params["item"]
    visit.desk.ask("restore", item=item)
    return visit.go(f"/items/{item}")


ROUTES = (
    show("/items", listed),
    show("/items/{item:str}", one),
    act("/items/{item:str}/trash", trash),
    act("/items/{item:str}/restore", restore),
)
