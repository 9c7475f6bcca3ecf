"""Killed while files are attached and purged: all of a file, or nothing of it."""

from __future__ import annotations

import os
import random
import signal
import time
from pathlib import Path
from typing import NoReturn

import pytest

from clisk_vault.attachment import CHUNK_BYTES
from clisk_vault.ids import ItemId
from clisk_vault.item_store import SETTINGS
from clisk_vault.reveal import ReadRequest
from clisk_vault.vault import Vault
from tests.vault.made import PERSON, Family, add_login, unlock

_KILLS = 12
_CHUNKS = 3


def _data(name: str) -> bytes:
    return random.Random(name).randbytes(_CHUNKS * CHUNK_BYTES)


def _child(path: Path, item: ItemId, first: int, writing: int) -> NoReturn:
    """Attach files, and make, trash and purge items with files, until killed."""
    vault = unlock(path)
    for number in range(first, first + 10_000):
        vault.attachments.add(item, f"{number}", _data(f"{number}"))
        os.write(writing, f"attached {number}\n".encode())
        other = add_login(vault, f"purged {number}")
        vault.attachments.add(other, "x", _data("x"))
        vault.trash(other)
        vault.purging.purge([other])
        os.write(writing, f"purged {number}\n".encode())
    os._exit(0)


def _kill_one(path: Path, item: ItemId, first: int, chance: random.Random) -> list[str]:
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(reading)
            _child(path, item, first, writing)
        finally:
            os._exit(1)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        said = [pipe.readline() for _ in range(chance.randint(1, 3))]
        time.sleep(chance.uniform(0, 0.03))
        os.kill(child, signal.SIGKILL)
        said += pipe.readlines()
    os.waitpid(child, 0)
    return [line.decode().strip() for line in said]


def _check(vault: Vault, item: ItemId) -> set[str]:
    """Check that every file is whole and no chunk is nobody's; return their names."""
    files = vault.attachments.of(item)
    for each in files:
        request = ReadRequest(item, each.field, PERSON, "test")
        assert vault.attachments.read(request) == _data(each.name)
    chunks = _CHUNKS * len(files)
    for other in vault.ids() - {item}:
        chunks += _CHUNKS * len(vault.attachments.of(other))
    rows = vault.storage.one("SELECT count(*) FROM item WHERE id != ?", (SETTINGS,))
    assert rows == (len(vault.ids()) + chunks,)
    return {each.name for each in files}


@pytest.mark.slow
def test_a_file_is_there_whole_or_not_at_all(tmp_path: Path) -> None:
    """What was told is kept; what was purged left no chunk behind."""
    path, chance = tmp_path / "vault.db", random.Random(20260102)
    vault = Family().device(path)
    item = add_login(vault)
    vault.lock()
    told, count = set[str](), 0

    for _ in range(_KILLS):
        said = _kill_one(path, item, count, chance)
        told |= {line.split()[1] for line in said if line.startswith("attached")}
        vault = unlock(path)
        names = _check(vault, item)
        assert told <= names
        left = {each.title for each in vault.overviews()}
        purged = {
            f"purged {line.split()[1]}" for line in said if line.startswith("purged")
        }
        assert not left & purged
        count = 1 + max(map(int, names), default=count)
        vault.lock()

    assert len(told) >= _KILLS // 2
