"""Small pages on top of another: one of several, and the keys."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from clisk.terminal import printable
from clisk.terminal_ui.rows import Row, Rows

ALL = "all"


class ChoicePage(ModalScreen[Row | None]):
    """Lets the person choose one of *rows*; None: they did not."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "back", "Back")]

    def __init__(self, title: str, rows: Sequence[Row]) -> None:
        super().__init__()
        self._title = title
        self._rows = rows

    def compose(self) -> ComposeResult:
        """The question, and the answers."""
        with Vertical(classes="box"):
            yield Static(Content(printable(self._title)))
            yield Rows(id="choices", head_width=32)

    def on_mount(self) -> None:
        """Fill the list."""
        self.query_one(Rows).show(self._rows)
        self.query_one(Rows).focus()

    def on_option_list_option_selected(self) -> None:
        """Take the one that the cursor is on."""
        self.dismiss(self.query_one(Rows).current)

    def action_back(self) -> None:
        """Leave everything as it is."""
        self.dismiss(None)


class HelpPage(ModalScreen[None]):
    """The keys of the page below."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,question_mark,f1,enter,q", "back", "Back")
    ]

    def __init__(self, keys: Sequence[tuple[str, str]]) -> None:
        super().__init__()
        self._keys = keys

    def compose(self) -> ComposeResult:
        """A line for each key."""
        lines = [f"{key:<14}{says}" for key, says in self._keys]
        with Vertical(classes="box"):
            yield Static(Content("Keys\n\n" + "\n".join(lines)), id="keys")

    def action_back(self) -> None:
        """Close it."""
        self.dismiss(None)
