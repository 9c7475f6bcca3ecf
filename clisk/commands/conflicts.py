"""conflicts: what two devices changed at once, shown and settled."""

from __future__ import annotations

from typing import Any, cast

import click

from clisk import output
from clisk.commands.options import (
    again_option,
    ask_agent,
    item_fields,
    item_titles,
    json_option,
)
from clisk.errors import UsageError
from clisk.home import Home
from clisk.times import date_and_time
from clisk.wire import Message

_MASK = "••••••••"


@click.command("conflicts")
@click.option(
    "--settle",
    metavar="ITEM",
    shell_complete=item_titles,
    help="Settle a conflict of this item.",
)
@click.option(
    "--field",
    metavar="FIELD",
    shell_complete=item_fields,
    help="The field it is about.",
)
@click.option("--keep", metavar="VERSION", help="The version that shall stand.")
@click.option("--show", metavar="VERSION", help="Write this version; it is recorded.")
@again_option
@json_option
@click.pass_obj
def conflicts_command(
    home: Home,
    settle: str | None,
    field: str | None,
    keep: str | None,
    show: str | None,
    passphrase_fd: int | None,
    as_json: bool,
) -> None:
    """Show fields that two devices changed without knowing of each other.

    Nothing is lost: every version is kept. You say which one stands; the other
    stays in the history.

    \b
    Examples:
      clisk conflicts
      clisk conflicts --settle GitHub --field password --show VERSION
      clisk conflicts --settle GitHub --field password --keep VERSION
    """
    if settle is None:
        _list(ask_agent(home, "conflicts"), as_json=as_json)
        return
    if field is None or (keep is None) == (show is None):
        raise UsageError(
            "--settle needs --field, and one of --keep and --show",
            advice="clisk conflicts lists the versions",
        )
    params: Message = {"item": settle, "field": field, "version": keep or show}
    operation = "settle" if show is None else "reveal.version"
    answer = ask_agent(home, operation, params, passphrase_fd=passphrase_fd)
    if show is not None:
        _write(answer, as_json=as_json)
    elif as_json:
        output.write_json(answer)
    else:
        output.say("settled; the other version stays in the history")


def _write(answer: Message, *, as_json: bool) -> None:
    from clisk.terminal import write_value

    if as_json:
        output.write_json(answer)
    else:
        write_value(str(answer["value"]))


def _list(answer: Message, *, as_json: bool) -> None:
    if as_json:
        output.write_json(answer)
        return
    rows = [
        (
            conflict["title"],
            conflict["field"],
            version["version"],
            date_and_time(version["time_ms"]),
            version["device_name"],
            _MASK if version["secret"] else version["value"],
        )
        for conflict in cast(list[dict[str, Any]], answer["conflicts"])
        for version in conflict["versions"]
    ]
    output.write_table(("ITEM", "FIELD", "VERSION", "WRITTEN", "BY", "VALUE"), rows)
    if not rows:
        output.say("no conflicts")
