"""One relay process on a SQLite file: nobody would wake those who wait at another."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from clisk_sync.errors import CallerError
from clisk_sync.relay.store import is_file


@contextmanager
def only_relay_on(database: str | Path) -> Iterator[None]:
    """Hold the file until the block ends; a server of databases is for many.

    The lock is of a file beside it: to open and close the database itself would
    let go of the locks that SQLite has in this process.

    Raises:
        CallerError: another relay holds it, or its folder cannot be written to.
    """
    if not is_file(database):
        yield
        return
    beside = Path(f"{os.path.realpath(database)}-relay")
    try:
        beside.parent.mkdir(parents=True, exist_ok=True)
        held = os.open(beside, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as err:
        raise CallerError(
            "the relay's database cannot be opened",
            advice="check the path, its permissions and the free space",
        ) from err
    try:
        _lock(held)
        yield
    finally:
        os.close(held)


def _lock(held: int) -> None:
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        raise CallerError(
            "another relay runs on this database",
            advice="stop that one; several relays share a PostgreSQL: docs/relay.md",
        ) from None
