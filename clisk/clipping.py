"""A value put into the clipboard for a while: the one way that all of us take.

By a program of the desktop where there is one: a process of its own then takes the
value out again, if it is still there, whatever becomes of this one. Otherwise by the
terminal, which lets nothing be read back.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from clisk import clipboard, clipboard_keeper
from clisk.output import count


@dataclass(frozen=True, slots=True)
class Clip:
    """What was put there, and by what; *tool* None: by the terminal."""

    tool: clipboard.Tool | None
    mark: clipboard.Mark | None
    sensitive: bool
    seconds: int

    @property
    def says(self) -> str:
        """What to tell the person."""
        if self.tool is None:
            return "sent to the terminal's clipboard; it cannot be emptied from here"
        said = f"copied; taken out again in {count(self.seconds, 'second')}"
        return (
            said
            if self.sensitive
            else f"{said}; a clipboard manager may keep it longer"
        )

    def take_out(self) -> None:
        """Empty the clipboard now, if it still holds this."""
        if self.tool is not None and self.mark is not None:
            clipboard.clear_if_ours(self.tool, self.mark)


def put(
    value: str,
    seconds: int,
    *,
    to_terminal: Callable[[str], object] = clipboard.write_to_terminal,
) -> Clip:
    """Put *value* into the clipboard, and have it taken out after *seconds*.

    Raises:
        ClipboardError: there is neither a clipboard nor a terminal, or it refused.
    """
    tool = clipboard.find_tool()
    if tool is None:
        to_terminal(clipboard.terminal_sequence(value))
        return Clip(None, None, sensitive=False, seconds=seconds)
    # Before: a value that cannot be taken out again is not put in.
    mark = clipboard.Mark.of(value.encode())
    sensitive = clipboard.copy(tool, value)
    clipboard_keeper.leave_behind(tool, mark, seconds)
    return Clip(tool, mark, sensitive=sensitive, seconds=seconds)
