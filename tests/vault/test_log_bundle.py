"""A log handed to somebody outside: protocol/log-bundle.md."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from clisk_vault.access_log import AccessLog, Draft
from clisk_vault.access_record import AccessRecord, Requester, RequesterKind
from clisk_vault.errors import (
    CallerError,
    FormatError,
    LogDamagedError,
    ReadRefused,
    StoreError,
    TamperedError,
    UnsupportedError,
)
from clisk_vault.log_bundle import encode_opening, parse_opening
from clisk_vault.log_bundle_read import read_bundle
from clisk_vault.log_bundle_verify import BundleVerdict, verify_bundle
from clisk_vault.log_entry import Opening
from clisk_vault.log_leaf import LeafType
from clisk_vault.log_proof import UnverifiedProof
from clisk_vault.note import KeyKind, NoteKey, UnverifiedNote
from clisk_vault.primitives import SigningKey
from clisk_vault.vault import Vault
from clisk_vault.verdict import Level
from tests.vault import bundles
from tests.vault.bundles import PEER, cosigned, enrolled_key, export, found, verify
from tests.vault.logs import World, make_world
from tests.vault.made import PASSPHRASE, PASSWORD, FakeClock, add_login, read

ENTRIES = 10


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    (tmp_path / "device").mkdir()
    made = make_world(tmp_path / "device", entries=ENTRIES)
    yield made
    made.session.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "bundle"


# --- what it holds


def test_a_bundle_is_verified_and_shows_what_was_opened(
    world: World, folder: Path
) -> None:
    """An outsider with the enrolled key sees the whole log, and two entries of it."""
    export(world, folder, opened=[0, 4])

    outcome = verify(folder, enrolled_key(world))

    assert found(outcome) == []
    assert (outcome.verdict.level, outcome.verdict.size) == (Level.UNANCHORED, 11)
    assert [(one.index, one.type) for one in outcome.shown] == [
        (0, "genesis"),
        (4, "read"),
    ]
    content = outcome.shown[1].content
    assert isinstance(content, AccessRecord)
    assert (content.field, content.origin) == ("password", "https://example.com")
    assert outcome.withheld == ()


@pytest.mark.parametrize("entries", [1, 2, 255, 256, 257, 600])
def test_bundles_of_every_number_of_tiles(
    tmp_path: Path, folder: Path, entries: int
) -> None:
    """Full and partial tiles, and heads over many entries, are all checked."""
    made = make_world(tmp_path)
    if entries > 1:
        made.log.append_many([made.record()] * (entries - 1))
    export(made, folder, opened={0, entries // 2, entries - 1})

    outcome = verify(folder, enrolled_key(made))
    made.session.close()

    assert found(outcome) == []
    assert outcome.verdict.size == entries + 1
    assert len(outcome.shown) == len({0, entries // 2, entries - 1})


def test_no_secret_of_the_vault_is_in_a_bundle(
    vault: Vault, folder: Path, clock: FakeClock
) -> None:
    """Planted secrets, keys at every level and unopened entries are searched for."""
    item = add_login(vault)
    for _ in range(4):
        clock.now_ms += 1000
        read(vault, item)
    unopened = [vault.log.open_entry(at) for at in (1, 3, 4)]
    vault.export_log(folder, who="test", open_entries=[2])
    row = vault.storage.one("SELECT sealed FROM log_signer")
    assert row is not None
    assert isinstance(row[0], bytes)
    secrets = vault.secrets
    planted = [
        PASSWORD.encode(),
        PASSPHRASE.expose().encode(),
        b"alice",
        b"Bank",
        secrets.storage.expose(),
        secrets.signing.expose(),
        vault.epochs.secret(1).expose(),
        row[0],
        *(opening.key.expose() for opening in unopened),
        *(opening.padded.rstrip(b"\0") for opening in unopened),
    ]

    whole = b"".join(
        path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()
    )

    for secret in planted:
        for spelt in (secret, secret.hex().encode()):
            assert spelt not in whole
    assert vault.log.open_entry(2).key.expose() in whole, "the search finds things"


# --- opening is reading


def test_opening_entries_is_recorded_before_they_are_opened(
    world: World, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The record of the export is durable, and in the bundle itself."""
    sizes = []
    real = AccessLog.open_entry

    def opening(log: AccessLog, index: int) -> Opening:
        assert not world.storage.in_transaction
        sizes.append(log.size)
        return real(log, index)

    monkeypatch.setattr(AccessLog, "open_entry", opening)
    export(world, folder, opened=[7, 3, 8, 9])

    assert sizes == [ENTRIES + 1] * 4
    ((index, record),) = world.log.records(start=ENTRIES)
    assert index == ENTRIES
    assert record.who == Requester(RequesterKind.EXPORT, "test")
    assert record.purpose == "open entries 3, 7-9 of the access log"
    (entry,) = world.log.entries(start=ENTRIES)
    assert entry.type is LeafType.EXPORT
    assert verify(folder, enrolled_key(world)).verdict.size == ENTRIES + 1


def test_many_entries_opened_take_as_many_records_as_they_need(
    tmp_path: Path, folder: Path
) -> None:
    """No record is cut short: the runs in all of them name every entry."""
    made = make_world(tmp_path)
    made.log.append_many([made.record()] * 500)
    wanted = list(range(0, 500, 2))
    export(made, folder, opened=wanted)
    records = [record for _, record in made.log.records(start=501)]
    made.session.close()

    named = [
        int(number)
        for record in records
        for number in record.purpose.removeprefix("open entries ")
        .removesuffix(" of the access log")
        .split(", ")
    ]
    assert len(records) > 1
    assert named == wanted


def test_what_cannot_be_recorded_is_not_opened(
    world: World, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk, or a damaged log, ends the export before anything is opened."""
    monkeypatch.setattr(
        AccessLog, "open_entry", lambda *_: pytest.fail("opened all the same")
    )

    def refuse(*_: object) -> None:
        raise StoreError("disk full")

    with monkeypatch.context() as patch, pytest.raises(ReadRefused):
        patch.setattr(AccessLog, "append_many", refuse)
        export(world, folder, opened=[3])
    world.execute("UPDATE log_entry SET leaf_hash = zeroblob(32)")
    world.log.forget()
    with pytest.raises(ReadRefused):
        export(world, folder, opened=[3])
    assert not folder.exists()


def test_a_bundle_without_openings_needs_no_record(world: World, folder: Path) -> None:
    """Nothing that was sealed is given away, so nothing is recorded."""
    export(world, folder)
    assert world.log.size == ENTRIES
    assert verify(folder, enrolled_key(world)).shown == ()


def test_an_export_within_a_transaction_is_refused(world: World, folder: Path) -> None:
    """Its record could be undone after the entries are out."""
    with world.storage.transaction(), pytest.raises(CallerError):
        export(world, folder, opened=[3])


@pytest.mark.parametrize("index", [-1, ENTRIES, 1 << 40])
def test_entries_that_are_not_there_are_not_opened(
    world: World, folder: Path, index: int
) -> None:
    """Refused before anything is recorded or written."""
    with pytest.raises(CallerError):
        export(world, folder, opened=[index])
    assert world.log.size == ENTRIES
    assert not folder.exists()


def test_an_entry_that_was_changed_is_not_opened(world: World, folder: Path) -> None:
    """What is handed over is what the leaf commits to, or nothing."""
    world.execute(
        "UPDATE log_entry SET ciphertext = zeroblob(400) WHERE position = ?",
        (1 << 32) + 3,
    )
    with pytest.raises(TamperedError):
        export(world, folder, opened=[3])
    assert not folder.exists()


# --- writing


@pytest.mark.parametrize("kind", ["folder", "file", "dangling link"])
def test_nothing_is_written_over(world: World, folder: Path, kind: str) -> None:
    """Whatever is at the path stays, and nothing is recorded."""
    if kind == "folder":
        folder.mkdir()
    elif kind == "file":
        folder.touch()
    else:
        folder.symlink_to("nowhere")
    with pytest.raises(StoreError):
        export(world, folder, opened=[1])
    assert world.log.size == ENTRIES


def test_a_bundle_appears_whole_or_not_at_all(
    world: World, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the disk fails on the way nothing is left behind, hidden or not."""
    before = sorted(folder.parent.iterdir())

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "rename", fail)
    with pytest.raises(StoreError, match="No space left"):
        export(world, folder)
    assert sorted(folder.parent.iterdir()) == before


def test_a_bundle_is_private_to_its_owner(world: World, folder: Path) -> None:
    """Opened entries are not readable by others on the machine."""
    export(world, folder, opened=[1])
    modes = {path.stat().st_mode & 0o077 for path in [folder, *folder.rglob("*")]}
    assert modes == {0}


def test_a_log_with_a_gap_is_not_exported(world: World, folder: Path) -> None:
    """A bundle has no place for a missing entry; the owner is told."""
    world.execute("DELETE FROM log_entry WHERE position = ?", (1 << 32) + 4)
    with pytest.raises(LogDamagedError):
        export(world, folder)
    assert not folder.exists()


# --- keys and levels


def test_another_logs_key_is_not_taken(world: World, folder: Path) -> None:
    """A bundle of another device than the one asked for is refused."""
    export(world, folder)
    other = NoteKey(world.log.origin[:-1] + "2", world.enrolled)
    for keys in ([], [other], [PEER], [replace(PEER, name=world.log.origin)]):
        with pytest.raises(TamperedError, match="not for"):
            verify(folder, *keys)


def test_two_keys_for_one_log_are_refused(world: World, folder: Path) -> None:
    """The verifier does not choose; the same key twice is one key."""
    export(world, folder)
    key = enrolled_key(world)
    other = NoteKey(world.log.origin, SigningKey(bytes(32)).public())
    with pytest.raises(TamperedError):
        verify(folder, key, other)
    assert found(verify(folder, key, key)) == []


def test_keys_in_the_bundle_are_not_relied_on(
    world: World, folder: Path, tmp_path: Path
) -> None:
    """A whole log made up by a stranger brings its own key, and fails."""
    (tmp_path / "other").mkdir()
    stranger = make_world(tmp_path / "other", entries=3)
    stranger.execute("UPDATE log_name SET origin = ?", world.log.origin)
    export(stranger, folder)
    key = NoteKey(world.log.origin, SigningKey(bytes(32)).public())

    assert bundles.read(folder).said_keys.enrolled.public == stranger.enrolled
    assert found(verify(folder, key))[0].startswith("unknown key at head 1")
    stranger.session.close()


def test_the_level_says_who_vouches(world: World, folder: Path) -> None:
    """No peer's key, a peer that has not signed, and one that has."""
    key = enrolled_key(world)
    export(world, folder, seen=[cosigned(world, 6)])
    silent = replace(PEER, name="e0" * 16)

    levels = [
        (outcome.verdict.level, outcome.verdict.witnessed_size)
        for outcome in (
            verify(folder, key),
            verify(folder, key, silent),
            verify(folder, key, PEER),
        )
    ]

    assert levels == [
        (Level.UNANCHORED, 0),
        (Level.SEALED, 0),
        (Level.WITNESSED, 6),
    ]
    said = " ".join(verify(folder, key, PEER).sentences())
    assert "countersigned 6 entries. Of the 4 after them" in said


def test_what_a_bundle_leaves_out_a_peer_can_hand_over(
    world: World, folder: Path
) -> None:
    """A head given by the peer itself is weighed as one in the bundle is."""
    export(world, folder)
    keys = [enrolled_key(world), PEER]

    def outcome(seen: UnverifiedNote) -> BundleVerdict:
        return verify_bundle(read_bundle(folder), keys, seen=[seen])

    assert verify(folder, *keys).verdict.level is Level.SEALED
    assert outcome(cosigned(world, 6)).verdict.witnessed_size == 6
    world.grow(ENTRIES + 2)
    assert found(outcome(cosigned(world, 12))) == ["truncated: head 11 to 12 missing"]


def test_a_device_is_no_witness_of_itself(world: World, folder: Path) -> None:
    """A countersignature under the log's own device counts for nothing."""
    export(world, folder, seen=[cosigned(world, 6)])
    own = NoteKey(world.session.device_id.hex(), PEER.public, KeyKind.COSIGNATURE)
    assert verify(folder, enrolled_key(world), own).verdict.level is Level.UNANCHORED


def test_a_proof_rests_on_a_head_that_a_peer_countersigned(
    world: World, folder: Path
) -> None:
    """Shown alone, it is worth more than one that rests on a key of the log."""
    (row,) = world.log.rows(6, 7)
    head = UnverifiedNote.parse(row.head or b"")
    line = cosigned(world, 7).lines[0]
    kept = UnverifiedNote(head.text, (*head.lines, line)).encode()
    world.execute(
        "UPDATE log_entry SET head = ? WHERE position = ?", kept, (1 << 32) + 6
    )
    export(world, folder, opened=[2, 6, 7])

    proofs = bundles.read(folder).proofs

    assert [proofs[at].head == kept for at in (2, 6, 7)] == [True, True, False]
    outcome = verify(folder, enrolled_key(world), PEER)
    assert (outcome.verdict.witnessed_size, len(outcome.shown)) == (7, 3)


# --- what is shown


def _reopened(folder: Path, at: int, opening: Opening) -> None:
    (folder / "opening" / str(at)).write_bytes(encode_opening(opening))


def test_an_entry_that_the_log_did_not_commit_to_is_not_shown(
    world: World, folder: Path
) -> None:
    """Another text, or another key, for an entry is a finding."""
    export(world, folder, opened=[3, 5])
    good = parse_opening((folder / "opening/3").read_bytes())
    other = parse_opening((folder / "opening/5").read_bytes())
    for bad in (
        other,
        Opening(good.key, other.padded),
        Opening(other.key, good.padded),
    ):
        _reopened(folder, 3, bad)
        outcome = verify(folder, enrolled_key(world))
        assert found(outcome) == [
            "the content of entry 3 is not what its leaf commits to"
        ]
        assert [one.index for one in outcome.shown] == [5]
        assert outcome.withheld == (3,)
        assert "1 opened" in " ".join(outcome.sentences())


def test_an_entry_is_shown_only_where_the_walk_vouches_for_it(
    world: World, folder: Path
) -> None:
    """After a finding nothing is shown, though commitment and proof are good."""
    export(world, folder, opened=[2, 8])
    heads = folder / "heads/000.p/11"
    data = bytearray(heads.read_bytes())
    at = data.index(b"\n5\n")
    data[at + 4] ^= 1
    heads.write_bytes(data)

    outcome = verify(folder, enrolled_key(world))

    assert found(outcome)[0].startswith("edited head 5")
    assert [one.index for one in outcome.shown] == [2]
    assert outcome.withheld == (8,)


def test_where_a_peer_saw_another_log_only_what_it_vouches_for_is_shown(
    world: World, folder: Path
) -> None:
    """A fork may have begun anywhere since the last head that a peer agrees with."""
    fork = cosigned(world, 8, root=bytes(32))
    export(world, folder, opened=[2, 6], seen=[cosigned(world, 4), fork])

    outcome = verify(folder, enrolled_key(world), PEER)

    assert found(outcome) == ["forked: another device countersigned a different head 8"]
    assert [one.index for one in outcome.shown] == [2]
    assert outcome.withheld == (6,)


def _with_proof(folder: Path, at: int, proof: UnverifiedProof) -> None:
    (folder / "proof" / str(at)).write_bytes(proof.encode())


def test_a_proof_of_something_else_is_named(world: World, folder: Path) -> None:
    """Another index, another path, or a head that is not in the bundle."""
    export(world, folder, opened=[3, 5])
    good, other = (bundles.read(folder).proofs[at] for at in (3, 5))
    (small,) = world.log.rows(2, 3)
    for bad in (
        other,
        replace(good, index=5),
        replace(good, path=other.path),
        replace(good, path=good.path[:-1]),
        replace(good, head=cosigned(world, 10).encode()),
        replace(good, head=small.head or b"", path=()),
    ):
        _with_proof(folder, 3, bad)
        outcome = verify(folder, enrolled_key(world))
        assert found(outcome) == [
            "the proof of entry 3 does not lead to a head of this log"
        ]
        assert [one.index for one in outcome.shown] == [5]


@pytest.mark.parametrize("change", ["device", "type"])
def test_an_entry_that_does_not_fit_its_place_is_named(
    world: World, folder: Path, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    """Well signed and committed to, yet another device's, or of another type."""
    record = world.record(
        device=b"x" * 16 if change == "device" else world.session.device_id
    )
    kind = LeafType.READ if change == "device" else LeafType.REFUSED
    signer = world.log._next_signer()
    with world.storage.transaction():
        world.log._close_group(signer, [Draft(kind, record)])
    monkeypatch.setattr(
        AccessLog,
        "_content",
        lambda log, row, leaf, origin: log._open(row, leaf, origin).check(
            leaf.commitment
        ),
    )
    export(world, folder, opened=[ENTRIES])

    outcome = verify(folder, enrolled_key(world))

    place = f"entry {ENTRIES} is of a type that does not belong there"
    assert found(outcome) == [place]
    assert outcome.shown == ()


def test_a_bundle_with_a_changed_byte_is_never_accepted_unchanged(
    world: World, folder: Path
) -> None:
    """Each byte of each file matters, except in keys that nobody relies on."""
    export(world, folder, opened=[3], seen=[cosigned(world, 4)])
    key = enrolled_key(world)
    for path in sorted(each for each in folder.rglob("*") if each.is_file()):
        if path.name == "keys":
            continue
        data = path.read_bytes()
        for at in range(0, len(data), max(1, len(data) // 40)):
            path.write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
            try:
                outcome = verify(folder, key, PEER)
            except (FormatError, TamperedError, UnsupportedError):
                continue
            whole = outcome.verdict.intact and outcome.verdict.witnessed_size == 4
            assert not whole, f"{path.name} byte {at}"
        path.write_bytes(data)
