"""export: everything, in another program's format, for whoever leaves or doubles."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from clisk import output
from clisk.client import AgentClient
from clisk.commands.options import (
    folder_names,
    json_option,
    passphrase_option,
    tag_names,
)
from clisk.errors import InputError, UsageError
from clisk.home import Home

if TYPE_CHECKING:
    from clisk_vault.keys import SecretText
    from clisk_vault.transfer.outgoing import LossReport

_FORMATS = ("bitwarden", "bitwarden-encrypted", "csv", "cxf", "kdbx")
_SEALED = ("bitwarden-encrypted", "kdbx")
_SHOWN = 20


@click.command("export")
@click.argument("file", type=click.Path(allow_dash=True))
@click.option(
    "--format",
    "kind",
    type=click.Choice(_FORMATS),
    required=True,
    help="bitwarden-encrypted and kdbx are sealed with a password of their own.",
)
@passphrase_option("Read this vault's passphrase from this descriptor.")
@click.option(
    "--file-password-fd",
    type=int,
    metavar="N",
    help="Read the password of the file from this descriptor.",
)
@click.option("--yes", is_flag=True, help="Do not ask whether plain text is meant.")
@click.option("--force", is_flag=True, help="Replace a file that is there.")
@click.option("--trash", is_flag=True, help="Items in the trash too.")
@click.option(
    "--folder",
    metavar="NAME",
    shell_complete=folder_names,
    help="Only items in this folder, and those within it.",
)
@click.option(
    "--tag", metavar="TAG", shell_complete=tag_names, help="Only items with this tag."
)
@click.option(
    "--csv-cells",
    type=click.Choice(["refuse", "exact", "guarded"]),
    default="refuse",
    show_default=True,
    help="What to do with cells that a spreadsheet would run as a formula.",
)
@click.option(
    "--to-terminal", is_flag=True, help="With - as FILE: write to a terminal too."
)
@json_option
@click.pass_obj
def export_command(
    home: Home,
    file: str,
    kind: str,
    passphrase_fd: int | None,
    file_password_fd: int | None,
    yes: bool,
    force: bool,
    trash: bool,
    folder: str | None,
    tag: str | None,
    csv_cells: str,
    to_terminal: bool,
    as_json: bool,
) -> None:
    """Take items out, in another program's format; FILE may be - for a pipe.

    All of them, unless --folder or --tag says which.

    Every value that is written is in the access log first, as an export. The vault's
    passphrase is asked for again. The file is for its owner alone (mode 0600), and
    appears whole or not at all. What a format has no place for is named in the end:
    kept under our own names as further fields, or, in CSV, left out. Bring it all
    back with `clisk import`; for a copy to keep, `clisk backup` loses nothing.

    \b
    Examples:
      clisk export passwords.kdbx --format kdbx
      clisk export family.kdbx --format kdbx --folder Family
      clisk export bw.json --format bitwarden-encrypted
      clisk export - --format cxf --yes | some-other-program
    """
    from clisk import exporting
    from clisk.new_file import check_target, write_new
    from clisk_vault.transfer.csv_out import Formulas

    piped = file == "-"
    if piped and sys.stdout.isatty() and not to_terminal:
        raise InputError(
            "an export is not written to a terminal",
            advice="name a file, or send it to a program; or, if you must,"
            " --to-terminal",
        )
    if piped and as_json:
        raise UsageError("--json and an export to standard output exclude each other")
    if not piped:
        check_target(Path(file), replace=force)
    if kind not in _SEALED and not yes:
        _confirm()
    passphrase = _secret(passphrase_fd, "Passphrase of this vault", twice=False)
    password = None
    if kind in _SEALED:
        password = _secret(file_password_fd, "New password for the file", twice=True)
    wanted = exporting.Export(kind, password, Formulas(csv_cells), trash, folder, tag)
    with AgentClient.connect(home) as agent:
        data, report, total = exporting.export(agent, wanted, passphrase, _progress)
    if piped:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    else:
        write_new(Path(file), data, replace=force)
    if as_json:
        output.write_json(
            {"items": total, "renamed": report.renamed, "lost": report.lost}
        )
    else:
        _report(report, total, kind)


def _confirm() -> None:
    from clisk.passphrase_input import ask_line

    output.say("This file will hold every password in the open: whoever reads it, or")
    output.say("the disk that it was on, has them all.")
    answer = ask_line(
        "Write it all the same? (yes) ", advice="say so with --yes, or choose kdbx"
    )
    if answer.lower() not in ("yes", "y"):
        raise InputError(
            "nothing was exported",
            advice="run it again and say yes, or: clisk backup create, which is sealed",
        )


def _secret(descriptor: int | None, prompt: str, *, twice: bool) -> SecretText:
    from clisk.passphrase_input import ask_secret, read_secret

    if descriptor is not None:
        return read_secret(descriptor)
    return ask_secret(prompt, twice=twice)


def _progress(done: int, total: int) -> None:
    if done % 1024 == 0 and done != total:
        output.say(f"{done} of {total} items so far")


def _report(report: LossReport, total: int, kind: str) -> None:
    output.say(f"{output.count(total, 'item')} written as {kind}")
    for says, table in (
        ("kept under our own names (clisk:...)", report.renamed),
        ("NOT in the file", report.lost),
    ):
        if not table:
            continue
        output.say(f"{says}: something of {output.count(len(table), 'item')}")
        for title, names in list(table.items())[:_SHOWN]:
            output.say(f"  {title}: {', '.join(names)}")
        if len(table) > _SHOWN:
            output.say(f"  ... and {len(table) - _SHOWN} more; all of them with --json")
