"""Killed while it reveals, hundreds of times: nothing is released without a record.

test_kill.py kills edits and reads in turns; here nothing but reads goes on, one at a
time and many at once, so that each kill falls within one.
"""

from __future__ import annotations

import os
import random
import signal
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import pytest

from clisk_vault import field_seal
from clisk_vault.access_record import Outcome
from clisk_vault.ids import ItemId
from clisk_vault.keys import SecretText
from clisk_vault.reveal import Reader, ReadRequest
from tests.vault.made import PERSON, Family, add_login, unlock

_KILLS = 500
_MOST_LINES = 6
_LONGEST_SECONDS = 0.003


def _child(path: Path, item: ItemId, kill: int, many: bool, writing: int) -> NoReturn:
    """Read until killed, and say of each seal that it is open."""
    vault = unlock(path)
    purposes: list[str] = []

    def open_aloud(*args: Any, **kwargs: Any) -> SecretText:
        # A fast disk leaves kills little room between the record and the seal.
        time.sleep(0.0005)
        plain = field_seal.open_field(*args, **kwargs)
        os.write(writing, f"{purposes.pop(0)}\n".encode())
        return plain

    pytest.MonkeyPatch().setattr("clisk_vault.reveal.open_field", open_aloud)
    count = 0
    while True:
        asked = []
        for _ in range(3 if many else 1):
            count += 1
            purposes.append(f"{kill}.{count}")
            asked.append(ReadRequest(item, "password", PERSON, purposes[-1]))
        if many:
            list(vault.reveal_many(asked))
        else:
            vault.reveal(asked[0])


def _kill_one(path: Path, item: ItemId, kill: int, chance: random.Random) -> list[str]:
    """Return what a child had released before it was killed."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(reading)
            _child(path, item, kill, kill % 3 == 0, writing)
        except BaseException:  # noqa: BLE001  # into the pipe, whatever it was
            os.write(writing, f"failed {traceback.format_exc()}\n".encode())
        finally:
            os._exit(1)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        said = [pipe.readline() for _ in range(chance.randint(1, _MOST_LINES))]
        time.sleep(chance.uniform(0, _LONGEST_SECONDS))
        os.kill(child, signal.SIGKILL)
        said += pipe.readlines()
    os.waitpid(child, 0)
    lines = [line.decode().strip() for line in said]
    assert not any(line.startswith("failed") for line in lines), lines
    return [line for line in lines if line]


def _harry(
    folder: Path, *, enough: Callable[[set[str], set[str]], bool] = lambda *_: False
) -> tuple[set[str], set[str]]:
    """Kill again and again; return what was released, and what is on record."""
    path = folder / "vault.db"
    vault = Family().device(path)
    item = add_login(vault)
    vault.lock()
    chance = random.Random(20260102)
    released, recorded, entries = set[str](), set[str](), 0
    for kill in range(_KILLS):
        released.update(_kill_one(path, item, kill, chance))
        # The whole log is read seldom: what counts is that nothing is missing.
        if kill % 50 == 49:
            again = unlock(path)
            recorded |= {
                record.purpose
                for _, record in again.log.records(entries)
                if record.outcome is Outcome.GRANTED
            }
            entries = again.log.size
            assert again.log.verify(again.secrets.public.log).findings == ()
            again.lock()
            if enough(released, recorded):
                break
    return released, recorded


@pytest.mark.slow
def test_500_kills_release_nothing_without_a_record(tmp_path: Path) -> None:
    """And they fell on both sides of the record, or they would show nothing."""
    released, recorded = _harry(tmp_path)

    assert released - recorded == set()
    assert len(released) > _KILLS
    assert recorded - released, "recorded, and killed before the seal was opened"


@pytest.mark.slow
def test_with_the_wrong_order_the_same_kills_find_unrecorded_reads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Control: opened before the record is written, some reads have none."""

    def wrong_order(self: Reader, request: ReadRequest) -> SecretText:
        stored, version = self._find(request)
        plain = self._open(request, stored, version)
        self._record(request, Outcome.GRANTED, None)
        return plain

    monkeypatch.setattr(Reader, "reveal", wrong_order)

    released, recorded = _harry(
        tmp_path, enough=lambda released, recorded: bool(released - recorded)
    )

    assert released - recorded != set()
