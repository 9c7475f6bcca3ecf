"""The clipboard as `clisk copy` uses it, for a program that stays.

Where only the terminal can take a value, "still ours" means: nothing else was copied
here since. It is then this program that clears it, and it does so when it ends.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from clisk import clipping
from clisk.clipboard import terminal_sequence
from clisk.output import count

Write = Callable[[str], object]
CallLater = Callable[[float, Callable[[], None]], object]


class Clipboard:
    """Copies; clears a terminal's clipboard after *seconds* by means of *later*."""

    def __init__(self, write: Write, later: CallLater, *, seconds: float) -> None:
        self._write = write
        self._later = later
        self._seconds = seconds
        self._clip: clipping.Clip | None = None

    async def copy(self, text: str) -> str:
        """Put *text* on the clipboard; return what to tell the person.

        Raises:
            ClipboardError: it refused, or the text is too long for it.
        """
        seconds = max(1, round(self._seconds))
        loop = asyncio.get_running_loop()

        def write(sequence: str) -> None:
            loop.call_soon_threadsafe(self._write, sequence)

        # A thread: the desktop's programs take their time.
        clip = self._clip = await asyncio.to_thread(
            clipping.put, text, seconds, to_terminal=write
        )
        if clip.tool is not None:
            return clip.says
        self._later(self._seconds, lambda: self._clear_if(clip))
        return f"copied; the clipboard is cleared in {count(seconds, 'second')}"

    def clear(self) -> None:
        """Clear the clipboard now, if something of ours may still be there."""
        if self._clip is not None:
            self._clear_if(self._clip)

    def _clear_if(self, clip: clipping.Clip) -> None:
        if clip is not self._clip:
            return  # another was copied since
        self._clip = None
        if clip.tool is None:
            self._write(terminal_sequence(""))
        else:
            clip.take_out()
