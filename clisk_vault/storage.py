"""One SQLite file a vault: protocol/vault-file.md §2.

Owns the file, its durability and its schema version; knows no table's meaning.
A transaction that returned has reached the disk (WAL, synchronous=FULL).
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import TypeAlias

from clisk_vault.errors import (
    DiskFaultError,
    DiskFullError,
    FormatError,
    ReadOnlyError,
    StoreError,
    UnsupportedError,
)
from clisk_vault.schema import SCHEMA, SCHEMA_VERSION

Column: TypeAlias = "bytes | int | str | None"
Row: TypeAlias = "tuple[Column, ...]"

# "CLSK": a file of another program is refused by name, not by a missing table.
APPLICATION_ID = 0x434C534B

# begin, commit, rollback. SQLite finds the innermost savepoint of one name.
_TRANSACTION = "BEGIN IMMEDIATE", "COMMIT", ("ROLLBACK",)
_SAVEPOINT = "SAVEPOINT inner", "RELEASE inner", ("ROLLBACK TO inner", "RELEASE inner")


class Storage:
    """An open vault file. One thread, one connection."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._connection = connection
        self._depth = 0
        self._undone = 0
        self.path = path

    @classmethod
    def create(cls, path: Path) -> Storage:
        """Make a new vault file, readable by its owner only.

        Raises:
            StoreError: the file exists already or cannot be made.
        """
        try:
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        except FileExistsError:
            raise StoreError(
                "a vault file exists there already", advice="choose another folder"
            ) from None
        except OSError as err:
            raise StoreError(f"vault file: {err.strerror}") from err
        storage = cls(_connect(path), path)
        with storage.transaction():
            storage.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            storage.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
            for statement in SCHEMA:
                storage.execute(statement)
        return storage

    @classmethod
    def open(cls, path: Path) -> Storage:
        """Open an existing vault file.

        Raises:
            StoreError: there is none, or the disk refuses.
            FormatError: not a vault file.
            UnsupportedError: a schema version that this program does not know.
        """
        if not path.is_file():
            raise StoreError(
                "there is no vault file here", advice="make one with: clisk init"
            )
        storage = cls(_connect(path), path)
        try:
            storage._check_header()
        except BaseException:
            storage.close()
            raise
        return storage

    def _check_header(self) -> None:
        if self.one("PRAGMA application_id") != (APPLICATION_ID,):
            raise FormatError("vault file: not made by clisk-vault")
        if self.one("PRAGMA user_version") != (SCHEMA_VERSION,):
            raise UnsupportedError("vault file: a schema version not known here")

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Do all of the block or nothing; an inner transaction is part of the outer.

        Raises:
            StoreError: the disk refused; nothing of the block was kept.
        """
        begin, commit, rollback = _TRANSACTION if not self._depth else _SAVEPOINT
        self.execute(begin)
        self._depth += 1
        try:
            yield
            self.execute(commit)
        except BaseException:
            self._undone += 1
            # A failed COMMIT may have rolled back already (disk full).
            if self._connection.in_transaction:
                for statement in rollback:
                    self._connection.execute(statement)
            raise
        finally:
            self._depth -= 1

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is open, so that nothing is durable yet."""
        return self._depth > 0

    @property
    def generation(self) -> tuple[Column, int]:
        """What was read under another value of this may no longer be true.

        It changes when another connection has committed and when a transaction
        here was undone; not by transactions here that were kept.
        """
        row = self.one("PRAGMA data_version")
        assert row is not None
        return row[0], self._undone

    @property
    def rows_written(self) -> int:
        """How many rows were inserted, changed or deleted through this connection."""
        return self._connection.total_changes

    def execute(self, sql: str, params: Sequence[Column] = ()) -> int:
        """Run one statement and return the row id it inserted, if any.

        Raises:
            StoreError: the disk refused.
            FormatError: the file is damaged.
        """
        with _NamedErrors():
            return self._connection.execute(sql, params).lastrowid or 0

    def executemany(self, sql: str, params: Sequence[Sequence[Column]]) -> None:
        """Run one statement for each row of *params*; raises as execute()."""
        with _NamedErrors():
            self._connection.executemany(sql, params)

    def one(self, sql: str, params: Sequence[Column] = ()) -> Row | None:
        """Return the first row, or None; raises as execute()."""
        with _NamedErrors():
            row: Row | None = self._connection.execute(sql, params).fetchone()
            return row

    def all(self, sql: str, params: Sequence[Column] = ()) -> list[Row]:
        """Return every row; raises as execute()."""
        with _NamedErrors():
            return self._connection.execute(sql, params).fetchall()

    def damage(self, most: int) -> list[str]:
        """Return at most *most* lines on what is wrong with the file; none: whole.

        Raises:
            StoreError: the disk refused.
        """
        try:
            rows = self.all(f"PRAGMA integrity_check({int(most)})")
            strays = self.all("PRAGMA foreign_key_check")
        except FormatError as err:
            return [str(err)]
        faults = [str(row[0]) for row in rows if row != ("ok",)]
        faults += [f"a row of {row[0]!s} belongs to nothing" for row in strays[:most]]
        return faults

    def scrub(self) -> None:
        """Leave nothing of what was deleted in the write-ahead log."""
        self.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def shrink(self) -> None:
        """Let go of the pages kept in memory, after work that touched many."""
        self.execute("PRAGMA shrink_memory")

    def close(self) -> None:
        """Close the file; harmless when closed already."""
        self._connection.close()


_DISK_ERRORS = {
    sqlite3.SQLITE_FULL: DiskFullError,
    sqlite3.SQLITE_READONLY: ReadOnlyError,
    # The file is there, and so it is its journal that cannot be made or opened.
    sqlite3.SQLITE_CANTOPEN: ReadOnlyError,
    sqlite3.SQLITE_IOERR: DiskFaultError,
}


class _NamedErrors:
    """Turns what sqlite3 raises into our errors; a generator costs ten times more."""

    def __enter__(self) -> None:
        pass

    def __exit__(
        self,
        kind: type[BaseException] | None,
        err: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if not isinstance(err, sqlite3.DatabaseError):
            return
        if err.sqlite_errorcode in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT):
            raise FormatError("vault file: damaged or not a database") from err
        # The low byte is the kind of error, whatever the operation was.
        kind_of = _DISK_ERRORS.get(err.sqlite_errorcode & 0xFF, StoreError)
        raise kind_of(f"vault file: {err}") from err


def _connect(path: Path) -> sqlite3.Connection:
    with _NamedErrors():
        # isolation_level None: transactions are ours alone, see transaction().
        connection = sqlite3.connect(path, isolation_level=None, timeout=5.0)
        try:
            for pragma in (
                "journal_mode = WAL",
                "synchronous = FULL",
                # KiB. Ids are random, so a long import touches pages everywhere: with
                # SQLite's own 2 MiB each is written out and read back many times.
                "cache_size = -16384",
                "secure_delete = ON",
                "foreign_keys = ON",
                "trusted_schema = OFF",
            ):
                connection.execute(f"PRAGMA {pragma}")
        except BaseException:
            connection.close()
            raise
        return connection
