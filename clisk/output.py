"""Results on standard output: JSON, or tables (drawn on a terminal, tabs in a pipe)."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence

from clisk.terminal import printable


def write_json(data: object) -> None:
    """Write one JSON document."""
    sys.stdout.write(json.dumps(data, indent=2, ensure_ascii=False) + "\n")


def write_line(text: str = "") -> None:
    """Write one line of result."""
    sys.stdout.write(printable(text) + "\n")


def say(text: str) -> None:
    """Tell the person something that is no result, on standard error."""
    sys.stderr.write(printable(text) + "\n")
    sys.stderr.flush()


def write_table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write *rows*: with headings on a terminal, as tab-separated lines in a pipe."""
    cells = [[printable(str(cell)) for cell in row] for row in rows]
    if not sys.stdout.isatty():
        for row in cells:
            sys.stdout.write("\t".join(row) + "\n")
        return
    if not cells:
        return  # headings alone say nothing
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in cells:
        # Text, not str: a title may look like rich's markup.
        table.add_row(*(Text(cell) for cell in row))
    Console(highlight=False).print(table)


_SHORT_ID = 8


def item_id(text: object) -> str:
    """Return an item's id: whole in a pipe, as much as is typed on a terminal."""
    return str(text)[: _SHORT_ID if sys.stdout.isatty() else None]


def count(number: object, noun: str) -> str:
    """Return `1 item`, `2 items`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def write_facts(facts: Iterable[tuple[str, object]]) -> None:
    """Write name and value lines, aligned on a terminal."""
    known = [(name, printable(str(value))) for name, value in facts]
    width = max((len(name) for name, _ in known), default=0)
    for name, value in known:
        gap = " " * (width - len(name) + 2) if sys.stdout.isatty() else "\t"
        sys.stdout.write(f"{name}{gap}{value}\n")
