"""Killed at any instant: nothing lost that had returned, no read without its record.

A child process edits and reads without pause and says through a pipe what has
happened; it is killed at a random moment, and the file it leaves is judged. What
SIGKILL cannot show is a loss of power: that is what `synchronous = FULL` is for.
"""

from __future__ import annotations

import os
import random
import resource
import signal
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

import pytest

from clisk_vault import field_seal
from clisk_vault.access_record import Outcome
from clisk_vault.draft import ItemDraft
from clisk_vault.errors import ReadRefused, StoreError
from clisk_vault.ids import ItemId
from clisk_vault.item_store import overview_of
from clisk_vault.keys import SecretText
from clisk_vault.reveal import Reader, ReadRequest
from clisk_vault.vault import Vault
from tests.vault.made import PERSON, Family, add_login, unlock

_KILLS = 300
# A kill falls after so many things said, and up to so much later: on a busy machine
# too it comes after some rounds, and anywhere within one.
_MOST_LINES = 8
_LONGEST_SECONDS = 0.004


@dataclass
class _Heard:
    """What a killed child had said."""

    written: int = -1
    opened: list[str] = field(default_factory=list)
    returned: list[str] = field(default_factory=list)


def _child(
    path: Path, item: ItemId, start: int, say: Callable[[str], None]
) -> NoReturn:
    """Edit and read until killed; say what was done as soon as it was."""
    vault = unlock(path)

    def open_aloud(*args: Any, **kwargs: Any) -> SecretText:
        # A fast disk leaves kills little room between the record and the seal.
        time.sleep(0.0005)
        plain = field_seal.open_field(*args, **kwargs)
        say(f"opened {count}")
        return plain

    pytest.MonkeyPatch().setattr("clisk_vault.reveal.open_field", open_aloud)
    vault.overviews()
    say("ready")
    count = start
    while True:
        count += 1
        secret = SecretText(f"password {count}")
        vault.edit(item, {"title": f"{count}", "password": secret})
        say(f"wrote {count}")
        vault.reveal(ReadRequest(item, "password", PERSON, f"{count}"))
        say(f"returned {count}")


def _run_and_kill(
    path: Path, item: ItemId, start: int, chance: random.Random
) -> _Heard:
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(reading)
            _child(path, item, start, lambda text: _say(writing, text))
        except BaseException:  # noqa: BLE001  # into the pipe, whatever it was
            _say(writing, "failed " + traceback.format_exc().replace("\n", " | "))
        finally:
            os._exit(1)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        said = [pipe.readline() for _ in range(chance.randint(1, _MOST_LINES))]
        time.sleep(chance.uniform(0, _LONGEST_SECONDS))
        os.kill(child, signal.SIGKILL)
        said += pipe.readlines()
    os.waitpid(child, 0)
    return _hear(said)


def _say(writing: int, text: str) -> None:
    os.write(writing, text.encode() + b"\n")  # one write: whole lines or nothing


def _hear(said: list[bytes]) -> _Heard:
    heard = _Heard()
    for line in said:
        what, _, about = line.decode().strip().partition(" ")
        assert what != "failed", about
        if what == "wrote":
            heard.written = int(about)
        elif what != "ready":
            {"opened": heard.opened, "returned": heard.returned}[what].append(about)
    return heard


@dataclass
class _Tally:
    """What all the kills came to."""

    opened: int = 0
    recorded: int = 0
    unrecorded: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)


def _harry(
    path: Path, item: ItemId, *, until_found: Callable[[_Tally], object] | None = None
) -> _Tally:
    chance = random.Random(20260101)
    tally = _Tally()
    count = entries = 0
    for _ in range(_KILLS):
        if until_found is not None and until_found(tally):
            break
        heard = _run_and_kill(path, item, count, chance)
        vault = unlock(path)
        recorded = {
            record.purpose
            for _, record in vault.log.records(entries)
            if record.outcome is Outcome.GRANTED
        }
        entries = vault.log.size
        tally.opened += len(heard.opened)
        tally.recorded += len(recorded)
        tally.unrecorded += set(heard.opened) - recorded
        count = _check_item(vault, item, heard, tally)
        vault.lock()
    return tally


def _check_item(vault: Vault, item: ItemId, heard: _Heard, tally: _Tally) -> int:
    """Check that document, list and queue agree; return what was written last."""
    view = vault.view(item)
    title = int(view.title)
    if title < heard.written:
        tally.lost.append(f"{heard.written} returned, {title} found")
    versions = len(view.fields["title"].versions)
    assert len(view.fields["password"].versions) == versions
    assert vault.overviews() == [overview_of(item, view)]
    assert vault.replica.unsent() == versions
    return title


@pytest.fixture
def harried(tmp_path: Path) -> tuple[Path, ItemId]:
    """Return a vault file with one item, closed."""
    vault = Family().device(tmp_path / "vault.db")
    item = vault.add(ItemDraft("login", "0", {"password": SecretText("password 0")}))
    vault.lock()
    return tmp_path / "vault.db", item


@pytest.mark.slow
def test_killed_at_any_instant(harried: tuple[Path, ItemId]) -> None:
    """Hundreds of kills: the vault opens, and kept every promise."""
    path, item = harried

    tally = _harry(path, item)

    assert tally.unrecorded == []
    assert tally.lost == []
    # The kills fell on both sides of the record, or they would show nothing.
    assert 0 < tally.opened < tally.recorded
    vault = unlock(path)
    verdict = vault.log.verify(vault.secrets.public.log)
    assert verdict.findings == ()
    vault.lock()


@pytest.mark.slow
def test_the_wrong_order_is_found(
    harried: tuple[Path, ItemId], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the seal opened before the record, the same kills find reads without one."""
    path, item = harried

    def wrong_order(self: Reader, request: ReadRequest) -> SecretText:
        stored, version = self._find(request)
        plain = self._open(request, stored, version)
        self._record(request, Outcome.GRANTED, None)
        return plain

    monkeypatch.setattr(Reader, "reveal", wrong_order)

    tally = _harry(path, item, until_found=lambda tally: tally.unrecorded)

    assert tally.unrecorded != []


@pytest.mark.slow
def test_a_lost_write_is_found(
    harried: tuple[Path, ItemId], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An edit that returns before it is written is found by the same kills."""
    path, item = harried
    real = Vault.edit
    waiting: list[Any] = []

    def late(self: Vault, item: ItemId, edit: Any) -> None:
        waiting.append(edit)
        if len(waiting) == 2:
            for each in waiting:
                real(self, item, each)
            waiting.clear()

    monkeypatch.setattr(Vault, "edit", late)

    assert _harry(path, item, until_found=lambda tally: tally.lost).lost != []


def test_a_disk_that_fills_at_any_byte(vault: Vault, vault_path: Path) -> None:
    """Whatever write fails first: a named error, nothing half, and on it goes."""
    item = add_login(vault)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    journal = vault_path.with_name(vault_path.name + "-wal")
    outcomes = set()
    for step in range(40):
        title = vault.view(item).title
        limit = journal.stat().st_size + step * 1024
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, before[1]))
        try:
            vault.edit(item, {"title": f"step {step}", "username": f"{step}"})
            title = f"step {step}"
            vault.reveal(ReadRequest(item, "password", PERSON, f"{step}"))
            outcomes.add("done")
        except StoreError:
            outcomes.add("not written")
        except ReadRefused:
            outcomes.add("not read")
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
        assert vault.view(item).title == title
        assert [each.title for each in vault.overviews()] == [title]

    assert outcomes == {"done", "not written", "not read"}
    vault.lock()
    again = unlock(vault_path)
    assert again.view(item).title == "step 39"
    assert again.log.verify(again.secrets.public.log).findings == ()
    again.lock()
