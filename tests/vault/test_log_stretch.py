"""The short way of a walk: what it takes, the long way takes without a word."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clisk_vault import log_stretch
from clisk_vault.access_record import Outcome
from clisk_vault.log_leaf import MAX_GROUP, Leaf, LeafType, LogRow, Restart
from clisk_vault.log_rows import read_rows
from clisk_vault.log_signer import Signer
from clisk_vault.log_walk import LogWalk
from clisk_vault.merkle import Frontier, leaf_hash
from clisk_vault.primitives import SigningKey, sha256
from tests.vault.logs import World, make_world

ENTRIES = 24
ALL_SIZES = frozenset(range(ENTRIES + 2))
Rows = list[LogRow]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A log with single heads, a group of seven and marks of its own."""
    made = make_world(tmp_path_factory.mktemp("stretch"), entries=7)
    made.log.append_many([made.record() for _ in range(7)])
    made.log.mark_witness(made.log.head())
    made.log.append(made.record(Outcome.REFUSED))
    made.log.mark_heartbeat()
    made.grow(ENTRIES)
    yield made
    made.session.close()


@pytest.fixture(autouse=True)
def short_stretches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stretches of four, so that a small log has several."""
    monkeypatch.setattr(log_stretch, "STRETCH_ENTRIES", 4)


def outcome(world: World, rows: Rows, *, short: bool) -> Any:
    """Return everything that a walk over *rows* comes to."""
    walk = LogWalk(world.log.origin, world.enrolled, wanted=ALL_SIZES)
    taken = walk.take_all(rows) if short else ((row, walk.take(row)) for row in rows)
    # Findings are read as each entry comes: who reads them then must see the same.
    steps = [(row, leaf, len(walk.findings)) for row, leaf in taken]
    walk.finish()
    tree = None if walk.tree is None else walk.tree.root()
    end = (walk.size, walk.count, walk.key, walk.key_is_sure, tree)
    return steps, walk.findings, walk.notices, walk.roots, walk.cosigned, end


def stored(world: World) -> Rows:
    return list(read_rows(world.storage, 1))


def short_calls(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Return a list that grows by whether each stretch went the short way."""
    went: list[bool] = []

    def spy(*args: Any, **options: Any) -> Any:
        found = log_stretch.read_stretch(*args, **options)
        went.append(found is not None)
        return found

    monkeypatch.setattr("clisk_vault.log_walk.read_stretch", spy)
    return went


def test_a_good_log_goes_the_short_way_and_comes_to_the_same(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each stretch is taken at once, and nothing about the outcome differs."""
    went = short_calls(monkeypatch)

    short = outcome(world, stored(world), short=True)

    assert len(went) >= 4
    assert all(went)
    assert short == outcome(world, stored(world), short=False)
    assert short[1] == []


def test_an_erased_content_is_missed_on_the_short_way_too(world: World) -> None:
    """A ciphertext that is gone is missing content, however the entry was taken."""
    rows = stored(world)
    rows[9] = replace(rows[9], ciphertext=None)

    assert [str(one) for one in outcome(world, rows, short=True)[1]] == [
        "the content of entry 9 is missing"
    ]


def with_column(row: LogRow, column: str, value: bytes | None) -> LogRow:
    changes: dict[str, Any] = {column: value}
    return replace(row, **changes)


COLUMNS = ("leaf", "leaf_hash", "ciphertext", "head")


def flipped(data: bytes, draw: st.DrawFn) -> bytes:
    at = draw(st.integers(0, max(len(data) - 1, 0)))
    bit = 1 << draw(st.integers(0, 7))
    return bytes([*data[:at], data[at] ^ bit, *data[at + 1 :]]) if data else b"x"


@st.composite
def damaged(draw: st.DrawFn, rows: Rows) -> Rows:
    """Return *rows* with one to three things wrong."""
    rows = list(rows)
    for _ in range(draw(st.integers(1, 3))):
        at, other = (draw(st.integers(0, len(rows) - 1)) for _ in range(2))
        column = draw(st.sampled_from(COLUMNS))
        row, was = rows[at], getattr(rows[at], column)
        match draw(st.sampled_from(["flip", "take", "drop", "swap", "leaf", "none"])):
            case "flip":
                rows[at] = with_column(row, column, flipped(was or b"", draw))
            case "take":  # from another entry
                rows[at] = with_column(row, column, getattr(rows[other], column))
            case "drop" if len(rows) > 2:
                del rows[at]
            case "swap":
                rows[at], rows[other] = rows[other], row
            case "none" if column in {"ciphertext", "head"}:
                rows[at] = with_column(row, column, None)
            case _:  # a leaf that agrees with its hash, and is another
                leaf = flipped(row.leaf, draw)
                rows[at] = replace(row, leaf=leaf, leaf_hash=leaf_hash(leaf))
    return rows


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.data())
def test_whatever_is_wrong_both_ways_say_the_same(
    world: World, data: st.DataObject
) -> None:
    """Any damage is named alike, at the same entry, by the short and the long way."""
    rows = data.draw(damaged(stored(world)))

    # Not by ==, which would print both logs.
    if outcome(world, rows, short=True) != outcome(world, rows, short=False):
        pytest.fail("another outcome")


def test_every_flipped_bit_of_a_head_or_hash_is_seen_on_the_short_way(
    world: World,
) -> None:
    """No byte of what a stretch is judged by can change and go unnoticed."""
    rows = stored(world)
    row = rows[5]
    for column in COLUMNS:
        was = getattr(row, column)
        for at in range(len(was)):
            changed = bytes([*was[:at], was[at] ^ 1, *was[at + 1 :]])
            rows[5] = with_column(row, column, changed)
            walk = LogWalk(world.log.origin, world.enrolled)
            assert len(list(walk.take_all(rows[:8]))) == 8
            assert walk.findings, (column, at)


# --- signed by the log's own keys, and not as a log may be


def rows_of(leaves: Sequence[Leaf | bytes], *, closes: int = 1) -> Rows:
    """Return *leaves* as a log of them, a good head below each *closes* of them."""
    rows, tree = [], Frontier()
    for seq, leaf in enumerate(leaves):
        data = leaf if isinstance(leaf, bytes) else leaf.encode()
        tree.append(leaf_hash(data))
        head = None
        if (seq + 1) % closes == 0 or seq + 1 == len(leaves):
            key = key_of(seq // closes)
            head = Signer(key, key.public(), tree).sign(ORIGIN, tree)
        rows.append(LogRow(seq, data, leaf_hash(data), 1, b"", head))
    return rows


def key_of(number: int) -> SigningKey:
    return SigningKey(bytes([number + 1] * 32))


def leaf_at(seq: int, kind: LeafType = LeafType.READ, **changes: Any) -> Leaf:
    fields = {
        "type": LeafType.GENESIS if seq == 0 and kind is LeafType.READ else kind,
        "seq": seq,
        "next": key_of(seq + 1).public(),
        "commitment": bytes(32),
        "ciphertext_hash": sha256(b""),
    }
    return Leaf(**{**fields, **changes})


ORIGIN = "a/b/1"
GOOD = [leaf_at(seq) for seq in range(8)]
NOTE = b"a head"


def both_ways(rows: Rows) -> tuple[list[str], list[str]]:
    """Return what is found and noted; assert that both ways say it."""
    walks = [LogWalk(ORIGIN, key_of(0).public()) for _ in range(2)]
    list(walks[0].take_all(rows))
    for row in rows:
        walks[1].take(row)
    for walk in walks:
        walk.finish()
    long, short = (
        ([str(one) for one in walk.findings], [str(one) for one in walk.notices])
        for walk in walks
    )
    assert long == short
    return short


@pytest.mark.parametrize(
    ("at", "leaf", "found"),
    [
        (2, leaf_at(2, LeafType.GENESIS), "entry 2 is of a type"),
        (0, leaf_at(0, LeafType.HEARTBEAT), "entry 0 is of a type"),
        (2, leaf_at(3), "wrong order: entry 2"),
        (2, leaf_at(2, LeafType.RETIRE, next=None), "entry 3 is of a type"),
        (
            2,
            leaf_at(2, LeafType.INCARNATION, checkpoint=NOTE, restart=Restart.DAMAGED),
            "entry 2 is of a type",
        ),
        (2, b"not a leaf", "edited leaf 2"),
    ],
    ids=["genesis", "no genesis", "place", "retired", "incarnation", "no leaf"],
)
def test_a_leaf_that_may_not_stand_there_is_named_though_it_is_signed(
    at: int, leaf: Leaf | bytes, found: str
) -> None:
    """Whoever holds the keys cannot sign a leaf into a place where none belongs."""
    assert both_ways(rows_of([*GOOD[:at], leaf, *GOOD[at + 1 :]]))[0][0].startswith(
        found
    )


def test_a_good_log_of_made_up_leaves_has_no_findings() -> None:
    """The log that the other tests change is a good one."""
    assert both_ways(rows_of(list(GOOD))) == ([], [])


def test_a_restart_and_a_prune_are_noted_however_they_were_taken() -> None:
    """Both are told to whoever asks, and erased contents before a prune are noted."""
    begun = leaf_at(0, LeafType.INCARNATION, checkpoint=NOTE, restart=Restart.RESTORED)
    rows = rows_of([begun, *GOOD[1:5], leaf_at(5, LeafType.PRUNE, pruned=2), *GOOD[6:]])
    rows[1] = replace(rows[1], ciphertext=None)

    found, noted = both_ways(rows)

    assert found == []
    assert [one.split(" because")[0] for one in noted] == [
        "entry 0 begins this log",
        "what entry 1 said was erased by the retention policy, on record",
    ]


def test_an_entry_under_another_number_is_named() -> None:
    """A row that was moved on, with a leaf of that place in it, leaves a gap."""
    rows = rows_of(list(GOOD))
    moved = [*rows[:4], *(replace(row, seq=row.seq + 1) for row in rows[4:])]

    assert both_ways(moved)[0][0] == "missing: entry 4"


def test_entries_after_the_last_head_are_named() -> None:
    """The end of the log is not taken on trust because all before it is good."""
    rows = rows_of(list(GOOD))
    rows[-1] = replace(rows[-1], head=None)

    assert both_ways(rows)[0] == ["missing: head 8"]


def test_two_next_keys_under_one_head_show_that_a_head_is_lost() -> None:
    """A head that closes two groups is not taken for the second one's."""
    leaves = [leaf_at(seq, next=key_of(seq // 2 + 1).public()) for seq in range(8)]
    assert both_ways(rows_of(list(leaves), closes=2)) == ([], [])
    mixed = [replace(leaves[0], next=key_of(5).public()), *leaves[1:]]

    assert both_ways(rows_of(mixed, closes=2))[0][0] == "missing: head 1"


def test_a_head_over_too_many_entries_is_left_to_the_long_way() -> None:
    """65 entries under one good head: the walk says that a head is missing."""
    following = key_of(1).public()

    for size, found in ((MAX_GROUP, []), (MAX_GROUP + 1, ["missing: head 64"])):
        leaves = [leaf_at(seq, next=following) for seq in range(size)]
        assert both_ways(rows_of(list(leaves), closes=size))[0] == found
