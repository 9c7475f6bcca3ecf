"""The attacker program at small scale: ten entries, and every outcome stated.

The thief holds all files, the storage key and the signing key of the next head,
taken after entry 10 was signed. Each attack is judged twice: by the device that
holds the key state, and by an outsider who sees the log alone. Where an outsider
with no peer accepts, protocol/access-log.md §9 says so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from clisk_vault.checkpoint import Checkpoint
from clisk_vault.log_leaf import Leaf, LeafType, LogRow, Restart
from clisk_vault.log_rows import read_rows, read_signer, write
from clisk_vault.log_signer import Signer, open_signer, seal_signer
from clisk_vault.log_stretch import read_stretch
from clisk_vault.log_walk import LogWalk
from clisk_vault.log_witness import sizes_seen, weigh
from clisk_vault.merkle import Frontier, leaf_hash
from clisk_vault.note import KeyKind, NoteKey, UnverifiedNote, cosign_line
from clisk_vault.primitives import SigningKey, VerifyKey
from clisk_vault.verdict import Level, merge_runs
from tests.vault.logs import World, counting_random, make_world

ENTRIES = 10
PEER_KEY = SigningKey(bytes([9] * 32))
PEER = NoteKey("phone", PEER_KEY.public(), KeyKind.COSIGNATURE)
Rows = list[LogRow]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = make_world(tmp_path, entries=ENTRIES)
    yield made
    made.session.close()


@dataclass
class Thief:
    """Everything that was on the disk, and the one private key not yet used."""

    origin: str
    rows: Rows
    key: SigningKey

    def reseal(self, rows: Rows) -> Rows:
        """Sign every head anew, all with the one key at hand."""
        tree, sealed = Frontier(), []
        signer = Signer(self.key, self.key.public(), tree)
        for row in rows:
            tree.append(row.leaf_hash)
            sealed.append(replace(row, head=signer.sign(self.origin, tree)))
        return sealed

    def edited(self, at: int, **changes: object) -> LogRow:
        """Return entry *at* with another leaf, its hash made to fit."""
        leaf = replace(Leaf.parse(self.rows[at].leaf), **changes).encode()  # type: ignore[arg-type]
        return replace(self.rows[at], leaf=leaf, leaf_hash=leaf_hash(leaf))

    def with_entry(self, at: int, row: LogRow) -> Rows:
        return [*self.rows[:at], row, *self.rows[at + 1 :]]

    def renumbered(self, rows: Sequence[LogRow], *, leaves: bool) -> Rows:
        """Close gaps in the numbering; in the leaves too if asked."""
        result = []
        for seq, row in enumerate(rows):
            leaf = (
                replace(Leaf.parse(row.leaf), seq=seq).encode() if leaves else row.leaf
            )
            result.append(replace(row, seq=seq, leaf=leaf, leaf_hash=leaf_hash(leaf)))
        return result

    def forged(self, seq: int, *, by: SigningKey, tree: Frontier) -> LogRow:
        """Return a made-up entry for the end, under a head signed by *by*."""
        following = SigningKey(bytes([7] * 32)).public()
        leaf = Leaf(LeafType.READ, seq, following, bytes(32), bytes(32))
        text = leaf.encode()
        grown = tree.copy()
        grown.append(leaf_hash(text))
        head = Signer(by, by.public(), tree).sign(self.origin, grown)
        return LogRow(seq, text, leaf_hash(text), 1, None, head)


def thief_of(world: World) -> Thief:
    row = read_signer(world.storage, 1)
    assert row is not None
    key = open_signer(world.session.table("log_signer"), 1, row)
    return Thief(world.log.origin, list(read_rows(world.storage, 1)), key)


def outsider(rows: Rows, world: World, *, peer_saw: int = 0) -> tuple[Level, list[str]]:
    """Judge rows without any secret; with a peer that countersigned a head."""
    seen = [cosigned(world, peer_saw)] if peer_saw else []
    walk = LogWalk(world.log.origin, world.enrolled, wanted=sizes_seen(seen))
    for row in rows:
        walk.take(row)
    walk.finish()
    witnessed = weigh(walk, [PEER] if peer_saw else [], seen)
    return witnessed.level, [str(one) for one in merge_runs(walk.findings)]


def cosigned(world: World, size: int) -> UnverifiedNote:
    """Return the true head of that size with the peer's countersignature."""
    tree = Frontier(row.leaf_hash for row in read_rows(world.storage, 1, end=size))
    text = Checkpoint(world.log.origin, size, tree.root()).encode()
    line = cosign_line(text, by=PEER, key=PEER_KEY, time_seconds=1_700_000_000)
    return UnverifiedNote(text, (line,))


def device(rows: Rows, world: World) -> list[str]:
    """Judge rows on the device itself, which also holds the key state."""
    signer = read_signer(world.storage, 1)
    assert signer is not None
    with world.undone():
        world.execute("DELETE FROM log_entry")
        write(world.storage, 1, rows, signer)
        return world.findings()


Attack = Callable[[Thief], Rows]
C32 = bytes([1] * 32)
WRONG_SIGNER = (
    "the key kept for the head after {} is missing or not the one that the log names: "
    "entries were cut off, or the key was changed"
)

# name, attack, what the device finds, what an outsider finds with no peer, and
# with one that saw the first four entries. An empty list: accepted.
ATTACKS: dict[str, tuple[Attack, list[str], list[str], list[str]]] = {
    "leave it": (lambda t: t.rows, [], [], []),
    "edit entry 5, keep its hash": (
        lambda t: t.with_entry(
            5, replace(t.edited(5, commitment=C32), leaf_hash=t.rows[5].leaf_hash)
        ),
        ["edited leaf 5: not the one that its head signed"],
        ["edited leaf 5: not the one that its head signed"],
        ["edited leaf 5: not the one that its head signed"],
    ),
    "edit entry 5 and its hash": (
        lambda t: t.with_entry(5, t.edited(5, commitment=C32)),
        [
            "edited leaf 5: not the one that its head signed",
            "the content of entry 5 is not what its leaf commits to",
            "head 7 to 10 cannot be checked, because of what is wrong before it",
        ],
        [
            "edited leaf 5: not the one that its head signed",
            "head 7 to 10 cannot be checked, because of what is wrong before it",
        ],
        [
            "edited leaf 5: not the one that its head signed",
            "head 7 to 10 cannot be checked, because of what is wrong before it",
        ],
    ),
    "edit entry 5, reseal all with the current key": (
        lambda t: t.reseal(t.with_entry(5, t.edited(5, type=LeafType.REFUSED))),
        [
            "unknown key at head 1 to 10: not the key that the log named for it",
            "the content of entry 5 does not open",
        ],
        ["unknown key at head 1 to 10: not the key that the log named for it"],
        ["unknown key at head 1 to 10: not the key that the log named for it"],
    ),
    "edit entry 5, reseal from there": (
        lambda t: [
            *t.rows[:5],
            *t.reseal(t.with_entry(5, t.edited(5, commitment=C32)))[5:],
        ],
        [
            "the content of entry 5 is not what its leaf commits to",
            "unknown key at head 6 to 10: not the key that the log named for it",
        ],
        ["unknown key at head 6 to 10: not the key that the log named for it"],
        ["unknown key at head 6 to 10: not the key that the log named for it"],
    ),
    "edit entry 5 to name the current key, reseal from there": (
        lambda t: [
            *t.rows[:5],
            *t.reseal(t.with_entry(5, t.edited(5, next=t.key.public())))[5:],
        ],
        [
            "unknown key at head 6: not the key that the log named for it",
            "unknown key at head 8 to 10: not the key that the log named for it",
        ],
        [
            "unknown key at head 6: not the key that the log named for it",
            "unknown key at head 8 to 10: not the key that the log named for it",
        ],
        [
            "unknown key at head 6: not the key that the log named for it",
            "unknown key at head 8 to 10: not the key that the log named for it",
        ],
    ),
    "delete entry 5": (
        lambda t: [*t.rows[:5], *t.rows[6:]],
        [
            "missing: entry 5",
            "head 7 to 10 cannot be checked, because of what is wrong before it",
        ],
        [
            "missing: entry 5",
            "head 7 to 10 cannot be checked, because of what is wrong before it",
        ],
        [
            "missing: entry 5",
            "head 7 to 10 cannot be checked, because of what is wrong before it",
        ],
    ),
    "delete entry 5, close the gap, reseal from there": (
        lambda t: [
            *t.rows[:5],
            *t.reseal(t.renumbered([*t.rows[:5], *t.rows[6:]], leaves=True))[5:],
        ],
        [
            "the content of entry 5 to 8 does not open",
            "unknown key at head 6 to 9: not the key that the log named for it",
            "truncated: head 10 missing",
        ],
        ["unknown key at head 6 to 9: not the key that the log named for it"],
        ["unknown key at head 6 to 9: not the key that the log named for it"],
    ),
    "swap entries 5 and 6": (
        lambda t: [
            *t.rows[:5],
            replace(t.rows[6], seq=5),
            replace(t.rows[5], seq=6),
            *t.rows[7:],
        ],
        [
            "wrong order: entry 5 to 6 holds another entry's leaf",
            "the content of entry 5 to 6 does not open",
            "head 6 to 10 cannot be checked, because of what is wrong before it",
        ],
        [
            "wrong order: entry 5 to 6 holds another entry's leaf",
            "head 6 to 10 cannot be checked, because of what is wrong before it",
        ],
        [
            "wrong order: entry 5 to 6 holds another entry's leaf",
            "head 6 to 10 cannot be checked, because of what is wrong before it",
        ],
    ),
    "drop all heads": (
        lambda t: [replace(row, head=None) for row in t.rows],
        ["missing: head 1 to 10"],
        ["missing: head 1 to 10"],
        ["missing: head 1 to 10"],
    ),
    "drop head 6": (
        lambda t: t.with_entry(5, replace(t.rows[5], head=None)),
        ["missing: head 6"],
        ["missing: head 6"],
        ["missing: head 6"],
    ),
    "truncate to 3 and continue": (
        lambda t: [
            *t.rows[:3],
            t.forged(3, by=t.key, tree=Frontier(r.leaf_hash for r in t.rows[:3])),
        ],
        [
            "the content of entry 3 is missing",
            "unknown key at head 4: not the key that the log named for it",
            "truncated: head 5 to 10 missing",
        ],
        [
            "the content of entry 3 is missing",
            "unknown key at head 4: not the key that the log named for it",
        ],
        [
            "the content of entry 3 is missing",
            "unknown key at head 4: not the key that the log named for it",
            "forked: another device countersigned a different head 4",
        ],
    ),
    "truncate to 3 and stop": (
        lambda t: t.rows[:3],
        ["truncated: head 4 to 10 missing"],
        [],
        ["truncated: head 4 missing"],
    ),
    "truncate to 9 and stop": (
        lambda t: t.rows[:9],
        ["truncated: head 10 missing"],
        [],
        [],
    ),
    "append a false entry with the current key": (
        lambda t: [
            *t.rows,
            t.forged(10, by=t.key, tree=Frontier(r.leaf_hash for r in t.rows)),
        ],
        [
            "the content of entry 10 is missing",
            WRONG_SIGNER.format(11),
        ],
        ["the content of entry 10 is missing"],
        ["the content of entry 10 is missing"],
    ),
}


@pytest.mark.parametrize("name", ATTACKS)
def test_what_the_device_finds(world: World, name: str) -> None:
    """The device names each attack that touches what was written before."""
    attack, found, _, _ = ATTACKS[name]
    assert device(attack(thief_of(world)), world) == found


@pytest.mark.parametrize("name", ATTACKS)
def test_what_an_outsider_finds_with_no_peer(world: World, name: str) -> None:
    """Without a peer, cutting off the end is accepted, and only as unanchored."""
    attack, _, found, _ = ATTACKS[name]
    assert outsider(attack(thief_of(world)), world) == (Level.UNANCHORED, found)


@pytest.mark.parametrize("name", ATTACKS)
def test_what_an_outsider_finds_when_a_peer_saw_four(world: World, name: str) -> None:
    """What a peer countersigned cannot be cut off or replaced."""
    attack, _, _, found = ATTACKS[name]
    assert outsider(attack(thief_of(world)), world, peer_saw=4)[1] == found


def test_truncating_behind_what_a_peer_saw_is_accepted_at_that_level(
    world: World,
) -> None:
    """The exposure is what came after the last countersignature, and no more."""
    thief = thief_of(world)
    for kept in range(4, ENTRIES + 1):
        assert outsider(thief.rows[:kept], world, peer_saw=4) == (Level.WITNESSED, [])
    for kept in range(1, 4):
        level, found = outsider(thief.rows[:kept], world, peer_saw=4)
        assert level is Level.SEALED
        assert found[0].startswith("truncated: head")


def test_a_whole_file_put_back_from_an_older_copy_is_accepted_without_a_peer(
    world: World,
) -> None:
    """Rows and key state of one moment agree: only another's memory tells."""
    signer, rows = read_signer(world.storage, 1), thief_of(world).rows
    assert signer is not None
    world.grow(ENTRIES + 5)
    newer = cosigned(world, ENTRIES + 5)
    with world.undone():
        world.execute("DELETE FROM log_entry")
        write(world.storage, 1, rows, signer)
        alone = world.reopened().verify(world.enrolled)
        told = world.reopened().verify(world.enrolled, peers=[PEER], seen=[newer])

    assert (alone.level, alone.findings) == (Level.UNANCHORED, ())
    assert [str(one) for one in told.findings] == ["truncated: head 11 to 15 missing"]


def test_a_head_has_one_line_of_its_own_log_and_that_is_its_keys(
    world: World,
) -> None:
    """A second line under the log's name, or another key id, is an edited head."""
    rows = thief_of(world).rows
    note = UnverifiedNote.parse(rows[6].head or b"")
    (line,) = note.lines
    for lines in (
        (line, line),
        (replace(line, key_id=b"four"),),
        (line, replace(line, key_id=b"four", signature=bytes(64))),
        (replace(line, name="another"),),
    ):
        head = UnverifiedNote(note.text, lines).encode()
        changed = [*rows[:6], replace(rows[6], head=head), *rows[7:]]
        assert outsider(changed, world)[1] == ["edited head 7: not as it was signed"]


def test_a_countersigned_head_is_remembered_with_the_log(world: World) -> None:
    """A peer's line kept under a head makes the verdict witnessed up to there."""
    head = UnverifiedNote.parse(bytes(thief_of(world).rows[6].head or b""))
    line = cosigned(world, 7).lines[0]
    kept = UnverifiedNote(head.text, (*head.lines, line)).encode()
    world.execute(
        "UPDATE log_entry SET head = ? WHERE position = ?", kept, (1 << 32) + 6
    )

    verdict = world.log.verify(world.enrolled, peers=[PEER])

    assert verdict.findings == ()
    assert (verdict.level, verdict.witnessed_size) == (Level.WITNESSED, 7)
    assert verdict.witnesses == ("phone",)
    assert "phone countersigned 7 entries" in " ".join(verdict.sentences())


def test_a_peer_that_has_not_countersigned_makes_the_log_sealed(world: World) -> None:
    """A second device that holds the enrolment is more than none, and less than a
    countersignature.
    """
    verdict = world.log.verify(world.enrolled, peers=[PEER])
    assert (verdict.level, verdict.findings) == (Level.SEALED, ())
    assert "none has countersigned it yet" in " ".join(verdict.sentences())


def test_a_false_countersignature_is_named(world: World) -> None:
    """A line under a peer's name and key id that is not the peer's is a finding."""
    good = cosigned(world, 4)
    (line,) = good.lines
    for bad in (
        replace(line, signature=bytes(72)),
        replace(line, signature=line.signature[:71]),
    ):
        verdict = world.log.verify(
            world.enrolled, peers=[PEER], seen=[UnverifiedNote(good.text, (bad,))]
        )
        assert [str(one) for one in verdict.findings] == [
            "a countersignature of head 4 is not valid"
        ]
        assert verdict.level is Level.SEALED


def test_a_fork_shown_by_a_peer_is_named(world: World) -> None:
    """A peer's good countersignature of another head of the same size is evidence."""
    text = Checkpoint(world.log.origin, 4, bytes(32)).encode()
    line = cosign_line(text, by=PEER, key=PEER_KEY, time_seconds=0)
    verdict = world.log.verify(
        world.enrolled, peers=[PEER], seen=[UnverifiedNote(text, (line,))]
    )
    assert [str(one) for one in verdict.findings] == [
        "forked: another device countersigned a different head 4"
    ]


def test_a_head_of_another_log_vouches_for_nothing(world: World) -> None:
    """A countersigned head counts for the origin that it names."""
    text = Checkpoint("another/log/1", 4, bytes(32)).encode()
    line = cosign_line(text, by=PEER, key=PEER_KEY, time_seconds=0)
    verdict = world.log.verify(
        world.enrolled, peers=[PEER], seen=[UnverifiedNote(text, (line,))]
    )
    assert (verdict.level, verdict.findings) == (Level.SEALED, ())


def test_another_first_key_is_unknown_from_the_first_head_on(world: World) -> None:
    """A log is verified from its enrolled key; under another nothing is good."""
    other = SigningKey(bytes(32)).public()
    found = world.log.verify(other).findings
    assert [str(one) for one in found] == [
        "unknown key at head 1: not the key that the log named for it"
    ]


def test_the_log_of_another_device_is_not_taken_for_this_one(
    world: World, tmp_path: Path
) -> None:
    """Rows of another device's log, whole and well sealed, are refused."""
    (tmp_path / "other").mkdir()
    other = make_world(tmp_path / "other", entries=ENTRIES, seed="other")
    found = device(thief_of(other).rows, world)
    other.session.close()
    assert found == [
        "the content of entry 0 to 9 does not open",
        "edited head 1 to 10: not as it was signed",
        WRONG_SIGNER.format(10),
    ]


def test_a_log_number_that_was_never_begun_is_named(world: World) -> None:
    """Entries planted beside the log, before or after it, do not go unnoticed."""
    for number in (0, 2):
        with world.undone():
            world.execute(
                "INSERT INTO log_entry SELECT position + ?, leaf, leaf_hash, epoch,"
                " ciphertext, head FROM log_entry",
                (number - 1) << 32,
            )
            assert world.findings() == [
                f"entries of log number {number}, which this device never began"
            ]


def test_an_emptied_log_is_named(world: World) -> None:
    """No entries at all is a missing genesis, not an intact empty log."""
    world.execute("DELETE FROM log_entry")
    world.execute("DELETE FROM log_signer")
    assert world.findings() == [
        "missing: entry 0",
        WRONG_SIGNER.format(0),
    ]


def _closing(rows: Rows, origin: str, key: SigningKey) -> Rows:
    """Sign *rows*, one group under one head, with *key*."""
    tree = Frontier(row.leaf_hash for row in rows)
    head = Signer(key, key.public(), Frontier()).sign(origin, tree)
    return [*rows[:-1], replace(rows[-1], head=head)]


def _row(seq: int, kind: LeafType, following: VerifyKey | None) -> LogRow:
    before = b"head of the log before" if kind is LeafType.INCARNATION else None
    why = Restart.RESTORED if kind is LeafType.INCARNATION else None
    leaf = Leaf(kind, seq, following, bytes(32), bytes(32), before, why).encode()
    return LogRow(seq, leaf, leaf_hash(leaf), 1, None, None)


def _walked(rows: Rows, key: SigningKey) -> list[str]:
    walk = LogWalk("o", key.public())
    for row in rows:
        walk.take(row)
    walk.finish()
    found = [str(one) for one in merge_runs(walk.findings)]
    return [one for one in found if not one.startswith("the content of")]


def test_a_head_over_more_than_sixty_four_entries_is_refused() -> None:
    """The log may not go long without a head, even if all of it is signed."""
    key, following = SigningKey(bytes(32)), SigningKey(bytes([1] * 32)).public()
    first = _row(0, LeafType.GENESIS, following)

    def group(size: int) -> Rows:
        rows = [first, *(_row(n, LeafType.READ, following) for n in range(1, size))]
        return _closing(rows, "o", key)

    assert _walked(group(64), key) == []
    assert _walked(group(65), key) == ["missing: head 64"]


@pytest.mark.parametrize(
    ("kinds", "found"),
    [
        ([LeafType.GENESIS], []),
        ([LeafType.INCARNATION], []),
        ([LeafType.READ], ["entry 0 is of a type that does not belong there"]),
        (
            [LeafType.GENESIS, LeafType.GENESIS],
            ["entry 1 is of a type that does not belong there"],
        ),
    ],
)
def test_a_log_has_one_genesis_and_it_comes_first(
    kinds: list[LeafType], found: list[str]
) -> None:
    """A second beginning, or none, is out of place even if it is well signed."""
    key, following = SigningKey(bytes(32)), SigningKey(bytes([1] * 32)).public()
    rows = [_row(seq, kind, following) for seq, kind in enumerate(kinds)]
    assert _walked(_closing(rows, "o", key), key) == found


def test_nothing_follows_a_retired_log() -> None:
    """After the retire leaf there is no next key, and no entry belongs there."""
    key, following = SigningKey(bytes(32)), SigningKey(bytes([1] * 32))
    first = _closing([_row(0, LeafType.GENESIS, following.public())], "o", key)[0]
    last = _row(1, LeafType.RETIRE, None)
    retired = _closing([first, last], "o", following)
    after = _closing([*retired, _row(2, LeafType.READ, key.public())], "o", key)

    assert _walked(retired, key) == []
    assert _walked(after, key) == [
        "entry 2 is of a type that does not belong there",
        "head 3 cannot be checked, because of what is wrong before it",
    ]

    # Nor by the short way, for the thief who signs on with the last key there was.
    for rows, is_taken in (
        ([first], True),
        (
            _closing([*retired, _row(2, LeafType.READ, key.public())], "o", following),
            False,
        ),
    ):
        found = read_stretch(
            rows,
            origin="o",
            key=key.public(),
            tree=Frontier(),
            contents=True,
            wanted=frozenset(),
        )
        assert (found is not None) is is_taken


def test_a_signer_of_another_size_does_not_open(world: World) -> None:
    """The kept key is bound to the place it is for, so it cannot be moved."""
    random = counting_random("signer")
    key = SigningKey(random(32))
    tree = Frontier([bytes(32)] * 3)
    seal = world.session.table("log_signer")
    row = seal_signer(seal, 1, Signer(key, key.public(), tree))
    assert open_signer(seal, 1, row) == key
    world.execute("UPDATE log_signer SET sealed = ?", row.sealed)
    assert world.findings()[-1].startswith("the key kept for the head after 10")
