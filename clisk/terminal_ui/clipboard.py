"""The clipboard of the terminal, by the sequence that terminals know (OSC 52).

It reaches the person's own clipboard over SSH too. A terminal does not let a
program read the clipboard back, so "still ours" means: nothing else was copied
here since.
"""

from __future__ import annotations

import base64
from collections.abc import Callable

from clisk.output import count

Write = Callable[[str], object]
CallLater = Callable[[float, Callable[[], None]], object]


class Clipboard:
    """Copies through *write*, and clears after *seconds* by means of *later*."""

    def __init__(self, write: Write, later: CallLater, *, seconds: float) -> None:
        self._write = write
        self._later = later
        self._seconds = seconds
        self._copies = 0
        self._cleared = 0

    def copy(self, text: str) -> str:
        """Put *text* on the clipboard; return what to tell the person."""
        self._send(text)
        self._copies += 1
        mine = self._copies
        self._later(self._seconds, lambda: self._clear_if(mine))
        seconds = count(round(self._seconds), "second")
        return f"copied; the clipboard is cleared in {seconds}"

    def clear(self) -> None:
        """Clear the clipboard now, if something of ours may still be there."""
        self._clear_if(self._copies)

    def _clear_if(self, mine: int) -> None:
        if mine == self._copies != self._cleared:
            self._cleared = mine
            self._send("")

    def _send(self, text: str) -> None:
        written = base64.b64encode(text.encode()).decode()
        # An empty text would be ignored by some; "!" is no base64 and clears.
        self._write(f"\x1b]52;c;{written or '!'}\a")
