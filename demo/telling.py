"""How the story is told, and how each step is held to its outcome."""

from __future__ import annotations

import sys
import time


class StoryError(Exception):
    """A step did not come out as it should."""


class Telling:
    """Prints the story and counts what was checked."""

    def __init__(self) -> None:
        self._begun = time.monotonic()
        self._drawn = sys.stdout.isatty()
        self.checks = 0

    @property
    def seconds(self) -> float:
        """How long the story has taken so far."""
        return time.monotonic() - self._begun

    def step(self, number: int, title: str) -> None:
        """Begin a part of the story."""
        self._print(f"\n{number}. {title}", style="1;32")

    def say(self, text: str) -> None:
        """Tell what happens."""
        self._print(f"   {text}")

    def command(self, device: str, words: str) -> None:
        """Show a command that a person would type."""
        self._print(f"   {device} $ clisk {words}", style="36")

    def output(self, text: str) -> None:
        """Show what a command said."""
        for line in text.rstrip().splitlines():
            self._print(f"     | {line}", style="2")

    def check(self, sentence: str, *, holds: bool) -> None:
        """State a fact that the program has to have made true.

        Raises:
            StoryError: it is not so.
        """
        if not holds:
            raise StoryError(f"this does not hold: {sentence}")
        self.checks += 1
        self._print(f"   ✓ {sentence}", style="32")

    def _print(self, text: str, *, style: str = "") -> None:
        if style and self._drawn:
            text = f"\x1b[{style}m{text}\x1b[0m"
        print(text, flush=True)
