"""Everything that runs collected below one folder: for lists, and to export.

<root>/<konnector>/<account>/ as collect.py leaves it. Only reads.
Spec: protocol/konnector-bridge.md §7.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, time
from pathlib import Path

from konnector_runner.bills import BOOK_NAME, Bill, BillBook
from konnector_runner.errors import CollectError
from konnector_runner.file_index import INDEX_NAME, FileIndex, SavedFile

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True, slots=True)
class Collected:
    """What one konnector collected for one account."""

    konnector: str
    account: str
    folder: Path
    files: tuple[SavedFile, ...]
    bills: tuple[Bill, ...]


@dataclass(frozen=True, slots=True)
class Row:
    """One file, with what the bill says if it is one."""

    konnector: str
    account: str
    file: str
    media_type: str
    size: int
    date: str
    amount: float | None
    currency: str
    vendor: str


def find_collected(root: Path) -> tuple[list[Collected], list[str]]:
    """Return what was collected below *root*, and which folders cannot be read."""
    found: list[Collected] = []
    spoilt: list[str] = []
    for folder in sorted(_account_folders(root)):
        try:
            files = tuple(FileIndex(folder).all())
            bills = tuple(BillBook(folder).all())
        except CollectError as err:
            spoilt.append(f"{folder}: {err}")
            continue
        found.append(Collected(folder.parent.name, folder.name, folder, files, bills))
    return found, spoilt


def rows(collected: Sequence[Collected]) -> list[Row]:
    """Return a row for each file, oldest bill first within an account."""
    return [row for each in collected for row in _rows(each)]


def as_json(table: Sequence[Row]) -> str:
    """Return *table* as JSON."""
    return json.dumps([asdict(row) for row in table], indent=1, ensure_ascii=False)


def as_csv(table: Sequence[Row]) -> str:
    """Return *table* as CSV (RFC 4180).

    The texts are a site's: one that a spreadsheet would run as a formula gets a
    quote in front.
    """
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\r\n")
    writer.writerow(Row.__slots__)
    for row in table:
        writer.writerow([_harmless(value) for value in asdict(row).values()])
    return buffer.getvalue()


def _rows(each: Collected) -> list[Row]:
    bills = {bill.file: bill for bill in each.bills}
    made = []
    for saved in each.files:
        bill = bills.get(saved.path)
        made.append(
            Row(
                each.konnector,
                each.account,
                str(each.folder / saved.path),
                saved.media_type,
                saved.size,
                "" if bill is None else _day(bill.date),
                None if bill is None else bill.amount,
                "" if bill is None else bill.currency,
                "" if bill is None else bill.vendor,
            )
        )
    return sorted(made, key=lambda row: (row.date, row.file))


def _day(date: str) -> str:
    """Return the day that stands on the bill.

    A konnector's `new Date(2024, 0, 31)` is midnight here, the evening before in UTC;
    one made of the text "2024-01-31" is midnight in UTC, and a day without a time.
    """
    try:
        when = datetime.fromisoformat(date).astimezone(UTC)
        is_day_alone = when.time() == time()
        return (when if is_day_alone else when.astimezone()).date().isoformat()
    except (ValueError, OverflowError):
        return date[:10]  # a list of bills that somebody else wrote


def _account_folders(root: Path) -> Iterator[Path]:
    for name in (INDEX_NAME, BOOK_NAME):
        # Straight below, where a run was told a folder of its own (--to).
        for path in (*root.glob(f"*/{name}"), *root.glob(f"*/*/{name}")):
            if name == INDEX_NAME or not (path.parent / INDEX_NAME).exists():
                yield path.parent


def _harmless(value: object) -> object:
    if isinstance(value, str) and value.startswith(_FORMULA):
        return f"'{value}"
    return "" if value is None else value
