"""Fields of the person's own that show another field: which, and which they may."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import suppress

from clisk.agent.labels import NoSuchFieldError, find_field
from clisk.errors import CliskError
from clisk_vault.draft import FieldValue
from clisk_vault.item import ItemView
from clisk_vault.item_types import (
    COMMON_FIELDS,
    ITEM_TYPES,
    element_field,
    split_element,
)
from clisk_vault.versions import FieldView

LINKED = "linked"


def find_shown(view: ItemView, meant: str) -> FieldView:
    """Return the field that *meant* names: of a linked one, the field that it shows.

    Raises:
        NoSuchFieldError: none; or a linked one that shows none, or itself.
    """
    found, seen = find_field(view, meant), set[str]()
    while _is_linked(view, found.name):
        seen.add(found.name)
        shown = view.fields.get(_target(view, found))
        if shown is None or shown.name in seen:
            raise NoSuchFieldError(
                "the linked field shows none of the item's fields",
                advice="let it show one: clisk edit ITEM --set NAME=FIELD",
            )
        found = shown
    return found


def linked_name(
    meant: str, kind: str, view: ItemView | None, written: Collection[str] = ()
) -> str:
    """Return the field that a linked one is to show, by its document's name.

    One of the item that *view* shows, of its *kind*, or of those *written* with it.

    Raises:
        CliskError: there is no such field.
    """
    if view is not None:
        with suppress(NoSuchFieldError):
            return find_field(view, meant).name
    known = ITEM_TYPES.get(kind)
    specs = (*COMMON_FIELDS, *(known.fields if known else ()))
    if meant in written or any(spec.name == meant for spec in specs):
        return meant
    raise CliskError(
        "there is no field by that name to be shown",
        advice="one that clisk get ITEM shows, or one of its type: docs/commands.md",
    )


def link_up(
    customs: dict[str, FieldValue],
    kind: str,
    view: ItemView | None,
    written: Collection[str],
) -> None:
    """Let the linked ones among *customs*, which are new, show what they are to show.

    Raises:
        CliskError: there is no such field.
    """
    places = {
        str(value).casefold(): _place(customs, parts[1])
        for name, value in customs.items()
        if (parts := split_element(name)) is not None and parts[2] == "name"
    }
    for name, value in list(customs.items()):
        parts = split_element(name)
        if parts is None or parts[2] != "kind" or value != LINKED:
            continue
        own = element_field("custom", parts[1], "value")
        meant = str(customs[own])
        place = places.get(meant.casefold(), own)
        customs[own] = (
            place if place != own else linked_name(meant, kind, view, written)
        )


def _target(view: ItemView, linked: FieldView) -> str:
    with suppress(NoSuchFieldError):
        return find_field(view, linked.current.text or "").name
    return ""


def _place(customs: dict[str, FieldValue], element: str) -> str:
    hidden = element_field("custom", element, "hidden")
    return hidden if hidden in customs else element_field("custom", element, "value")


def _is_linked(view: ItemView, name: str) -> bool:
    parts = split_element(name)
    if parts is None or (parts[0], parts[2]) != ("custom", "value"):
        return False
    return view.text(element_field("custom", parts[1], "kind")) == LINKED
