"""One device: unlocking, revealing, searching, importing."""

from __future__ import annotations

import json
import os
import sqlite3
import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.harness import Figure, compare
from clisk_vault.access_record import Requester, RequesterKind
from clisk_vault.device import enrol
from clisk_vault.draft import ItemDraft
from clisk_vault.ids import ItemId, VaultId
from clisk_vault.keys import EpochSecret, LocalKey, SecretText
from clisk_vault.overview import ItemOverview, Overview
from clisk_vault.passphrase import Argon2Profile, CostLimits
from clisk_vault.primitives import open_sealed, seal
from clisk_vault.reveal import ReadRequest
from clisk_vault.transfer.bitwarden import import_bitwarden
from clisk_vault.vault import Vault

ITEMS = 10_000
MANY = 100_000
PASSPHRASE = SecretText("a benchmark's passphrase")
CHEAP = Argon2Profile(memory_kib=8, passes=1, lanes=1)
# Unlocking is measured beyond Argon2, whose price is chosen and not saved on.
LIMITS = CostLimits(floor=CHEAP, ceiling=CHEAP)
_PERSON = Requester(RequesterKind.PERSON, "benchmark")


def drafts(count: int) -> Iterator[ItemDraft]:
    """Yield logins as people have them, no two alike."""
    for number in range(count):
        yield ItemDraft(
            "login",
            f"Service {number} of {number * 7919 % 1000}",
            {
                "username": f"person{number}@mail{number % 50}.example",
                "password": SecretText(f"pässword-{number}-{number * 104729}"),
            },
            uris=(f"https://login.service{number}.example/sign-in",),
        )


def export(count: int) -> bytes:
    """Return the logins of drafts() as an export of Bitwarden."""
    items = [
        {
            "type": 1,
            "name": draft.title,
            "login": {
                "username": draft.fields["username"],
                "password": os.urandom(12).hex(),
                "uris": [{"uri": uri, "match": None} for uri in draft.uris],
            },
        }
        for draft in drafts(count)
    ]
    document = {"encrypted": False, "folders": [], "items": items}
    return json.dumps(document).encode()


def make_vault(folder: Path, *, items: int = ITEMS) -> Vault:
    """Return an unlocked vault of *items* logins in *folder*."""
    secrets, first_log_key = enrol()
    vault = Vault.create(
        folder / "vault.db",
        passphrase=PASSPHRASE,
        secrets=secrets,
        first_log_key=first_log_key,
        vault_id=VaultId(os.urandom(32)),
        epochs={1: EpochSecret(os.urandom(32))},
        profile=CHEAP,
        limits=LIMITS,
    )
    vault.add_many(drafts(items))
    return vault


def run(folder: Path, *, rounds: int) -> Iterator[Figure]:
    """Yield the figures of one device."""
    vault = make_vault(folder)
    yield _search(vault, rounds)
    yield _reveal(vault, folder, rounds)
    path = vault.storage.path
    vault.lock()
    yield _unlock(path, rounds, items=ITEMS, aim="at most 100 ms")
    yield _import(folder, rounds)
    (folder / "many").mkdir()
    large = _many_lines(folder / "many")
    yield from _typed(large, rounds)
    path = large.storage.path
    large.lock()
    yield _unlock(path, rounds, items=MANY, aim="at most 1 s")


def put_lines(vault: Vault, count: int) -> None:
    """Give *vault* the overview of *count* logins, and no documents of them."""
    lines = (
        ItemOverview(
            ItemId(os.urandom(16)),
            "login",
            draft.title,
            str(draft.fields["username"]),
            draft.uris,
            (),
            "",
            favourite=False,
            trashed=False,
            conflict=False,
            changed_ms=1_700_000_000_000,
        )
        for draft in drafts(count)
    )
    with vault.storage.transaction():
        Overview(vault.session).put(lines)


def _many_lines(folder: Path) -> Vault:
    """Return a vault whose overview has 100,000 lines: all that unlocking reads."""
    vault = make_vault(folder, items=0)
    put_lines(vault, MANY)
    path = vault.storage.path
    vault.lock()
    return Vault.unlock(path, PASSPHRASE, limits=LIMITS)


def _typed(vault: Vault, rounds: int) -> Iterator[Figure]:
    """Yield the times of a search as a person types: the best fifty."""
    lines = vault.overviews()
    assert len(lines) == MANY
    texts = [f"{line.title} {line.username}".casefold() for line in lines]
    for says, query in (
        ("a word of all", "example"),
        ("two words", "service 99"),
        ("a slip", "servcie 99"),
    ):
        vault.find(query, near=True, limit=50)
        yield compare(
            f"search {MANY:,} items as one types, CPU: {says}",
            lambda query=query: vault.find(query, near=True, limit=50),  # type: ignore[misc]  # bound early
            floor="one substring test for each title and user name",
            floor_work=lambda query=query: [t for t in texts if query in t],  # type: ignore[misc]  # bound early
            rounds=rounds,
            aim="at most 50 ms",
            cpu=True,
        )


def _import(folder: Path, rounds: int) -> Figure:
    data = export(ITEMS)

    def subject() -> None:
        with tempfile.TemporaryDirectory(dir=folder) as place:
            vault = make_vault(Path(place), items=0)
            report = import_bitwarden(vault, data)
            assert report.added == ITEMS
            vault.lock()

    def floor() -> None:
        items = json.loads(data)["items"]
        with tempfile.TemporaryDirectory(dir=folder) as place:
            bare = sqlite3.connect(Path(place) / "bare.db")
            bare.execute("PRAGMA journal_mode = WAL")
            bare.execute("PRAGMA synchronous = FULL")
            bare.execute("CREATE TABLE rows (id BLOB PRIMARY KEY, sealed BLOB)")
            rows = ((os.urandom(16), os.urandom(600)) for _ in 2 * items)
            bare.executemany("INSERT INTO rows VALUES (?, ?)", rows)
            bare.commit()
            bare.close()

    return compare(
        f"import an export of {ITEMS:,} logins, CPU",
        subject,
        floor="parse the JSON, insert two rows of 600 bytes an item",
        floor_work=floor,
        rounds=min(rounds, 3),
        aim="at most 5 s",
        cpu=True,
    )


def _unlock(path: Path, rounds: int, *, items: int, aim: str) -> Figure:
    def unlock() -> None:
        vault = Vault.unlock(path, PASSPHRASE, limits=LIMITS)
        assert len(vault.overviews()) == items
        vault.lock()

    key = LocalKey(bytes(32))
    with sqlite3.connect(path) as connection:
        lengths = connection.execute("SELECT length(sealed) FROM overview").fetchall()
    connection.close()
    pages = [seal(key, bytes(int(length)), aad=b"") for (length,) in lengths]

    def floor() -> None:
        connection = sqlite3.connect(path)
        connection.execute("SELECT sealed FROM overview").fetchall()
        connection.close()
        for page in pages:
            open_sealed(key, page, aad=b"")

    return compare(
        f"unlock and list {items:,} items, beyond Argon2, CPU",
        unlock,
        floor="read and decrypt as many bytes, nothing decoded",
        floor_work=floor,
        rounds=rounds,
        aim=aim,
        cpu=True,
    )


def _reveal(vault: Vault, folder: Path, rounds: int) -> Figure:
    operations = 50
    item = vault.overviews()[0].item
    request = ReadRequest(item, "password", _PERSON, "show")
    bare = sqlite3.connect(folder / "bare.db", isolation_level=None)
    bare.execute("PRAGMA journal_mode = WAL")
    bare.execute("PRAGMA synchronous = FULL")
    bare.execute("CREATE TABLE rows (value BLOB)")

    def floor() -> None:
        for _ in range(operations):
            bare.execute("INSERT INTO rows VALUES (?)", (os.urandom(512),))

    def reveal() -> None:
        for _ in range(operations):
            vault.reveal(request)

    figure = compare(
        "reveal one password, recorded and sealed",
        reveal,
        floor="commit 512 bytes to SQLite, WAL and FULL",
        floor_work=floor,
        rounds=rounds,
        aim="at most 2 times",
        operations=operations,
    )
    bare.close()
    return figure


def _search(vault: Vault, rounds: int) -> Figure:
    query = "service 99"
    texts = [f"{line.title} {line.username}".casefold() for line in vault.overviews()]

    return compare(
        f"search {ITEMS:,} items, CPU",
        lambda: vault.find(query),
        floor="one substring test for each title and user name",
        floor_work=lambda: [text for text in texts if query in text],
        rounds=rounds,
        aim="at most 50 ms",
        cpu=True,
    )
