"""What a client wants changed, turned into a draft or an edit of the vault."""

from __future__ import annotations

import os
from collections.abc import Iterable

from pydantic import Field

from clisk.agent.registry import Params, Secret
from clisk.errors import CliskError
from clisk_vault.draft import FieldValue, ItemDraft, elements
from clisk_vault.generator import generate_password
from clisk_vault.item_types import Secrecy, secrecy

# An item has these from its birth, or by an operation of their own.
_NOT_EDITED = {"type", "trashed", "created", "changed", "origin"}


class CustomField(Params):
    """A field of the person's own."""

    name: str
    value: Secret
    hidden: bool


class Changes(Params):
    """New values; what is not named stays."""

    fields: dict[str, Secret] = Field(default_factory=dict)
    generate: list[str] = Field(default_factory=list)
    remove: list[str] = Field(default_factory=list)
    uris: list[str] = Field(default_factory=list)
    tags: list[str] = Field(default_factory=list)
    custom: list[CustomField] = Field(default_factory=list)


def draft(kind: str, title: str, changes: Changes) -> ItemDraft:
    """Return a new item."""
    return ItemDraft(
        type=kind,
        title=title,
        fields={**_fields(changes), **_custom(changes.custom)},
        uris=tuple(changes.uris),
        tags=tuple(changes.tags),
    )


def edit(changes: Changes) -> dict[str, FieldValue | None]:
    """Return an edit of an item that is there.

    Raises:
        CliskError: it would leave the item without a title, or change what is
            not a person's to write.
    """
    for name in changes.remove:
        _check_name(name)
    title = changes.fields.get("title")
    if "title" in changes.remove or (title is not None and not title.expose().strip()):
        raise CliskError("an item needs a title", advice="give it another one")
    return {
        **dict.fromkeys(changes.remove),
        **_fields(changes),
        **_custom(changes.custom),
        **elements("uri", ({"value": uri} for uri in changes.uris), os.urandom),
        **elements("tag", ({"name": tag} for tag in changes.tags), os.urandom),
    }


def _fields(changes: Changes) -> dict[str, FieldValue]:
    found: dict[str, FieldValue] = {}
    for name, value in changes.fields.items():
        _check_name(name)
        # A field that the tables do not know is sealed: better hidden than shown.
        clear = secrecy(name) is Secrecy.CLEAR
        found[name] = value.expose() if clear else value
    for name in changes.generate:
        if secrecy(name) is not Secrecy.SECRET:
            raise CliskError(
                "only a secret field can be generated",
                advice="name one, such as password",
            )
        found[name] = generate_password().secret
    return found


def _check_name(name: str) -> None:
    if name in _NOT_EDITED:
        raise CliskError(
            f"{name} is not a field to write",
            advice="docs/commands.md lists the fields of each type",
        )


def _custom(fields: Iterable[CustomField]) -> dict[str, FieldValue]:
    rows: list[dict[str, FieldValue]] = [
        {"name": each.name, "kind": "hidden", "hidden": each.value}
        if each.hidden
        else {"name": each.name, "kind": "text", "value": each.value.expose()}
        for each in fields
    ]
    return elements("custom", rows, os.urandom)
