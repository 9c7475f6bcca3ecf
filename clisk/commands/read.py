"""get, list: what shows items. clisk.quick does the plain form of get faster."""

from __future__ import annotations

import sys
from typing import Any, cast

import click

from clisk import output, quick
from clisk.client import AgentClient
from clisk.commands.options import (
    again_option,
    ask_agent,
    folder_names,
    item_fields,
    item_titles,
    json_option,
    tag_names,
)
from clisk.errors import CliskError, UsageError
from clisk.home import Home
from clisk.times import date_and_time, is_past, moment_ms
from clisk.wire import Message
from clisk_vault.item_types import ITEM_TYPES

_MASK = "••••••••"


@click.command("get")
@click.argument("item", shell_complete=item_titles)
@click.option(
    *("-f", "--field"),
    metavar="FIELD",
    shell_complete=item_fields,
    help="Write this field, secrets too.",
)
@click.option("--no-newline", is_flag=True, help="End without a line feed.")
@again_option
@json_option
@click.pass_obj
def get_command(
    home: Home,
    item: str,
    field: str | None,
    no_newline: bool,
    passphrase_fd: int | None,
    as_json: bool,
) -> None:
    """Show an item with its secrets masked, or write one field of it.

    ITEM is an id, a title, or words that only one item matches. FIELD is a name
    that the item shows, also of a field of your own. A secret is written to
    standard output, and the access log records the read before that happens. An item
    may ask for the passphrase again first: clisk edit ITEM --set reprompt=true

    \b
    Examples:
      clisk get GitHub
      clisk get GitHub --field password
      clisk get GitHub -f PIN --no-newline | wl-copy
    """
    if field is None:
        if no_newline:
            raise UsageError("--no-newline goes with --field")
        _show_item(ask_agent(home, "view", {"item": item}), as_json=as_json)
    elif as_json:
        with AgentClient.connect(home) as agent:
            output.write_json(quick.reveal(agent, item, field, passphrase_fd))
    else:
        quick.show_field(
            *(home, item, field),
            newline=not no_newline,
            passphrase_fd=passphrase_fd,
        )


def _show_item(answer: Message, *, as_json: bool) -> None:
    if as_json:
        output.write_json(answer)
        return
    facts: list[tuple[str, object]] = [
        ("id", answer["item"]),
        ("type", answer["type"]),
        ("title", answer["title"]),
    ]
    for field in cast(list[dict[str, Any]], answer["fields"]):
        value = _MASK if field["secret"] else field["value"]
        note = "  (in conflict: clisk conflicts)" if field["conflict"] else ""
        if field["field"] == "expires" and is_past(answer["expires_ms"]):
            note += "  (expired)"
        facts.append((field["name"], f"{value}{note}"))
    facts.append(("created", date_and_time(answer["created_ms"])))
    facts.append(("changed", date_and_time(answer["changed_ms"])))
    if answer["trashed"]:
        facts.append(("trash", "yes"))
    output.write_facts(facts)


@click.command("list")
@click.argument("query", nargs=-1)
@click.option("--trash", is_flag=True, help="What is in the trash, instead.")
@click.option(
    "--type",
    "kind",
    type=click.Choice(list(ITEM_TYPES)),
    metavar="TYPE",
    help="Only items of this type.",
)
@click.option(
    "--tag", metavar="TAG", shell_complete=tag_names, help="Only items with this tag."
)
@click.option(
    "--folder",
    metavar="NAME",
    shell_complete=folder_names,
    help="Only items in this folder.",
)
@click.option("--favourite", is_flag=True, help="Only favourites.")
@click.option("--archived", is_flag=True, help="What is archived, instead.")
@click.option("--expired", is_flag=True, help="Only what has expired.")
@click.option("--url", metavar="URL", help="Only logins for this page.")
@click.option(
    "--since",
    metavar="WHEN",
    help="Only what was changed since: 2026-03-01, 12h, 30d.",
)
@click.option("--limit", type=click.IntRange(1), metavar="N", help="At most so many.")
@json_option
@click.pass_obj
def list_command(
    home: Home,
    query: tuple[str, ...],
    trash: bool,
    kind: str | None,
    tag: str | None,
    folder: str | None,
    favourite: bool,
    archived: bool,
    expired: bool,
    url: str | None,
    since: str | None,
    limit: int | None,
    as_json: bool,
) -> None:
    """List items, all or those that match every word of QUERY. No secret is read.

    What is archived or in the trash is left out. Where nothing matches, words that
    are a slip of the fingers away count too.

    In a pipe each line is: id, title, user name, address, separated by tabs.

    \b
    Examples:
      clisk list
      clisk list git alice
      clisk list --type card --json
      clisk list --url https://github.com/login --since 30d
      clisk list --expired
    """
    wanted: Message = {
        "query": " ".join(query),
        "trash": trash or None,
        "type": kind,
        "tag": tag,
        "folder": folder,
        "favourite": favourite or None,
        "archived": archived or None,
        "expired": expired or None,
        "url": url,
        "since_ms": None if since is None else moment_ms(since),
        "limit": limit,
    }
    params = {name: value for name, value in wanted.items() if value is not None}
    answer = ask_agent(home, "list", params)
    if not answer["items"] and not trash:
        _check_places(home, tag, folder)
    if as_json:
        output.write_json(answer)
        return
    rows = cast(list[dict[str, Any]], answer["items"])
    output.write_table(
        ("ID", "TITLE", "USER", "ADDRESS"),
        (
            (
                output.item_id(row["item"]),
                row["title"]
                + (" (conflict)" if row["conflict"] else "")
                + (" (expired)" if is_past(row["expires_ms"]) else ""),
                row["username"],
                next(iter(row["uris"]), ""),
            )
            for row in rows
        ),
    )
    if not rows and sys.stdout.isatty():
        nothing = params == {}
        output.say(
            "no items yet: clisk add login TITLE, or clisk import FILE"
            if nothing
            else "no item matches"
        )


def _check_places(home: Home, tag: str | None, folder: str | None) -> None:
    """Tell what is misspelt from what is empty."""
    for word, known, place in (("tag", "tags", tag), ("folder", "folders", folder)):
        if place is None:
            continue
        rows = cast(list[dict[str, Any]], ask_agent(home, known)["names"])
        if not any(f"{row['name']}/".startswith(f"{place}/") for row in rows):
            raise CliskError(
                f"there is no such {word}", advice=f"look at: clisk {word} list"
            )
