"""A small page on top: the passphrase, where an item asks for it again."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, Static

_ASKS = "This item asks for your passphrase again. Passphrase, then Enter:"


class AgainPage(ModalScreen[str | None]):
    """Gives what was typed; None: the person went back."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "back", "Back")]

    def compose(self) -> ComposeResult:
        """A line, and a field whose letters are not shown."""
        with Vertical(classes="box"):
            yield Static(_ASKS, markup=False)
            yield Input(password=True, id="again")

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Hand it over; the field is empty before anybody is asked."""
        given, event.input.value = event.value, ""
        event.stop()
        self.dismiss(given)

    def action_back(self) -> None:
        """Leave the secret where it is."""
        self.dismiss(None)
