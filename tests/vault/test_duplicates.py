"""What may be one item is found without reading, and merged without losing."""

from __future__ import annotations

import pytest

from clisk_vault.access_record import Use
from clisk_vault.draft import ItemDraft, elements
from clisk_vault.duplicates import find_duplicates, merge_items, revive
from clisk_vault.errors import CallerError, PassphraseNeededError, TamperedError
from clisk_vault.ids import ItemId
from clisk_vault.keys import SecretText
from clisk_vault.password_age import password_changed_ms
from clisk_vault.reveal import ReadRequest
from clisk_vault.transfer.take_out import take_out
from clisk_vault.vault import Vault
from tests.vault.items import seeded
from tests.vault.made import PERSON, FakeClock, add_login, carry, read


def _login(vault: Vault, title: str, user: str, uri: str) -> ItemId:
    return vault.add(ItemDraft("login", title, {"username": user}, uris=(uri,)))


def test_alike_is_one_user_on_one_site(vault: Vault) -> None:
    """Whatever the title, the scheme, the path, `www.` and the case."""
    one = _login(vault, "Bank", "Alice", "https://www.bank.example/login")
    two = _login(vault, "My bank", "alice", "http://BANK.example:8080")
    _login(vault, "Bank", "bob", "https://bank.example")
    _login(vault, "Bank", "alice", "https://bank.other.example")
    trashed = _login(vault, "Bank", "alice", "https://bank.example")
    vault.trash(trashed)

    (group,) = find_duplicates(vault.overviews())

    assert {each.item for each in group} == {one, two}


def test_what_has_no_site_is_alike_by_title(vault: Vault) -> None:
    """Of one type only."""
    notes = [vault.add(ItemDraft("note", title)) for title in ("Wifi", "WIFI", "Door")]
    vault.add(ItemDraft("card", "Wifi"))

    (group,) = find_duplicates(vault.overviews())

    assert {each.item for each in group} == set(notes[:2])


def test_finding_reads_no_secret(vault: Vault) -> None:
    """The log has nothing of it."""
    add_login(vault)
    add_login(vault)
    size = vault.log.size

    assert find_duplicates(vault.overviews())
    assert vault.log.size == size


def _versions(vault: Vault, item: ItemId, field: str) -> list[str]:
    """Return every value that a field had, the newest first."""
    return [
        vault.reveal(
            ReadRequest(item, field, PERSON, "test", version=each.stamp)
        ).expose()
        for each in vault.view(item).fields[field].versions
    ]


def test_nothing_is_lost_in_a_merge(vault: Vault) -> None:
    """What is alone is taken, what is the same is not doubled, what differs is kept."""
    keep = add_login(vault, "Bank", "kept")
    custom = elements(
        "custom", [{"name": "PIN", "kind": "hidden", "hidden": SecretText("1234")}],
        seeded(),
    )  # fmt: skip
    other = vault.add(
        ItemDraft(
            "login",
            "Old bank",
            {
                "username": "alice",
                "password": SecretText("other"),
                "totp": SecretText("ABC"),
                "notes": SecretText("n"),
                **custom,
            },
            uris=("https://bank.example/login", "https://new.example"),
            tags=("money", "more"),
        )
    )
    vault.attachments.add(other, "a.txt", b"file")

    merge_items(vault, keep, [other], PERSON)

    view = vault.view(keep)
    assert vault.view(other).trashed
    assert view.tags == ("money", "more")
    assert [each.text("value") for each in view.elements("uri")] == [
        "https://bank.example/login", "https://new.example",
    ]  # fmt: skip
    assert read(vault, keep) == "kept"
    assert read(vault, keep, "totp") == "ABC"
    assert read(vault, keep, "notes") == "n"
    (pin,) = view.elements("custom")
    assert read(vault, keep, pin.parts["hidden"].name) == "1234"
    assert not view.elements("history")
    assert _versions(vault, keep, "password") == ["kept", "other", "kept"]
    assert _versions(vault, keep, "title") == ["Bank", "Old bank", "Bank"]
    (file,) = vault.attachments.of(keep)
    request = ReadRequest(keep, file.field, PERSON, "test")
    assert vault.attachments.read(request) == b"file"


def test_values_of_several_become_earlier_ones(vault: Vault, clock: FakeClock) -> None:
    """Of the field that had them; what the kept one lacked is of the first that has it.

    And the password is as old as it was: it is the same one.
    """
    keep = add_login(vault, "Bank", "kept")
    written = password_changed_ms(vault.view(keep))
    clock.now_ms += 1000
    one, two = add_login(vault, "Bank", "one"), add_login(vault, "Bank", "two")
    vault.edit(one, {"totp": SecretText("ONE")})
    vault.edit(two, {"totp": SecretText("TWO")})

    merge_items(vault, keep, [one, two], PERSON)

    assert _versions(vault, keep, "password") == ["kept", "two", "one", "kept"]
    assert _versions(vault, keep, "totp") == ["ONE", "TWO"]
    assert password_changed_ms(vault.view(keep)) == written
    (out,) = take_out(vault, [keep], purpose="test")
    assert [each.value for each in out.outgoing.earlier] == ["two", "one"]


def test_what_is_in_conflict_is_not_merged(pair: tuple[Vault, Vault]) -> None:
    """One of its two values would stand, and the other be gone with the trash."""
    laptop, phone = pair
    keep, other = add_login(laptop, "a"), add_login(laptop, "b")
    carry(laptop, phone)
    laptop.edit(other, {"password": SecretText("one")})
    phone.edit(other, {"password": SecretText("two")})
    carry(phone, laptop)

    for first, second in ((keep, other), (other, keep)):
        with pytest.raises(CallerError, match="conflict"):
            merge_items(laptop, first, [second], PERSON)

    assert not laptop.view(keep).trashed
    assert not laptop.view(other).trashed


def test_each_read_of_a_merge_is_recorded(vault: Vault) -> None:
    """As what it is for."""
    keep, other = add_login(vault, "a", "1"), add_login(vault, "b", "2")

    merge_items(vault, keep, [other], PERSON)

    records = [record for _, record in vault.log.records()]
    assert {(r.item, r.field, r.use) for r in records} == {
        (keep, "password", Use.DUPLICATES), (other, "password", Use.DUPLICATES),
    }  # fmt: skip


def test_a_merge_that_fails_changes_nothing(vault: Vault) -> None:
    """A value that does not open stops it before anything is written."""
    keep, other = add_login(vault, "a", "1"), add_login(vault, "b", "2")
    saved = vault._items.saved(keep)
    assert saved is not None
    with vault.storage.transaction():
        vault._items.put(other, saved)  # sealed for another item

    with pytest.raises(TamperedError):
        merge_items(vault, keep, [other], PERSON)

    assert not vault.view(other).trashed
    assert vault.view(keep).elements("history") == ()


@pytest.mark.parametrize("others", [[], [0], [1, 1]])
def test_an_item_is_not_merged_with_itself(vault: Vault, others: list[int]) -> None:
    """Nor with nothing, nor twice with one."""
    items = [add_login(vault), add_login(vault)]

    with pytest.raises(CallerError, match="two different"):
        merge_items(vault, items[0], [items[at] for at in others], PERSON)


def test_a_leftover_that_asks_for_the_passphrase_comes_back_asking(
    pair: tuple[Vault, Vault],
) -> None:
    """Attack: purged here and brought back there, an item would have lost its guard."""
    laptop, phone = pair
    item = add_login(laptop)
    laptop.edit(item, {"reprompt": "true"})
    carry(laptop, phone)
    laptop.edit(item, {"reprompt": "true"})
    phone.edit(item, {"username": "later"})
    phone.edit(item, {"reprompt": None}, confirmed=True)
    carry(laptop, phone)
    carry(phone, laptop)
    assert phone.view(item).text("reprompt") is None, "in conflict, and the newest"
    laptop.trash(item)
    laptop.purging.purge([item])
    phone.edit(item, {"username": "bob"})
    carry(laptop, phone)

    made = revive(phone, item, PERSON)

    assert phone.view(made).asks_passphrase
    with pytest.raises(PassphraseNeededError):
        read(phone, made)


def test_a_leftover_comes_back_as_a_new_item(pair: tuple[Vault, Vault]) -> None:
    """With all its values and files, on every device."""
    laptop, phone = pair
    item = add_login(laptop)
    laptop.attachments.add(item, "a", b"file")
    carry(laptop, phone)
    laptop.trash(item)
    laptop.purging.purge([item])
    phone.edit(item, {"username": "bob"})
    carry(laptop, phone)

    made = revive(phone, item, PERSON)
    carry(phone, laptop)

    assert phone.ids() == laptop.ids() == {made}
    assert laptop.view(made).text("username") == "bob"
    assert read(laptop, made)
    assert [each.name for each in laptop.attachments.of(made)] == ["a"]
    with pytest.raises(CallerError):
        revive(phone, made, PERSON)
