"""What `clisk tui` must not do, each with its control."""

from __future__ import annotations

import asyncio
import gc
import os
import pty
import re
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from textual.app import App
from textual.widgets import Input

from clisk.commands import tui
from clisk.errors import CliskError
from clisk.home import Home
from clisk.terminal_ui.app import News
from clisk.terminal_ui.desk import State
from clisk.terminal_ui.page import RowsPage
from clisk.terminal_ui.rows import Row, Rows
from tests.program.world import PASSPHRASE, Device, device
from tests.terminal.world import terminal

_HOSTILE = "[bold]x[/][link=https://evil.example]y[/]\x1b[31m\x1b]0;t\x07\u202ez\u2066"
_SPELT = r"[bold]x[/][link=https://evil.example]y[/]\x1b[31m\x1b]0;t\x07\u202ez\u2066"
_PARTS = ("planted", "held", "secret")
_SECONDS = 60


def _secret() -> str:
    # Put together anew, so that no constant of this module is found by the search.
    return "-".join(_PARTS)


@pytest.fixture(scope="module", name="laptop")
def _laptop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Device]:
    with device(tmp_path_factory.mktemp("attacks") / "laptop") as laptop:
        laptop.init()
        laptop.add_login("Bank", _secret(), "-u", "bob")
        yield laptop


def _held() -> list[str]:
    """Return where the secret is in what this process still holds.

    Every string that a living container holds is looked at: those of widgets,
    their options, timers, and the tables that drawing keeps.
    """
    gc.collect()
    wanted, found = _secret(), []
    for each in gc.get_objects():
        if type(each).__name__ in {"frame", "coroutine"}:
            continue
        for text in gc.get_referents(each):
            if type(text) is str and wanted in text:
                found.append(f"{type(each).__module__}.{type(each).__name__}")
    return found


def test_a_hidden_secret_is_nowhere_in_the_program(laptop: Device) -> None:
    """After hiding, no widget, option, timer or drawing table holds the value.

    Control: while it is shown, the same search finds it.
    """

    async def scene() -> None:
        async with terminal(laptop) as person:
            await person.open("Bank")
            await person.stand_on("password")
            await person.press("r")
            await person.sees(_secret())
            assert _held() != []
            await person.press("r")
            await person.misses(_secret())
            await person.until(lambda: _held() == [])

    asyncio.run(scene())


@pytest.mark.parametrize("how", ["key", "elsewhere", "agent gone"])
def test_a_locked_vault_leaves_nothing_on_the_screen(tmp_path: Path, how: str) -> None:
    """Not the secret that was shown, nor a title, nor a page to go back to."""

    async def scene(laptop: Device) -> None:
        async with terminal(laptop) as person:
            await person.open("Bank")
            await person.stand_on("password")
            await person.press("r")
            await person.sees(_secret(), "Bank")
            if how == "key":
                await person.press("ctrl+l")
            else:
                words = ("lock",) if how == "elsewhere" else ("agent", "stop")
                await asyncio.to_thread(laptop.ok, *words)
            await person.sees("The vault is locked")
            await person.press("escape", "escape", "question_mark")
            assert not re.search("Bank|bob|planted", person.screen)
            assert [type(each).__name__ for each in person.app.screen_stack][1:2] == [
                "LockPage"
            ]
            await person.until(lambda: _held() == [])
            assert not any("Bank" in text for text in _strings_of(person.app))

    with device(tmp_path / "laptop") as laptop:
        laptop.init()
        laptop.add_login("Bank", _secret(), "-u", "bob")
        asyncio.run(scene(laptop))


def _strings_of(app: object) -> list[str]:
    """Return what the widgets of every page say."""
    from textual.app import App
    from textual.widget import Widget

    assert isinstance(app, App)
    return [
        str(widget.render())
        for page in app.screen_stack
        for widget in page.walk_children(Widget)
    ]


def test_a_reply_that_comes_too_late_shows_nothing(
    laptop: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A page that was left meanwhile does not get the secret that it asked for."""
    from clisk.terminal_ui.item_page import ItemPage

    async def scene() -> None:
        async with terminal(laptop) as person:
            await person.open("Bank")
            await person.stand_on("password")
            page = person.app.screen
            assert isinstance(page, ItemPage)
            monkeypatch.setattr(ItemPage, "is_current", False)
            await page.action_reveal()
            assert page.rows.revealed == frozenset()
            monkeypatch.undo()
            await page.action_reveal()
            assert page.rows.revealed == {"password"}

    asyncio.run(scene())


def test_a_changed_field_does_not_stay_revealed(laptop: Device) -> None:
    """When another device changes a value, the old one leaves the screen."""
    laptop.add_login("Moving", "planted-before")

    async def scene() -> None:
        async with terminal(laptop) as person:
            await person.open("Moving")
            await person.stand_on("password")
            await person.press("r")
            await person.sees("planted-before")
            words = ("edit", "Moving", "--read", "password=0")
            await asyncio.to_thread(laptop.run, *words, given="planted-after")
            await person.sees("2 versions")
            await person.misses("planted-before", "planted-after")

    asyncio.run(scene())
    laptop.ok("rm", "Moving")


def test_a_title_is_text(tmp_path: Path) -> None:
    """Markup, escape sequences and bidi controls in an item are shown, not obeyed."""

    async def scene(laptop: Device) -> None:
        async with terminal(laptop) as person:
            await person.sees(_SPELT[:33])
            await person.press("enter")
            await person.sees(_SPELT)
            await person.stand_on("password")
            await person.press("r")
            await person.sees(r"[red]pw\x1b[2J")
            await person.press("escape", "g")
            await person.sees("Only of which tag?", r"[b]tag\x1b[0m")
            assert not re.search("[\x1b\x07\u202e\u2066]", person.screen)

    with device(tmp_path / "laptop") as laptop:
        laptop.init()
        laptop.add_login(_HOSTILE, "[red]pw\x1b[2J", "--tag", "[b]tag\x1b[0m")
        asyncio.run(scene(laptop))


def test_an_error_of_the_agent_is_text(laptop: Device) -> None:
    """So are messages in the corner of the screen."""

    async def scene() -> None:
        async with terminal(laptop) as person:
            page = person.app.screen
            page.refuse(CliskError("[b]no[/]\x1b[31m", advice="[i]do[/]"))  # type: ignore[attr-defined]  # a Page
            await person.sees(r"[b]no[/]\x1b[31m", "[i]do[/]")

    asyncio.run(scene())


def test_what_is_shown_again_unchanged_keeps_the_cursor() -> None:
    """A refresh does not move the person to another row."""
    rows = Rows()

    rows._rows = [Row("a", "A"), Row("b", "B")]
    rows.show([Row("a", "A"), Row("b", "B")])

    assert [row.key for row in rows._rows] == ["a", "b"]


def test_without_colour_nothing_is_coloured(
    laptop: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    """NO_COLOR leaves greys; control: without it there are colours."""

    async def coloured() -> bool:
        async with terminal(laptop) as person:
            await person.sees("Bank")
            return any(
                colour is not None
                and colour.triplet is not None
                and len(set(colour.triplet)) > 1
                for strip in person.app.screen._compositor.render_strips()
                for segment in strip
                if segment.style
                for colour in (segment.style.color, segment.style.bgcolor)
            )

    monkeypatch.delenv("NO_COLOR", raising=False)
    assert asyncio.run(coloured())
    monkeypatch.setenv("NO_COLOR", "1")
    assert not asyncio.run(coloured())


class Terminal:
    """A real terminal of 80 by 24 with a program in it."""

    def __init__(self, *argv: str) -> None:
        self._ours, theirs = pty.openpty()
        self.seen = ""
        self.process = subprocess.Popen(
            argv,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
            env={**os.environ, "TERM": "xterm-256color", "COLUMNS": "80"},
        )
        os.close(theirs)

    def read_until(self, text: str) -> None:
        ends = time.monotonic() + _SECONDS
        while text not in self.seen:
            assert time.monotonic() < ends, self.seen[-2000:]
            self._read()

    def send(self, text: str) -> None:
        os.write(self._ours, text.encode())

    def end(self) -> int:
        """Read until the program has ended; return its code."""
        ends = time.monotonic() + _SECONDS
        while self.process.poll() is None and time.monotonic() < ends:
            self._read()
        self._read()
        os.close(self._ours)
        return self.process.wait(timeout=1)

    def _read(self) -> None:
        if select.select([self._ours], [], [], 0.05)[0]:
            try:
                self.seen += os.read(self._ours, 65536).decode(errors="replace")
            except OSError:
                return  # the other end is closed


def test_ctrl_c_ends_it_and_the_terminal_is_as_it_was(laptop: Device) -> None:
    """No traceback, the normal screen is back, the vault stays open."""
    with_terminal = Terminal(*laptop.argv("tui"))
    with_terminal.read_until("Bank")
    with_terminal.send("\x03")

    assert with_terminal.end() == 0
    assert "Traceback" not in with_terminal.seen
    assert "\x1b[?1049l" in with_terminal.seen
    assert laptop.ask("status")["state"] == "unlocked"


def test_a_fault_shows_neither_a_traceback_nor_what_was_at_hand(
    laptop: Device,
) -> None:
    """The toolkit's own report would print the local variables, secrets too."""
    source = (
        "import sys\n"
        "from clisk import __main__ as program\n"
        "from clisk.terminal_ui.items_page import ItemsPage\n"
        "def fail(self):\n"
        "    secret = '-'.join(['planted', 'local', 'value'])\n"
        "    raise ValueError(secret)\n"
        "ItemsPage.action_conflicts = fail\n"
        f"sys.argv = ['clisk', '--home', {str(laptop.home)!r}, 'tui']\n"
        "sys.exit(program.main())\n"
    )
    broken = Terminal(sys.executable, "-c", source)
    broken.read_until("Bank")
    broken.send("k")

    assert broken.end() == 1
    assert "clisk failed inside: ValueError at <string>:6" in broken.seen
    assert "planted-local-value" not in broken.seen
    assert "Traceback" not in broken.seen


def test_without_a_terminal_it_says_what_to_use(laptop: Device) -> None:
    """In a pipe nothing is drawn."""
    said = laptop.run("tui")

    assert (said.code, said.out) == (1, "")
    assert said.err == (
        "error: clisk tui needs a terminal\nhint: in scripts: clisk list, clisk get\n"
    )


def test_without_the_library_it_says_how_to_get_it(
    laptop: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The extra is named; nothing is started."""
    monkeypatch.setitem(sys.modules, "clisk.terminal_ui.app", None)
    monkeypatch.setattr(sys, "stdin", _Screen())
    monkeypatch.setattr(sys, "stdout", _Screen())

    with pytest.raises(CliskError, match="not installed") as caught:
        click.Context(tui.tui_command, obj=Home(str(laptop.home))).invoke(
            tui.tui_command
        )

    assert caught.value.advice == "pip install 'clisk-vault[tui]'"


class _Screen:
    def isatty(self) -> bool:
        return True


def test_locking_empties_the_clipboard(tmp_path: Path) -> None:
    """What was copied a moment ago goes with the keys."""

    async def scene(laptop: Device) -> None:
        async with terminal(laptop, clipboard=600) as person:
            await person.open("Bank")
            await person.stand_on("password")
            await person.press("c")
            await person.until(lambda: person.copied == [_secret()])
            await person.press("ctrl+l")
            await person.sees("The vault is locked")
            await person.until(lambda: person.copied == [_secret(), ""])

    with device(tmp_path / "laptop") as laptop:
        laptop.init()
        laptop.add_login("Bank", _secret())
        asyncio.run(scene(laptop))


def test_what_was_shown_is_hidden_before_anybody_else_looks(
    laptop: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At Ctrl-Z, and when the vault was locked and opened again meanwhile."""
    monkeypatch.setattr(App, "action_suspend_process", lambda _self: None)

    async def scene() -> None:
        async with terminal(laptop) as person:
            await person.open("Bank")
            await person.stand_on("password")
            page = person.app.screen
            assert isinstance(page, RowsPage)

            await page.action_reveal()
            assert page.rows.revealed == {"password"}
            person.app.action_suspend_process()
            assert page.rows.revealed == frozenset()

            await page.action_reveal()
            state = person.app._state
            assert state is not None
            await person.app.on_news(News(state))
            assert page.rows.revealed == {"password"}, "the control: no news"
            opened = State(opened=state.opened + 1, unlocked=True)
            await person.app.on_news(News(opened))
            assert page.rows.revealed == frozenset()

    asyncio.run(scene())


def test_an_item_that_asks_for_the_passphrase_shows_nothing_without_it(
    tmp_path: Path,
) -> None:
    """Each secret asks anew; a wrong one, and Esc, show nothing; it is kept nowhere."""

    async def scene(laptop: Device) -> None:
        async with terminal(laptop) as person:
            await person.open("Safe")
            await person.stand_on("password")
            for given in ("planted", ""):
                await person.press("enter")
                await person.sees("asks for your passphrase again")
                await person.type(given)
                await person.press("enter" if given else "escape")
                await person.misses("asks for your passphrase again")
                assert _secret() not in person.screen
            await person.sees("wrong passphrase")

            await person.press("enter")
            await person.sees("asks for your passphrase again")
            await person.type(PASSPHRASE)
            assert PASSPHRASE not in person.screen
            await person.press("enter")
            await person.sees(_secret())

            await person.press("enter")
            await person.misses(_secret())
            await person.press("c")
            await person.sees("asks for your passphrase again")
            assert person.copied == []
            await person.type(PASSPHRASE)
            await person.press("enter")
            await person.until(lambda: person.copied == [_secret()])
            page = person.app.screen
            assert isinstance(page, RowsPage)
            assert page._typed == ""

    with device(tmp_path / "laptop") as laptop:
        laptop.init()
        laptop.add_login("Safe", _secret())
        laptop.ok("edit", "Safe", "--set", "reprompt=true")
        asyncio.run(scene(laptop))


def test_a_passphrase_is_neither_shown_nor_kept(tmp_path: Path) -> None:
    """Typed, it is dots; handed over, the field is empty whatever the answer."""

    async def scene(laptop: Device) -> None:
        async with terminal(laptop) as person:
            await person.sees("The vault is locked")
            await person.type("planted")
            await person.sees("•••••••")
            assert "planted" not in person.screen
            await person.press("enter")
            await person.sees("wrong passphrase")
            assert person.app.screen.query_one(Input).value == ""

    with device(tmp_path / "laptop") as laptop:
        laptop.init()
        laptop.ok("lock")
        asyncio.run(scene(laptop))
