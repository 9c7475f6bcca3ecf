"""What fields of an item are called on a screen, and which one a person means.

A document names them `custom.1f00c0de.hidden`; a person says `PIN`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from clisk.errors import CliskError
from clisk_vault.item import ElementView, ItemView
from clisk_vault.item_types import ELEMENTS, split_element
from clisk_vault.versions import FieldView, Version

# Shown in places of their own, or of no use to a person.
_BOOKKEEPING = "imported."  # what an importer remembers
_ELSEWHERE = frozenset({"type", "title", "trashed", "created", "changed", "origin"})
# The part of an element that says what the element is called.
_NAMING = {
    "custom": "name",
    "passkey": "rp_id",
    "extra": "source",
    "attachment": "name",
}
_SILENT = frozenset(
    {
        ("custom", "kind"),
        ("custom", "format"),
        ("custom", "section"),
        ("custom", "key"),
        ("attachment", "blob"),
        ("history", "field"),
        ("attachment", "content"),  # a file is read by `clisk attach get`
    }
)
# Parts that are what their element is about, and need no name beside its own.
_WHOLE = frozenset(
    {
        ("uri", "value"),
        ("tag", "name"),
        ("custom", "value"),
        ("custom", "hidden"),
        ("history", "password"),
        ("extra", "data"),
        ("attachment", "size"),
    }
)


class NoSuchFieldError(CliskError):
    """The item has no field by this name."""

    default_advice = "look at: clisk get ITEM"


@dataclass(frozen=True, slots=True)
class LabelledField:
    """One field that has a value, with the name that a person uses for it."""

    label: str
    field: FieldView


def labelled_fields(view: ItemView) -> list[LabelledField]:
    """Return the fields of an item in the order in which they are shown."""
    plain = [
        LabelledField(name, field)
        for name, field in view.fields.items()
        if not field.current.removed
        and name not in _ELSEWHERE
        and not name.startswith(_BOOKKEEPING)
        and split_element(name) is None
    ]
    order = [spec.name for spec in view.known_type.fields] if view.known_type else []
    rank = {name: at for at, name in enumerate(order)}
    plain.sort(key=lambda each: (rank.get(each.label, len(rank)), each.label))
    return [*plain, *_unique(list(_elements(view)))]


def find_field(view: ItemView, meant: str, *, removed: bool = False) -> FieldView:
    """Return the field that *meant* names: by its document's name or its label.

    Raises:
        NoSuchFieldError: none, or one that was emptied, unless *removed*.
    """
    exact = view.fields.get(meant)
    if exact is not None and (removed or not exact.current.removed):
        return exact
    for each in labelled_fields(view):
        if each.label.casefold() == meant.casefold():
            return each.field
    raise NoSuchFieldError("the item has no such field")


def find_version(field: FieldView, stamp: str, *, advice: str) -> Version:
    """Return the version of *field* that was written with *stamp*.

    Raises:
        CliskError: there is none; *advice* says where they are listed.
    """
    for version in field.versions:
        if str(version.stamp) == stamp:
            return version
    raise CliskError("the field has no such version", advice=advice)


def _elements(view: ItemView) -> Iterator[LabelledField]:
    for kind in ELEMENTS:
        for element in view.elements(kind):
            yield from _parts(element)


def _parts(element: ElementView) -> Iterator[LabelledField]:
    naming = _NAMING.get(element.kind, "")
    name = element.text(naming) or element.kind
    if element.kind == "history":
        name = f"earlier {element.text('field') or 'password'}"
    for part, field in element.parts.items():
        place = (element.kind, part)
        if place in _WHOLE:
            yield LabelledField(name, field)
        elif part != naming and place not in _SILENT and not field.current.removed:
            yield LabelledField(f"{name} {part}", field)


def _unique(fields: list[LabelledField]) -> Iterator[LabelledField]:
    """Number labels that occur twice: uri, uri 2, uri 3."""
    seen: dict[str, int] = {}
    for each in fields:
        count = seen[each.label] = seen.get(each.label, 0) + 1
        yield each if count == 1 else LabelledField(f"{each.label} {count}", each.field)
