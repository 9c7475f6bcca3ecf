"""The one list that every page is made of: lines, some with a secret behind them.

A secret stands on the screen only between `reveal` and `hide`; afterwards neither
the widget nor what the toolkit keeps for drawing holds it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from rich.cells import cached_cell_len
from textual.content import Content
from textual.strip import Strip
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from clisk.terminal import printable

MASK = "••••••••"


@dataclass(frozen=True, slots=True)
class Question:
    """What the agent is to be asked."""

    operation: str
    params: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Row:
    """One line. *value* None is a secret, which *read* would give."""

    key: str
    head: str
    value: str | None = ""
    marks: str = ""
    read: Question | None = None
    facts: dict[str, Any] = field(default_factory=dict)


def as_text(text: str) -> str:
    """Return *text* as it may stand on a terminal; only line feeds stay."""
    return "\n".join(printable(line) for line in text.split("\n"))


class Rows(OptionList):
    """Shows rows, and for a while what is behind one."""

    def __init__(self, *, head_width: int = 20, id: str | None = None) -> None:  # noqa: A002 - textual's name
        super().__init__(id=id, markup=False)
        self._head_width = head_width
        self._rows: list[Row] = []
        self._shown: dict[str, str] = {}

    @property
    def current(self) -> Row | None:
        """The row that the cursor is on."""
        at = self.highlighted
        return None if at is None or at >= len(self._rows) else self._rows[at]

    @property
    def revealed(self) -> frozenset[str]:
        """The keys of the rows whose secret stands on the screen."""
        return frozenset(self._shown)

    def show(self, rows: Sequence[Row]) -> None:
        """Show *rows*; what is revealed stays so where its row is as it was."""
        before = self.current
        known = {row.key: row for row in self._rows}
        kept = {row.key for row in rows if known.get(row.key) == row}
        self._shown = {key: text for key, text in self._shown.items() if key in kept}
        if list(rows) == self._rows:
            return
        self._rows = list(rows)
        self.set_options(Option(self._prompt(row)) for row in rows)
        if rows:
            keys = [row.key for row in rows]
            at = keys.index(before.key) if before and before.key in keys else 0
            self.highlighted = at

    def reveal(self, key: str, text: str) -> None:
        """Put a secret on the screen, if its row is still there."""
        if any(row.key == key for row in self._rows):
            self._shown[key] = text
            self._redraw(key)

    def hide(self, key: str) -> None:
        """Take a secret off the screen, and out of what is kept for drawing."""
        if self._shown.pop(key, None) is not None:
            self._redraw(key)
            forget_drawn()

    def hide_all(self) -> None:
        """Take every secret off the screen."""
        for key in list(self._shown):
            self.hide(key)

    def _redraw(self, key: str) -> None:
        for at, row in enumerate(self._rows):
            if row.key == key:
                self.replace_option_prompt_at_index(at, self._prompt(row))

    def _prompt(self, row: Row) -> Content:
        shown = self._shown.get(row.key, row.value)
        text = MASK if shown is None else as_text(shown)
        head = printable(row.head)
        if len(head) > self._head_width:
            head = head[: self._head_width - 1] + "…"
        margin = " " * (self._head_width + 2)
        # Content, not str: a title may look like markup.
        return Content.assemble(
            Content.styled(f"{head:<{self._head_width}}  ", "bold"),
            Content(text.replace("\n", f"\n{margin}")),
            Content.styled(f"  {printable(row.marks)}" if row.marks else "", "dim"),
        )


def forget_drawn() -> None:
    """Empty the tables in which the toolkit keeps texts that it has measured."""
    cached_cell_len.cache_clear()
    for made in vars(Strip).values():
        clear = getattr(made, "cache_clear", None)
        if clear is not None:
            clear()
