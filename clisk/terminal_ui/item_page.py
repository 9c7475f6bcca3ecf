"""One item: its fields, secrets masked; codes that count down; and its order."""

from __future__ import annotations

import time
from typing import Any, ClassVar

from textual.binding import Binding, BindingType

from clisk.output import count
from clisk.terminal_ui.clipboard import Clipboard
from clisk.terminal_ui.desk import Desk
from clisk.terminal_ui.history_page import HistoryPage
from clisk.terminal_ui.page import RowsPage
from clisk.terminal_ui.rows import Question, Row
from clisk.times import ago

# Each code shown is a record of a read: nobody looks at one for longer.
_CODE_SECONDS = 120.0


class ItemPage(RowsPage):
    """The fields of one item."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("o", "code", "Code"),
        Binding("h", "history", "History"),
        Binding("f", "favour", "Favourite", show=False),
        Binding("a", "archive", "Archive", show=False),
        Binding("d", "trash", "Trash", show=False),
        Binding("u", "restore", "Restore", show=False),
    ]

    def __init__(
        self, desk: Desk, copier: Clipboard, show_seconds: float, item: str
    ) -> None:
        super().__init__(desk, copier, show_seconds)
        self._item = item
        self._view: dict[str, Any] = {}
        self._code: dict[str, Any] | None = None
        self._code_ends = self._codes_end = 0.0

    def on_mount(self) -> None:
        """Let codes count down."""
        self.set_interval(0.5, self.tick)

    async def renew(self) -> None:
        """Show the item as it is now."""
        view = await self.ask("view", quiet=True, item=self._item)
        if view is None:
            return
        self._view = view
        state = " · in the trash: u brings it back" if view["trashed"] else ""
        changed = ago(view["changed_ms"])
        self.head(f"{view['title']} · {view['type']} · changed {changed}{state}")
        self.rows.show([self._row(each) for each in view["fields"]])

    def _row(self, each: dict[str, Any]) -> Row:
        marks = [
            "conflict" if each["conflict"] else "",
            count(each["versions"], "version") if each["versions"] > 1 else "",
        ]
        params = {"item": self._item, "field": each["field"]}
        return Row(
            key=each["field"],
            head=each["name"],
            value=None if each["secret"] else each["value"] or "",
            marks=" · ".join(filter(None, marks)),
            read=Question("reveal", params) if each["secret"] else None,
            # A changed value is another row: an old one does not stay revealed.
            facts={"versions": each["versions"], "changed": self._view["changed_ms"]},
        )

    def hide_secrets(self) -> None:
        """Take every secret off the page, the code too."""
        self._code = None
        super().hide_secrets()

    async def action_code(self) -> None:
        """Show the one-time code and count down, or stop that."""
        if self._code is not None:
            self._stop_code()
            return
        self._codes_end = time.monotonic() + _CODE_SECONDS
        await self._next_code(quiet=False)

    async def _next_code(self, *, quiet: bool) -> None:
        resume = None if quiet else self.action_code
        self._code = await self.ask("totp", quiet=quiet, resume=resume, item=self._item)
        if self._code is None or not self.is_current:
            self._stop_code()
            return
        self._code_ends = time.monotonic() + self._code["left_seconds"]
        self._draw_code()

    def _draw_code(self) -> None:
        if self._code is not None:
            left = max(0, round(self._code_ends - time.monotonic()))
            self.rows.reveal("totp", f"{self._code['code']}  {left:2} s")

    def _stop_code(self) -> None:
        self._code = None
        self.hide("totp")

    async def tick(self) -> None:
        """Count down; the next code is asked for when this one ends."""
        if self._code is None:
            return
        now = time.monotonic()
        if now >= self._codes_end:
            self._stop_code()
        elif now >= self._code_ends:
            await self._next_code(quiet=True)
        else:
            self._draw_code()

    async def action_reveal(self) -> None:
        """Show this field; of a seed, its code."""
        row = self.rows.current
        if row is not None and row.key == "totp":
            await self.action_code()
        else:
            await super().action_reveal()

    async def copy(self, row: Row) -> None:
        """Copy this field; of a seed, its code."""
        if row.key != "totp":
            await super().copy(row)
            return
        answer = await self.ask("totp", resume=self.action_copy, item=self._item)
        if answer is not None:
            await self.put(str(answer["code"]))

    def action_history(self) -> None:
        """Show every value that this field had."""
        row = self.rows.current
        if row is not None:
            self.app.push_screen(
                HistoryPage(
                    *(self.desk, self.copier, self.show_seconds),
                    item=self._item,
                    field=row.key,
                )
            )

    def _has(self, name: str) -> bool:
        return any(each["field"] == name for each in self._view.get("fields", []))

    async def action_favour(self) -> None:
        """Make it a favourite, or no longer."""
        await self._arrange(favourite=not self._has("favourite"))

    async def action_archive(self) -> None:
        """Put it aside, or take it back."""
        await self._arrange(archived=not self._has("archived"))

    async def _arrange(self, **change: Any) -> None:
        if await self.ask("arrange", items=[self._item], **change) is not None:
            await self.renew()

    async def action_trash(self) -> None:
        """Move it to the trash."""
        if await self.ask("trash", item=self._item) is not None:
            self.say("moved to the trash")
            await self.renew()

    async def action_restore(self) -> None:
        """Take it out of the trash."""
        if await self.ask("restore", item=self._item) is not None:
            self.say("taken out of the trash")
            await self.renew()
