"""grants: what konnectors may read."""

from __future__ import annotations

from typing import Any, cast

import click

from clisk import output
from clisk.commands.options import (
    ask_agent,
    item_fields,
    item_titles,
    json_option,
    konnector_names,
    limit_options,
)
from clisk.home import Home
from clisk.times import date_and_time
from clisk.wire import Message


@click.group("grants")
def grants_command() -> None:
    """Say which konnector may read which fields of which item, on which sites.

    A grant holds for one konnector's code: when the code changes, even by one
    byte, it has to be granted again. `clisk grants show` tells for a grant, a
    konnector or a device what it could read, and what it did read.
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
    if not rows:
        output.say("no grants: a konnector asks for one when it runs the first time")
    output.write_table(
        ("ID", "KONNECTOR", "CODE", "ITEM", "FIELDS", "SITES", "SINCE", "STATE"),
        (
            (
                row["grant"],
                row["konnector"],
                row["digest"][:12],
                row["title"] or row["item"],
                fields_in_words(row),
                ", ".join(row["origins"]),
                date_and_time(row["created_ms"]),
                state_in_words(row),
            )
            for row in rows
        ),
    )
    for spoilt in cast(list[dict[str, Any]], answer["spoilt"]):
        output.say(f"{spoilt['place']} is no valid grant and allows nothing:")
        output.say(f"  {spoilt['reason']}")


@grants_command.command("add")
@click.argument("konnector", type=click.Path(exists=True, file_okay=False))
@click.option(
    "--item",
    required=True,
    metavar="ITEM",
    shell_complete=item_titles,
    help="The item it may read.",
)
@click.option(
    "--field",
    "fields",
    multiple=True,
    default=("username", "password"),
    show_default=True,
    metavar="FIELD",
    shell_complete=item_fields,
    help="A field it may read.",
)
@click.option(
    "--origin",
    "origins",
    multiple=True,
    metavar="ORIGIN",
    help="A site where it may fill them. Default: the item's addresses.",
)
@limit_options
@json_option
@click.pass_obj
def add_command(
    home: Home,
    konnector: str,
    item: str,
    fields: tuple[str, ...],
    origins: tuple[str, ...],
    plaintext: tuple[str, ...],
    reads: int | None,
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
        plaintext=plaintext,
        max_reads=reads,
        days=days,
    )
    for line in offer.sentences():
        output.say(line)
    answer = ask_agent(home, "grants.add", offer.request())
    if as_json:
        output.write_json(answer)
    else:
        output.write_line(str(answer["grant"]))


@grants_command.command("show")
@click.argument("who", metavar="X", shell_complete=konnector_names)
@json_option
@click.pass_obj
def show_command(home: Home, who: str, as_json: bool) -> None:
    """Tell what X may read, and what it did read on this device.

    X is a konnector's name, the beginning of a grant's id, or a device's name or id.
    What another device read stands in its own access log: ask there.

    \b
    Examples:
      clisk grants show edf
      clisk grants show phone
    """
    show_access(ask_agent(home, "access", {"who": who}), as_json=as_json)


def show_access(answer: Message, *, as_json: bool) -> None:
    """Write the answer of `access`."""
    if as_json:
        output.write_json(answer)
        return
    output.write_line(f"{answer['kind']} {answer['name']}")
    output.write_line()
    output.write_line("may read:")
    grants = cast(list[dict[str, Any]], answer["grants"])
    if answer["everything"]:
        output.write_line("  every item: it is a device of this vault")
    elif not grants:
        output.write_line("  nothing: it has no grant")
    for row in grants:
        sites = ", ".join(row["origins"]) or "no site"
        output.write_line(
            f"  {row['title'] or row['item']}: {fields_in_words(row)} on {sites}"
            f" ({state_in_words(row)}; {row['grant'][:8]})"
        )
    output.write_line()
    output.write_line("did read, or try to, on this device:")
    reads = cast(list[dict[str, Any]], answer["reads"])
    if not answer["reads_are_known"]:
        output.write_line("  not known here: ask with this command on that device")
    elif not reads:
        output.write_line("  nothing")
    for row in reads:
        where = f" for {row['origin']}" if row["origin"] else ""
        output.write_line(
            f"  {row['outcome']}: {row['title'] or row['item'] or 'no item'},"
            f" {row['field'] or 'no field'}, {row['use']}{where}:"
            f" {output.count(row['times'], 'time')},"
            f" last {date_and_time(row['last_ms'])}"
        )


def fields_in_words(row: dict[str, Any]) -> str:
    """Return a grant's fields; those that the konnector itself may have stand out."""
    return ", ".join(
        f"{name} (PLAIN TEXT)" if name in row["plaintext"] else name
        for name in row["fields"]
    )


def state_in_words(row: dict[str, Any]) -> str:
    """Return whether a grant holds, and how long still."""
    words = [str(row["state"])]
    if row["state"] == "valid" and row["expires_ms"] is not None:
        words.append(f"until {date_and_time(row['expires_ms'])}")
    if row["max_reads"] is not None:
        words.append(f"{row['reads']} of {row['max_reads']} reads")
    return ", ".join(words)


@grants_command.command("revoke")
@click.argument("grant")
@json_option
@click.pass_obj
def revoke_command(home: Home, grant: str, as_json: bool) -> None:
    """Take back the grant with the id GRANT. It holds from this moment.

    Other devices hear of it with the next sync; one that is offline until then
    still honours the grant.

    \b
    Example:
      clisk grants revoke 1f3a9c0e5b7d2846f0a1c3e597b8d264
    """
    answer = ask_agent(home, "grants.revoke", {"grant": grant})
    if as_json:
        output.write_json(answer)
    else:
        output.say("revoked")
