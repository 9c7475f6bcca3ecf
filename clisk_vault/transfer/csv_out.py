"""Our logins and notes as CSV, in the columns that Bitwarden has and many read.

A cell that begins like a formula is run by a spreadsheet, whoever wrote it. To
guard such a cell changes its value; so a person says which of the two is wanted.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from enum import Enum

from clisk_vault.errors import CallerError
from clisk_vault.item import TRUE
from clisk_vault.transfer.outgoing import LossReport, Outgoing

HEADER = (
    "folder", "favorite", "type", "name", "notes", "fields", "reprompt",
    "archivedDate", "login_uri", "login_username", "login_password", "login_totp",
)  # fmt: skip
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "|", "%")
_OUTSIDE = {"type", "title", "folder", "favourite", "notes", "reprompt", "archived",
            "username", "password", "totp", "origin", "created", "changed"}  # fmt: skip


class Formulas(Enum):
    """What to do with cells that a spreadsheet would run."""

    REFUSE = "refuse"
    EXACT = "exact"
    GUARDED = "guarded"


def write_csv(
    items: Iterable[Outgoing], report: LossReport, *, formulas: Formulas
) -> bytes:
    """Return the file; what it has no column for is noted in *report*.

    Raises:
        CallerError: cells that begin like a formula, and *formulas* is REFUSE.
    """
    stream = io.StringIO(newline="")
    writer = csv.writer(stream, lineterminator="\r\n")
    writer.writerow(HEADER)
    risky = 0
    for item in items:
        row = _row(item, report)
        at_risk = [cell.startswith(_FORMULA) for cell in row]
        risky += sum(at_risk)
        if formulas is Formulas.GUARDED:
            row = ["'" + c if bad else c for c, bad in zip(row, at_risk, strict=True)]
        writer.writerow(row)
    if risky and formulas is Formulas.REFUSE:
        raise CallerError(
            f"CSV export: {risky} cells begin like a formula, which a spreadsheet runs",
            advice="--csv-cells exact for another password manager; guarded for a"
            " spreadsheet, which puts ' before them",
        )
    return stream.getvalue().encode()


def _row(item: Outgoing, report: LossReport) -> list[str]:
    title = item.title
    fields = item.fields
    kind = fields.get("type", "login")
    lines = [
        f"{row.get('name', '')}: {row.get('hidden', row.get('value', ''))}"
        for row in item.rows("custom", "name", "kind", "value", "hidden")
    ]
    uris = [row["value"] for row in item.rows("uri", "value") if "value" in row]
    row = [
        fields.get("folder", ""),
        "1" if fields.get("favourite") == TRUE else "",
        "login" if kind == "login" else "note",
        title,
        fields.get("notes", ""),
        "\n".join(lines),
        "1" if fields.get("reprompt") == TRUE else "0",
        fields.get("archived", ""),
        ",".join(uris),
        fields.get("username", ""),
        fields.get("password", ""),
        fields.get("totp", ""),
    ]
    lost = [
        name.removeprefix("clisk:")
        for name, _, _ in item.left()
        if name.removeprefix("clisk:") not in _OUTSIDE
    ]
    if kind not in ("login", "note"):
        lost.append(f"that it is of the type {kind}")
    report.lose(item, title, lost + [f"file {each.name}" for each in item.files])
    return row
