"""trash, duplicates, merge: what goes away, and what was there twice."""

from __future__ import annotations

from typing import Any, cast

import click

from clisk import output
from clisk.asking import confirm
from clisk.commands.options import ask_agent, item_titles, json_option, trashed_titles
from clisk.errors import UsageError
from clisk.home import Home
from clisk.times import date_and_time


@click.group("trash")
def trash_command() -> None:
    """Show the trash, bring things back, or forget them for good.

    `clisk rm` puts an item into the trash. After 30 days, or what `keep` says, it is
    purged on every device: the only way in which anything is ever taken away.

    \b
    Examples:
      clisk trash list
      clisk trash restore GitHub
      clisk trash empty "Old bank"
      clisk trash keep 90
    """


@trash_command.command("list")
@json_option
@click.pass_obj
def trash_list(home: Home, as_json: bool) -> None:
    """List what is in the trash, since when, and until when it stays."""
    answer = ask_agent(home, "trash.list")
    if as_json:
        output.write_json(answer)
        return
    rows = cast(list[dict[str, Any]], answer["items"])
    output.write_table(
        ("ID", "TITLE", "SINCE", "PURGED"),
        (
            (
                output.item_id(row["item"]),
                row["title"],
                date_and_time(row["trashed_ms"]) if row["trashed_ms"] else "",
                "on another device; restore or empty it here"
                if row["leftover"]
                else date_and_time(row["purged_ms"]),
            )
            for row in rows
        ),
    )
    if not rows:
        output.say("the trash is empty")


@trash_command.command("restore")
@click.argument("items", nargs=-1, required=True, shell_complete=trashed_titles)
@json_option
@click.pass_obj
def trash_restore(home: Home, items: tuple[str, ...], as_json: bool) -> None:
    """Take items out of the trash.

    An item that another device purged while it was edited here becomes a new item,
    on all devices; for that its secrets are read, and the access log says so.
    """
    answer = ask_agent(home, "trash.restore", {"items": list(items)})
    if as_json:
        output.write_json(answer)
    else:
        output.say(f"restored: {output.count(len(items), 'item')}")


@trash_command.command("empty")
@click.argument("items", nargs=-1, shell_complete=trashed_titles)
@click.option("--all", "everything", is_flag=True, help="All that is in the trash.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
@click.pass_obj
def trash_empty(
    home: Home, items: tuple[str, ...], everything: bool, yes: bool, as_json: bool
) -> None:
    """Forget items in the trash, with their history and attachments, for good.

    On every device, as soon as it hears of it. A device that edited an item without
    knowing keeps its copy until a person decides. Change a password that others may
    know: forgetting it here does not make it safe.

    \b
    Examples:
      clisk trash empty "Old bank"
      clisk trash empty --all
    """
    if everything is bool(items):
        raise UsageError("name items, or --all", advice="clisk trash list")
    if not yes:
        what = "everything in the trash" if everything else ", ".join(items)
        confirm(
            f"Forget {what} for good, on every device?",
            advice="answer yes beforehand: --yes",
        )
    answer = ask_agent(home, "trash.empty", {"items": list(items)})
    if as_json:
        output.write_json(answer)
    else:
        gone = len(cast(list[str], answer["items"]))
        output.say(f"forgotten: {output.count(gone, 'item')}")


@trash_command.command("keep")
@click.argument("days", type=click.IntRange(0, 36_500))
@json_option
@click.pass_obj
def trash_keep(home: Home, days: int, as_json: bool) -> None:
    """Keep things in the trash for so many DAYS, on every device; 0: until emptied."""
    answer = ask_agent(home, "trash.keep", {"days": days})
    if as_json:
        output.write_json(answer)
    else:
        output.say("until it is emptied" if not days else f"for {days} days")


@click.command("duplicates")
@json_option
@click.pass_obj
def duplicates_command(home: Home, as_json: bool) -> None:
    """List items that may be one and the same. No secret is read for it.

    Logins count as alike with one user name on one site, other items with one title
    and user name. `clisk merge` makes one of them.
    """
    answer = ask_agent(home, "duplicates")
    if as_json:
        output.write_json(answer)
        return
    groups = cast(list[list[dict[str, Any]]], answer["groups"])
    output.write_table(
        ("GROUP", "ID", "TITLE", "USER", "ADDRESS", "CHANGED"),
        (
            (
                number,
                output.item_id(row["item"]),
                row["title"],
                row["username"],
                next(iter(row["uris"]), ""),
                date_and_time(row["changed_ms"]),
            )
            for number, group in enumerate(groups, start=1)
            for row in group
        ),
    )
    if not groups:
        output.say("no two items look alike")


@click.command("merge")
@click.argument("keep", shell_complete=item_titles)
@click.argument("items", nargs=-1, required=True, shell_complete=item_titles)
@json_option
@click.pass_obj
def merge_command(home: Home, keep: str, items: tuple[str, ...], as_json: bool) -> None:
    """Bring all that ITEMS have into the item KEEP, and put them into the trash.

    Where both have a value, that of KEEP stands, and the other becomes one of its
    earlier ones: nothing is lost. An item in conflict is settled first. The secrets
    are read for it, each read recorded.

    \b
    Example:
      clisk duplicates
      clisk merge 1f00c0de 2a00beef
    """
    answer = ask_agent(home, "merge", {"keep": keep, "items": list(items)})
    if as_json:
        output.write_json(answer)
    else:
        output.say(f"merged; in the trash: {output.count(len(items), 'item')}")
