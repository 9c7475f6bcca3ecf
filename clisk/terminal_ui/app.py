"""The program on the terminal: which page is on top, the lock, the way out."""

from __future__ import annotations

from typing import ClassVar

from textual.app import App
from textual.binding import Binding, BindingType
from textual.message import Message

from clisk.home import Home
from clisk.terminal_ui.choice_page import HelpPage
from clisk.terminal_ui.clipboard import Clipboard
from clisk.terminal_ui.desk import Desk, State, Watcher
from clisk.terminal_ui.items_page import ItemsPage
from clisk.terminal_ui.lock_page import LockPage
from clisk.terminal_ui.page import Page

SHOW_SECONDS = 30.0
CLIPBOARD_SECONDS = 30.0


class News(Message):
    """The agent says that something may have changed."""

    def __init__(self, state: State) -> None:
        super().__init__()
        self.state = state


class TerminalApp(App[None]):
    """Shows the vault while it is open, and the door while it is not."""

    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+c,ctrl+q", "leave", "Leave", priority=True, show=False),
        Binding("ctrl+l", "lock", "Lock", priority=True),
        Binding("question_mark,f1", "keys", "Keys", key_display="?"),
    ]
    CSS = """
    Screen { layers: base; }
    #head { height: 1; padding: 0 1; text-style: reverse; }
    #search { height: 1; border: none; padding: 0 1; }
    #rows { height: 1fr; border: none; padding: 0; }
    #door { align: center middle; height: 1fr; }
    #door > * { width: 60; max-width: 100%; }
    ChoicePage, HelpPage, AgainPage { align: center middle; }
    .box { width: 60; max-width: 100%; height: auto; max-height: 90%;
           border: round $primary; padding: 0 1; overflow-y: auto; }
    #choices { height: auto; max-height: 14; border: none; }
    """

    def __init__(
        self,
        home: Home,
        *,
        show_seconds: float = SHOW_SECONDS,
        clipboard_seconds: float = CLIPBOARD_SECONDS,
    ) -> None:
        super().__init__()
        self.desk = Desk(home)
        self.copier = Clipboard(
            self.write_sequence, self.set_timer, seconds=clipboard_seconds
        )
        self.fault: Exception | None = None
        self._show_seconds = show_seconds
        self._state: State | None = None
        self._watcher = Watcher(home, lambda state: self.post_message(News(state)))

    def write_sequence(self, text: str) -> None:
        """Send an escape sequence of ours to the terminal."""
        if self._driver is not None:
            self._driver.write(text)

    def on_mount(self) -> None:
        """Begin to listen; the first news opens the first page."""
        self._watcher.start()

    def on_unmount(self) -> None:
        """Leave nothing behind."""
        self._watcher.end()

    async def on_news(self, news: News) -> None:
        """Change over between the vault and its door, or refresh the page."""
        if not self.screen_stack:
            return  # the program is ending
        before, self._state = self._state, news.state
        if before is None or before.unlocked != news.state.unlocked:
            await self._change_over(unlocked=news.state.unlocked)
            return
        page = self.screen
        if isinstance(page, Page) and news.state.unlocked:
            if before.opened != news.state.opened:
                page.hide_secrets()  # it was locked in between
            await page.renew()

    async def on_shut(self) -> None:
        """A page found the vault locked, before the news came."""
        if self._state is not None and self._state.unlocked:
            self._state = State()
            await self._change_over(unlocked=False)

    async def _change_over(self, *, unlocked: bool) -> None:
        self._hide_secrets()
        self.clear_notifications()
        while len(self.screen_stack) > 1:
            await self.pop_screen()
        await self.push_screen(
            ItemsPage(self.desk, self.copier, self._show_seconds)
            if unlocked
            else LockPage(self.desk)
        )

    def _hide_secrets(self) -> None:
        for page in self.screen_stack:
            if isinstance(page, Page):
                page.hide_secrets()

    async def action_lock(self) -> None:
        """Close the vault, for everybody on this device."""
        page = self.screen
        self._hide_secrets()
        self.copier.clear()
        if isinstance(page, Page):
            await page.ask("lock")
        else:
            await self.desk.ask("lock")

    def action_leave(self) -> None:
        """End the program; the vault stays as it is, the clipboard does not."""
        self._hide_secrets()
        self.copier.clear()
        self.exit()

    def action_suspend_process(self) -> None:
        """Ctrl-Z: the screen may be drawn again for somebody else."""
        self._hide_secrets()
        super().action_suspend_process()

    def action_keys(self) -> None:
        """Show the keys of this page."""
        if isinstance(self.screen, HelpPage):
            return
        found: dict[str, str] = {}
        for each in self.screen.active_bindings.values():
            binding = each.binding
            # What every page has from the toolkit (tab, ...) needs no telling.
            own = not binding.action.startswith(("app.", "screen."))
            if own and each.node in {self, self.screen}:
                key = binding.key_display or binding.key
                found.setdefault(binding.description, key)
        self.push_screen(HelpPage([(key, says) for says, key in found.items() if says]))

    def _handle_exception(self, error: Exception) -> None:
        # The toolkit would print a traceback with the values of local variables.
        self.fault = error
        super()._handle_exception(error)

    def _fatal_error(self) -> None:
        self._close_messages_no_wait()


def show(home: Home) -> None:
    """Show the vault of *home* on this terminal until the person leaves."""
    app = TerminalApp(home)
    app.run()
    if app.fault is not None:
        raise app.fault
