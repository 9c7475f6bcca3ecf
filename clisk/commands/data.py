"""data: what konnectors collected, in plain files of the person's own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from clisk import output
from clisk.commands.options import json_option, konnector_names
from clisk.errors import CliskError, UsageError

if TYPE_CHECKING:
    from konnector_runner.collected import Row

_OPENERS = {"darwin": "open", "linux": "xdg-open"}


@click.group("data")
def data_command() -> None:
    """What konnectors fetched for you: files and bills, in ~/Clisk or --in.

    They are plain files, and stay where they are when you remove a konnector. What
    sites say of you yourself (identity) is kept in the vault, with the login's item.
    """


_folder_option = click.option(
    "--in",
    "folder",
    type=click.Path(file_okay=False),
    help="The folder that konnectors save to. Default: ~/Clisk.",
)
_filter_options = (
    click.option(
        "--konnector",
        metavar="NAME",
        shell_complete=konnector_names,
        help="Only of this konnector.",
    ),
    click.option("--account", metavar="ACCOUNT", help="Only of this account."),
    click.option("--bills", is_flag=True, help="Only bills."),
    _folder_option,
)


def _filters(command: click.decorators.FC) -> click.decorators.FC:
    for option in reversed(_filter_options):
        command = option(command)
    return command


@data_command.command("list")
@_filters
@json_option
def list_command(
    konnector: str | None,
    account: str | None,
    bills: bool,
    folder: str | None,
    as_json: bool,
) -> None:
    """List what was collected; bills with their date and amount.

    In a pipe each line is: konnector, account, date, amount, currency, vendor, file.

    \b
    Examples:
      clisk data list --bills
      clisk data list --konnector edf
    """
    table = _table(folder, konnector, account, bills=bills)
    if as_json:
        from dataclasses import asdict

        output.write_json({"files": [asdict(row) for row in table]})
        return
    output.write_table(
        ("KONNECTOR", "ACCOUNT", "DATE", "AMOUNT", "CURRENCY", "VENDOR", "FILE"),
        (
            (
                row.konnector,
                row.account,
                row.date,
                "" if row.amount is None else f"{row.amount:.2f}",
                row.currency,
                row.vendor,
                row.file,
            )
            for row in table
        ),
    )


@data_command.command("open")
@click.argument("name")
@_folder_option
@click.option("--print", "only_print", is_flag=True, help="Only print the path.")
@json_option
def open_command(
    name: str, folder: str | None, only_print: bool, as_json: bool
) -> None:
    """Open the one collected file whose path holds NAME.

    \b
    Example:
      clisk data open 2024-01
    """
    table = _table(folder, None, None, bills=False)
    found = [row for row in table if name.casefold() in row.file.casefold()]
    exact = [row for row in found if Path(row.file).name.casefold() == name.casefold()]
    found = exact or found
    if len(found) != 1:
        raise CliskError(
            "no collected file has this in its path"
            if not found
            else f"{len(found)} collected files have this in their path",
            advice="look at: clisk data list",
        )
    path = found[0].file
    if as_json:
        output.write_json({"file": path})
    else:
        output.write_line(path)
    opener = _OPENERS.get(sys.platform)
    if only_print or opener is None:
        return
    try:
        subprocess.Popen(
            [opener, path],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    except OSError:
        raise CliskError(
            f"{opener} is not here to open it", advice="the path stands above: --print"
        ) from None


@data_command.command("export")
@_filters
@click.option(
    "--format",
    "kind",
    type=click.Choice(["json", "csv"]),
    default="json",
    show_default=True,
    help="For programs, or for a spreadsheet.",
)
@click.option(
    "-o", "--output", "target", type=click.Path(dir_okay=False), help="Into this file."
)
def export_command(
    konnector: str | None,
    account: str | None,
    bills: bool,
    folder: str | None,
    kind: str,
    target: str | None,
) -> None:
    """Write the list of what was collected, to the terminal or a new file.

    \b
    Examples:
      clisk data export --bills --format csv -o bills.csv
      clisk data export --konnector edf
    """
    from konnector_runner.collected import as_csv, as_json

    table = _table(folder, konnector, account, bills=bills)
    text = as_csv(table) if kind == "csv" else as_json(table) + "\n"
    if target is None:
        sys.stdout.write(text)
        return
    try:
        # "x": nothing that is there is written over.
        with Path(target).open("x", encoding="utf-8", newline="") as file:
            file.write(text)
    except FileExistsError:
        raise UsageError(
            "there is a file by that name", advice="choose another: -o FILE"
        ) from None
    except OSError as err:
        raise CliskError(
            f"the list cannot be written: {err.strerror}",
            advice="choose another place: -o FILE",
        ) from None
    output.say(f"{output.count(len(table), 'row')} in {target}")


def _table(
    folder: str | None, konnector: str | None, account: str | None, *, bills: bool
) -> list[Row]:
    from konnector_runner.collected import find_collected, rows

    root = Path(folder) if folder else Path.home() / "Clisk"
    collected, spoilt = find_collected(root)
    for line in spoilt:
        output.say(f"left out: {line}")
    return [
        row
        for row in rows(collected)
        if konnector in (None, row.konnector)
        and account in (None, row.account)
        and (row.amount is not None or not bills)
    ]
