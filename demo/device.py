"""A device of the story: a folder, an agent, and the real command line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from demo.telling import StoryError, Telling

_SECONDS = 90


class Device:
    """Runs `clisk` for one home folder."""

    def __init__(self, name: str, folder: Path, telling: Telling) -> None:
        self.name = name
        self.home = folder / name
        self._telling = telling

    def argv(self, *words: str) -> list[str]:
        """Return the command line of *words* as this device runs it."""
        return [sys.executable, "-m", "clisk", "--home", str(self.home), *words]

    def run(
        self, *words: str, given: str = "", expect: int = 0, show: bool = True
    ) -> str:
        """Run a command and return its standard output; *given* is its input.

        Raises:
            StoryError: it ended with another exit code than *expect*.
        """
        if show:
            self._telling.command(self.name, _shown(words))
        done = subprocess.run(
            self.argv(*words),
            input=given,
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
        if show:
            self._telling.output(done.stdout + done.stderr)
        if done.returncode != expect:
            raise StoryError(
                f"clisk {words[0]} ended with {done.returncode}: {done.stderr.strip()}"
            )
        return done.stdout

    def ask(self, *words: str) -> Any:
        """Run a command with --json, unseen, and return what it says."""
        return json.loads(self.run(*words, "--json", show=False))

    def secret(self, item: str, field: str) -> str:
        """Return one field of one item; the read is in the access log."""
        return self.run("get", item, "--field", field, show=False).removesuffix("\n")

    def start(
        self, *words: str, pass_fds: tuple[int, ...] = ()
    ) -> subprocess.Popen[str]:
        """Start a command that goes on beside the story."""
        self._telling.command(self.name, _shown(words))
        return subprocess.Popen(
            self.argv(*words),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            pass_fds=pass_fds,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )


def _shown(words: tuple[str, ...]) -> str:
    short = [Path(word).name if word.startswith("/") else word for word in words]
    return " ".join(f'"{word}"' if " " in word else word for word in short)
