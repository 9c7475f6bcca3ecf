"""A browser profile between runs: packed and sealed, so that a thief finds no session.

For a run it is unpacked into memory (a tmpfs, where the system has one), in a folder
that only this user can enter; afterwards it is packed, sealed and removed there. Only
what keeps a login is packed: cookies and what sites store, no cache and no history.

Spec: protocol/konnector-bridge.md §9.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import shutil
import tarfile
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Protocol

from konnector_runner import atomic
from konnector_runner.errors import SessionError

MAX_BYTES = 128 * 1024 * 1024
_MIB = MAX_BYTES // 1024**2
_LESS = "its cookies are kept, and not what sites stored beside them"
# What sealing adds, with room.
_SEALING = 1024
_FOLDER = re.compile(r"clisk-session-(\d+)-\w+")
_KEPT = (
    "clisk-cookies.json",
    "Local State",
    "Default/Cookies",
    "Default/Network",
    "Default/Local Storage",
    "Default/IndexedDB",
    "Default/Session Storage",
    "Default/WebStorage",
    "Default/Preferences",
)


class Seal(Protocol):
    """Seals one file's bytes; what was changed does not open."""

    def seal(self, plaintext: bytes) -> bytes: ...

    def open(self, sealed: bytes) -> bytes: ...


class ProfileBox:
    """The sealed profile of one account, in one file."""

    def __init__(
        self,
        file: Path,
        seal: Seal,
        *,
        warn: Callable[[str], None],
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        """*warn* is told what of a session is too large to be kept."""
        self._file = file
        self._seal = seal
        self._warn = warn
        self._memory = memory_folder(environ)

    @contextlib.contextmanager
    def unpacked(self) -> Iterator[Path]:
        """Give the profile's folder; what it is at the end is kept, however it ends.

        Raises:
            SessionError: what is kept does not open; nothing was changed.
        """
        sweep(self._memory)
        prefix = f"clisk-session-{os.getpid()}-"
        folder = Path(tempfile.mkdtemp(prefix=prefix, dir=self._memory))
        try:
            self._unpack(folder)
            try:
                yield folder
            finally:
                self._pack(folder)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _unpack(self, folder: Path) -> None:
        try:
            if self._file.stat().st_size > MAX_BYTES + _SEALING:
                raise SessionError(f"the kept session is larger than {_MIB} MiB")
            sealed = self._file.read_bytes()
        except FileNotFoundError:
            return
        try:
            packed = self._seal.open(sealed)
            with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
                archive.extractall(folder, filter="data")
        except Exception as err:
            raise SessionError("the kept session does not open") from err

    def _pack(self, folder: Path) -> None:
        packed = _packed(folder, _KEPT)
        if len(packed) > MAX_BYTES:
            # Sites may store without end; the cookies are what keeps a login.
            packed = _packed(folder, _KEPT[:4])
            self._warn(f"the browser's session is larger than {_MIB} MiB: {_LESS}")
        if len(packed) > MAX_BYTES:
            self._warn("its cookies are as well: the session before it stays")
            return
        self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        atomic.replace(self._file, self._seal.seal(packed))


def _packed(folder: Path, names: tuple[str, ...]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name in names:
            top = folder / name
            for path in [top, *sorted(top.rglob("*"))] if top.exists() else []:
                if path.is_file() and not path.is_symlink():
                    archive.add(path, path.relative_to(folder).as_posix())
    return buffer.getvalue()


def memory_folder(environ: Mapping[str, str] = os.environ) -> Path:
    """Return where files live in memory and end with the session, if anywhere."""
    for name in (environ.get("XDG_RUNTIME_DIR"), "/dev/shm"):  # noqa: S108 - see above
        if name and os.access(name, os.W_OK | os.X_OK):
            return Path(name)
    return Path(tempfile.gettempdir())


def sweep(memory: Path) -> None:
    """Remove what a run left there that was killed."""
    for folder in memory.glob("clisk-session-*"):
        match = _FOLDER.fullmatch(folder.name)
        if match and folder.stat().st_uid == os.getuid() and not _lives(int(match[1])):
            shutil.rmtree(folder, ignore_errors=True)


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
