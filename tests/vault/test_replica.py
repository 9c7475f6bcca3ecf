"""Two devices in step: everything arrives, and what must not does not."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clisk_vault import replica
from clisk_vault.change_chunk import MAX_CHANGE_BYTES
from clisk_vault.document import Applied, Orphan
from clisk_vault.draft import ItemDraft
from clisk_vault.entry import parse_key
from clisk_vault.epochs import Epochs
from clisk_vault.errors import CallerError, TamperedError
from clisk_vault.ids import DeviceId
from clisk_vault.item_store import SETTINGS
from clisk_vault.keys import EpochSecret, SecretText
from clisk_vault.pending import PendingChange
from clisk_vault.replica import IncomingChange, Quarantined
from clisk_vault.vault import Vault
from tests.vault.made import (
    PASSWORD,
    FakeClock,
    Family,
    add_login,
    carry,
    read,
    unlock,
)


def _all(vault: Vault) -> list[PendingChange]:
    return vault.replica.pending(10_000, 1 << 30)


def _deliver(target: Vault, author: Vault, *changes: PendingChange) -> list[type]:
    arrived = [
        IncomingChange(author.device_id, each.item_id, each.change) for each in changes
    ]
    return [type(each) for each in target.replica.apply_all(arrived)]


def test_a_change_arrives(pair: tuple[Vault, Vault]) -> None:
    """The item, its secret and its line in the list."""
    laptop, phone = pair
    item = add_login(laptop)

    carry(laptop, phone)

    assert read(phone, item) == PASSWORD
    assert phone.overviews() == laptop.overviews()
    assert [each.item for each in phone.find("bank")] == [item]
    assert phone.replica.unsent() == 0


def test_two_changes_made_apart_are_a_conflict_and_both_kept(
    pair: tuple[Vault, Vault], clock: FakeClock
) -> None:
    """Neither is lost; settling on one device settles it on both."""
    laptop, phone = pair
    item = add_login(laptop)
    carry(laptop, phone)
    clock.now_ms += 1
    laptop.edit(item, {"password": SecretText("from the laptop")})
    phone.edit(item, {"password": SecretText("from the phone")})

    carry(laptop, phone)
    carry(phone, laptop)

    for vault in pair:
        ((where, field),) = vault.conflicts()
        assert (where, field.name) == (item, "password")
        assert vault.overviews()[0].conflict
    (_, field) = laptop.conflicts()[0]
    mine = next(v for v in field.conflicts if v.stamp.device == laptop.device_id)
    laptop.settle(item, "password", mine.stamp)
    carry(laptop, phone)
    for vault in pair:
        assert vault.conflicts() == []
        assert not vault.overviews()[0].conflict
        assert read(vault, item) == "from the laptop"


def test_changes_to_different_fields_are_no_conflict(
    pair: tuple[Vault, Vault],
) -> None:
    """Each device's field stands."""
    laptop, phone = pair
    item = add_login(laptop)
    carry(laptop, phone)
    laptop.edit(item, {"username": "bob"})
    phone.edit(item, {"notes": SecretText("n")})

    carry(laptop, phone)
    carry(phone, laptop)

    for vault in pair:
        assert vault.conflicts() == []
        assert vault.view(item).text("username") == "bob"
        assert read(vault, item, "notes") == "n"


def test_a_change_that_comes_twice_does_nothing(pair: tuple[Vault, Vault]) -> None:
    """Repeating is harmless, within a call and later."""
    laptop, phone = pair
    item = add_login(laptop)
    (change,) = _all(laptop)

    first = phone.replica.apply(laptop.device_id, item, change.change)
    again = phone.replica.apply(laptop.device_id, item, change.change)

    assert isinstance(first, Applied)
    assert isinstance(again, Applied)
    assert len(first.entries) > 0
    assert len(again.entries) == 0


def test_a_flood_of_what_waits_is_bounded(
    pair: tuple[Vault, Vault], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Attack: no end of changes that wait. The rest is refused by name."""
    laptop, phone = pair
    item = add_login(laptop)
    for number in range(6):
        laptop.edit(item, {"title": f"title {number}"})
    first, *later = _all(laptop)
    monkeypatch.setattr(replica, "MAX_ORPHANS", 3)
    monkeypatch.setattr(replica, "MAX_QUARANTINED", 2)

    outcomes = _deliver(phone, laptop, *later)
    again = _deliver(phone, laptop, *later)

    assert outcomes == [Orphan] * 3 + [Quarantined] * 3 == again
    assert phone.replica.orphans() == 3
    kept = phone.replica.quarantine()
    assert [each.reason for each in kept] == [
        "change: 3 of its device wait already"
    ] * 2
    # Control: what waited comes alive, and there is room again.
    assert _deliver(phone, laptop, first) == [Applied]
    assert phone.replica.orphans() == 0
    assert _deliver(phone, laptop, *later) == [Applied] * 6
    assert phone.view(item).text("title") == "title 5"


def test_what_comes_too_early_waits(
    pair: tuple[Vault, Vault], tmp_path: Path, clock: FakeClock
) -> None:
    """An orphan is kept, over a restart too, and comes alive with what it needs."""
    laptop, phone = pair
    item = add_login(laptop)
    laptop.edit(item, {"title": "Renamed"})
    first, second = _all(laptop)

    assert _deliver(phone, laptop, second) == [Orphan]
    assert phone.overviews() == []
    with pytest.raises(CallerError):
        phone.view(item)
    phone.lock()
    again = unlock(tmp_path / "phone.db")
    assert again.replica.orphans() == 1

    assert _deliver(again, laptop, first) == [Applied]

    assert again.replica.orphans() == 0
    assert again.view(item).title == "Renamed"
    assert [each.title for each in again.overviews()] == ["Renamed"]
    again.lock()


def test_any_order_of_arrival_ends_the_same(tmp_path: Path) -> None:
    """Merging commutes: twenty orders of the same changes, one result."""
    family, clock = Family(), FakeClock()
    laptop = family.device(tmp_path / "laptop", clock)
    item = add_login(laptop)
    for n in range(4):
        clock.now_ms += 1
        laptop.edit(item, {"password": SecretText(f"p{n}"), "title": f"t{n}"})
    changes = _all(laptop)

    @settings(
        max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture]
    )
    @given(st.permutations(changes))
    def check(order: list[PendingChange]) -> None:
        phone = family.device(tmp_path / os.urandom(4).hex(), clock)
        for each in order:
            _deliver(phone, laptop, each)
        assert phone.replica.orphans() == 0
        assert phone.view(item) == laptop.view(item)
        assert phone.overviews() == laptop.overviews()
        phone.lock()

    check()
    laptop.lock()


def test_a_change_by_another_than_its_author_is_refused(
    pair: tuple[Vault, Vault],
) -> None:
    """A member that passes off its change as another device's is found out."""
    laptop, phone = pair
    item = add_login(laptop)
    (change,) = _all(laptop)

    answer = phone.replica.apply(DeviceId(b"x" * 16), item, change.change)

    assert isinstance(answer, Quarantined)
    (kept,) = phone.replica.quarantine()
    assert (kept.author, kept.item_id) == (DeviceId(b"x" * 16), item)
    assert kept.reason == answer.reason
    assert _deliver(phone, laptop, change) == [Applied]


@pytest.mark.parametrize("spoil", ["cut", "flip", "junk", "long"])
def test_a_refused_change_costs_the_others_nothing(
    pair: tuple[Vault, Vault], spoil: str
) -> None:
    """It is quarantined with its author; the rest of the batch is applied."""
    laptop, phone = pair
    add_login(laptop, "one")
    add_login(laptop, "two")
    one, two = _all(laptop)
    spoilt = {
        "cut": one.change[:-1],
        "flip": one.change[:-1] + bytes([one.change[-1] ^ 1]),
        "junk": b"junk",
        "long": bytes(MAX_CHANGE_BYTES + 1),
    }[spoil]
    bad = PendingChange(0, one.item_id, spoilt)

    answers = _deliver(phone, laptop, bad, two, one)

    assert answers == [Quarantined, Applied, Applied]
    assert [each.author for each in phone.replica.quarantine()] == [laptop.device_id]
    assert sorted(each.title for each in phone.overviews()) == ["one", "two"]
    _deliver(phone, laptop, bad)
    assert len(phone.replica.quarantine()) == 1


def test_an_edit_by_a_session_that_was_copied_is_seen(
    pair: tuple[Vault, Vault],
) -> None:
    """Two contents in one place: the second is refused, and the document lives."""
    laptop, phone = pair
    item = add_login(laptop)
    carry(laptop, phone)
    saved = laptop._items.saved(item)
    assert saved is not None
    laptop.edit(item, {"title": "first"})
    (first,) = _all(laptop)
    laptop.replica.forget([first.rowid])
    with laptop.storage.transaction():
        laptop._items.put(item, saved)
    laptop.edit(item, {"title": "second"})
    (second,) = _all(laptop)

    assert _deliver(phone, laptop, first, second) == [Applied, Quarantined]

    phone.edit(item, {"title": "third"})
    assert phone.view(item).title == "third"


def test_all_joins_the_callers_transaction(pair: tuple[Vault, Vault]) -> None:
    """What the caller undoes is undone: document, list, search, queue."""
    laptop, phone = pair
    item = add_login(laptop)
    (change,) = _all(laptop)
    assert phone.overviews() == []

    with pytest.raises(KeyboardInterrupt), phone.storage.transaction():
        assert _deliver(phone, laptop, change) == [Applied]
        assert len(phone.overviews()) == 1
        raise KeyboardInterrupt

    assert phone.overviews() == []
    assert phone.find("bank") == []
    with pytest.raises(CallerError):
        phone.view(item)
    assert _deliver(phone, laptop, change) == [Applied]
    assert read(phone, item) == PASSWORD


def test_pending_keeps_to_its_limits(vault: Vault) -> None:
    """In the order written, at most so many and so large, but one at least."""
    for n in range(5):
        vault.add(ItemDraft("note", f"n{n}"))
    everything = _all(vault)
    size = len(everything[0].change)

    assert vault.replica.pending(2, 1 << 20) == everything[:2]
    assert vault.replica.pending(5, 3 * size) == everything[:3]
    assert vault.replica.pending(5, 1) == everything[:1]
    assert [each.rowid for each in everything] == sorted(
        each.rowid for each in everything
    )


def test_forgetting_twice_drops_nothing_newer(vault: Vault) -> None:
    """Row numbers are never given out again, so a repeated call is harmless."""
    vault.add(ItemDraft("note", "one"))
    (sent,) = _all(vault)
    vault.replica.forget([sent.rowid])
    vault.add(ItemDraft("note", "two"))

    vault.replica.forget([sent.rowid])

    assert vault.replica.unsent() == 1


def test_what_waits_to_be_sent_is_sealed(vault: Vault, vault_path: Path) -> None:
    """Titles and changes stand nowhere in the file, nor in its journal."""
    add_login(vault, "VerySpecialTitle")
    vault.lock()

    for path in vault_path.parent.iterdir():
        raw = path.read_bytes()
        assert b"VerySpecialTitle" not in raw
        assert b"alice" not in raw


def test_settings_travel_but_are_no_item(pair: tuple[Vault, Vault]) -> None:
    """The reserved document is merged, and no list shows it."""
    laptop, phone = pair
    laptop.add_folders(["Work"])

    carry(laptop, phone)

    assert phone.folders() == ["Work"]
    assert phone.overviews() == []
    assert SETTINGS not in phone.ids()


def test_later_stamps_are_greater_than_those_that_came(
    pair: tuple[Vault, Vault], clock: FakeClock
) -> None:
    """A device whose clock is behind still writes after what it has seen."""
    laptop, phone = pair
    clock.now_ms += 10_000
    item = add_login(laptop)
    clock.now_ms -= 10_000

    carry(laptop, phone)
    phone.edit(item, {"title": "later"})

    field = phone.view(item).fields["title"]
    assert field.versions[0].text == "later"
    assert field.versions[0].stamp > field.versions[1].stamp


def test_the_keys_of_a_change_name_its_author(vault: Vault) -> None:
    """Every stamp in a document is of the device that wrote it."""
    item = add_login(vault)

    stamps = [parse_key(key).stamp for key in vault._items.load(item).entries]

    assert {stamp.device for stamp in stamps} == {vault.device_id}


# --- epochs


def test_new_secrets_are_sealed_under_the_newest_epoch(
    pair: tuple[Vault, Vault],
) -> None:
    """A device that was never given the new epoch cannot read what comes after."""
    laptop, phone = pair
    old = add_login(laptop, "old")
    laptop.epochs.add(2, EpochSecret(os.urandom(32)))
    new = add_login(laptop, "new", "after the rotation")

    carry(laptop, phone)

    assert laptop.epochs.current == 2
    assert read(phone, old) == PASSWORD
    with pytest.raises(CallerError):
        read(phone, new)
    phone.epochs.add(2, laptop.epochs.secret(2))
    assert read(phone, new) == "after the rotation"


def test_an_epoch_secret_survives_unlocking(vault: Vault, vault_path: Path) -> None:
    """Sealed on disk under the device's own key."""
    secret = EpochSecret(os.urandom(32))
    vault.epochs.add(7, secret)
    vault.epochs.add(7, secret)
    vault.lock()

    again = unlock(vault_path)

    assert again.epochs.secret(7) == secret
    assert again.epochs.numbers() == [1, 7]
    again.lock()
    assert secret.expose() not in vault_path.read_bytes()


def test_an_epoch_has_one_secret(vault: Vault) -> None:
    """A second, different secret by one number is refused."""
    with pytest.raises(TamperedError):
        vault.epochs.add(1, EpochSecret(os.urandom(32)))


@pytest.mark.parametrize("number", [0, -1, 1 << 32])
def test_an_epoch_number_out_of_range_is_refused(vault: Vault, number: int) -> None:
    """Numbers start at one and fit into 32 bits."""
    with pytest.raises(CallerError):
        vault.epochs.add(number, EpochSecret(os.urandom(32)))


def test_an_epoch_row_moved_to_another_number_does_not_open(vault: Vault) -> None:
    """The number is part of what the seal is bound to."""
    vault.epochs.add(2, EpochSecret(os.urandom(32)))
    vault.storage.execute(
        "UPDATE epoch SET sealed = (SELECT sealed FROM epoch WHERE number = 1)"
        " WHERE number = 2"
    )

    with pytest.raises(TamperedError):
        Epochs(vault.session).secret(2)


def test_a_new_items_first_change_is_not_kept_twice(
    pair: tuple[Vault, Vault], clock: FakeClock
) -> None:
    """Its document has it, and gives it out byte for byte whatever came since."""
    laptop, phone = pair
    item = add_login(laptop)
    (first,) = _all(laptop)
    rows = laptop.session.storage.all("SELECT sealed FROM pending")
    assert rows == [(None,)]

    for number in range(6):  # enough for the document to be compacted
        clock.now_ms += 1
        laptop.edit(item, {"username": f"user {number}"})

    later = _all(laptop)
    assert later[0] == first
    assert [each.item_id for each in later] == [item] * 7
    carry(laptop, phone)
    assert read(phone, item) == PASSWORD
    assert phone.view(item).text("username") == "user 5"


def test_an_unsent_change_that_its_document_lost_is_no_silence(
    pair: tuple[Vault, Vault],
) -> None:
    """A document put back by who can write to the file: not sent, and not forgotten.

    What sync says of it: test_a_damaged_item_does_not_keep_the_others_from_being_sent.
    """
    laptop, _ = pair
    one, other = add_login(laptop), add_login(laptop)
    saved = laptop._items.saved(other)
    assert saved is not None
    laptop._items.put(one, saved)

    assert [each.item_id for each in _all(laptop)] == [other]
    assert laptop.replica.unsent() == 2
