"""The access log of one device: what it keeps, what it refuses to sign."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from clisk_vault.access_log import AccessLog, Draft
from clisk_vault.access_record import LogMark, Outcome
from clisk_vault.checkpoint import Checkpoint
from clisk_vault.errors import (
    CallerError,
    LockedError,
    LogDamagedError,
    TamperedError,
)
from clisk_vault.ids import DeviceId
from clisk_vault.keys import EpochSecret
from clisk_vault.log_leaf import Leaf, LeafType
from clisk_vault.log_signer import Signer, seal_signer
from clisk_vault.merkle import Frontier, leaf_hash
from clisk_vault.note import NoteKey, UnverifiedNote
from clisk_vault.primitives import SigningKey
from clisk_vault.verdict import Finding, Level, Notice
from tests.vault.logs import EXPORT, PERSON, World, counting_random, make_world


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = make_world(tmp_path)
    yield made
    made.session.close()


def test_a_log_begins_with_its_genesis_under_the_enrolled_key(world: World) -> None:
    """Entry 0 is the genesis, and head 1 is signed by the key that was enrolled."""
    (entry,) = world.log.entries()
    assert (entry.index, entry.type) == (0, LeafType.GENESIS)
    assert isinstance(entry.content, LogMark)

    note = UnverifiedNote.parse(world.log.head())
    note.verify([NoteKey(world.log.origin, world.enrolled)])
    head = Checkpoint.parse(note.text)
    assert (head.origin, head.size) == (world.log.origin, 1)
    assert (
        world.log.origin
        == f"{bytes(range(16)).hex()}/{world.session.device_id.hex()}/1"
    )


def test_records_come_back_with_their_index(world: World) -> None:
    """Granted, refused and failed requests are read back as they were written."""
    records = [
        world.record(),
        world.record(Outcome.REFUSED, grant=None),
        world.record(Outcome.FAILED, who=PERSON, origin=None),
    ]

    indexes = [world.log.append(record) for record in records]

    assert indexes == [1, 2, 3]
    assert list(world.log.records()) == list(enumerate(records, start=1))
    assert list(world.log.records(2, 3)) == [(2, records[1])]
    types = [entry.type for entry in world.log.entries(1)]
    assert types == [LeafType.READ, LeafType.REFUSED, LeafType.REFUSED]


def test_each_head_is_signed_by_the_key_that_the_leaf_before_it_named(
    world: World,
) -> None:
    """Head n+1 is under the key of leaf n-1, and every root is over all leaves."""
    world.grow(6)
    tree = Frontier()
    key = world.enrolled
    for index in range(6):
        raw, head = _leaf_and_head(world, index)
        tree.append(leaf_hash(raw))
        note = UnverifiedNote.parse(head)
        note.verify([NoteKey(world.log.origin, key)])
        assert (
            note.text == Checkpoint(world.log.origin, index + 1, tree.root()).encode()
        )
        named = Leaf.parse(raw).next
        assert named is not None
        assert named != key
        key = named


def _leaf_and_head(world: World, index: int) -> tuple[bytes, bytes]:
    row = world.storage.one(
        "SELECT leaf, head FROM log_entry WHERE position = ?", ((1 << 32) + index,)
    )
    assert row is not None
    leaf, head = row
    assert isinstance(leaf, bytes)
    assert isinstance(head, bytes)
    return leaf, head


def test_many_records_share_a_head_for_each_sixty_four(world: World) -> None:
    """130 records take three heads, and the log verifies."""
    records = [world.record(who=EXPORT) for _ in range(130)]

    indexes = world.log.append_many(records)

    heads = world.storage.all("SELECT position FROM log_entry WHERE head IS NOT NULL")
    assert indexes == range(1, 131)
    assert [position & 0xFFFFFFFF for (position,) in heads] == [0, 64, 128, 130]  # type: ignore[operator]
    assert {entry.type for entry in world.log.entries(1)} == {LeafType.EXPORT}
    assert world.findings() == []
    assert world.reopened().append(world.record()) == 131


def test_reads_of_many_at_once_are_bulk_reads(world: World) -> None:
    """A check of all passwords by a person is told apart from single reads."""
    world.log.append_many([world.record(who=PERSON), world.record(Outcome.REFUSED)])
    types = [entry.type for entry in world.log.entries(1)]
    assert types == [LeafType.BULK_READ, LeafType.REFUSED]
    assert world.findings() == []


def test_no_records_at_once_write_nothing(world: World) -> None:
    """An empty export leaves neither entry nor head."""
    assert world.log.append_many([]) == range(1, 1)
    assert world.log.size == 1


def test_an_append_is_undone_with_the_callers_transaction(world: World) -> None:
    """A read that is rolled back leaves no entry, and the log goes on soundly."""

    class Stop(Exception):
        pass

    with pytest.raises(Stop), world.storage.transaction():
        world.log.append(world.record())
        world.log.append(world.record())
        raise Stop
    assert world.log.size == 1

    world.grow(4)
    assert world.findings() == []


def test_two_processes_append_to_one_log(world: World) -> None:
    """Each sees what the other wrote in between and signs on top of it."""
    other = world.reopened()
    for log in (world.log, other, other, world.log, other):
        log.append(world.record())
    assert world.log.size == 6
    assert world.findings() == []


def test_a_used_key_is_gone_from_the_file(world: World) -> None:
    """After an append the file holds one sealed key, and it is not the one used."""
    before = world.storage.all("SELECT sealed FROM log_signer")
    world.grow(2)
    after = world.storage.all("SELECT sealed FROM log_signer")
    assert len(before) == len(after) == 1
    assert before != after

    world.session.close()
    (old,) = before[0]
    (new,) = after[0]
    assert isinstance(old, bytes)
    assert isinstance(new, bytes)
    raw = world.storage.path.read_bytes()
    assert new in raw
    assert old not in raw


def test_a_locked_vault_neither_reads_nor_writes_its_log(world: World) -> None:
    """Whoever still holds the log after lock() is refused."""
    record = world.record()
    world.session.close()
    for use in (
        lambda: world.log.append(record),
        lambda: list(world.log.entries()),
        lambda: world.log.verify(world.enrolled),
    ):
        with pytest.raises(LockedError):
            use()


def test_a_forgotten_signer_is_read_from_disk(world: World) -> None:
    """forget() drops the keys in memory and changes nothing else."""
    world.log.forget()
    world.grow(3)
    assert world.findings() == []


def test_only_the_enrolled_key_begins_a_log_and_only_once(world: World) -> None:
    """Another first key, or a second genesis, is the caller's fault."""
    with pytest.raises(CallerError, match="enrolled"):
        AccessLog.enrol(world.session, world.epochs, SigningKey(bytes(32)))
    with pytest.raises(CallerError, match="already"):
        AccessLog.enrol(world.session, world.epochs, world.first_key)


def test_a_record_of_another_device_is_refused(world: World) -> None:
    """A device speaks for itself alone in its log."""
    with pytest.raises(CallerError, match="another device"):
        world.log.append(world.record(device=DeviceId(bytes(16))))


def test_entries_of_an_older_epoch_stay_readable(world: World) -> None:
    """After a rotation new entries are sealed under the new epoch; all open."""
    world.grow(2)
    world.epochs.add(2, EpochSecret(counting_random("epoch 2")(32)))
    world.grow(4)
    epochs = world.storage.all("SELECT epoch FROM log_entry")
    assert [number for (number,) in epochs] == [1, 1, 2, 2]
    assert len(list(world.reopened().records())) == 3
    assert world.findings() == []


def test_one_entry_is_opened_to_a_third_party(world: World) -> None:
    """The opening and the leaf are enough, and are no use for another leaf."""
    world.grow(4)
    opening = world.log.open_entry(2)
    record = opening.check(Leaf.parse(world.log.leaf(2)).commitment)

    assert dict(world.log.records())[2] == record
    with pytest.raises(TamperedError):
        opening.check(Leaf.parse(world.log.leaf(3)).commitment)


@pytest.mark.parametrize("index", [4, -1])
def test_an_entry_that_is_not_there_is_not_opened(world: World, index: int) -> None:
    """There is no opening of an entry beyond the log."""
    world.grow(4)
    for use in (world.log.open_entry, world.log.leaf):
        with pytest.raises(CallerError):
            use(index)


def test_a_changed_entry_is_not_shown(world: World) -> None:
    """What is listed is what was signed: a changed content raises instead."""
    world.grow(3)
    world.execute(
        "UPDATE log_entry SET ciphertext = (SELECT ciphertext FROM log_entry"
        " WHERE position = ?) WHERE position = ?",
        (1 << 32) + 1,
        (1 << 32) + 2,
    )
    records = world.log.records()
    assert next(records)[0] == 1
    with pytest.raises(TamperedError, match="entry 2"):
        next(records)


def test_a_one_device_log_is_unanchored_in_words(world: World) -> None:
    """Intact and alone is not called verified: the sentence says what is missing."""
    world.grow(3)
    verdict = world.log.verify(world.enrolled)

    assert verdict.level is Level.UNANCHORED
    assert (verdict.size, verdict.findings, verdict.intact) == (3, (), True)
    words = " ".join(verdict.sentences())
    assert "no other device has seen this log" in words
    assert "Pair a second device" in words
    assert verdict.to_json()["level"] == "unanchored"
    with pytest.raises(TypeError, match="not a yes or no"):
        bool(verdict)


def test_a_clock_that_moved_back_is_noted_and_is_no_fault(world: World) -> None:
    """Order is by index; a time that went back is a notice, never a finding."""
    for time_ms in (2_000_000_000_000, 1_000, 2_000):
        world.log.append(world.record(time_ms=time_ms))
    verdict = world.log.verify(world.enrolled)
    assert verdict.findings == ()
    assert [str(note) for note in verdict.notices] == [
        "the clock stood earlier at entry 2 than at the one before"
    ]


def _is_closed(world: World, says: str) -> None:
    """The log is not signed on: the next entry goes to the next incarnation."""
    before, heads = world.reopened(), world.storage.all("SELECT head FROM log_entry")
    with pytest.raises(LogDamagedError, match=says):
        before._resume()

    log = world.reopened()
    assert log.append(world.record()) == 1

    assert log.origin == f"{before.origin[:-1]}2"
    kept = world.storage.all("SELECT head FROM log_entry WHERE position < 2 << 32")
    assert kept == heads
    verdict = log.verify(world.secrets.public.signing)
    assert verdict.findings == ()
    assert Notice.AFTER_DAMAGE in {one.kind for one in verdict.notices}
    [closed] = log.earlier()
    kinds = {one.kind for one in closed.verify(world.enrolled).findings}
    assert Finding.DAMAGED in kinds


def test_a_log_with_bit_rot_is_not_signed(world: World) -> None:
    """A changed leaf hash stops the next append, before anything is signed."""
    world.grow(5)
    world.execute(
        "UPDATE log_entry SET leaf_hash = zeroblob(32) WHERE position = ?",
        (1 << 32) + 2,
    )
    _is_closed(world, "not over these entries")
    assert world.reopened().earlier()[0].size == 5


@pytest.mark.parametrize(
    ("sql", "says"),
    [
        ("DELETE FROM log_entry WHERE position & 15 = 2", "is missing"),
        ("DELETE FROM log_entry", "no head"),
        ("UPDATE log_entry SET head = NULL", "no head"),
        ("UPDATE log_entry SET leaf = x'00' WHERE head IS NOT NULL", "hash says"),
        ("DELETE FROM log_signer", "key of its next head is missing"),
        ("UPDATE log_signer SET size = 99", "out of its context"),
        ("UPDATE log_signer SET sealed = x'00'", "log"),
    ],
)
def test_a_damaged_log_is_not_continued(world: World, sql: str, says: str) -> None:
    """Whatever is wrong at the end, the append is refused by name."""
    world.grow(5)
    world.execute(sql)
    _is_closed(world, says)


def test_a_cut_off_log_is_not_continued(world: World) -> None:
    """With entries cut off, the key at hand is not the one that the log names."""
    world.grow(5)
    world.execute("DELETE FROM log_entry WHERE position >= ?", (1 << 32) + 3)
    _is_closed(world, "ends with entry 2")


def test_a_disk_that_refuses_leaves_the_log_as_it_was(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the head cannot be stored the entry is not there either."""

    def refuse(*_: object) -> None:
        raise sqlite3.OperationalError("disk full")

    monkeypatch.setattr("clisk_vault.log_rows.write", refuse)
    with pytest.raises(sqlite3.OperationalError):
        world.log.append(world.record())
    monkeypatch.undo()
    world.grow(3)
    assert world.findings() == []


def test_a_log_whose_last_head_has_another_signature_is_not_continued(
    world: World,
) -> None:
    """The head that a new one will stand on must itself be good."""
    world.grow(3)
    _, head = _leaf_and_head(world, 2)
    note = UnverifiedNote.parse(head)
    bad = replace(note.lines[0], signature=bytes(64))
    world.execute(
        "UPDATE log_entry SET head = ? WHERE position = ?",
        UnverifiedNote(note.text, (bad,)).encode(),
        (1 << 32) + 2,
    )
    _is_closed(world, "not by that key")


def test_a_log_is_not_continued_with_a_key_that_it_does_not_name(world: World) -> None:
    """A well-sealed key of the right size signs nothing if no leaf named it."""
    world.grow(3)
    stranger = SigningKey(bytes(32))
    tree = Frontier([bytes(32)] * 3)
    row = seal_signer(
        world.session.table("log_signer"), 1, Signer(stranger, stranger.public(), tree)
    )
    world.execute("UPDATE log_signer SET sealed = ?", row.sealed)
    _is_closed(world, "not the one that it names")


@pytest.mark.parametrize("case", ["type", "device"])
def test_a_content_that_does_not_fit_its_leaf_is_found(world: World, case: str) -> None:
    """A refusal sealed under a read leaf, or another device's record, is named."""
    record = world.record(Outcome.REFUSED)
    if case == "device":
        record = world.record(device=DeviceId(bytes(16)))
    with world.storage.transaction():
        world.log._close_group(world.log._next_signer(), [Draft(LeafType.READ, record)])

    assert world.findings() == ["entry 1 is of a type that does not belong there"]
    if case == "type":
        with pytest.raises(TamperedError, match="not of its leaf's type"):
            list(world.log.entries())
