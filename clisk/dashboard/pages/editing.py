"""Making an item, changing one, and the generator."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from clisk.dashboard.page import act, show
from clisk.dashboard.visit import Visit
from clisk.errors import UsageError
from clisk_vault.item_types import ITEM_TYPES, ItemType


def _type(name: str) -> ItemType:
    if name not in ITEM_TYPES:
        raise UsageError(
            "there is no such type of item", advice="choose one of the list"
        )
    return ITEM_TYPES[name]


def _fields(kind: ItemType) -> list[dict[str, Any]]:
    return [
        {"name": spec.name, "secret": spec.secret}
        for spec in kind.fields
        if spec.name not in {"title", "favourite", "folder", "password_changed"}
    ]


def new(visit: Visit) -> Response:
    """Show an empty form for a type of item."""
    name = visit.query.get("type", "login")
    return visit.show(
        "item_new.html", kind=name, kinds=list(ITEM_TYPES), fields=_fields(_type(name))
    )


def add(visit: Visit) -> Response:
    """Store a new item."""
    kind = _type(visit.form.get("type", ""))
    made = visit.desk.ask(
        "add",
        type=kind.name,
        title=visit.form.get("title", "").strip(),
        changes=_changes(visit, kind),
    )
    return visit.go(f"/items/{made['item']}")


def edit(visit: Visit) -> Response:
    """Show a form with the clear fields; a secret one is empty and stays as it is."""
    item = visit.desk.ask("view", item=visit.params["item"])
    shown = {field["field"]: field["value"] for field in item["fields"]}
    rows = [
        {**row, "value": shown.get(row["name"]) or ""}
        for row in _fields(_type(item["type"]))
    ]
    return visit.show("item_edit.html", item=item, fields=rows, asks=_asks(item))


def change(visit: Visit) -> Response:
    """Change an item; earlier values become its history."""
    item = visit.desk.ask("view", item=visit.params["item"])
    changes = _changes(visit, _type(item["type"]), before=item)
    title = visit.form.get("title", "").strip()
    if title != item["title"]:
        changes["fields"]["title"] = title
    visit.ask_guarded("edit", item=item["item"], changes=changes)
    return visit.go(f"/items/{item['item']}")


def _changes(
    visit: Visit, kind: ItemType, before: dict[str, Any] | None = None
) -> dict[str, Any]:
    had = {field["field"]: field for field in (before or {}).get("fields", ())}
    written: dict[str, str] = {}
    remove = []
    for row in _fields(kind):
        name, value = row["name"], visit.form.get(f"field.{row['name']}", "")
        if visit.form.get(f"remove.{name}") and name in had:
            remove.append(name)
        elif row["secret"] or name not in had:
            if value:
                written[name] = value
        elif value != had[name]["value"]:
            if value:
                written[name] = value
            else:
                remove.append(name)
    asks = bool(visit.form.get("reprompt"))
    if asks and not _asks(before):
        written["reprompt"] = "true"
    elif not asks and _asks(before):
        remove.append("reprompt")
    return {
        "fields": written,
        "remove": remove,
        "generate": [
            n for n in visit.form_lists.get("generate", ()) if n not in written
        ],
        "uris": [uri for uri in visit.form_lists.get("uri", ()) if uri.strip()],
        "tags": [tag for tag in visit.form_lists.get("tag", ()) if tag.strip()],
    }


def _asks(item: dict[str, Any] | None) -> bool:
    """Return whether an item asks for the passphrase again."""
    return any(
        (field["field"], field["value"]) == ("reprompt", "true")
        for field in (item or {}).get("fields", ())
    )


ROUTES = (
    show("/new", new),
    act("/new", add),
    show("/items/{item:str}/edit", edit),
    act("/items/{item:str}/edit", change),
)
