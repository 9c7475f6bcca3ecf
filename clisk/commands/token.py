"""token: what a script may read, how often and until when."""

from __future__ import annotations

import re
from typing import Any, cast

import click

from clisk import output
from clisk.commands.options import (
    ask_agent,
    item_fields,
    item_titles,
    json_option,
    token_names,
)
from clisk.errors import UsageError
from clisk.home import Home
from clisk.terminal import write_value
from clisk.times import date_and_time
from clisk.wire import Message

_UNITS = {"m": 60, "h": 3600, "d": 24 * 3600}


@click.group("token")
def token_command() -> None:
    """Let a script read named fields of one item, so often and so long.

    A token goes to `clisk read`, `inject` and `exec` through a descriptor. What it
    reads stands in the access log under its name. It keeps an honest script to
    what it needs; a program with all of your rights needs no token.
    """


@token_command.command("create")
@click.argument("name")
@click.option(
    "--item",
    required=True,
    metavar="ITEM",
    shell_complete=item_titles,
    help="The one item.",
)
@click.option(
    *("-f", "--field", "fields"),
    multiple=True,
    default=("password",),
    show_default=True,
    metavar="FIELD",
    shell_complete=item_fields,
    help="A field that it may read; any number of them.",
)
@click.option(
    "--uses", type=click.IntRange(1), required=True, metavar="N", help="So many reads."
)
@click.option("--expires", required=True, metavar="TIME", help="So long: 30m, 12h, 7d.")
@json_option
@click.pass_obj
def create_command(
    home: Home,
    name: str,
    item: str,
    fields: tuple[str, ...],
    uses: int,
    expires: str,
    as_json: bool,
) -> None:
    """Make a token and write it to standard output, this once.

    \b
    Examples:
      clisk token create nightly --item CI --uses 30 --expires 30d > token
      clisk read clisk://CI/password --token-fd 3 3< token
    """
    params: Message = {
        "name": name,
        "item": item,
        "fields": list(fields),
        "uses": uses,
        "seconds": _seconds(expires),
    }
    answer = ask_agent(home, "token.create", params)
    if as_json:
        output.write_json(answer)
        return
    write_value(str(answer["token"]))
    until = date_and_time(answer["expires_ms"])
    output.say(f"good for {output.count(uses, 'read')}, until {until}; shown this once")


@token_command.command("list")
@json_option
@click.pass_obj
def list_command(home: Home, as_json: bool) -> None:
    """List the tokens of this device, and what is left of each."""
    answer = ask_agent(home, "token.list")
    if as_json:
        output.write_json(answer)
        return
    output.write_table(
        ("NAME", "STATE", "ITEM", "FIELDS", "LEFT", "UNTIL"),
        (
            (
                row["name"],
                row["state"],
                row["title"] or row["item"],
                " ".join(row["fields"]),
                row["uses_left"],
                date_and_time(row["expires_ms"]),
            )
            for row in cast(list[dict[str, Any]], answer["tokens"])
        ),
    )


@token_command.command("revoke")
@click.argument("name", shell_complete=token_names)
@json_option
@click.pass_obj
def revoke_command(home: Home, name: str, as_json: bool) -> None:
    """End a token; whoever has it reads nothing more.

    \b
    Example:
      clisk token revoke nightly
    """
    answer = ask_agent(home, "token.revoke", {"name": name})
    if as_json:
        output.write_json(answer)
    else:
        output.say("revoked")


def _seconds(text: str) -> int:
    found = re.fullmatch(r"([1-9]\d{0,5})([mhd])", text)
    if not found:
        raise UsageError("--expires takes a time such as 30m, 12h or 7d")
    return int(found[1]) * _UNITS[found[2]]
