"""The door: the passphrase, or what to do where there is no vault."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Footer, Input, Static

from clisk.errors import CliskError
from clisk.terminal_ui.page import Page

_NONE = "There is no vault here yet. In a shell: clisk init, or clisk join."
_LOCKED = "The vault is locked. Passphrase, then Enter:"


class LockPage(Page):
    """Shows nothing of the vault."""

    def compose(self) -> ComposeResult:
        """A line, and a field whose letters are not shown."""
        with Vertical(id="door"):
            yield Static("Clisk Vault", id="name", markup=False)
            yield Static(_LOCKED, id="head", markup=False)
            yield Input(password=True, id="passphrase")
        yield Footer()

    async def on_mount(self) -> None:
        """Say whether there is something to unlock."""
        try:
            state = (await self.desk.ask("status", quiet=True))["state"]
        except CliskError:
            return
        if state == "none" and not self.gone:
            self.head(_NONE)

    async def action_back(self) -> None:
        """There is nothing behind the door."""

    async def on_input_submitted(self, event: Input.Submitted) -> None:
        """Try the passphrase; the field is empty before anybody is asked."""
        given, event.input.value = event.value, ""
        event.stop()
        if not given:
            return
        self.head("unlocking …")
        try:
            await self.desk.wake()
            await self.desk.ask("unlock", passphrase=given)
        except CliskError as err:
            if not self.gone:
                self.head(_LOCKED)
                self.refuse(err)
