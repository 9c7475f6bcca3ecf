"""import: items from another password manager, with a report of every field."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast

import click

from clisk import output
from clisk.client import AgentClient
from clisk.commands.options import json_option
from clisk.errors import InputError, UsageError
from clisk.home import Home
from clisk.wire import Message

if TYPE_CHECKING:
    from clisk_vault.transfer.file_secrets import FileSecrets
    from clisk_vault.transfer.imported import ForeignFile

MAX_FILE_BYTES = 1024 * 1024 * 1024
_FORMATS = (
    "auto", "bitwarden", "keepass", "1password", "proton", "cxf", "csv", "firefox",
    "lastpass", "keepassxc", "safari", "chrome",
)  # fmt: skip


@click.command("import")
@click.argument("file", type=click.File("rb"))
@click.option(
    "--format",
    "kind",
    type=click.Choice(_FORMATS),
    default="auto",
    show_default=True,
    help="What wrote the file. auto: told by what is in it.",
)
@click.option("--dry-run", is_flag=True, help="Only report what would happen.")
@click.option(
    "--file-password-fd",
    type=int,
    metavar="N",
    help="Read the file's own password from this descriptor.",
)
@click.option(
    "--key-file",
    type=click.Path(exists=True, dir_okay=False),
    help="The key file of a KeePass database.",
)
@click.option(
    "--account-key-fd",
    type=int,
    metavar="N",
    help="Read a Bitwarden account's key (base64) from this descriptor.",
)
@click.option(
    "--map",
    "mapping",
    multiple=True,
    metavar="COLUMN=FIELD",
    help="What a column of a CSV file is: title, username, password, uri, totp, ...",
)
@click.option(
    "--without-large-files",
    is_flag=True,
    help="Leave out files that are too large for a vault, and say which.",
)
@click.option(*("-v", "--verbose"), is_flag=True, help="List what was skipped, too.")
@json_option
@click.pass_obj
def import_command(
    home: Home,
    file: BinaryIO,
    kind: str,
    dry_run: bool,
    file_password_fd: int | None,
    key_file: str | None,
    account_key_fd: int | None,
    mapping: tuple[str, ...],
    without_large_files: bool,
    verbose: bool,
    as_json: bool,
) -> None:
    """Bring items from another password manager; FILE may be - for a pipe.

    Reads exports of Bitwarden (JSON, encrypted, CSV, zip), KeePass databases
    (KDBX 3.1 and 4), 1Password (1PUX), Proton Pass, Chrome, Firefox, Safari,
    LastPass, KeePassXC (CSV), and CXF. Everything is kept: what has no field of
    its own becomes a custom field, or stays word for word in a hidden one, and
    the report names it. An import happens whole or not at all; a second one adds
    only what has changed at its source since, and an export of this very vault
    what it has no more. Through a pipe no file with your passwords is left lying on
    the disk.

    \b
    Examples:
      clisk import export.json --dry-run
      bw export --format json --raw | clisk import -
      clisk import Passwords.kdbx                  # asks for the file's password
      clisk import old.csv --map Site=title --map Login=username --map Pw=password
    """
    from clisk import importing

    data = _read(file)
    given = _secrets(file_password_fd, key_file, account_key_fd)
    found = _parse(data, kind, given, _mapping(mapping))
    left_out: list[tuple[str, tuple[str, ...]]] = []
    if without_large_files:
        found, left_out = _leave_out(found)
    with AgentClient.connect(home) as agent:
        answer = importing.hand_over(
            agent, found, dry_run=dry_run, on_event=output_progress
        )
        rows = [cast(dict[str, Any], row) for row in importing.report(agent)]
    if as_json:
        output.write_json(
            {**answer, "items": rows, "left_out": [list(each) for each in left_out]}
        )
    else:
        # A dry run is for looking at; afterwards what stayed as it was is a number.
        told = [e for e in rows if verbose or dry_run or e["action"] != "skipped"]
        _report(answer, told, left_out)


def _read(file: BinaryIO) -> bytes:
    data = file.read(MAX_FILE_BYTES + 1)
    if len(data) > MAX_FILE_BYTES:
        raise InputError(
            f"the file is larger than {MAX_FILE_BYTES} bytes",
            advice="split it where it was exported, or export without attachments",
        )
    return data


def _secrets(
    password_fd: int | None, key_file: str | None, account_key_fd: int | None
) -> FileSecrets:
    from clisk.passphrase_input import read_secret
    from clisk_vault.transfer.file_secrets import FileSecrets

    return FileSecrets(
        password=None if password_fd is None else read_secret(password_fd),
        key_file=None if key_file is None else Path(key_file).read_bytes(),
        account_key=None if account_key_fd is None else read_secret(account_key_fd),
    )


def _parse(
    data: bytes, kind: str, given: FileSecrets, mapping: dict[str, str]
) -> ForeignFile:
    from clisk import importing
    from clisk.passphrase_input import ask_secret
    from clisk_vault.transfer.file_secrets import FilePasswordNeeded

    try:
        return importing.read(data, kind, secrets=given, mapping=mapping)
    except FilePasswordNeeded as needed:
        if given.password is not None or not has_terminal():
            raise
        output.say(str(needed))
    asked = ask_secret("Password of the file")
    given = replace(given, password=asked)
    return importing.read(data, kind, secrets=given, mapping=mapping)


def has_terminal() -> bool:
    """Return whether there is a terminal to ask on."""
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
    except OSError:
        return False
    return True


def _mapping(given: tuple[str, ...]) -> dict[str, str]:
    mapping: dict[str, str] = {}
    for each in given:
        column, equals, field = each.rpartition("=")
        if not equals or not column or not field:
            raise UsageError("--map takes COLUMN=FIELD, such as 'Login name=username'")
        mapping[column.strip()] = field.strip()
    return mapping


def _leave_out(
    file: ForeignFile,
) -> tuple[ForeignFile, list[tuple[str, tuple[str, ...]]]]:
    from clisk_vault.transfer.imported import without_large_files

    items = tuple(without_large_files(each) for each in file.items)
    left = [(str(i.fields.get("title", "")), i.left_out) for i in items if i.left_out]
    return replace(file, items=items), left


def output_progress(event: str, data: Message) -> None:
    """Say how far a long operation has come."""
    if event == "progress":
        output.say(f"{data['items']} items so far")


def _report(
    answer: Message,
    rows: list[dict[str, Any]],
    left_out: list[tuple[str, tuple[str, ...]]],
) -> None:
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
            for row in rows
        ),
    )
    for title, names in left_out:
        output.say(f"left out of {title}: {', '.join(names)}")
    shown = ", ".join(
        f"{answer[name]} {name}" for name in ("added", "merged", "skipped")
    )
    if answer["files"]:
        shown += f"; with {output.count(answer['files'], 'file')}"
    output.say(
        f"nothing was done yet; it would be: {shown}" if answer["dry_run"] else shown
    )
