"""What the pages have in common: asking, saying no, revealing, copying."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message
from textual.screen import Screen
from textual.timer import Timer
from textual.widgets import Footer, Static

from clisk.errors import AgentAbsentError, AgentRefusal, CliskError
from clisk.passphrase_again import NEEDED
from clisk.terminal import printable
from clisk.terminal_ui.again_page import AgainPage
from clisk.terminal_ui.clipboard import Clipboard
from clisk.terminal_ui.desk import Desk
from clisk.terminal_ui.rows import Question, Row, Rows


class Shut(Message):
    """The vault turned out to be locked, or its agent to be gone."""


class Page(Screen[None]):
    """A screen that asks the agent."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "back", "Back"),
    ]

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self.desk = desk
        # Between the person's typing it and the next question alone.
        self._typed = ""

    async def ask(
        self,
        operation: str,
        *,
        quiet: bool = False,
        resume: Callable[[], Awaitable[None]] | None = None,
        **params: object,
    ) -> dict[str, Any] | None:
        """Return the agent's answer; None: refused, on the screen, or nobody looks.

        *resume* is what the person did: done once more after the passphrase was typed,
        where the item asks for it.
        """
        again, self._typed = self._typed, ""
        try:
            answer = await self.desk.ask(operation, quiet=quiet, again=again, **params)
            return None if self.gone else answer
        except CliskError as err:
            if self.gone:
                return None
            if isinstance(err, AgentAbsentError) or (
                isinstance(err, AgentRefusal) and err.name == "LockedError"
            ):
                self.app.post_message(Shut())
            elif resume and isinstance(err, AgentRefusal) and err.name == NEEDED:
                self._ask_again(resume)
            elif not quiet:
                self.refuse(err)
            return None

    def _ask_again(self, resume: Callable[[], Awaitable[None]]) -> None:
        async def once_more(passphrase: str) -> None:
            self._typed = passphrase
            await resume()
            self._typed = ""

        def typed(passphrase: str | None) -> None:
            if passphrase:
                # Once this page is on top again, which alone shows secrets.
                self.call_later(once_more, passphrase)

        self.app.push_screen(AgainPage(), typed)

    @property
    def gone(self) -> bool:
        """Say whether the page was taken off the screen, while it waited."""
        return not self.query("#head")

    def refuse(self, err: CliskError) -> None:
        """Show what was refused, with the next step."""
        hint = f"\n{printable(err.advice)}" if err.advice else ""
        self.notify(f"{printable(str(err))}{hint}", severity="error", markup=False)

    def say(self, text: str) -> None:
        """Tell the person something."""
        self.notify(printable(text), markup=False)

    def head(self, text: str) -> None:
        """Write the first line of the page."""
        self.query_one("#head", Static).update(Content(printable(text)))

    async def renew(self) -> None:
        """Ask again for what the page shows, without counting as use."""

    def hide_secrets(self) -> None:
        """Take every secret off the page."""

    async def action_back(self) -> None:
        """Return to the page before."""
        await self.app.pop_screen()


class RowsPage(Page):
    """A page with one list, whose secrets are shown for a while and copied."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("r", "reveal", "Show/hide", key_display="enter"),
        Binding("c", "copy", "Copy"),
    ]
    HEAD_WIDTH: ClassVar[int] = 20

    def __init__(self, desk: Desk, copier: Clipboard, show_seconds: float) -> None:
        super().__init__(desk)
        self.copier = copier
        self.show_seconds = show_seconds
        self._hiding: dict[str, Timer] = {}

    def compose(self) -> ComposeResult:
        """A line that says what this is, the list, and the keys."""
        yield Static(id="head", markup=False)
        yield Rows(id="rows", head_width=self.HEAD_WIDTH)
        yield Footer()

    @property
    def rows(self) -> Rows:
        """The list."""
        return self.query_one("#rows", Rows)

    async def on_screen_resume(self) -> None:
        """Show the page as things stand now."""
        await self.renew()

    def on_screen_suspend(self) -> None:
        """Another page is on top: nobody is reading this one."""
        self.hide_secrets()

    async def on_option_list_option_selected(self) -> None:
        """Enter, or a click."""
        await self.action_reveal()

    def hide_secrets(self) -> None:
        """Take every secret off the page."""
        for timer in self._hiding.values():
            timer.stop()
        self._hiding.clear()
        self.rows.hide_all()

    async def action_reveal(self) -> None:
        """Show the secret of this row for a while, or hide it; recorded first."""
        row = self.rows.current
        if row is None or row.read is None:
            return
        if row.key in self.rows.revealed:
            self.hide(row.key)
            return
        value = await self.read(row.read, use="show", resume=self.action_reveal)
        # Meanwhile another page may be on top, which nothing may be shown under.
        if value is not None and self.is_current:
            self.rows.reveal(row.key, value)
            self._hiding[row.key] = self.set_timer(
                self.show_seconds, lambda: self.hide(row.key)
            )

    def hide(self, key: str) -> None:
        """Take one secret off the page."""
        timer = self._hiding.pop(key, None)
        if timer is not None:
            timer.stop()
        self.rows.hide(key)

    async def action_copy(self) -> None:
        """Put the value of this row on the clipboard for a while."""
        row = self.rows.current
        if row is not None:
            await self.copy(row)

    async def copy(self, row: Row) -> None:
        """Copy what *row* stands for; a secret is recorded first, as copied."""
        value = row.value
        if row.read is not None:
            value = await self.read(row.read, use="copy", resume=self.action_copy)
        if value:
            await self.put(value)

    async def put(self, value: str) -> None:
        """Put *value* on the clipboard, and say so, or why not."""
        try:
            self.say(await self.copier.copy(value))
        except CliskError as err:
            self.refuse(err)

    async def read(
        self, question: Question, *, use: str, resume: Callable[[], Awaitable[None]]
    ) -> str | None:
        """Ask for a secret, as ask(); the agent records it before it answers."""
        params = dict(question.params)
        if question.operation == "reveal":
            params |= {"purpose": f"clisk tui: {use}", "use": use}
        answer = await self.ask(question.operation, resume=resume, **params)
        return None if answer is None else str(answer["value"])
