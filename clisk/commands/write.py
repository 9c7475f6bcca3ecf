"""add, edit, rm: what changes items."""

from __future__ import annotations

import sys
from typing import Any, cast

import click

from clisk import output
from clisk.commands.fields import ask_for_fields, changes_from, field_options
from clisk.commands.making import take_recipe
from clisk.commands.options import (
    again_option,
    ask_agent,
    item_fields,
    item_titles,
    json_option,
    tag_names,
    trashed_titles,
)
from clisk.errors import UsageError
from clisk.home import Home
from clisk.wire import Message
from clisk_vault.item_types import ITEM_TYPES, SSH_KINDS


@click.command("add")
@click.argument("type", type=click.Choice(list(ITEM_TYPES)))
@click.argument("title")
@field_options
@click.option(
    "--make",
    type=click.Choice(SSH_KINDS),
    metavar="KIND",
    help=f"Make the key of a new ssh-key: {', '.join(SSH_KINDS)}.",
)
@json_option
@click.pass_obj
def add_command(
    home: Home, /, title: str, make: str | None, as_json: bool, **options: Any
) -> None:
    """Store a new item and write its id.

    Without options each field is asked for; an empty line leaves it out, and in
    place of a password offers to make one. Secrets are never arguments: they are
    asked for, read from a descriptor, or generated: by what is published of the
    site, if that is known, or as you say (--length, --rules, --words).
    docs/commands.md lists the fields of each type.

    \b
    Examples:
      clisk add login GitHub
      clisk add login GitHub -u alice --uri https://github.com --ask password
      clisk add login Shop --generate password
      clisk add login Shop --generate password --words 5
      clisk add note "Wifi at home" --ask notes
      clisk add card Visa --ask card.number -s card.holder="A. Lice"
      clisk add ssh-key Laptop --make ed25519
    """
    kind = options.pop("type")
    if make is not None and kind != "ssh-key":
        raise UsageError(
            "--make makes SSH keys", advice="clisk add ssh-key TITLE --make ed25519"
        )
    recipe = take_recipe(options)
    if sys.stdin.isatty() and make is None and not any(options.values()):
        changes = ask_for_fields(kind)
    else:
        changes = changes_from(**options, recipe=recipe)
    params: Message = {"type": kind, "title": title, "changes": changes}
    if make is not None:
        params["make"] = make
    answer = ask_agent(home, "add", params)
    made = _public_half(home, answer) if make is not None else {}
    if as_json:
        output.write_json({**answer, **made})
        return
    output.write_line(str(answer["item"]))
    for name, value in made.items():
        output.say(f"{name.replace('_', ' ')}: {value}")
    _tell_made(answer)


def _tell_made(answer: Message) -> None:
    """Say how strong is what was made, and by whose rules."""
    for each in cast(list[dict[str, Any]], answer["made"]):
        rules = f", by the rules of {each['site']}" if each["site"] else ""
        output.say(f"{each['field']}: {each['entropy_bits']:.0f} bits{rules}")


def _public_half(home: Home, added: Message) -> Message:
    """Return what a key that was just made says of itself, to be put on servers."""
    shown = ask_agent(home, "view", {"item": added["item"]})
    fields = cast(list[dict[str, Any]], shown["fields"])
    values = {each["field"]: each["value"] for each in fields}
    return {name: values[f"ssh.{name}"] for name in ("public_key", "fingerprint")}


@click.command("edit")
@click.argument("item", shell_complete=item_titles)
@click.option("--title", metavar="TITLE", help="New title.")
@field_options
@click.option(
    "--clear",
    "cleared",
    multiple=True,
    metavar="FIELD",
    shell_complete=item_fields,
    help="Empty a field; its earlier values stay in the history.",
)
@click.option(
    *("--untag", "untag"),
    multiple=True,
    metavar="TAG",
    shell_complete=tag_names,
    help="Take a tag off.",
)
@again_option
@json_option
@click.pass_obj
def edit_command(
    home: Home,
    /,
    item: str,
    title: str | None,
    cleared: tuple[str, ...],
    untag: tuple[str, ...],
    passphrase_fd: int | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Change fields of an item. Earlier values are kept as its history.

    ITEM is an id, a title, or words that only one item matches. One that asks for
    the passphrase again (reprompt) asks for it too before it asks no more.

    \b
    Examples:
      clisk edit GitHub --ask password
      clisk edit GitHub --generate password --tag work --untag old
      clisk edit Bank --generate password --length 12 --no-symbols
      clisk edit GitHub --clear custom.1f00c0de.value
    """
    recipe = take_recipe(options)
    changes = changes_from(**options, recipe=recipe)
    if title is not None:
        fields = changes["fields"]
        assert isinstance(fields, dict), "changes_from() made it"
        fields["title"] = title
    changes |= {"remove": list(cleared), "untag": list(untag)}
    if not any(changes.values()):
        raise UsageError("nothing to change", advice="clisk edit --help")
    params: Message = {"item": item, "changes": changes}
    answer = ask_agent(home, "edit", params, passphrase_fd=passphrase_fd)
    if as_json:
        output.write_json(answer)
    else:
        output.say("changed")
        _tell_made(answer)
        if answer["change_at"]:
            output.say(f"its site has the password changed at: {answer['change_at']}")


def _titles_to_move(
    ctx: click.Context, param: click.Parameter, incomplete: str
) -> list[Any]:
    offer = trashed_titles if ctx.params.get("restore") else item_titles
    return offer(ctx, param, incomplete)


@click.command("rm")
@click.argument("items", nargs=-1, required=True, shell_complete=_titles_to_move)
@click.option("--restore", is_flag=True, help="Take them out of the trash again.")
@json_option
@click.pass_obj
def rm_command(
    home: Home, items: tuple[str, ...], restore: bool, as_json: bool
) -> None:
    """Move items to the trash; nothing in them is lost.

    \b
    Examples:
      clisk rm GitHub
      clisk rm --restore GitHub
      clisk list --trash
    """
    if restore:
        answer = ask_agent(home, "trash.restore", {"items": list(items)})
    else:
        answer = ask_agent(home, "arrange", {"items": list(items), "trashed": True})
    if as_json:
        output.write_json(answer)
    else:
        output.say("restored" if restore else "in the trash: clisk rm --restore ITEM")
