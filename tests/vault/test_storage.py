"""The vault file: durable, private, and refused when it is another's."""

from __future__ import annotations

import sqlite3
import stat
from pathlib import Path

import pytest

from clisk_vault.errors import FormatError, StoreError, UnsupportedError
from clisk_vault.storage import Storage


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    """Return a new vault file with one table of the test's own."""
    made = Storage.create(tmp_path / "vault.db")
    made.execute("CREATE TABLE test_rows (value INTEGER NOT NULL UNIQUE)")
    return made


def _rows(storage: Storage) -> list[int]:
    return [int(row[0] or 0) for row in storage.all("SELECT value FROM test_rows")]


def test_a_vault_file_is_for_its_owner_only(storage: Storage) -> None:
    """Mode 0600 from the first moment, its journal too."""
    storage.execute("INSERT INTO test_rows VALUES (1)")
    for path in storage.path.parent.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_commit_has_reached_the_disk(storage: Storage) -> None:
    """WAL with synchronous FULL, and deleted rows are overwritten."""
    assert storage.one("PRAGMA journal_mode") == ("wal",)
    assert storage.one("PRAGMA synchronous") == (2,)
    assert storage.one("PRAGMA secure_delete") == (1,)


def test_a_transaction_is_all_or_nothing(storage: Storage) -> None:
    """An exception of any kind undoes the block."""
    with pytest.raises(KeyboardInterrupt), storage.transaction():
        storage.execute("INSERT INTO test_rows VALUES (1)")
        raise KeyboardInterrupt
    assert _rows(storage) == []


def test_an_inner_transaction_is_part_of_the_outer(storage: Storage) -> None:
    """A failed inner block is undone alone; a failed outer one undoes both."""
    with storage.transaction():
        storage.execute("INSERT INTO test_rows VALUES (1)")
        with pytest.raises(StoreError), storage.transaction():
            storage.execute("INSERT INTO test_rows VALUES (2)")
            storage.execute("INSERT INTO test_rows VALUES (1)")
        with storage.transaction():
            storage.execute("INSERT INTO test_rows VALUES (3)")
    assert _rows(storage) == [1, 3]

    with pytest.raises(RuntimeError), storage.transaction():
        with storage.transaction():
            storage.execute("INSERT INTO test_rows VALUES (4)")
        raise RuntimeError
    assert _rows(storage) == [1, 3]


def test_a_vault_file_is_never_overwritten(storage: Storage) -> None:
    """Creating where one exists is refused."""
    with pytest.raises(StoreError, match="exists"):
        Storage.create(storage.path)


def test_a_missing_file_is_not_made_by_opening(tmp_path: Path) -> None:
    """Opening what is not there says how to make one."""
    with pytest.raises(StoreError) as caught:
        Storage.open(tmp_path / "vault.db")
    assert "clisk init" in caught.value.advice
    assert not list(tmp_path.iterdir())


def test_a_newer_file_is_refused_by_version(storage: Storage) -> None:
    """A schema version that is not known is never guessed at."""
    storage.execute("PRAGMA user_version = 99")
    storage.close()
    with pytest.raises(UnsupportedError):
        Storage.open(storage.path)


def test_a_file_of_another_program_is_refused(tmp_path: Path) -> None:
    """Neither another database nor rubbish is opened as a vault."""
    other, rubbish = tmp_path / "other.db", tmp_path / "rubbish.db"
    with sqlite3.connect(other) as connection:
        connection.execute("CREATE TABLE t (x)")
    connection.close()
    rubbish.write_bytes(b"not a database at all" * 100)

    for path in (other, rubbish):
        with pytest.raises(FormatError):
            Storage.open(path)


def test_what_was_committed_is_there_on_opening(storage: Storage) -> None:
    """A closed file opens with all its rows."""
    with storage.transaction():
        storage.execute("INSERT INTO test_rows VALUES (7)")
    storage.close()

    assert _rows(Storage.open(storage.path)) == [7]
