"""The access log of 100,000 reads: verifying, proving, listing, filtering, its size."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

from benchmarks.harness import Figure, compare
from benchmarks.vault import make_vault
from clisk_vault.access_record import AccessRecord, Outcome, Requester, RequesterKind
from clisk_vault.ids import ItemId
from clisk_vault.log_index import LogIndex
from clisk_vault.log_page import LogFilter
from clisk_vault.merkle import Frontier, Tree, check_inclusion
from clisk_vault.primitives import SigningKey, sign, verify
from clisk_vault.vault import Vault

ENTRIES = 100_000
_ITEMS = 500
_KONNECTORS = 20


def run(folder: Path, *, rounds: int) -> Iterator[Figure]:
    """Yield the figures of a long log, each entry under a head of its own."""
    vault = make_vault(folder, items=0)
    empty = _file_bytes(vault)
    _fill(vault)
    each = (_file_bytes(vault) - empty) / (ENTRIES - 1)
    yield _list(vault, each, rounds)
    yield _filter(vault, rounds)
    yield _first_list(vault, rounds)
    hashes = [row.leaf_hash for row in vault.log.rows()]
    yield _tree(hashes, rounds)
    yield _prove(hashes, rounds)
    yield _verify(vault)
    vault.lock()


def _fill(vault: Vault) -> None:
    with vault.storage.transaction():
        for number in range(vault.log.size, ENTRIES):
            vault.log.append(
                AccessRecord(
                    Outcome.GRANTED,
                    Requester(
                        RequesterKind.KONNECTOR,
                        f"konnector-{number % _KONNECTORS}",
                        bytes(32),
                    ),
                    "filled in by fillForm",
                    vault.device_id,
                    1_700_000_000_000 + number * 60_000,
                    item=ItemId((number * 7919 % _ITEMS).to_bytes(16)),
                    field="password",
                    origin=f"https://service{number % _ITEMS}.example",
                )
            )
    vault.storage.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _file_bytes(vault: Vault) -> int:
    vault.storage.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return vault.storage.path.stat().st_size


def _floor_scan() -> list[int]:
    rows = [(number, number % _ITEMS) for number in range(ENTRIES)]
    return [number for number, item in rows if item == 1]


def _show(vault: Vault, found: list[int]) -> None:
    for at in found:
        assert list(vault.log.records(at, at + 1))


def _list(vault: Vault, each: float, rounds: int) -> Figure:
    vault.log_index.find(LogFilter(), limit=1)  # made and kept, as on the first use
    return compare(
        f"list the newest 50 of {ENTRIES:,} records ({each:.0f} bytes a record)",
        lambda: _show(vault, vault.log_index.find(LogFilter(), limit=50)),
        floor="look at as many pairs of numbers in a Python list",
        floor_work=_floor_scan,
        rounds=rounds,
        aim="at most 200 ms",
    )


def _filter(vault: Vault, rounds: int) -> Figure:
    wanted = LogFilter(item=ItemId((1).to_bytes(16)), outcome=Outcome.GRANTED)
    return compare(
        f"filter {ENTRIES:,} records by item, show the newest 50",
        lambda: _show(vault, vault.log_index.find(wanted)[:50]),
        floor="look at as many pairs of numbers in a Python list",
        floor_work=_floor_scan,
        rounds=rounds,
        aim="at most 200 ms",
    )


def _first_list(vault: Vault, rounds: int) -> Figure:
    wanted = LogFilter(item=ItemId((1).to_bytes(16)))
    return compare(
        f"the same filter for the first time after unlocking, {ENTRIES:,} records",
        lambda: _show(vault, LogIndex(vault.session, vault.log).find(wanted)[:50]),
        floor="look at as many pairs of numbers in a Python list",
        floor_work=_floor_scan,
        rounds=rounds,
        aim="at most 200 ms",
    )


def _tree(hashes: list[bytes], rounds: int) -> Figure:
    def floor() -> None:
        for one in hashes:
            hashlib.sha256(b"\1" + one + one).digest()

    return compare(
        f"the tree alone, over {ENTRIES:,} leaf hashes",
        lambda: Frontier(hashes).root(),
        floor="hash as many pairs of hashes",
        floor_work=floor,
        rounds=rounds,
        aim="at most 1 s",
        cpu=True,
    )


def _prove(hashes: list[bytes], rounds: int) -> Figure:
    tree, index = Tree(hashes), ENTRIES // 3
    root, proof = tree.root(), tree.inclusion_proof(index, ENTRIES)

    def prove() -> None:
        made = tree.inclusion_proof(index, ENTRIES)
        check_inclusion(hashes[index], index=index, size=ENTRIES, proof=made, root=root)

    def floor() -> None:
        for one in proof:
            hashlib.sha256(b"\1" + one + root).digest()

    return compare(
        f"prove and check one of {ENTRIES:,} records ({32 * len(proof)} bytes)",
        prove,
        floor="hash along the path",
        floor_work=floor,
        rounds=rounds,
        aim="none",
        cpu=True,
    )


def _verify(vault: Vault) -> Figure:
    key = SigningKey.generate()
    public, message = key.public(), bytes(200)
    signature = sign(key, message)

    def subject() -> None:
        assert vault.log.verify(vault.secrets.public.log).findings == ()

    def floor() -> None:
        for _ in range(ENTRIES):
            verify(public, message, signature)

    return compare(
        f"verify {ENTRIES:,} records, every seal and content",
        subject,
        floor="verify as many bare signatures",
        floor_work=floor,
        rounds=1,
        aim="at most 20 s",
        cpu=True,
    )
