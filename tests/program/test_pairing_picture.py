"""The picture of a pairing code."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from clisk.commands import pairing


def test_another_user_cannot_open_the_picture(tmp_path: Path) -> None:
    """The code is a secret for two minutes, whatever the umask is."""
    picture = tmp_path / "code.png"
    before = os.umask(0)
    try:
        pairing._draw("clisk:pair#planted", str(picture))
    finally:
        os.umask(before)

    assert stat.S_IMODE(picture.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [picture]
