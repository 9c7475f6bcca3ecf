"""import: items from another password manager, with a report of every field."""

from __future__ import annotations

from collections import Counter
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

    Everything is kept: what has no field of its own stays word for word in a
    hidden one, and the report names it. An import happens whole or not at all;
    a second one adds only what has changed at its source since. Through a pipe
    no file with your passwords is left lying on the disk.

    \b
    Examples:
      clisk import export.json --dry-run
      bw export --format json --raw | clisk import -
    """
    params: Message = {"format": kind, "text": _text(file), "dry_run": dry_run}
    answer = ask_agent(home, "import", params, on_event=_progress)
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


def _progress(event: str, data: Message) -> None:
    if event == "progress":
        output.say(f"{data['items']} items so far")


def _report(answer: Message) -> None:
    items = cast(list[dict[str, Any]], answer["items"])
    output.write_table(
        ("WHAT", "TYPE", "TITLE", "FIELDS", "KEPT WORD FOR WORD"),
        (
            (
                row["action"],
                row["type"],
                row["title"],
                len(row["fields"]),
                ", ".join(row["kept_aside"]),
            )
            for row in items
        ),
    )
    counts = Counter(row["action"] for row in items)
    shown = ", ".join(
        f"{counts[name]} {name}" for name in ("added", "merged", "skipped")
    )
    output.say(
        f"nothing was done yet; it would be: {shown}" if answer["dry_run"] else shown
    )
