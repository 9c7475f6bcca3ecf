"""import: items from another password manager, with a report of every field."""

from __future__ import annotations

from typing import Any, BinaryIO, cast

import click

from clisk import output
from clisk.commands.options import ask_agent, json_option
from clisk.errors import InputError
from clisk.home import Home
from clisk.wire import Message

MAX_FILE_BYTES = 24 * 1024 * 1024


@click.command("import")
@click.argument("file", type=click.File("rb"))
@click.option(
    "--format",
    "kind",
    type=click.Choice(["bitwarden"]),
    default="bitwarden",
    show_default=True,
    help="What wrote the file.",
)
@click.option("--dry-run", is_flag=True, help="Only report what would happen.")
@json_option
@click.pass_obj
def import_command(
    home: Home, file: BinaryIO, kind: str, dry_run: bool, as_json: bool
) -> None:
    """Bring items from another password manager; FILE may be - for a pipe.

    Everything is kept: what has no place of its own becomes a hidden field, and
    the report says which. An import happens whole or not at all. Through a pipe
    no file with your passwords is left lying on the disk.

    \b
    Examples:
      clisk import export.json --dry-run
      bw export --format json --raw | clisk import -
    """
    params: Message = {"format": kind, "text": _text(file), "dry_run": dry_run}
    answer = ask_agent(home, "import", params)
    if as_json:
        output.write_json(answer)
    else:
        _report(answer)


def _text(file: BinaryIO) -> str:
    raw = file.read(MAX_FILE_BYTES + 1)
    if len(raw) > MAX_FILE_BYTES:
        raise InputError(f"the file is larger than {MAX_FILE_BYTES} bytes")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        # From None: the cause carries the bytes of the file.
        raise InputError(
            "the file is not UTF-8 text", advice="export as .json, not .zip or .csv"
        ) from None


def _report(answer: Message) -> None:
    items = cast(list[dict[str, Any]], answer["items"])
    output.write_table(
        ("WHAT", "TYPE", "TITLE", "FIELDS", "KEPT AS HIDDEN"),
        (
            (
                row["outcome"],
                row["type"],
                row["title"],
                row["fields"],
                ", ".join(row["kept_as_hidden"]),
            )
            for row in items
        ),
    )
    added = sum(row["outcome"] == "add" for row in items)
    verb = "would be added" if answer["dry_run"] else "added"
    output.say(f"{added} items {verb}, {len(items) - added} were here already")
