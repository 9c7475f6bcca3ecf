"""The vault as a whole: what was written is there, and nothing half."""

from __future__ import annotations

import os
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from clisk_vault.device import enrol
from clisk_vault.draft import ItemDraft
from clisk_vault.errors import (
    CallerError,
    CostLimitError,
    FormatError,
    LockedError,
    PassphraseError,
    StoreError,
    TamperedError,
)
from clisk_vault.ids import ItemId
from clisk_vault.item_store import SETTINGS
from clisk_vault.keys import EpochSecret, SecretText
from clisk_vault.opening import read_public
from clisk_vault.passphrase import Argon2Profile
from clisk_vault.reveal import ReadRequest
from clisk_vault.storage import Storage
from clisk_vault.vault import Vault
from clisk_vault.vault_file import KeyringSecret, encode_header, parse_header
from tests.vault.made import (
    CHEAP,
    CHEAP_LIMITS,
    PASSPHRASE,
    PASSWORD,
    PERSON,
    FakeClock,
    Family,
    add_login,
    carry,
    read,
    unlock,
)

_NEW = SecretText("another passphrase")
_NOBODY = ItemId(bytes([7]) * 16)


def test_what_was_added_is_there_after_unlocking(
    vault: Vault, vault_path: Path
) -> None:
    """An item survives lock and unlock, its secret too."""
    item = add_login(vault)
    vault.lock()

    again = unlock(vault_path)

    assert read(again, item) == PASSWORD
    assert again.view(item).text("username") == "alice"
    assert [each.title for each in again.overviews()] == ["Bank"]
    again.lock()


def test_a_vault_file_is_private_and_alone(vault: Vault, vault_path: Path) -> None:
    """Mode 0600, and nothing of its making is left in the folder."""
    vault.lock()

    assert stat.S_IMODE(vault_path.stat().st_mode) == 0o600
    left = {each.name for each in vault_path.parent.iterdir()}
    assert left == {"vault.db", "vault.db-reserve"}


def test_creating_never_overwrites(vault: Vault, vault_path: Path) -> None:
    """A second vault of the same name is refused, and the first still opens."""
    item = add_login(vault)

    with pytest.raises(StoreError):
        Family().device(vault_path)

    assert read(vault, item) == PASSWORD


def test_an_interrupted_creation_leaves_no_vault(tmp_path: Path) -> None:
    """What fails while the file is filled leaves neither the name nor a draft."""
    secrets, first_log_key = enrol()

    def fail(storage: Storage) -> None:
        raise RuntimeError("interrupted")

    with pytest.raises(RuntimeError):
        Vault.create(
            tmp_path / "vault.db",
            passphrase=PASSPHRASE,
            secrets=secrets,
            first_log_key=first_log_key,
            vault_id=Family().vault_id,
            epochs={1: EpochSecret(bytes(32))},
            profile=CHEAP,
            limits=CHEAP_LIMITS,
            also=fail,
        )

    assert list(tmp_path.iterdir()) == []


def test_a_locked_vault_names_itself(vault: Vault, vault_path: Path) -> None:
    """Vault id, device id and profile are known without a passphrase."""
    header = read_public(vault_path)

    assert (header.vault_id, header.device_id) == (vault.id, vault.device_id)
    assert (header.profile, header.keyring) == (CHEAP, False)


def test_there_is_no_vault_where_there_is_none(tmp_path: Path) -> None:
    """A missing file and another program's file are each refused by name."""
    (tmp_path / "other.db").write_bytes(b"not a vault" * 100)

    with pytest.raises(StoreError):
        read_public(tmp_path / "missing.db")
    with pytest.raises(FormatError):
        read_public(tmp_path / "other.db")


def test_a_wrong_passphrase_is_refused(vault: Vault, vault_path: Path) -> None:
    """Nothing but the passphrase opens it."""
    with pytest.raises(PassphraseError) as refused:
        unlock(vault_path, SecretText("correct horsE"))

    assert refused.value.advice


@pytest.mark.parametrize(
    "asked", [Argon2Profile(7, 1, 1), Argon2Profile(1 << 31, 1, 1)], ids=str
)
def test_a_profile_outside_the_limits_costs_nothing(
    vault: Vault,
    vault_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    asked: Argon2Profile,
) -> None:
    """A downgraded or absurd header is refused before Argon2 runs at all."""
    header, _ = _edited_header(vault, asked)
    vault.storage.execute("UPDATE header SET header = ?", (header,))
    monkeypatch.setattr(
        "clisk_vault.vault_file.stretch", lambda *_, **__: pytest.fail("Argon2 ran")
    )

    with pytest.raises(CostLimitError):
        unlock(vault_path)


def _edited_header(vault: Vault, asked: Argon2Profile) -> tuple[bytes, bytes]:
    row = vault.storage.one("SELECT header, sealed FROM header")
    assert row is not None
    assert isinstance(row[0], bytes)
    assert isinstance(row[1], bytes)
    return encode_header(replace(parse_header(row[0]), profile=asked)), row[1]


def test_a_profile_weaker_within_the_limits_does_not_open(
    vault: Vault, vault_path: Path
) -> None:
    """An edited profile makes another key, whatever the passphrase."""
    header, _ = _edited_header(vault, Argon2Profile(16, 1, 1))
    vault.storage.execute("UPDATE header SET header = ?", (header,))

    with pytest.raises(PassphraseError):
        unlock(vault_path)


def test_the_default_limits_refuse_a_cheap_vault(
    vault: Vault, vault_path: Path
) -> None:
    """The floor is the reader's, not the file's."""
    with pytest.raises(CostLimitError):
        Vault.unlock(vault_path, PASSPHRASE)


def test_changing_the_passphrase(vault: Vault, vault_path: Path) -> None:
    """The new one opens, the old one does not, and everything is still there."""
    item = add_login(vault)
    before = read_public(vault_path)

    vault.change_passphrase(PASSPHRASE, _NEW, profile=Argon2Profile(16, 2, 1))

    after = read_public(vault_path)
    assert after.salt != before.salt
    assert after.profile == Argon2Profile(16, 2, 1)
    with pytest.raises(PassphraseError):
        unlock(vault_path)
    again = unlock(vault_path, _NEW)
    assert read(again, item) == PASSWORD
    assert again.epochs.secret(1) == vault.epochs.secret(1)
    again.lock()


def test_the_current_passphrase_is_asked_for(vault: Vault, vault_path: Path) -> None:
    """An unlocked screen is not enough to shut its owner out."""
    with pytest.raises(PassphraseError):
        vault.change_passphrase(SecretText("guess"), _NEW)

    unlock(vault_path).lock()


def test_no_file_keeps_what_the_old_passphrase_opened(
    vault: Vault, vault_path: Path
) -> None:
    """Whoever takes the files afterwards cannot guess at the old passphrase."""
    row = vault.storage.one("SELECT sealed FROM header")
    assert row is not None
    assert isinstance(row[0], bytes)
    files = (vault_path, vault_path.with_name(f"{vault_path.name}-wal"))
    assert any(row[0] in file.read_bytes() for file in files)

    vault.change_passphrase(PASSPHRASE, _NEW)

    assert not any(row[0] in file.read_bytes() for file in files)


def test_a_new_profile_below_the_floor_changes_nothing(
    vault: Vault, vault_path: Path
) -> None:
    """A refused change leaves the old passphrase in force."""
    with pytest.raises(CostLimitError):
        vault.change_passphrase(PASSPHRASE, _NEW, profile=Argon2Profile(1, 1, 1))

    unlock(vault_path).lock()


def test_the_keyring_secret_is_needed_where_it_was_chosen(
    vault: Vault, vault_path: Path
) -> None:
    """With the file and the passphrase alone a thief gets nowhere."""
    keyring = KeyringSecret(os.urandom(32))
    vault.change_passphrase(PASSPHRASE, PASSPHRASE, new_keyring=keyring)

    with pytest.raises(CallerError):
        unlock(vault_path)
    with pytest.raises(PassphraseError):
        _unlock_with(vault_path, KeyringSecret(bytes(32)))
    _unlock_with(vault_path, keyring).lock()


def _unlock_with(path: Path, keyring: KeyringSecret) -> Vault:
    return Vault.unlock(path, PASSPHRASE, keyring=keyring, limits=CHEAP_LIMITS)


def test_after_lock_every_call_refuses(vault: Vault) -> None:
    """Whoever still holds a part of the vault gets nothing from it."""
    item = add_login(vault)
    epochs, replica, log = vault.epochs, vault.replica, vault.log
    vault.epochs.secret(1)

    vault.lock()

    assert vault.locked
    for refused in (
        lambda: vault.reveal(ReadRequest(item, "password", PERSON, "test")),
        lambda: vault.add(ItemDraft("note", "n")),
        lambda: vault.edit(item, {"title": "x"}),
        lambda: vault.view(item),
        vault.overviews,
        lambda: vault.find("bank"),
        vault.conflicts,
        vault.grants,
        vault.folders,
        lambda: vault.storage,
        lambda: vault.secrets,
        lambda: vault.change_passphrase(PASSPHRASE, _NEW),
        lambda: epochs.secret(1),
        lambda: epochs.current,
        lambda: replica.pending(1, 1),
        lambda: log.size,
    ):
        with pytest.raises(LockedError):
            refused()
    vault.lock()


def test_an_edit_keeps_the_history(vault: Vault, clock: FakeClock) -> None:
    """The earlier value is still there, and can be read by its version."""
    item = add_login(vault)
    clock.now_ms += 1000

    vault.edit(item, {"password": SecretText("second")})

    field = vault.view(item).fields["password"]
    assert read(vault, item) == "second"
    (earlier,) = field.history
    old = vault.reveal(
        ReadRequest(item, "password", PERSON, "history", version=earlier.stamp)
    )
    assert old.expose() == PASSWORD


def test_an_earlier_value_can_be_taken_back(vault: Vault, clock: FakeClock) -> None:
    """Restoring opens no seal and keeps the history."""
    item = add_login(vault)
    first = vault.view(item).fields["password"].current.stamp
    clock.now_ms += 1000
    vault.edit(item, {"password": SecretText("second")})
    records = vault.log.size

    vault.settle(item, "password", first)

    assert vault.log.size == records
    assert read(vault, item) == PASSWORD
    assert len(vault.view(item).fields["password"].versions) == 3


def test_a_field_taken_away_is_gone_and_kept(vault: Vault) -> None:
    """None removes a field; its history stays."""
    item = add_login(vault)

    vault.edit(item, {"username": None})

    assert not vault.view(item).has("username")
    assert vault.view(item).fields["username"].history[0].text == "alice"


def test_trash_and_back(vault: Vault) -> None:
    """What is in the trash is not found, and comes back whole."""
    item = add_login(vault)

    vault.trash(item)
    assert vault.find("bank") == []
    assert vault.overviews()[0].trashed

    vault.restore(item)
    assert [each.item for each in vault.find("bank")] == [item]
    assert read(vault, item) == PASSWORD


@pytest.mark.parametrize(
    "edit",
    [
        {"title": "fine", "Not A Field": "x"},
        {"title": "fine", "username": SecretText("clear field")},
        {"title": "fine", "notes": SecretText("\ud800")},
        {"title": "fine", "notes": SecretText("x" * 50_000)},
        {},
    ],
    ids=["name", "secrecy", "unicode", "size", "nothing"],
)
def test_a_refused_edit_changes_nothing(
    vault: Vault, edit: dict[str, str | SecretText | None]
) -> None:
    """All fields of an edit or none of them."""
    item = add_login(vault)
    sent = vault.replica.unsent()

    with pytest.raises(CallerError):
        vault.edit(item, edit)

    assert vault.view(item).title == "Bank"
    assert vault.replica.unsent() == sent


def test_a_secret_is_not_shown_by_mistake(vault: Vault) -> None:
    """A secret value for a field that lists show is refused, by the field's name."""
    with pytest.raises(CallerError, match="title is not a secret field"):
        vault.add(ItemDraft("note", "x", {"title": SecretText(PASSWORD)}))


def test_plain_text_for_a_secret_field_is_sealed(vault: Vault) -> None:
    """The tables decide, not the type that the caller happened to use."""
    item = vault.add(ItemDraft("login", "x", {"password": PASSWORD}))

    assert vault.view(item).fields["password"].secret
    assert read(vault, item) == PASSWORD


def test_many_items_or_none(vault: Vault) -> None:
    """One bad item among many undoes the whole call, in memory too."""
    add_login(vault)
    drafts = [ItemDraft("note", f"note {n}") for n in range(300)]
    drafts.append(ItemDraft("note", "bad", {"Bad Name": "x"}))

    with pytest.raises(CallerError):
        vault.add_many(drafts)

    assert [each.title for each in vault.overviews()] == ["Bank"]
    assert vault.find("note") == []


def test_an_id_is_given_once(vault: Vault) -> None:
    """Adding under an id that is there would overwrite someone's item."""
    item = add_login(vault)

    with pytest.raises(CallerError):
        vault.add(ItemDraft("note", "again", item=item))

    assert vault.view(item).title == "Bank"


@pytest.mark.parametrize("item", [_NOBODY, SETTINGS], ids=["unknown", "settings"])
def test_what_is_no_item_is_refused(vault: Vault, item: ItemId) -> None:
    """Neither an unknown id nor the reserved one is edited as an item."""
    vault.add_folders(["the settings are there"])

    with pytest.raises(CallerError):
        vault.edit(item, {"title": "x"})


def test_a_value_larger_than_a_change_is_split(pair: tuple[Vault, Vault]) -> None:
    """An item of many large fields travels in several changes and is whole."""
    laptop, phone = pair
    fields = {f"extra.{n:08x}.data": SecretText(f"{n}" * 20_000) for n in range(8)}

    item = laptop.add(ItemDraft("note", "large", fields))

    assert laptop.replica.unsent() > 1
    carry(laptop, phone)
    assert read(phone, item, "extra.00000007.data") == "7" * 20_000


def test_a_row_moved_to_another_item_does_not_open(
    vault: Vault, vault_path: Path
) -> None:
    """Swapping two sealed documents on disk is seen, not shown."""
    first, second = add_login(vault, "one"), add_login(vault, "two")
    vault.storage.execute(
        "UPDATE item SET sealed = (SELECT sealed FROM item WHERE id = ?) WHERE id = ?",
        (first, second),
    )
    vault.lock()
    again = unlock(vault_path)

    with pytest.raises(TamperedError):
        again.view(second)
    again.lock()


def test_the_overview_is_rebuilt_from_the_items(vault: Vault) -> None:
    """It says nothing that the documents do not."""
    add_login(vault, "one")
    vault.trash(add_login(vault, "two"))
    before = vault.overviews()

    vault.rebuild_overview()

    assert vault.overviews() == before


def test_another_process_is_seen(vault: Vault, vault_path: Path) -> None:
    """What a second connection commits shows here, though much is held in memory."""
    item = add_login(vault)
    vault.overviews()
    vault.view(item)
    other = unlock(vault_path)

    other.edit(item, {"title": "Renamed"})

    assert vault.view(item).title == "Renamed"
    assert [each.title for each in vault.overviews()] == ["Renamed"]
    other.lock()


def test_two_sessions_never_write_as_one(vault: Vault, vault_path: Path) -> None:
    """Each session has an actor of its own, so a copied file cannot wedge a vault."""
    other = unlock(vault_path)

    assert other.session.actor != vault.session.actor
    other.lock()


def test_folders_stay_though_empty(pair: tuple[Vault, Vault]) -> None:
    """Kept ones and used ones are listed, and they travel."""
    laptop, phone = pair
    laptop.add_folders(["Work", "Work", "Home"])
    laptop.add(ItemDraft("note", "n", {"folder": "Notes"}))
    phone.add_folders(["Work"])

    carry(laptop, phone)

    assert phone.folders() == ["Home", "Notes", "Work"]
    assert len(phone.overviews()) == 1
