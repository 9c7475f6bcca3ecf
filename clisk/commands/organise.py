"""favourite, archive, tag, folder, history: what keeps a vault in order."""

from __future__ import annotations

from typing import Any, cast

import click

from clisk import output
from clisk.commands.options import (
    again_option,
    ask_agent,
    folder_names,
    item_fields,
    item_titles,
    json_option,
    tag_names,
)
from clisk.errors import AgentRefusal, UsageError
from clisk.home import Home
from clisk.times import date_and_time
from clisk.wire import Message

_MASK = "••••••••"


@click.command("favourite")
@click.argument("items", nargs=-1, required=True, shell_complete=item_titles)
@click.option("--off", is_flag=True, help="No favourite any longer.")
@json_option
@click.pass_obj
def favourite_command(
    home: Home, items: tuple[str, ...], off: bool, as_json: bool
) -> None:
    """Mark items as favourites; `clisk list --favourite` shows them.

    \b
    Examples:
      clisk favourite GitHub Bank
      clisk favourite --off Bank
    """
    _arrange(home, items, {"favourite": not off}, as_json=as_json)


@click.command("archive")
@click.argument("items", nargs=-1, required=True, shell_complete=item_titles)
@click.option("--undo", is_flag=True, help="Bring them back into lists.")
@json_option
@click.pass_obj
def archive_command(
    home: Home, items: tuple[str, ...], undo: bool, as_json: bool
) -> None:
    """Keep items, and leave them out of lists; nothing is lost.

    `clisk list --archived` shows them, `clisk get` still gives them.

    \b
    Examples:
      clisk archive "Old bank"
      clisk archive --undo "Old bank"
    """
    _arrange(home, items, {"archived": not undo}, as_json=as_json)


@click.group("tag")
def tag_command() -> None:
    """Put tags on items, take them off, rename and list them.

    \b
    Examples:
      clisk tag add work GitHub Jira
      clisk tag rm work Jira
      clisk tag rename work job
      clisk tag list
    """


@tag_command.command("add")
@click.argument("tag", shell_complete=tag_names)
@click.argument("items", nargs=-1, required=True, shell_complete=item_titles)
@json_option
@click.pass_obj
def tag_add(home: Home, tag: str, items: tuple[str, ...], as_json: bool) -> None:
    """Put TAG on items."""
    _arrange(home, items, {"add_tags": [tag]}, as_json=as_json)


@tag_command.command("rm")
@click.argument("tag", shell_complete=tag_names)
@click.argument("items", nargs=-1, required=True, shell_complete=item_titles)
@json_option
@click.pass_obj
def tag_rm(home: Home, tag: str, items: tuple[str, ...], as_json: bool) -> None:
    """Take TAG off items."""
    _arrange(home, items, {"remove_tags": [tag]}, as_json=as_json)


@tag_command.command("rename")
@click.argument("name", shell_complete=tag_names)
@click.argument("to", shell_complete=tag_names)
@json_option
@click.pass_obj
def tag_rename(home: Home, name: str, to: str, as_json: bool) -> None:
    """Call a tag by another name on every item that has it, the trash included."""
    answer = ask_agent(home, "tags.rename", {"name": name, "to": to})
    changed = len(cast(list[str], answer["items"]))
    _say(answer, f"renamed on {output.count(changed, 'item')}", as_json=as_json)


@tag_command.command("list")
@json_option
@click.pass_obj
def tag_list(home: Home, as_json: bool) -> None:
    """List the tags in use, with how many items have each."""
    _names(ask_agent(home, "tags"), "TAG", as_json=as_json)


@click.group("folder")
def folder_command() -> None:
    """Make, fill, rename, list and forget folders; `/` nests them.

    \b
    Examples:
      clisk folder move Work/Servers db1 db2
      clisk folder move "" db2
      clisk folder rename Work Job
      clisk folder rm Job
    """


@folder_command.command("list")
@json_option
@click.pass_obj
def folder_list(home: Home, as_json: bool) -> None:
    """List the folders, empty ones too."""
    _names(ask_agent(home, "folders"), "FOLDER", as_json=as_json)


@folder_command.command("add")
@click.argument("name", shell_complete=folder_names)
@json_option
@click.pass_obj
def folder_add(home: Home, name: str, as_json: bool) -> None:
    """Make a folder that stays although nothing is in it.

    \b
    Example:
      clisk folder add Work/Servers
    """
    answer = ask_agent(home, "folders.add", {"name": name})
    _say(answer, "made", as_json=as_json)


@folder_command.command("move")
@click.argument("folder", shell_complete=folder_names)
@click.argument("items", nargs=-1, required=True, shell_complete=item_titles)
@json_option
@click.pass_obj
def folder_move(home: Home, folder: str, items: tuple[str, ...], as_json: bool) -> None:
    """Move items into FOLDER; an empty name takes them out of any."""
    _arrange(home, items, {"folder": folder}, as_json=as_json)


@folder_command.command("rename")
@click.argument("name", shell_complete=folder_names)
@click.argument("to", shell_complete=folder_names)
@json_option
@click.pass_obj
def folder_rename(home: Home, name: str, to: str, as_json: bool) -> None:
    """Call a folder by another name, with all that is in it."""
    answer = ask_agent(home, "folders.rename", {"name": name, "to": to})
    moved = len(cast(list[str], answer["items"]))
    _say(answer, f"renamed; {output.count(moved, 'item')} moved", as_json=as_json)


@folder_command.command("rm")
@click.argument("name", shell_complete=folder_names)
@json_option
@click.pass_obj
def folder_rm(home: Home, name: str, as_json: bool) -> None:
    """Forget a folder and those within it; their items stay, in no folder."""
    answer = ask_agent(home, "folders.remove", {"name": name})
    left = len(cast(list[str], answer["items"]))
    _say(answer, f"removed; {output.count(left, 'item')} now in none", as_json=as_json)


@click.command("history")
@click.argument("item", shell_complete=item_titles)
@click.option(
    *("-f", "--field"),
    metavar="FIELD",
    shell_complete=item_fields,
    help="Only this field.",
)
@click.option("--show", metavar="N", help="Write version N; recorded.")
@click.option("--restore", metavar="N", help="Bring version N back.")
@again_option
@json_option
@click.pass_obj
def history_command(
    home: Home,
    item: str,
    field: str | None,
    show: str | None,
    restore: str | None,
    passphrase_fd: int | None,
    as_json: bool,
) -> None:
    """List every value that the fields of an item ever had.

    The newest is number 1, so that an edit moves the others on; --show and --restore
    also take the stamp by which --json names a version. A secret shows when it was
    there, and what it was only with --show, which the access log records. Bringing a
    version back makes it the newest; nothing is ever overwritten.

    \b
    Examples:
      clisk history GitHub
      clisk history GitHub --field password --show 2
      clisk history GitHub --field password --restore 2
    """
    if show is None and restore is None:
        params: Message = {"item": item, **({"field": field} if field else {})}
        answer = ask_agent(home, "history", params)
        if as_json:
            output.write_json(answer)
        else:
            _show_history(answer, whole=field is None)
        return
    if field is None or (show is not None and restore is not None):
        raise UsageError(
            "--show and --restore each need --field, and not each other",
            advice="clisk history ITEM lists the fields",
        )
    wanted = str(restore or show)
    version = _find_version(home, item, field, wanted)
    # What is not found goes to the agent as it was typed, which records the attempt.
    stamp = version["version"] if version else wanted
    params = {"item": item, "field": field, "version": stamp}
    if restore is not None:
        answer = ask_agent(home, "history.restore", params, passphrase_fd=passphrase_fd)
        said = "restored"
        if version:
            written = date_and_time(version["time_ms"])
            said = f"restored what {version['device_name']} wrote on {written}"
        _say(answer, said, as_json=as_json)
        return
    from clisk.terminal import write_value

    answer = ask_agent(home, "history.reveal", params, passphrase_fd=passphrase_fd)
    if as_json:
        output.write_json(answer)
    else:
        write_value(str(answer["value"]))


def _find_version(
    home: Home, item: str, field: str, wanted: str
) -> dict[str, Any] | None:
    """Return the version that a person means by its number, a script by its stamp."""
    try:
        answer = ask_agent(home, "history", {"item": item, "field": field})
    except AgentRefusal:
        return None
    (found,) = cast(list[dict[str, Any]], answer["fields"])
    for version in cast(list[dict[str, Any]], found["versions"]):
        if wanted in (str(version["number"]), version["version"]):
            return version
    return None


def _show_history(answer: Message, *, whole: bool) -> None:
    """Write each version; of the *whole* item one row a file, as it stands."""
    rows = []
    for field in cast(list[dict[str, Any]], answer["fields"]):
        file = field["field"].startswith("attachment.")
        for version in field["versions"][: 1 if file and whole else None]:
            value = _MASK if version["secret"] else version["value"]
            if version["removed"]:
                value = "(removed: clisk attach restore)" if file else "(emptied)"
            elif file and whole:
                value = output.count(int(value), "byte")
            rows.append(
                (
                    field["name"],
                    version["number"],
                    date_and_time(version["time_ms"]),
                    version["device_name"],
                    value,
                )
            )
    output.write_table(("FIELD", "N", "WRITTEN", "BY", "VALUE"), rows)


def _arrange(
    home: Home, items: tuple[str, ...], change: Message, *, as_json: bool
) -> None:
    answer = ask_agent(home, "arrange", {"items": list(items), **change})
    changed = output.count(len(items), "item")
    _say(answer, f"done: {changed}", as_json=as_json)


def _names(answer: Message, heading: str, *, as_json: bool) -> None:
    if as_json:
        output.write_json(answer)
        return
    rows = cast(list[dict[str, Any]], answer["names"])
    output.write_table(
        (heading, "ITEMS"), ((each["name"], each["items"]) for each in rows)
    )


def _say(answer: Message, text: str, *, as_json: bool) -> None:
    if as_json:
        output.write_json(answer)
    else:
        output.say(text)
