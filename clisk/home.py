"""The folder that holds one vault and what its agent needs, all of it mode 0600.

    vault.sqlite   sealed vault                agent.sock   socket of the agent
    agent.lock     held while an agent runs    agent.log    what it did, no secrets
    konnectors     those that are installed

Kept light: every start of the program pays for this file.
"""
# Pathlib alone costs as much as a whole `clisk get` may take.
# ruff: noqa: PTH100, PTH101, PTH103, PTH111, PTH116, PTH118

from __future__ import annotations

import os
import stat
import sys

from clisk.errors import HomeError

# sun_path holds 108 bytes with its NUL on Linux, 104 on macOS and the BSDs.
_MAX_ADDRESS = 100
_LINUX = sys.platform.startswith("linux")


class Home:
    """Paths inside one home folder."""

    __slots__ = ("folder",)

    def __init__(self, folder: str) -> None:
        self.folder = os.path.abspath(os.path.expanduser(folder))

    @property
    def vault(self) -> str:
        return os.path.join(self.folder, "vault.sqlite")

    @property
    def socket(self) -> str:
        return os.path.join(self.folder, "agent.sock")

    @property
    def lock(self) -> str:
        return os.path.join(self.folder, "agent.lock")

    @property
    def log(self) -> str:
        return os.path.join(self.folder, "agent.log")

    @property
    def konnectors(self) -> str:
        return os.path.join(self.folder, "konnectors")

    def make(self) -> None:
        """Create the folder if need be and close it to everybody else.

        Raises:
            HomeError: it is no folder, belongs to somebody else, or cannot be made.
        """
        try:
            os.makedirs(self.folder, mode=0o700, exist_ok=True)
            found = os.stat(self.folder)
            if found.st_uid != os.getuid():
                raise HomeError(
                    "the home folder belongs to another user",
                    advice="choose another one: clisk --home FOLDER",
                )
            if stat.S_IMODE(found.st_mode) != 0o700:
                os.chmod(self.folder, 0o700)
        except OSError as err:
            raise HomeError(
                f"the home folder cannot be used: {err.strerror}",
                advice="choose another one: clisk --home FOLDER",
            ) from err

    def socket_address(self) -> str:
        """Return the name to bind or connect to, short enough for the kernel.

        A long one goes through a descriptor of the folder, where the system
        has /proc; that descriptor stays open as long as the process lives.

        Raises:
            HomeError: the path is too long and there is no way around it.
        """
        if len(os.fsencode(self.socket)) <= _MAX_ADDRESS:
            return self.socket
        if not _LINUX:
            raise HomeError(
                "the path of the home folder is too long for a socket",
                advice="choose a shorter one: clisk --home FOLDER",
            )
        folder = os.open(self.folder, os.O_PATH | os.O_DIRECTORY)
        return f"/proc/self/fd/{folder}/agent.sock"


def default_folder() -> str:
    """Return CLISK_HOME, or where this system keeps a program's data."""
    chosen = os.environ.get("CLISK_HOME")
    if chosen:
        return chosen
    if _LINUX:
        # What platformdirs answers here (a test compares), without its 25 ms.
        base = os.environ.get("XDG_DATA_HOME", "").strip()
        return os.path.join(base or os.path.expanduser("~/.local/share"), "clisk")
    import platformdirs

    return platformdirs.user_data_dir("clisk", appauthor=False)
