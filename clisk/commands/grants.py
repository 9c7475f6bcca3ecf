"""grants: what konnectors may read."""

from __future__ import annotations

from typing import Any, cast

import click

from clisk import output
from clisk.commands.options import ask_agent, json_option
from clisk.home import Home
from clisk.times import date_and_time


@click.group("grants")
def grants_command() -> None:
    """Say which konnector may read which fields of which item, on which sites.

    A grant holds for one konnector's code: when the code changes, even by one
    byte, it has to be granted again.
    """


@grants_command.command("list")
@json_option
@click.pass_obj
def list_command(home: Home, as_json: bool) -> None:
    """List the grants of this vault."""
    answer = ask_agent(home, "grants.list")
    if as_json:
        output.write_json(answer)
        return
    rows = cast(list[dict[str, Any]], answer["grants"])
    output.write_table(
        ("ID", "KONNECTOR", "CODE", "ITEM", "FIELDS", "SITES", "SINCE", "STATE"),
        (
            (
                row["grant"],
                row["konnector"],
                row["digest"][:12],
                row["title"] or row["item"],
                ", ".join(row["fields"]),
                ", ".join(row["origins"]),
                date_and_time(row["created_ms"]),
                row["state"],
            )
            for row in rows
        ),
    )
    for spoilt in cast(list[dict[str, Any]], answer["spoilt"]):
        output.say(f"{spoilt['place']} is no valid grant and allows nothing:")
        output.say(f"  {spoilt['reason']}")


@grants_command.command("add")
@click.argument("konnector", type=click.Path(exists=True, file_okay=False))
@click.option("--item", required=True, metavar="ITEM", help="The item it may read.")
@click.option(
    "--field",
    "fields",
    multiple=True,
    default=("username", "password"),
    show_default=True,
    metavar="FIELD",
    help="A field it may read.",
)
@click.option(
    "--origin",
    "origins",
    multiple=True,
    metavar="ORIGIN",
    help="A site where it may fill them. Default: the item's addresses.",
)
@click.option("--days", type=click.IntRange(1, 3650), help="So long. Default: no end.")
@json_option
@click.pass_obj
def add_command(
    home: Home,
    konnector: str,
    item: str,
    fields: tuple[str, ...],
    origins: tuple[str, ...],
    days: int | None,
    as_json: bool,
) -> None:
    """Grant the konnector in the folder KONNECTOR what it needs.

    \b
    Example:
      clisk grants add ./edf --item EDF --origin https://particulier.edf.fr
    """
    from pathlib import Path

    from clisk.granting import offer_for
    from konnector_runner.konnector import load_konnector

    offer = offer_for(
        load_konnector(Path(konnector)),
        ask_agent(home, "view", {"item": item}),
        fields=fields,
        origins=origins,
        believe_manifest=False,
    )
    for line in offer.sentences():
        output.say(line)
    answer = ask_agent(home, "grants.add", {**offer.request(), "days": days})
    if as_json:
        output.write_json(answer)
    else:
        output.write_line(str(answer["grant"]))


@grants_command.command("revoke")
@click.argument("grant")
@json_option
@click.pass_obj
def revoke_command(home: Home, grant: str, as_json: bool) -> None:
    """Take back the grant with the id GRANT. It holds from this moment."""
    answer = ask_agent(home, "grants.revoke", {"grant": grant})
    if as_json:
        output.write_json(answer)
    else:
        output.say("revoked")
