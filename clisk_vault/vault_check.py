"""Whether a vault file is whole, as far as can be said without a key.

What only a key can tell (that nothing was changed) is told while it is used: every
row is authenticated when it is read, and `clisk log verify` reads the access log.
SQLite writes even where it only reads (the write-ahead log is put into the file, and
both beside it are removed), so whoever must not change anything looks at a copy.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from clisk_vault.errors import StoreError
from clisk_vault.storage import Storage

_MOST = 5
_TRIES = 5
_LOG = "-wal"  # the write-ahead log: newer than the file that it lies beside


@contextmanager
def private_copy(path: Path) -> Iterator[Path]:
    """Copy the vault file at *path* for the block: what is read of it leaves no trace.

    The copy has what is still in the write-ahead log, and only this user can read it.

    Raises:
        StoreError: it cannot be read, there is no room, or it changes all the time.
    """
    with ExitStack() as stack:
        try:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="clisk-"))
            copy = Path(folder) / path.name
            _copy(path.resolve(), copy)
        except OSError as err:
            raise StoreError(
                f"vault file: no copy to look at can be made: {err.strerror or err}",
                advice="it must be readable, with room for it where temporary files go",
            ) from err
        yield copy


def _copy(path: Path, copy: Path) -> None:
    for _ in range(_TRIES):
        before = _marks(path)
        for each, mark in before.items():
            into = copy.with_name(copy.name + each)
            into.unlink(missing_ok=True)
            if mark is not None:
                into.touch(mode=0o600)
                with suppress(FileNotFoundError):
                    shutil.copyfile(path.with_name(path.name + each), into)
        # An agent may be writing: half of what was and half of what is are neither.
        if _marks(path) == before:
            return
    raise StoreError("vault file: it is being written to", advice="ask again later")


def _marks(path: Path) -> dict[str, tuple[int, ...] | None]:
    """Return what changes with the file and its log; None for one that is not there."""
    marks: dict[str, tuple[int, ...] | None] = {}
    for each in ("", _LOG):
        try:
            found = path.with_name(path.name + each).stat()
        except FileNotFoundError:
            if not each:
                raise
            marks[each] = None
        else:
            marks[each] = (found.st_ino, found.st_size, found.st_mtime_ns)
    return marks


def damage(path: Path) -> list[str]:
    """Return what is wrong with the database at *path*, a few lines; none: whole.

    It is opened for writing.

    Raises:
        StoreError, FormatError, UnsupportedError: it cannot even be opened.
    """
    storage = Storage.open(path)
    try:
        return storage.damage(_MOST)
    finally:
        storage.close()
