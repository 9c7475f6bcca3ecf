"""A konnector that was started from a page: the command, its words, and its end."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections import deque
from contextlib import suppress
from typing import Any

from clisk.home import Home

_KEPT_LINES = 200
_LINE_CHARS = 500


class Run:
    """One `clisk konnector run` of this session's. Ends with the session."""

    def __init__(self, home: Home, slug: str, item: str, folder: str | None) -> None:
        self.slug = slug
        self.item = item
        self.lines: deque[str] = deque(maxlen=_KEPT_LINES)
        self.result: dict[str, Any] | None = None
        # As the agent starts one by the clock: the same command, isolated.
        words = [sys.executable, "-I", "-m", "clisk", "--home", home.folder]
        words += ["konnector", "run", slug, "--item", item, "--json"]
        words += ["--save-credentials", "never"]
        self._process = subprocess.Popen(
            words if folder is None else [*words, "--to", folder],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd="/",
            # The terminal that the dashboard was started on is not the person's page:
            # nothing is to be asked there.
            start_new_session=True,
        )
        self._readers = [
            threading.Thread(target=reader, daemon=True)
            for reader in (self._listen, self._take)
        ]
        for reader in self._readers:
            reader.start()

    def __repr__(self) -> str:
        return f"<Run of {self.slug}>"

    @property
    def going(self) -> bool:
        """Whether it still runs."""
        return self._process.poll() is None

    @property
    def succeeded(self) -> bool:
        """Whether it ended well."""
        return self._process.poll() == 0

    def stop(self) -> None:
        """End it as Ctrl-C does."""
        if self.going:
            self._process.terminate()

    def close(self) -> None:
        """End it, and wait for what it still says."""
        self.stop()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=10)
        for reader in self._readers:
            reader.join(timeout=10)

    def _listen(self) -> None:
        assert self._process.stderr is not None
        with self._process.stderr as said:
            for line in said:
                self.lines.append(line.rstrip("\n")[:_LINE_CHARS])

    def _take(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as out:
            text = out.read()
        with suppress(ValueError):
            found = json.loads(text)
            self.result = found if isinstance(found, dict) else None
