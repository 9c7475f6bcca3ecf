"""What a client wants changed, turned into a draft or an edit of the vault."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Literal

from pydantic import Field

from clisk.agent import making
from clisk.agent.checking import (
    check_custom,
    check_match,
    check_patterns,
    fitting,
)
from clisk.agent.labels import NoSuchFieldError, find_field
from clisk.agent.linking import link_up
from clisk.agent.making import Made, Recipe
from clisk.agent.registry import Params, Secret
from clisk.errors import CliskError
from clisk_vault.draft import FieldValue, ItemDraft, elements
from clisk_vault.errors import FormatError
from clisk_vault.item import ItemView
from clisk_vault.item_types import (
    COMMON_FIELDS,
    ITEM_TYPES,
    Secrecy,
    element_field,
    secrecy,
    split_element,
)
from clisk_vault.keys import SecretText

# An item has these from its birth, or by an operation of their own.
_NOT_EDITED = {"type", "trashed", "created", "changed", "origin"}
# What a program may make up: a card's number or a key is given by somebody else.
_MADE_UP = {"password", "ssh.passphrase"}
# What comes of a private key that is made here; the vault seals it, so it has none.
_OF_THE_KEY = {
    *("ssh.private_key", "ssh.public_key", "ssh.fingerprint", "ssh.key_type"),
    "ssh.passphrase",
}
_FIELD_NAMES = [
    spec.name
    for specs in (COMMON_FIELDS, *(kind.fields for kind in ITEM_TYPES.values()))
    for spec in specs
]


class CustomField(Params):
    """A field of the person's own."""

    name: str
    value: Secret
    kind: Literal["text", "hidden", "boolean", "linked"] = "text"


class Changes(Params):
    """New values; what is not named stays."""

    fields: dict[str, Secret] = Field(default_factory=dict)
    in_clear: list[str] = Field(default_factory=list)
    """Those of the fields whose values others saw: none of them may be secret."""
    generate: list[str] = Field(default_factory=list)
    recipe: Recipe = Field(default_factory=Recipe)
    remove: list[str] = Field(default_factory=list)
    uris: list[str] = Field(default_factory=list)
    match: str | None = None
    tags: list[str] = Field(default_factory=list)
    untag: list[str] = Field(default_factory=list)
    custom: list[CustomField] = Field(default_factory=list)


def draft(
    kind: str, title: str, changes: Changes, *, make: str | None = None
) -> ItemDraft:
    """Return a new item; *make*: with a new SSH key of this kind.

    What is to be made up is made by make_up() before.

    Raises:
        CliskError: a field that no item has, or a value that does not fit its field.
    """
    if make is not None:
        changes = _with_new_key(kind, changes, make)
    if kind == "passkey":
        raise CliskError(
            "a passkey is made by its site, and cannot be typed",
            advice="bring it from where it is: clisk import FILE (CXF or Bitwarden"
            " JSON); a login for the site: clisk add login TITLE",
        )
    if changes.match is not None and not changes.uris:
        raise CliskError("there is no address to match", advice="give one: --uri URL")
    fields = {**_fields(changes), **_uris(changes)}
    fields |= _custom(changes.custom, kind, None, fields)
    check_patterns(fields, None)
    return ItemDraft(type=kind, title=title, fields=fields, tags=tuple(changes.tags))


def _with_new_key(kind: str, changes: Changes, make: str) -> Changes:
    named = {*changes.fields, *changes.generate}
    if kind != "ssh-key" or named & _OF_THE_KEY:
        raise CliskError(
            "only an SSH key is made, all of it here",
            advice=f"clisk add ssh-key TITLE --make {make}, and no key given beside it",
        )
    # Late: most items are no keys.
    from clisk_vault.ssh_key import make_key

    fields = {**changes.fields, "ssh.private_key": make_key(make)}
    return changes.model_copy(update={"fields": fields})


def make_up(
    changes: Changes, view: ItemView | None = None
) -> tuple[Changes, list[Made]]:
    """Return *changes* with a new password for each field that is to have one.

    Raises:
        CliskError: a field that is given by somebody else, or no password is like that.
    """
    uris = [*changes.uris, *(_addresses(view) if view else ())]
    made = [
        making.make(_made_up(_field_name(meant, view)), changes.recipe, uris)
        for meant in changes.generate
    ]
    fields = {**changes.fields, **{e.field: e.generated.secret for e in made}}
    return changes.model_copy(update={"fields": fields, "generate": []}), made


def _made_up(name: str) -> str:
    parts = split_element(name)
    hidden = parts is not None and (parts[0], parts[2]) == ("custom", "hidden")
    if name not in _MADE_UP and not hidden:
        raise CliskError(
            "only a password can be generated",
            advice="name the field of one: password, or a hidden field of yours",
        )
    return name


def edit(changes: Changes, view: ItemView) -> dict[str, FieldValue | None]:
    """Return an edit of the item that *view* shows; make_up() comes before.

    Raises:
        CliskError: it would leave the item without a title, change what is not a
            person's to write, or name a field that no item has.
    """
    for name in changes.remove:
        _check_name(name)
    title = changes.fields.get("title")
    if "title" in changes.remove or (title is not None and not title.expose().strip()):
        raise CliskError("an item needs a title", advice="give it another one")
    fields = _fields(changes, view)
    made: dict[str, FieldValue | None] = {
        **dict.fromkeys(_removed(changes.remove, view)),
        **fields,
        **_custom(changes.custom, view.type, view, fields),
        **_uris(changes),
        **({} if changes.uris else _matches(changes.match, view)),
        **elements("tag", ({"name": tag} for tag in changes.tags), os.urandom),
        **dict.fromkeys(_untagged(changes.untag, view)),
    }
    check_patterns(made, view)
    return made


def _untagged(tags: Collection[str], view: ItemView) -> Iterator[str]:
    """Yield what holds *tags*; one that the item does not have is misspelt."""
    for tag in tags:
        if tag not in view.tags:
            raise CliskError(
                "the item has no such tag", advice="look at: clisk get ITEM"
            )
    for element in view.elements("tag"):
        if (element.text("name") or "") in tags:
            yield element_field("tag", element.id, "name")


def _addresses(view: ItemView) -> Iterator[str]:
    return (each.text("value") or "" for each in view.elements("uri"))


def _fields(changes: Changes, view: ItemView | None = None) -> dict[str, FieldValue]:
    found: dict[str, FieldValue] = {}
    for meant, given in changes.fields.items():
        _check_name(meant)
        name = _field_name(meant, view)
        value = fitting(name, given, view)
        if meant in changes.in_clear and secrecy(name) is Secrecy.SECRET:
            raise CliskError(
                "the field is secret, and arguments are visible to every process",
                advice="change that value where it counts, then use --ask or --read",
            )
        # A newer program's field, which the tables do not know, is sealed: better
        # hidden than shown.
        clear = secrecy(name) is Secrecy.CLEAR
        found[name] = value.expose() if clear else value
    return {**_public_half(found), **found}


def _public_half(fields: Mapping[str, FieldValue]) -> dict[str, FieldValue]:
    """Return what a private key among *fields* says of itself in the open.

    A key that cannot be read here, as one of another kind, is kept all the same.
    """
    private, passphrase = fields.get("ssh.private_key"), fields.get("ssh.passphrase")
    if not isinstance(private, SecretText) or "ssh.public_key" in fields:
        return {}
    # Late: most items are no keys.
    from clisk_vault.ssh_key import fingerprint, public_half

    unlocked = passphrase if isinstance(passphrase, SecretText) else None
    with suppress(FormatError):
        line = public_half(private, unlocked)
        return {
            "ssh.public_key": line,
            "ssh.fingerprint": fingerprint(line),
            "ssh.key_type": line.split()[0],
        }
    return {}


def _field_name(meant: str, view: ItemView | None) -> str:
    """Return the field that *meant* names: one of the tables, or of this very item."""
    if secrecy(meant) is not Secrecy.UNKNOWN:
        return meant
    if view is not None:
        with suppress(NoSuchFieldError):
            return find_field(view, meant).name
    ends = "." + meant.lower()
    near = [name for name in _FIELD_NAMES if name.endswith(ends)]
    raise CliskError(
        "there is no field by that name",
        advice=f"is it {' or '.join(near)}?"
        if near
        else "docs/commands.md lists the fields; --custom or --hidden adds your own",
    )


def _check_name(name: str) -> None:
    if name in _NOT_EDITED:
        raise CliskError(
            f"{name} is not a field to write",
            advice="docs/commands.md lists the fields of each type",
        )


def _uris(changes: Changes) -> dict[str, FieldValue]:
    if changes.match is not None:
        check_match(changes.match)
    match = {"match": changes.match} if changes.match else {}
    return elements(
        "uri", ({"value": uri, **match} for uri in changes.uris), os.urandom
    )


def _matches(match: str | None, view: ItemView) -> dict[str, FieldValue]:
    """Return how the addresses that are there already are matched from now on."""
    if match is None:
        return {}
    found = [
        element_field("uri", each.id, "match")
        for each in view.elements("uri")
        if each.text("value")
    ]
    if not found:
        raise CliskError("the item has no address to match", advice="add one: --uri")
    return dict.fromkeys(found, match)


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


def _custom(
    fields: Iterable[CustomField],
    kind: str,
    view: ItemView | None,
    written: Collection[str],
) -> dict[str, FieldValue]:
    made = elements("custom", map(_custom_row, fields), os.urandom)
    link_up(made, kind, view, written)
    return made


def _custom_row(each: CustomField) -> dict[str, FieldValue]:
    if each.kind == "hidden":
        return {"name": each.name, "kind": "hidden", "hidden": each.value}
    value = each.value.expose()
    check_custom(each.kind, value)
    return {"name": each.name, "kind": each.kind, "value": value}
