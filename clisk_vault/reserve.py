"""Room kept aside, so that a full disk does not lock people out of their secrets.

No read without a record: on a full disk there would be neither. So a file of no
content lies beside the vault, and is given up piece by piece when a record finds no
other room. Spec: protocol/vault-file.md §2.3.
"""

from __future__ import annotations

import os
from pathlib import Path

RESERVE_BYTES = 1024 * 1024
STEP_BYTES = 128 * 1024
# The reserve is not to be what fills the disk.
_ROOM = 4


class Reserve:
    """The reserve of one vault file."""

    def __init__(self, vault: Path) -> None:
        self.path = vault.with_name(vault.name + "-reserve")

    @property
    def left(self) -> int:
        """How many bytes are still kept aside."""
        try:
            return self.path.stat().st_size
        except OSError:
            return 0

    def fill(self) -> None:
        """Make it whole again, where the disk has room to spare; else do nothing."""
        if self.left >= RESERVE_BYTES:
            return
        try:
            disk = os.statvfs(self.path.parent)
            if disk.f_bavail * disk.f_frsize < _ROOM * RESERVE_BYTES:
                return
            file = os.open(self.path, os.O_CREAT | os.O_RDWR | os.O_NOFOLLOW, 0o600)
            try:
                # Blocks, not a hole: a hole would keep nothing aside.
                os.posix_fallocate(file, 0, RESERVE_BYTES)
            finally:
                os.close(file)
        except OSError:
            return  # a vault without one is still a vault

    def draw(self) -> bool:
        """Give a piece of it to the disk; False: there is nothing left."""
        left = self.left
        if not left:
            return False
        try:
            os.truncate(self.path, max(0, left - STEP_BYTES))
        except OSError:
            return False
        return True
