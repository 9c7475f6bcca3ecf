"""attach: files that belong to items."""

from __future__ import annotations

import base64
import mimetypes
import os
import sys
from pathlib import Path
from typing import Any, BinaryIO, cast

import click

from clisk import output
from clisk.commands.options import (
    again_option,
    ask_agent,
    item_attachments,
    item_titles,
    json_option,
)
from clisk.errors import InputError
from clisk.home import Home
from clisk.times import date_and_time
from clisk.wire import Message

MAX_BYTES = 10 * 1024 * 1024


@click.group("attach")
def attach_command() -> None:
    """Keep files with items: sealed, synced, and read like any secret.

    \b
    Examples:
      clisk attach add Passport scan.pdf
      clisk attach list Passport
      clisk attach get Passport scan.pdf --output scan.pdf
      clisk attach rm Passport scan.pdf
      clisk attach restore Passport scan.pdf
    """


@attach_command.command("add")
@click.argument("item", shell_complete=item_titles)
@click.argument("file", type=click.File("rb"))
@click.option("--name", metavar="NAME", help="What to call it; else the file's name.")
@json_option
@click.pass_obj
def attach_add(
    home: Home, item: str, file: BinaryIO, name: str | None, as_json: bool
) -> None:
    """Attach FILE to an item; - reads from a pipe. At most 10 MiB."""
    called = name or Path(getattr(file, "name", "")).name
    if not called or called == "<stdin>":
        raise InputError("the file has no name", advice="say --name NAME")
    try:
        data = file.read(MAX_BYTES + 1)
    except OSError as err:
        raise InputError(
            f"the file cannot be read: {err.strerror}",
            advice="check its path and its permissions",
        ) from None
    if len(data) > MAX_BYTES:
        raise InputError(
            f"the file is larger than {MAX_BYTES:,} bytes, the most that fits",
            advice="keep the file elsewhere, and its password or place here",
        )
    answer = ask_agent(
        home,
        "attach.add",
        {
            "item": item,
            "name": called,
            "data": base64.b64encode(data).decode(),
            "media_type": mimetypes.guess_type(called)[0] or "",
        },
    )
    if as_json:
        output.write_json(answer)
    else:
        output.say(f"attached {called}: {output.count(len(data), 'byte')}")


@attach_command.command("list")
@click.argument("item", shell_complete=item_titles)
@click.option("--removed", is_flag=True, help="What was taken off it, instead.")
@json_option
@click.pass_obj
def attach_list(home: Home, item: str, removed: bool, as_json: bool) -> None:
    """List the attachments of an item. None is opened.

    \b
    Examples:
      clisk attach list Passport
      clisk attach list Passport --removed
    """
    if removed:
        _list_removed(ask_agent(home, "attach.removed", {"item": item}), as_json)
        return
    answer = ask_agent(home, "attach.list", {"item": item})
    if as_json:
        output.write_json(answer)
        return
    rows = cast(list[dict[str, Any]], answer["attachments"])
    output.write_table(
        ("ID", "NAME", "BYTES", "TYPE", "HERE"),
        (
            (
                row["id"],
                row["name"],
                row["size"],
                row["media_type"],
                "yes" if row["here"] else "not yet: clisk sync",
            )
            for row in rows
        ),
    )


@attach_command.command("get")
@click.argument("item", shell_complete=item_titles)
@click.argument("name", shell_complete=item_attachments)
@click.option(
    "-o",
    "--output",
    "target",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write it there; else to standard output.",
)
@click.option("--force", is_flag=True, help="Overwrite a file that is there.")
@again_option
@json_option
@click.pass_obj
def attach_get(
    home: Home,
    item: str,
    name: str,
    target: Path | None,
    force: bool,
    passphrase_fd: int | None,
    as_json: bool,
) -> None:
    """Write an attachment, by name or id; the access log records it first.

    As JSON its bytes are in base64.
    """
    params: Message = {"item": item, "name": name}
    if as_json:
        found = ask_agent(home, "attach.get", params, passphrase_fd=passphrase_fd)
        output.write_json(found)
        return
    if target is None and sys.stdout.isatty():
        raise InputError(
            "a file is not written to a terminal",
            advice="say --output FILE, or send it to a program",
        )
    if target is not None and target.exists() and not force:
        raise InputError(
            "a file is there already", advice="choose another name, or --force"
        )
    answer = ask_agent(home, "attach.get", params, passphrase_fd=passphrase_fd)
    data = base64.b64decode(str(answer["data"]))
    if target is None:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
        return
    _write_private(target, data)
    output.say(f"written: {output.count(len(data), 'byte')}; nobody else can read it")


@attach_command.command("rm")
@click.argument("item", shell_complete=item_titles)
@click.argument("name", shell_complete=item_attachments)
@json_option
@click.pass_obj
def attach_rm(home: Home, item: str, name: str, as_json: bool) -> None:
    """Take an attachment off an item; `clisk attach restore` brings it back.

    It stays until the item is purged.
    """
    answer = ask_agent(home, "attach.remove", {"item": item, "name": name})
    if as_json:
        output.write_json(answer)
    else:
        output.say("removed")


@attach_command.command("restore")
@click.argument("item", shell_complete=item_titles)
@click.argument("name")
@json_option
@click.pass_obj
def attach_restore(home: Home, item: str, name: str, as_json: bool) -> None:
    """Bring back an attachment that was taken off, by name or id.

    \b
    Example:
      clisk attach restore Passport scan.pdf
    """
    answer = ask_agent(home, "attach.restore", {"item": item, "name": name})
    if as_json:
        output.write_json(answer)
    else:
        output.say("brought back")


def _list_removed(answer: Message, as_json: bool) -> None:
    if as_json:
        output.write_json(answer)
        return
    rows = cast(list[dict[str, Any]], answer["removed"])
    output.write_table(
        ("ID", "NAME", "BYTES", "REMOVED"),
        (
            (row["id"], row["name"], row["size"], date_and_time(row["removed_ms"]))
            for row in rows
        ),
    )


def _write_private(target: Path, data: bytes) -> None:
    """Write all of *data* or nothing, readable by this user alone."""
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        with os.fdopen(
            os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb"
        ) as f:
            f.write(data)
            f.flush()
            os.fsync(f.fileno())
        part.replace(target)
    except OSError as err:
        part.unlink(missing_ok=True)
        raise InputError(
            f"the file cannot be written: {err.strerror}",
            advice="look at the folder and the space that is left",
        ) from None
    except BaseException:
        part.unlink(missing_ok=True)
        raise
