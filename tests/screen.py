"""A screen that nobody sees (Xvfb) in the place of a person's own."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest


@contextmanager
def unseen_screen() -> Iterator[str]:
    """Give the name of a screen, for DISPLAY."""
    if shutil.which("Xvfb") is None:
        pytest.fail("run scripts/setup_screen.sh (make setup does)")
    read, write = os.pipe()
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", str(write), "-screen", "0", "800x900x24"],
        pass_fds=[write],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(write)
    try:
        with os.fdopen(read) as told:
            yield f":{told.readline().strip()}"
    finally:
        server.terminate()
        server.wait()
