"""Values beside each other: all that a field had, and conflicts to settle."""

from __future__ import annotations

from typing import Any, ClassVar

from textual.binding import Binding, BindingType

from clisk.output import count
from clisk.terminal_ui.clipboard import Clipboard
from clisk.terminal_ui.desk import Desk
from clisk.terminal_ui.page import RowsPage
from clisk.terminal_ui.rows import Question, Row
from clisk.times import date_and_time


def _row(
    item: str, field: str, version: dict[str, Any], *, read: str, head: str = ""
) -> Row:
    # By its stamp, not by its number: what a sync brings may move the numbers.
    meant = {"item": item, "field": field, "version": version["version"]}
    written = f"{date_and_time(version['time_ms'])} {version['device_name']}"
    hidden = version["secret"] and not version["removed"]
    value = "(removed)" if version["removed"] else version["value"] or ""
    return Row(
        key=f"{item} {field} {version['version']}",
        head=f"{head}{written}",
        value=None if hidden else value,
        marks="current" if version.get("current") else "",
        read=Question(read, meant) if hidden else None,
        facts=meant,
    )


class _VersionsPage(RowsPage):
    HEAD_WIDTH: ClassVar[int] = 44
    READ: ClassVar[str]
    KEEP: ClassVar[str]

    async def action_keep(self) -> None:
        """Make this value the current one; the others stay in the history."""
        row = self.rows.current
        if row is None:
            return
        kept = await self.ask(self.KEEP, resume=self.action_keep, **row.facts)
        if kept is not None:
            self.say("this value stands now; the others stay in the history")
            await self.renew()


class HistoryPage(_VersionsPage):
    """Every value of one field, the newest first."""

    READ = "history.reveal"
    KEEP = "history.restore"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("k", "keep", "Make it current"),
    ]

    def __init__(
        self,
        desk: Desk,
        copier: Clipboard,
        show_seconds: float,
        *,
        item: str,
        field: str,
    ) -> None:
        super().__init__(desk, copier, show_seconds)
        self._item, self._field = item, field

    async def renew(self) -> None:
        """Show the values as they are now."""
        answer = await self.ask(
            "history", quiet=True, item=self._item, field=self._field
        )
        if answer is None:
            return
        (field,) = answer["fields"]
        versions = field["versions"]
        said = count(len(versions), "version")
        self.head(f"{answer['title']} · {field['name']} · {said}")
        self.rows.show(
            [_row(self._item, self._field, each, read=self.READ) for each in versions]
        )


class ConflictsPage(_VersionsPage):
    """What devices wrote without knowing of each other."""

    READ = "reveal.version"
    KEEP = "settle"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("k", "keep", "Keep this one"),
    ]

    async def renew(self) -> None:
        """Show the conflicts as they are now."""
        answer = await self.ask("conflicts", quiet=True)
        if answer is None:
            return
        found = answer["conflicts"]
        self.head(
            f"{count(len(found), 'conflict')}: show the values, then keep one of each"
            if found
            else "no conflicts"
        )
        self.rows.show(
            [
                _row(
                    *(each["item"], each["field"], version),
                    read=self.READ,
                    head=f"{each['title'][:12]} {each['field'][:9]} ",
                )
                for each in found
                for version in each["versions"]
            ]
        )
