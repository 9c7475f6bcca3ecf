"""The options that `clisk add` and `clisk edit` share, turned into a request."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import click

from clisk.commands.making import generate_options
from clisk.commands.options import folder_names, tag_names
from clisk.errors import UsageError
from clisk.wire import Message
from clisk_vault.item_types import (
    COMMON_FIELDS,
    ITEM_TYPES,
    URI_MATCHES,
    Secrecy,
    secrecy,
)

Function = TypeVar("Function", bound=Callable[..., Any])

_OPTIONS = (
    click.option("-u", "--username", metavar="NAME", help="User name of a login."),
    click.option("--uri", "uris", multiple=True, metavar="URL", help="Add an address."),
    click.option(
        "--match",
        type=click.Choice(URI_MATCHES),
        metavar="HOW",
        help=f"How addresses are matched: {', '.join(URI_MATCHES)}.",
    ),
    click.option(
        *("--tag", "tags"),
        multiple=True,
        metavar="TAG",
        shell_complete=tag_names,
        help="Add a tag.",
    ),
    click.option(
        "--folder",
        metavar="NAME",
        shell_complete=folder_names,
        help="Folder to show it in.",
    ),
    click.option("--favourite/--no-favourite", default=None, help="Mark it."),
    click.option(
        "-s",
        "--set",
        "assignments",
        multiple=True,
        metavar="FIELD=VALUE",
        help="Set a field that is not secret.",
    ),
    click.option(
        "--custom",
        "customs",
        multiple=True,
        metavar="NAME=VALUE",
        help="Add a field of your own, in clear text.",
    ),
    click.option(
        "--checkbox",
        "checkboxes",
        multiple=True,
        metavar="NAME=true|false",
        help="Add a field of your own that is true or false.",
    ),
    click.option(
        "--linked",
        "links",
        multiple=True,
        metavar="NAME=FIELD",
        help="Add a field of your own that shows another field.",
    ),
    click.option(
        "--ask",
        "asked",
        multiple=True,
        metavar="FIELD",
        help="Ask for a secret field on the terminal.",
    ),
    click.option(
        "--read",
        "reads",
        multiple=True,
        metavar="FIELD=N",
        help="Read a secret field from descriptor N.",
    ),
    click.option(
        "--generate",
        "generated",
        multiple=True,
        metavar="FIELD",
        help="Put a new password into a field, as the site wants it if that is known.",
    ),
    click.option(
        "--hidden",
        "hidden",
        multiple=True,
        metavar="NAME",
        help="Add a secret field of your own; asked for on the terminal.",
    ),
)


def field_options(function: Function) -> Function:
    """Give a command the options that say what goes into an item."""
    function = generate_options(function)
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


def changes_from(
    *,
    username: str | None,
    uris: tuple[str, ...],
    match: str | None,
    tags: tuple[str, ...],
    folder: str | None,
    favourite: bool | None,
    assignments: tuple[str, ...],
    customs: tuple[str, ...],
    checkboxes: tuple[str, ...],
    links: tuple[str, ...],
    asked: tuple[str, ...],
    reads: tuple[str, ...],
    generated: tuple[str, ...],
    hidden: tuple[str, ...],
    recipe: Message,
) -> Message:
    """Return the part of a request that these options spell.

    Raises:
        UsageError: a secret given as an argument, or not FIELD=VALUE.
        InputError: a secret that was asked for did not come.
    """
    fields = dict(_clear(pair) for pair in assignments)
    in_clear = list(fields)
    for name, value in (("username", username), ("folder", folder)):
        if value is not None:
            fields[name] = value
    if favourite is not None:
        fields["favourite"] = "true" if favourite else "false"
    fields.update(_secrets(asked, reads))
    custom = [
        {"name": name, "value": value, "kind": kind}
        for kind, option, pairs in (
            ("text", "--custom", customs),
            ("boolean", "--checkbox", checkboxes),
            ("linked", "--linked", links),
        )
        for name, value in (_split(pair, option) for pair in pairs)
    ]
    custom += [{"name": name, "value": _ask(name), "kind": "hidden"} for name in hidden]
    return {
        "fields": fields,
        # Only the agent knows whether a name that the item shows is a secret's.
        "in_clear": in_clear,
        "generate": list(generated),
        **({"recipe": recipe} if recipe else {}),
        "uris": list(uris),
        **({"match": match} if match else {}),
        "tags": list(tags),
        "custom": custom,
    }


def ask_for_fields(kind: str) -> Message:
    """Return what a person types for the fields of a new item, one by one."""
    from clisk.passphrase_input import ask_line, ask_optional_secret

    uris = [ask_line("address (URL): ")] if kind == "login" else []
    fields: dict[str, str] = {}
    generate: list[str] = []
    specs = [*ITEM_TYPES[kind].fields, *(s for s in COMMON_FIELDS if s.name == "notes")]
    for spec in specs:
        if spec.name == "password_changed":
            continue  # importers know it; a new password is of today
        if spec.secret:
            typed = ask_optional_secret(f"{spec.says} (unseen)")
            fields[spec.name] = typed.expose() if typed else ""
            if typed is None and spec.name == "password" and _wants_one():
                generate.append(spec.name)
        else:
            fields[spec.name] = ask_line(f"{spec.says}: ")
    return {
        "fields": {name: value for name, value in fields.items() if value},
        "uris": [uri for uri in uris if uri],
        "generate": generate,
    }


def _wants_one() -> bool:
    from clisk.passphrase_input import ask_line

    return ask_line("make a new one, unseen? [y/N] ").lower() in ("y", "yes")


def _clear(pair: str) -> tuple[str, str]:
    name, value = _split(pair, "--set")
    if secrecy(name) is Secrecy.SECRET:
        raise UsageError(
            f"--set: {name} is secret, and arguments are visible to every process",
            advice=f"use --ask {name}, --read {name}=N or --generate {name}",
        )
    return name, value


def _secrets(asked: Iterable[str], reads: Iterable[str]) -> dict[str, str]:
    from clisk.passphrase_input import read_secret

    found = {name: _ask(name) for name in asked}
    for pair in reads:
        name, number = _split(pair, "--read")
        if not number.isdecimal():
            raise UsageError(f"--read: {name}= wants the number of a descriptor")
        found[name] = read_secret(int(number)).expose()
    return found


def _ask(name: str) -> str:
    from clisk.passphrase_input import ask_secret

    return ask_secret(name).expose()


def _split(pair: str, option: str) -> tuple[str, str]:
    name, equals, value = pair.partition("=")
    if not name or not equals:
        raise UsageError(f"{option} wants NAME=VALUE")
    return name, value
