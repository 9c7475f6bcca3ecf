"""Step 5's attacker: changes one byte of the log on the disk, and is found out."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from demo.device import Device

if TYPE_CHECKING:
    from demo.story import Story

_VAULT = "vault.sqlite"


def change_one_byte(story: Story) -> None:
    """Copy the laptop's home, flip one bit of one log entry there, and verify."""
    telling = story.telling
    story.laptop.run("agent", "stop", show=False)
    thief = Device("laptop-tampered", story.folder, telling)
    thief.home.mkdir(mode=0o700)
    # Only the vault: a copy that synced would be a second device of one identity.
    shutil.copy(story.laptop.home / _VAULT, thief.home / _VAULT)
    entry = _flip_one_bit(thief.home / _VAULT)
    telling.say(f"in a copy of the vault, one bit of log entry {entry} was changed")
    thief.run("unlock", "--passphrase-fd", "0", given=story.laptop_passphrase)
    thief.run("log", "verify", expect=1)
    verdict = json.loads(thief.run("log", "verify", "--json", expect=1, show=False))
    thief.run("agent", "stop", show=False)
    found = [
        (each["kind"], each["first"], each["last"]) for each in verdict["findings"]
    ]
    telling.check(
        "the verification says what is wrong, of which entry, and nothing else",
        holds=found == [("edited content", entry, entry)],
    )


def _flip_one_bit(vault: Path) -> int:
    """Flip a bit inside the newest entry's content and return the entry's number."""
    with closing(sqlite3.connect(f"file:{vault}?mode=ro", uri=True)) as database:
        entry, content = database.execute(
            "SELECT position & 4294967295, ciphertext FROM log_entry"
            " ORDER BY position DESC LIMIT 1"
        ).fetchone()
    data = bytearray(vault.read_bytes())
    # A little way in: past what a page may hold of the row before it.
    data[data.index(content[:64]) + 32] ^= 1
    vault.write_bytes(data)
    return int(entry)


def found_in(file: Path, secrets: Iterable[str]) -> list[str]:
    """Return those of *secrets* that stand in *file* or in its write-ahead log."""
    data = file.read_bytes()
    beside = file.with_name(f"{file.name}-wal")
    if beside.exists():
        data += beside.read_bytes()
    return [secret for secret in secrets if secret.encode() in data]
