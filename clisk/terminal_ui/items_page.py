"""The items: searched as one types, filtered, opened."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.events import Key
from textual.widgets import Footer, Input, Static

from clisk.output import count
from clisk.terminal_ui.choice_page import ALL, ChoicePage
from clisk.terminal_ui.history_page import ConflictsPage
from clisk.terminal_ui.item_page import ItemPage
from clisk.terminal_ui.page import RowsPage
from clisk.terminal_ui.rows import Question, Row, Rows
from clisk_vault.item_types import ITEM_TYPES

MAX_ROWS = 200


@dataclass(frozen=True, slots=True)
class Filter:
    """Which items are listed."""

    place: str = ""
    type: str | None = None
    tag: str | None = None
    folder: str | None = None
    favourite: bool | None = None

    def params(self) -> dict[str, Any]:
        """Return what `list` is asked with."""
        chosen = {
            "type": self.type,
            "tag": self.tag,
            "folder": self.folder,
            "favourite": self.favourite,
            "trash": self.place == "trash" or None,
            "archived": self.place == "archive" or None,
        }
        return {name: value for name, value in chosen.items() if value is not None}

    def says(self) -> str:
        """Return what is left out of the list, for the first line."""
        parts = [
            self.place,
            self.type and f"type {self.type}",
            self.tag and f"tag {self.tag}",
            self.folder and f"folder {self.folder}",
            self.favourite and "favourites",
        ]
        return " · ".join(part for part in parts if part)


class ItemsPage(RowsPage):
    """The list that everything begins with."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash", "search", "Search", key_display="/"),
        Binding("r", "reveal", "Open", key_display="enter"),
        Binding("c", "copy", "Password"),
        Binding("b", "copy_user", "User name", show=False),
        Binding("f", "favourites", "Favourites", show=False),
        Binding("a", "place('archive')", "Archive", show=False),
        Binding("t", "place('trash')", "Trash", show=False),
        Binding("y", "choose('type')", "Type", show=False),
        Binding("g", "choose('tag')", "Tag", show=False),
        Binding("o", "choose('folder')", "Folder", show=False),
        Binding("x", "everything", "All"),
        Binding("k", "conflicts", "Conflicts"),
        Binding("escape", "back", "All", show=False),
    ]
    HEAD_WIDTH: ClassVar[int] = 34
    _filter = Filter()

    def compose(self) -> ComposeResult:
        """What is looked for, the list, and the keys."""
        yield Input(placeholder="search", id="search")
        yield Static(id="head", markup=False)
        yield Rows(id="rows", head_width=self.HEAD_WIDTH)
        yield Footer()

    def on_mount(self) -> None:
        """Keys are for the list until somebody searches."""
        self.rows.focus()

    def on_input_changed(self) -> None:
        """Search with each letter; what was asked before does not matter any more."""
        self.run_worker(self._look(quiet=False), exclusive=True, group="search")

    def on_input_submitted(self) -> None:
        """Go on in the list."""
        self.rows.focus()

    def on_key(self, event: Key) -> None:
        """Leave the search field downwards."""
        if event.key == "down" and self.focused is not self.rows:
            self.rows.focus()
            event.stop()

    async def renew(self) -> None:
        """Show the list as it is now."""
        await self._look(quiet=True)

    async def _look(self, *, quiet: bool) -> None:
        if self.gone:
            return
        query = self.query_one("#search", Input).value
        answer = await self.ask(
            "list",
            quiet=quiet,
            query=query,
            limit=MAX_ROWS + 1,
            **self._filter.params(),
        )
        if answer is None:
            return
        found = answer["items"]
        shown = found[:MAX_ROWS]
        said = count(len(shown), "item")
        if len(found) > MAX_ROWS:
            said = f"the first {MAX_ROWS} items; search to see others"
        self.head(" · ".join(filter(None, [said, self._filter.says()])))
        self.rows.show([_row(each) for each in shown])

    def action_search(self) -> None:
        """Type what is looked for."""
        self.query_one("#search", Input).focus()

    async def action_back(self) -> None:
        """Out of the search field; then, back to all items."""
        if self.focused is self.rows:
            await self.action_everything()
        self.rows.focus()

    async def action_everything(self) -> None:
        """Drop the search and every filter."""
        self.query_one("#search", Input).value = ""
        await self._narrow(Filter())

    async def action_favourites(self) -> None:
        """Only favourites, or not only."""
        wanted = None if self._filter.favourite else True
        await self._narrow(replace(self._filter, favourite=wanted))

    async def action_place(self, place: str) -> None:
        """Look into the archive or the trash, or no longer."""
        wanted = "" if self._filter.place == place else place
        await self._narrow(replace(self._filter, place=wanted))

    async def action_choose(self, what: str) -> None:
        """Choose a type, tag or folder to see alone."""
        if what == "type":
            rows = [Row(key=name, head=name) for name in ITEM_TYPES]
        else:
            answer = await self.ask(f"{what}s")
            if answer is None:
                return
            rows = [
                Row(
                    key=each["name"],
                    head=each["name"],
                    marks=count(each["items"], "item"),
                )
                for each in answer["names"]
            ]

        async def chosen(row: Row | None) -> None:
            if row is not None:
                change: dict[str, Any] = {what: row.key or None}
                await self._narrow(replace(self._filter, **change))

        self.app.push_screen(
            ChoicePage(f"Only of which {what}?", [Row(key="", head=ALL), *rows]), chosen
        )

    async def _narrow(self, to: Filter) -> None:
        self._filter = to
        await self._look(quiet=False)

    def action_conflicts(self) -> None:
        """Show what devices changed at once."""
        self.app.push_screen(ConflictsPage(self.desk, self.copier, self.show_seconds))

    async def action_reveal(self) -> None:
        """Open the item that the cursor is on."""
        row = self.rows.current
        if row is not None:
            self.app.push_screen(
                ItemPage(*(self.desk, self.copier, self.show_seconds), row.key)
            )

    async def action_copy_user(self) -> None:
        """Copy the user name of this login."""
        row = self.rows.current
        if row is not None and row.value:
            await self.put(row.value)

    async def copy(self, row: Row) -> None:
        """Copy the password of this login; recorded first."""
        meant = {"item": row.key, "field": "password"}
        asked = Question("reveal", meant)
        value = await self.read(asked, use="copy", resume=self.action_copy)
        if value:
            await self.put(value)


def _row(each: dict[str, Any]) -> Row:
    marks = {
        "★": each["favourite"],
        each["type"]: each["type"] != "login",
        "code": each["has_totp"],
        "passkey": each["has_passkey"],
        "file": each["has_attachment"],
        "conflict": each["conflict"],
    }
    return Row(
        key=each["item"],
        head=each["title"],
        value=each["username"],
        marks=" · ".join(mark for mark, holds in marks.items() if holds),
    )
