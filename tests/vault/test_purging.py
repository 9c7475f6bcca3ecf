"""protocol/item.md §9: purged is gone, everywhere, and nothing else is."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from clisk_vault.document import Applied
from clisk_vault.errors import CallerError
from clisk_vault.ids import ItemId
from clisk_vault.item_store import SETTINGS
from clisk_vault.purge import purge_field
from clisk_vault.replica import IncomingChange, Quarantined
from clisk_vault.reveal import ReadRequest
from clisk_vault.vault import Vault
from tests.vault.made import PERSON, FakeClock, Family, add_login, carry, read, unlock

_DAY = 24 * 60 * 60 * 1000


def _rows(vault: Vault) -> int:
    row = vault.storage.one("SELECT count(*) FROM item WHERE id != ?", (SETTINGS,))
    assert row is not None
    assert isinstance(row[0], int)
    return row[0]


def _shared(pair: tuple[Vault, Vault], *, attached: bytes = b"x") -> ItemId:
    """Return an item with an attachment that both devices hold."""
    laptop, phone = pair
    item = add_login(laptop)
    laptop.attachments.add(item, "a", attached)
    carry(laptop, phone)
    return item


def test_a_purged_item_is_gone_with_all_that_belongs_to_it(vault: Vault) -> None:
    """Document, overview, unsent changes and chunks."""
    item, other = add_login(vault), add_login(vault, "Other")
    vault.attachments.add(item, "a", b"x")
    vault.trash(item)

    vault.purging.purge([item])

    assert vault.ids() == {other}
    assert _rows(vault) == 1
    assert len(vault.find("bank")) == 1
    waiting = {each.item_id for each in vault.replica.pending(100, 1 << 30)}
    assert waiting == {SETTINGS, other}
    with pytest.raises(CallerError, match="no such item"):
        vault.view(item)


def test_what_is_not_in_the_trash_is_not_purged(vault: Vault) -> None:
    """And of several either all are purged or none."""
    item, trashed = add_login(vault), add_login(vault)
    vault.trash(trashed)

    with pytest.raises(CallerError, match="only what is in the trash"):
        vault.purging.purge([trashed, item])

    assert vault.ids() == {item, trashed}


def test_a_purge_reaches_the_other_device(pair: tuple[Vault, Vault]) -> None:
    """Its copy holds nothing that the purge had not seen."""
    laptop, phone = pair
    item = _shared(pair)
    laptop.trash(item)
    laptop.purging.purge([item])

    carry(laptop, phone)

    assert phone.ids() == set()
    assert _rows(phone) == 0
    assert phone.purging.leftovers() == []


def test_a_newcomer_forgets_what_it_hears_of_later(
    pair: tuple[Vault, Vault],
) -> None:
    """The purge may come before the changes, the chunks or after both: gone it is."""
    laptop, phone = pair
    item = add_login(laptop)
    laptop.attachments.add(item, "a", b"x")
    laptop.trash(item)
    old = laptop.replica.pending(100, 1 << 30)
    laptop.purging.purge([item])

    carry(laptop, phone)
    for each in old:
        outcome = phone.replica.apply(laptop.device_id, each.item_id, each.change)
        assert isinstance(outcome, Applied)

    assert phone.ids() == set()
    assert _rows(phone) == 0
    assert phone.replica.quarantine() == []


@pytest.mark.parametrize("order", [1, -1])
def test_an_edit_that_a_purge_had_not_seen_stays(
    pair: tuple[Vault, Vault], order: int
) -> None:
    """Nothing that was written is lost by a purge that did not know of it."""
    laptop, phone = pair
    item = _shared(pair)
    laptop.trash(item)
    laptop.purging.purge([item])
    phone.edit(item, {"username": "bob"})

    for source, target in [(laptop, phone), (phone, laptop)][::order]:
        carry(source, target)

    assert phone.purging.leftovers() == [item]
    assert phone.view(item).text("username") == "bob"
    assert read(phone, item)
    assert laptop.ids() == set()
    assert [each.item_id for each in laptop.replica.quarantine()] == [item]
    request = ReadRequest(item, phone.attachments.of(item)[0].field, PERSON, "test")
    assert phone.attachments.read(request) == b"x"


def test_a_leftover_is_dropped_when_a_person_says_so(
    pair: tuple[Vault, Vault],
) -> None:
    """And only a leftover is."""
    laptop, phone = pair
    item, kept = _shared(pair), add_login(phone)
    laptop.trash(item)
    laptop.purging.purge([item])
    phone.edit(item, {"username": "bob"})
    carry(laptop, phone)

    with pytest.raises(CallerError, match="not purged"):
        phone.purging.forget_leftover(kept)
    phone.purging.forget_leftover(item)

    assert phone.ids() == {kept}
    assert _rows(phone) == 1


def test_a_purge_by_a_device_that_knew_more_counts_too(
    pair: tuple[Vault, Vault],
) -> None:
    """A leftover can be purged: the new purge has seen the edit."""
    laptop, phone = pair
    item = _shared(pair)
    laptop.trash(item)
    laptop.purging.purge([item])
    phone.edit(item, {"username": "bob"})
    carry(laptop, phone)

    phone.purging.purge([item])
    carry(phone, laptop)

    assert phone.ids() == laptop.ids() == set()
    assert phone.purging.leftovers() == []


def test_a_forged_purge_forgets_nothing(pair: tuple[Vault, Vault]) -> None:
    """A device that names no stamps, or too early ones, purges nothing."""
    laptop, phone = pair
    item = _shared(pair)
    for value in ("soon", "0" * 16 + "-" + laptop.device_id.hex()):
        laptop._items.write_settings({purge_field(item): value})
        carry(laptop, phone)

    assert phone.ids() == {item}


def test_the_trash_empties_itself_after_its_days(
    vault: Vault, clock: FakeClock
) -> None:
    """Not a moment before, and what is not in it stays."""
    item, kept = add_login(vault), add_login(vault)
    vault.trash(item)
    clock.now_ms += 30 * _DAY - 1

    assert vault.purging.purge_expired() == []
    clock.now_ms += 1
    assert vault.purging.purge_expired() == [item]

    assert vault.ids() == {kept}


def test_days_are_the_vaults_and_zero_is_for_ever(
    pair: tuple[Vault, Vault], clock: FakeClock
) -> None:
    """A setting that travels; nonsense counts as the default."""
    laptop, phone = pair
    item = _shared(pair)
    laptop.purging.keep_days(0)
    laptop.trash(item)
    carry(laptop, phone)
    clock.now_ms += 400 * _DAY

    assert phone.purging.days() == 0
    assert phone.purging.purge_expired() == []
    with pytest.raises(CallerError):
        phone.purging.keep_days(-1)
    laptop._items.write_settings({"trash.days": "soon"})
    assert laptop.purging.days() == 30


def test_what_devices_disagree_about_is_not_purged_by_itself(
    pair: tuple[Vault, Vault], clock: FakeClock
) -> None:
    """One took it out of the trash while the other put it there again."""
    laptop, phone = pair
    item = _shared(pair)
    phone.edit(item, {"trashed": "false"})
    clock.now_ms += 1
    laptop.trash(item)
    carry(laptop, phone)
    carry(phone, laptop)
    clock.now_ms += 31 * _DAY

    assert laptop.view(item).trashed
    assert laptop.purging.purge_expired() == phone.purging.purge_expired() == []
    assert item in laptop.ids() & phone.ids()


def test_nothing_of_what_was_purged_is_left_in_the_file(
    tmp_path: Path, clock: FakeClock
) -> None:
    """Its rows are overwritten, and the write-ahead log is emptied."""
    vault = Family().device(tmp_path / "v.db", clock)
    item = add_login(vault)
    row = vault.storage.one("SELECT sealed FROM item WHERE id = ?", (item,))
    assert row is not None
    assert isinstance(row[0], bytes)
    vault.trash(item)
    sealed = row[0][-64:]

    vault.purging.purge([item])

    for path in tmp_path.iterdir():
        assert sealed not in path.read_bytes()
    vault.lock()
    again = unlock(tmp_path / "v.db")
    assert again.ids() == set()
    again.lock()


def test_an_edit_after_a_purge_is_quarantined_once(
    pair: tuple[Vault, Vault],
) -> None:
    """A broken change for a purged item is refused as any other is."""
    laptop, phone = pair
    item = _shared(pair)
    laptop.trash(item)
    laptop.purging.purge([item])
    carry(laptop, phone)

    outcome = phone.replica.apply(laptop.device_id, item, b"not a change")

    assert isinstance(outcome, Quarantined)
    assert phone.ids() == set()


@pytest.mark.parametrize("seed", range(8))
def test_in_any_order_the_end_is_the_same(
    tmp_path: Path, clock: FakeClock, seed: int
) -> None:
    """Edits, files and purges of two devices, heard by a third however they come."""
    family = Family()
    laptop, phone, tablet = (
        family.device(tmp_path / f"{name}.db", clock)
        for name in ("laptop", "phone", "tablet")
    )
    kept, gone = add_login(laptop, "kept"), add_login(laptop, "gone")
    for item in (kept, gone):
        laptop.attachments.add(item, "a", b"x")
    shared = [
        IncomingChange(laptop.device_id, each.item_id, each.change)
        for each in laptop.replica.pending(1000, 1 << 30)
    ]
    carry(laptop, phone)
    phone.edit(kept, {"username": "bob"})
    laptop.trash(gone)
    laptop.purging.purge([gone])
    said = shared + [
        IncomingChange(source.device_id, each.item_id, each.change)
        for source in (laptop, phone)
        for each in source.replica.pending(1000, 1 << 30)
    ]

    random.Random(seed).shuffle(said)
    while said:
        size = random.Random(seed + len(said)).randint(1, 3)
        tablet.replica.apply_all(said[:size])
        said = said[size:]

    assert tablet.ids() == {kept}
    assert tablet.view(kept).text("username") == "bob"
    assert _rows(tablet) == 2
    assert tablet.replica.orphans() == 0
    assert tablet.replica.quarantine() == []
    for vault in (laptop, phone, tablet):
        vault.lock()
