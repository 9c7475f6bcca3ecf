"""A disk that is full, faulty or read-only: no record, no read, and a named reason.

A small library in C stands between SQLite and the disk of a child process and lets
each write, cut or flush of the vault's files fail in turn.
"""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from clisk_vault.errors import DiskFullError, UnrecordedError
from clisk_vault.reserve import RESERVE_BYTES, STEP_BYTES, Reserve
from clisk_vault.reveal import ReadRequest
from clisk_vault.vault import Vault
from tests.vault.made import PASSWORD, PERSON, Family, add_login, read, unlock

_FOLDER = Path(__file__).parent / "faults"
_ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module", name="library")
def _library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the library, compiled; `make test` installs what that needs."""
    built = tmp_path_factory.mktemp("faults") / "faults.so"
    source = str(_FOLDER / "faults.c")
    subprocess.run(
        ["cc", "-shared", "-fPIC", "-O1", "-Wall", "-o", built, source, "-ldl"],
        check=True,
    )
    return built


def _experiment(
    folder: Path, library: Path, what: str, order: str = "right"
) -> dict[str, Any]:
    vault = Family().device(folder / "vault.db")
    item = add_login(vault)
    vault.lock()
    # Without a reserve: what it does is another test's business.
    Reserve(folder / "vault.db").path.unlink()
    (folder / "vault.db-reserve").mkdir()
    done = subprocess.run(
        [
            *(sys.executable, "-m", "tests.vault.faults.child"),
            *(str(folder / "vault.db"), item.hex(), what, order),
        ],
        cwd=_ROOT,
        env={**os.environ, "LD_PRELOAD": str(library)},
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.slow
@pytest.mark.parametrize(
    ("error", "cause"),
    [(errno.ENOSPC, "DiskFullError"), (errno.EIO, "DiskFaultError")],
    ids=["full", "faulty"],
)
@pytest.mark.parametrize("how", ["once", "always"])
def test_a_disk_that_fails_at_any_write_releases_nothing_unrecorded(
    tmp_path: Path, library: Path, error: int, cause: str, how: str
) -> None:
    """Each write of a read failed in turn; every one that failed refused the read."""
    found = _experiment(tmp_path, library, f"{error} {how}")

    assert found["unrecorded"] == []
    assert found["findings"] == []
    assert found["failed_calls"] >= 3, "pages, and the flush"
    assert found["outcomes"]["released"] >= 1, "the last, in which nothing failed"
    assert f"UnrecordedError by {cause}" in found["outcomes"]
    assert all(
        outcome == "released" or outcome.startswith("UnrecordedError by Disk")
        for outcome in found["outcomes"]
    )


@pytest.mark.slow
def test_with_the_wrong_order_the_same_faults_find_unrecorded_reads(
    tmp_path: Path, library: Path
) -> None:
    """Control: opened before the record, each fault is a read without one."""
    found = _experiment(tmp_path, library, f"{errno.EIO} always", "wrong")

    assert len(found["unrecorded"]) >= 3


@pytest.mark.slow
def test_a_read_only_disk_releases_nothing(tmp_path: Path, library: Path) -> None:
    """The file opens for reading alone; the reason is named."""
    found = _experiment(tmp_path, library, "read-only")

    assert found["failed_calls"], "it was opened for writing first"
    assert found["unrecorded"] == []
    assert set(found["outcomes"]) <= {
        "ReadOnlyError",
        "UnrecordedError by ReadOnlyError",
    }


# --- the reserve


def test_a_full_disk_is_read_on_with_what_was_kept_aside(
    vault: Vault, vault_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A record that finds no room takes some from the reserve; then nothing is left."""
    item = add_login(vault)
    reserve = Reserve(vault_path)
    assert reserve.left == RESERVE_BYTES
    monkeypatch.setattr(Reserve, "fill", lambda _: None)
    full_until = [RESERVE_BYTES]
    real = type(vault.log).append

    def append(*args: Any) -> int:
        if reserve.left >= full_until[0]:
            raise DiskFullError("no room")
        return real(*args)

    monkeypatch.setattr(type(vault.log), "append", append)

    assert read(vault, item) == PASSWORD
    assert reserve.left == RESERVE_BYTES - STEP_BYTES
    assert read(vault, item) == PASSWORD
    assert reserve.left == RESERVE_BYTES - STEP_BYTES, "the room lasts"
    full_until[0] = 0
    with pytest.raises(UnrecordedError, match="so nothing is read") as refused:
        read(vault, item)
    assert refused.value.advice == "make room on the disk, then try again"
    assert reserve.left == 0
    assert [record.purpose for _, record in vault.log.records()] == ["test"] * 2


def test_the_reserve_is_made_whole_when_there_is_room_again(
    vault: Vault, vault_path: Path
) -> None:
    """At the next unlocking, and it is no hole in a file."""
    reserve = Reserve(vault_path)
    assert reserve.draw()
    vault.lock()
    assert reserve.left == RESERVE_BYTES - STEP_BYTES

    unlock(vault_path).lock()

    assert reserve.left == RESERVE_BYTES
    assert reserve.path.stat().st_blocks * 512 >= RESERVE_BYTES
    assert reserve.path.stat().st_mode & 0o777 == 0o600


def test_a_vault_without_a_reserve_is_read_all_the_same(
    vault: Vault, vault_path: Path
) -> None:
    """Nothing depends on the file but how long a full disk can be read on."""
    item = add_login(vault)
    vault.lock()
    path = Reserve(vault_path).path
    path.unlink()
    path.mkdir()  # now none can be made

    again = unlock(vault_path)

    assert again.reveal(ReadRequest(item, "password", PERSON, "x")).expose() == PASSWORD
    again.lock()
