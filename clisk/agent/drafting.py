"""What a client wants changed, turned into a draft or an edit of the vault."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from typing import Literal

from pydantic import Field

from clisk.agent.labels import find_field
from clisk.agent.registry import Params, Secret
from clisk.errors import CliskError
from clisk_vault.draft import FieldValue, ItemDraft, elements
from clisk_vault.generator import generate_for_site, generate_password
from clisk_vault.item import ItemView
from clisk_vault.item_types import (
    URI_MATCHES,
    Secrecy,
    element_field,
    secrecy,
    split_element,
)
from clisk_vault.password_rules import rules_for_uris

# An item has these from its birth, or by an operation of their own.
_NOT_EDITED = {"type", "trashed", "created", "changed", "origin"}


class CustomField(Params):
    """A field of the person's own."""

    name: str
    value: Secret
    kind: Literal["text", "hidden", "boolean", "linked"] = "text"


class Changes(Params):
    """New values; what is not named stays."""

    fields: dict[str, Secret] = Field(default_factory=dict)
    generate: list[str] = Field(default_factory=list)
    remove: list[str] = Field(default_factory=list)
    uris: list[str] = Field(default_factory=list)
    match: str | None = None
    tags: list[str] = Field(default_factory=list)
    custom: list[CustomField] = Field(default_factory=list)


def draft(kind: str, title: str, changes: Changes) -> ItemDraft:
    """Return a new item."""
    return ItemDraft(
        type=kind,
        title=title,
        fields={
            **_fields(changes, changes.uris),
            **_uris(changes),
            **_custom(changes.custom),
        },
        tags=tuple(changes.tags),
    )


def edit(changes: Changes, view: ItemView) -> dict[str, FieldValue | None]:
    """Return an edit of the item that *view* shows.

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
        **dict.fromkeys(_removed(changes.remove, view)),
        **_fields(changes, [*changes.uris, *_addresses(view)]),
        **_custom(changes.custom),
        **_uris(changes),
        **elements("tag", ({"name": tag} for tag in changes.tags), os.urandom),
    }


def _addresses(view: ItemView) -> Iterator[str]:
    return (each.text("value") or "" for each in view.elements("uri"))


def _fields(changes: Changes, uris: Iterable[str]) -> dict[str, FieldValue]:
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
        # What the site is known to take: nobody sees it to correct it.
        rules = rules_for_uris(uris) if name == "password" else None
        made = generate_password() if rules is None else generate_for_site(rules)
        found[name] = made.secret
    return found


def _check_name(name: str) -> None:
    if name in _NOT_EDITED:
        raise CliskError(
            f"{name} is not a field to write",
            advice="docs/commands.md lists the fields of each type",
        )


def _uris(changes: Changes) -> dict[str, FieldValue]:
    if changes.match is not None and changes.match not in URI_MATCHES:
        raise CliskError(
            "no such way to match an address",
            advice=f"one of: {', '.join(URI_MATCHES)}",
        )
    match = {"match": changes.match} if changes.match else {}
    return elements(
        "uri", ({"value": uri, **match} for uri in changes.uris), os.urandom
    )


def _removed(names: Iterable[str], view: ItemView) -> Iterator[str]:
    """Yield the fields that *names* mean: of an address, say, all of its parts."""
    for meant in names:
        name = find_field(view, meant).name
        parts = split_element(name)
        if parts is None:
            yield name
            continue
        same = element_field(parts[0], parts[1], "")
        yield from (each for each in view.fields if each.startswith(same))


def _custom(fields: Iterable[CustomField]) -> dict[str, FieldValue]:
    return elements("custom", map(_custom_row, fields), os.urandom)


def _custom_row(each: CustomField) -> dict[str, FieldValue]:
    if each.kind == "hidden":
        return {"name": each.name, "kind": "hidden", "hidden": each.value}
    value = each.value.expose()
    if each.kind == "boolean" and value not in ("true", "false"):
        raise CliskError(
            "a field of the kind boolean is true or false", advice="NAME=true"
        )
    return {"name": each.name, "kind": each.kind, "value": value}
