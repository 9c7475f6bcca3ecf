"""Pruning: contents go by a written policy and on record, and nothing else goes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from clisk_vault.access_record import LogMark, Requester, RequesterKind, Retention
from clisk_vault.errors import CallerError, ReadRefused, StoreError, TamperedError
from clisk_vault.ids import ItemId
from clisk_vault.log_leaf import LeafType
from clisk_vault.log_page import LogFilter
from clisk_vault.reveal import ReadRequest
from clisk_vault.vault import Vault
from clisk_vault.verdict import Finding, Notice
from tests.vault.made import FakeClock, add_login, read, unlock

_DAY_MS = 86_400_000
_DIGEST = b"d" * 32


def _read_days(vault: Vault, clock: FakeClock, item: ItemId, days: int) -> None:
    """Read once a day."""
    for _ in range(days):
        clock.now_ms += _DAY_MS
        read(vault, item)


def _verify(vault: Vault) -> tuple[list[str], list[tuple[str, int, int]]]:
    verdict = vault.log.verify(vault.secrets.public.log)
    return (
        [str(each) for each in verdict.findings],
        [(each.kind.value, each.first, each.last) for each in verdict.notices],
    )


@pytest.mark.parametrize(
    ("policy", "below"),
    [
        (Retention(3, None), 8),  # entries of days 8, 9 and 10 are kept
        (Retention(None, 4), 7),
        (Retention(3, 4), 7),
        (Retention(2, 1), 9),
        (Retention(100, None), 0),  # the genesis, which is no record, is young too
        (Retention(None, 100), 0),
        (Retention(None, 1), 10),
    ],
    ids=str,
)
def test_a_policy_says_what_is_erased(
    vault: Vault, clock: FakeClock, policy: Retention, below: int
) -> None:
    """An entry stays if either rule keeps it; the newest always does."""
    _read_days(vault, clock, add_login(vault), 10)
    vault.retention.write_policy(policy)

    assert vault.retention.plan().below == below


def test_pruned_contents_are_gone_and_the_log_says_so(
    vault: Vault, vault_path: Path, clock: FakeClock
) -> None:
    """Tree, seals and count are as before; verifying tells pruned from missing."""
    item = add_login(vault)
    _read_days(vault, clock, item, 6)
    before = [(row.leaf, row.leaf_hash, row.head) for row in vault.log.rows()]
    vault.retention.write_policy(Retention(None, 3))

    plan = vault.retention.prune()

    assert (plan.below, plan.count) == (4, 4)
    rows = list(vault.log.rows())
    assert [(row.leaf, row.leaf_hash, row.head) for row in rows[:7]] == before
    assert [row.seq for row in rows if row.ciphertext is None] == [0, 1, 2, 3]
    assert _verify(vault) == ([], [(Notice.PRUNED.value, 0, 3)])
    (last,) = vault.log.entries(7)
    assert last.type is LeafType.PRUNE
    assert isinstance(last.content, LogMark)
    assert last.content.policy == Retention(None, 3)
    assert [index for index, _ in vault.log.records()] == [4, 5, 6]
    assert vault.log_index.find(LogFilter(item=item)) == [6, 5, 4]
    with pytest.raises(CallerError, match="erased by the retention policy"):
        vault.log.open_entry(2)
    vault.lock()
    again = unlock(vault_path)
    read(again, item)
    assert _verify(again)[0] == []
    again.lock()


def test_marks_younger_than_the_policy_are_not_erased(
    vault: Vault, clock: FakeClock
) -> None:
    """A heartbeat that is young holds what comes after it, whatever its kind."""
    clock.now_ms += 10 * _DAY_MS
    vault.log.mark_heartbeat()
    read(vault, add_login(vault))
    vault.retention.write_policy(Retention(5, None))

    vault.retention.prune()

    erased = [row.seq for row in vault.log.rows() if row.ciphertext is None]
    assert erased == [0], "the genesis alone is older"


def test_what_is_missing_without_a_prune_leaf_is_a_finding(
    vault: Vault, clock: FakeClock
) -> None:
    """Whoever erases by hand is told from the policy, entry by entry."""
    _read_days(vault, clock, add_login(vault), 6)
    vault.retention.write_policy(Retention(None, 3))
    vault.retention.prune()

    vault.storage.execute(
        "UPDATE log_entry SET ciphertext = NULL WHERE position & 65535 IN (3, 4, 6)"
    )

    findings, notices = _verify(vault)
    assert findings == [
        "the content of entry 4 is missing",
        "the content of entry 6 is missing",
    ]
    assert notices == [(Notice.PRUNED.value, 0, 3)]
    with pytest.raises(TamperedError, match="entry 4 is missing"):
        list(vault.log.entries())


def test_a_forged_prune_leaf_is_found(vault: Vault, clock: FakeClock) -> None:
    """Who hides an erasure by making an old leaf a prune leaf breaks its head."""
    _read_days(vault, clock, add_login(vault), 4)
    vault.retention.write_policy(Retention(None, 2))
    vault.retention.prune()
    rows = list(vault.log.rows())
    prune = rows[-1].leaf
    forged = prune[:-1] + bytes([prune[-1] + 1])
    assert prune != forged

    vault.storage.execute(
        "UPDATE log_entry SET leaf = ? WHERE position & 65535 = ?",
        (forged, rows[-1].seq),
    )

    verdict = vault.log.verify(vault.secrets.public.log)
    assert Finding.EDITED_LEAF in {each.kind for each in verdict.findings}


def test_without_a_policy_nothing_is_pruned(vault: Vault, clock: FakeClock) -> None:
    """Also after a policy was taken back."""
    _read_days(vault, clock, add_login(vault), 3)
    for policy in (None, Retention(None, 1), None):
        vault.retention.write_policy(policy)
    size = vault.log.size

    for use in (vault.retention.plan, vault.retention.prune):
        with pytest.raises(CallerError, match="no retention policy") as refused:
            use()
        assert refused.value.advice

    assert vault.log.size == size
    assert vault.retention.policy() is None


def test_a_plan_erases_nothing_and_a_second_pruning_has_nothing_to_do(
    vault: Vault, clock: FakeClock
) -> None:
    """A dry run leaves no trace; pruning twice adds no second leaf."""
    _read_days(vault, clock, add_login(vault), 6)
    vault.retention.write_policy(Retention(4, None))
    size = vault.log.size

    assert vault.retention.plan().count == 3
    assert vault.log.size == size
    vault.retention.prune()
    assert vault.retention.prune().count == 0
    assert vault.log.size == size + 1


def test_records_that_count_a_grants_reads_are_kept(
    vault: Vault, clock: FakeClock
) -> None:
    """Pruning must not give a used-up grant its reads back."""
    item = add_login(vault)
    asked: dict[str, Any] = {"fields": ["password"], "origins": [], "purpose": "x"}
    asked["plaintext_to_konnector"] = ["password"]
    who = Requester(RequesterKind.KONNECTOR, "demo", _DIGEST)
    grant = vault.grant(
        konnector="demo", digest=_DIGEST, item=item, max_reads=1, **asked
    )
    request = ReadRequest(item, "password", who, "x")
    read(vault, item)
    vault.reveal(request)
    _read_days(vault, clock, item, 6)
    vault.retention.write_policy(Retention(None, 1))

    plan = vault.retention.prune()

    assert (plan.below, plan.count, plan.held_by_grants) == (2, 2, 6)
    with pytest.raises(ReadRefused, match="used up"):
        vault.reveal(request)
    vault.revoke_grant(grant.id)
    assert vault.retention.prune().held_by_grants == 0


def test_a_pruning_that_the_disk_refuses_erases_nothing(
    vault: Vault, clock: FakeClock
) -> None:
    """Leaf and erasure are one transaction."""
    _read_days(vault, clock, add_login(vault), 4)
    vault.retention.write_policy(Retention(None, 1))
    vault.storage.execute("PRAGMA query_only = ON")

    with pytest.raises(StoreError):
        vault.retention.prune()

    vault.storage.execute("PRAGMA query_only = OFF")
    assert all(row.ciphertext for row in vault.log.rows())
    assert _verify(vault) == ([], [])


@pytest.mark.parametrize(
    "limits", [(None, None), (0, None), (None, 0), (1 << 32, None), (-1, 5)]
)
def test_a_policy_that_no_reader_accepts_is_not_made(
    limits: tuple[int | None, int | None],
) -> None:
    """Nothing that keeps nothing, or more than can be counted."""
    with pytest.raises(CallerError, match="retention policy"):
        Retention(*limits)
