"""A person at the terminal: presses keys, reads the screen, waits for what it says."""

from __future__ import annotations

import asyncio
import base64
import re
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from textual.pilot import Pilot

from clisk.home import Home
from clisk.terminal_ui.app import TerminalApp
from tests.program.world import Device

_SECONDS = 30
_CLIPBOARD = re.compile(r"\x1b\]52;c;([^\a]*)\a")


class HeardApp(TerminalApp):
    """Keeps what the terminal would be sent besides the screen."""

    def __init__(self, home: Home, *, show: float, clipboard: float) -> None:
        super().__init__(home, show_seconds=show, clipboard_seconds=clipboard)
        self.heard: list[str] = []

    def write_sequence(self, text: str) -> None:
        self.heard.append(text)


@dataclass
class Person:
    """Sits before the program."""

    app: HeardApp
    pilot: Pilot[None]

    @property
    def screen(self) -> str:
        """What stands on the whole screen, messages in its corner too."""
        strips = self.app.screen._compositor.render_strips()
        return "\n".join(strip.text.rstrip() for strip in strips)

    @property
    def copied(self) -> list[str]:
        """What was put on the clipboard, one after the other; "": it was cleared."""
        found = [_CLIPBOARD.fullmatch(each) for each in self.app.heard]
        return [
            "" if each[1] == "!" else base64.b64decode(each[1]).decode()
            for each in found
            if each
        ]

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)
        await self.pilot.pause()

    async def type(self, text: str) -> None:
        await self.press(*("space" if sign == " " else sign for sign in text))

    async def until(self, holds: Callable[[], bool]) -> None:
        """Wait until *holds*; the screen is in the failure otherwise."""
        ends = time.monotonic() + _SECONDS
        while not holds():
            assert time.monotonic() < ends, self.screen
            await asyncio.sleep(0.02)
            await self.pilot.pause()

    async def sees(self, *texts: str) -> None:
        await self.until(lambda: all(text in self.screen for text in texts))

    async def misses(self, *texts: str) -> None:
        await self.until(lambda: not any(text in self.screen for text in texts))

    async def open(self, title: str) -> None:
        """Search for an item and open it."""
        await self.press("slash")
        await self.type(title)
        await self.until(lambda: "1 item" in self.screen)
        await self.press("down", "enter")
        await self.sees("changed")

    async def stand_on(self, head: str) -> None:
        """Move the cursor to the row that begins with *head*."""
        from clisk.terminal_ui.rows import Rows

        rows = self.app.screen.query_one("#rows", Rows)
        await self.until(lambda: any(row.head == head for row in rows._rows))
        rows.highlighted = [row.head for row in rows._rows].index(head)
        await self.pilot.pause()


@asynccontextmanager
async def terminal(
    device: Device, *, show: float = 30, clipboard: float = 30
) -> AsyncIterator[Person]:
    """Give a person before an 80 by 24 terminal with the items of *device*."""
    app = HeardApp(Home(str(device.home)), show=show, clipboard=clipboard)
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        person = Person(app, pilot)
        await person.until(lambda: len(app.screen_stack) > 1)
        await pilot.pause()
        yield person
