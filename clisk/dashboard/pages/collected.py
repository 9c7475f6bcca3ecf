"""What konnectors fetched: files and bills, with sums by month and by vendor."""

from __future__ import annotations

import hashlib
import os
import stat
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from starlette.responses import Response

from clisk.dashboard import charts
from clisk.dashboard.handing_out import handed_out
from clisk.dashboard.page import act, show
from clisk.dashboard.visit import Visit
from clisk.errors import CliskError
from konnector_runner.collected import Row, as_csv, as_json, find_collected, rows

ROWS = 500
_MONTHS = 24
_VENDORS = 8
_MAX_BYTES = 256 << 20


def listed(visit: Visit) -> Response:
    """Show the files, newest bill first, and plots of the bills."""
    table, spoilt = _table(visit)
    wanted = visit.query.get("konnector", "")
    names = sorted({row.konnector for row in table})
    shown = [row for row in table if wanted in {"", row.konnector}]
    newest = sorted(shown, key=lambda row: row.date, reverse=True)
    return visit.show(
        "collected.html",
        rows=[(_name(row), row) for row in newest[:ROWS]],
        total=len(shown),
        spoilt=spoilt,
        names=names,
        konnector=wanted,
        sums=_sums(shown),
    )


def _table(visit: Visit) -> tuple[list[Row], list[str]]:
    collected, spoilt = find_collected(visit.desk.collected)
    return rows(collected), spoilt


def _sums(table: Sequence[Row]) -> list[dict[str, Any]]:
    """Return for each currency the plots of its bills: amounts are never mixed."""
    found: list[dict[str, Any]] = []
    for currency in sorted({row.currency for row in table if row.amount is not None}):
        bills = [row for row in table if row.currency == currency]
        months, vendors = defaultdict[str, float](float), defaultdict[str, float](float)
        for row in bills:
            months[row.date[:7]] += row.amount or 0
            vendors[row.vendor] += row.amount or 0
        by_vendor = sorted(vendors.items(), key=lambda each: -each[1])[:_VENDORS]
        found.append(
            {
                "currency": currency,
                "total": sum(months.values()),
                "months": charts.bars(
                    sorted(months.items())[-_MONTHS:], width=900, height=120
                ),
                "vendors": by_vendor,
            }
        )
    return found


def _name(row: Row) -> str:
    # No path comes from a request: a file is asked for by what it is called here.
    return hashlib.sha256(row.file.encode()).hexdigest()[:32]


def download(visit: Visit) -> Response:
    """Hand out one collected file, as it is, to be saved and not to be shown."""
    table, _spoilt = _table(visit)
    for row in table:
        if _name(row) == visit.params["name"]:
            return handed_out(_read(visit, Path(row.file)), Path(row.file).name)
    raise CliskError("there is no such file", advice="look at the list again")


def _read(visit: Visit, path: Path) -> bytes:
    """Return the bytes of a plain file below the folder; a link leads nowhere."""
    root = visit.desk.collected.resolve()
    if not path.resolve().is_relative_to(root):
        raise CliskError(
            "that file does not lie with what was collected",
            advice="load the page again: it may have been moved",
        )
    try:
        opened = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    except OSError as err:
        raise CliskError(
            "the file cannot be read", advice=os.strerror(err.errno or 0).lower()
        ) from err
    with os.fdopen(opened, "rb") as file:
        facts = os.fstat(file.fileno())
        if not stat.S_ISREG(facts.st_mode) or facts.st_size > _MAX_BYTES:
            raise CliskError(
                "that is no plain file of a size to be handed out",
                advice="look at it in its folder: clisk data list",
            )
        return file.read(_MAX_BYTES)


def export(visit: Visit) -> Response:
    """Hand out the list as CSV or JSON."""
    table, _spoilt = _table(visit)
    if visit.form.get("format") == "json":
        return handed_out(as_json(table).encode(), "collected.json")
    return handed_out(as_csv(table).encode(), "collected.csv")


ROUTES = (
    show("/data", listed),
    show("/data/{name:str}", download),
    act("/data/export", export),
)
