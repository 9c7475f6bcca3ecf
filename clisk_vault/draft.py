"""What a caller hands in to make or change an item: plain values by field name.

Which of them is sealed is decided by the tables of item_types.py, here and once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from clisk_vault.entry import REMOVED, EntryValue
from clisk_vault.errors import CallerError
from clisk_vault.ids import ItemId
from clisk_vault.item_types import (
    Secrecy,
    element_field,
    new_element_ids,
    secrecy,
)
from clisk_vault.keys import SecretText
from clisk_vault.primitives import Random

FieldValue: TypeAlias = "str | SecretText"
Edit: TypeAlias = "Mapping[str, FieldValue | None]"
"""New values by field name; None takes a field away (its history stays)."""
Sealer: TypeAlias = Callable[[str, SecretText], bytes]


@dataclass(frozen=True, slots=True)
class ItemDraft:
    """An item to be made. Addresses and tags are written as elements, in order."""

    type: str
    title: str
    fields: Mapping[str, FieldValue] = field(default_factory=dict, repr=False)
    uris: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    item: ItemId | None = None
    """Chosen by an importer, so that importing twice finds it again; else random."""

    def edit(self, random: Random) -> Edit:
        """Return the fields of the new item, all of them."""
        return {
            "type": self.type,
            "title": self.title,
            **self.fields,
            **elements("uri", ({"value": uri} for uri in self.uris), random),
            **elements("tag", ({"name": tag} for tag in self.tags), random),
        }


def elements(
    kind: str, rows: Iterable[Mapping[str, FieldValue]], random: Random
) -> dict[str, FieldValue]:
    """Return the fields of new elements of *kind*, one for each row, in order."""
    parts = list(rows)
    return {
        element_field(kind, element, part): value
        for element, row in zip(new_element_ids(len(parts), random), parts, strict=True)
        for part, value in row.items()
    }


def entry_value(name: str, value: FieldValue | None, seal: Sealer) -> EntryValue:
    """Return what stands in the document for *value* of the field *name*.

    A field that the tables do not know is sealed if its value came as SecretText.

    Raises:
        CallerError: a clear field was given as a secret, and would be shown; or
            text that is not Unicode.
    """
    if value is None:
        return REMOVED
    _check_unicode(name, value)
    wanted = secrecy(name)
    if isinstance(value, str):
        if wanted is Secrecy.SECRET:
            return seal(name, SecretText(value))
        return value
    if wanted is Secrecy.CLEAR:
        raise CallerError(
            f"write: {name} is not a secret field", advice="set it with -s FIELD=VALUE"
        )
    return seal(name, value)


def _check_unicode(name: str, value: FieldValue) -> None:
    try:
        (value if isinstance(value, str) else value.expose()).encode()
    except UnicodeEncodeError:
        # The error itself quotes the text.
        raise CallerError(
            f"write: {name} is not Unicode text", advice="save what is read as UTF-8"
        ) from None
