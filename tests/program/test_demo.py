"""`make demo`: the main job of the project, in a real browser, from nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from demo.story import OUT
from tests.program.leaks import leaks, leaks_in_files

_ROOT = Path(__file__).parents[2]


@pytest.mark.browser
@pytest.mark.slow
def test_the_demo_tells_the_main_job() -> None:
    """Every step comes out, in under two minutes, and leaves its things behind."""
    done = subprocess.run(
        [sys.executable, "-m", "demo"],
        cwd=_ROOT,
        env=os.environ,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )

    assert done.returncode == 0, done.stdout[-2000:] + done.stderr
    assert done.stdout.count("✓") == 12
    assert len(list((OUT / "bills").rglob("*.pdf"))) == 3
    imported = ["4111111111111111", "s3cr3t-2"]
    assert leaks(done.stdout.encode(), imported) == []
    for place in ("laptop", "phone", "relay"):
        assert leaks_in_files(OUT / place, imported) == []
