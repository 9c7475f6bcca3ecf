"""The relay of the story: one process on SQLite, stopped and started at will."""

from __future__ import annotations

import subprocess
from pathlib import Path

from demo.device import Device
from demo.telling import StoryError, Telling


class DemoRelay:
    """`clisk relay`, always at the same address once it has one."""

    def __init__(self, folder: Path, telling: Telling) -> None:
        self._host = Device("relay", folder, telling)
        self._running: subprocess.Popen[str] | None = None
        self._log = folder / "relay.log"
        self.database = self._host.home / "relay.sqlite"
        self.url = ""

    def start(self) -> None:
        """Start it and wait until it answers.

        Raises:
            StoryError: it ended instead.
        """
        port = self.url.rpartition(":")[2] or "0"
        with self._log.open("a", encoding="utf-8") as log:
            self._running = subprocess.Popen(
                self._host.argv("relay", "--port", port),
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        assert self._running.stdout is not None
        self.url = self._running.stdout.readline().strip()
        if not self.url:
            raise StoryError(f"the relay did not start; see {self._log}")

    def stop(self) -> None:
        """Stop it, if it runs, as Ctrl-C would."""
        if self._running is not None:
            self._running.terminate()
            self._running.communicate(timeout=30)
            self._running = None
