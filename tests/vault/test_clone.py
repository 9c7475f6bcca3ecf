"""A second item like another: all that it holds now, and nothing that is its alone."""

from __future__ import annotations

import pytest

from clisk_vault.access_record import Use
from clisk_vault.clone import clone_item
from clisk_vault.draft import ItemDraft, elements
from clisk_vault.errors import PassphraseNeededError, TamperedError
from clisk_vault.ids import ItemId
from clisk_vault.item_types import element_field
from clisk_vault.keys import SecretText
from clisk_vault.password_age import password_changed_ms
from clisk_vault.reveal import ReadRequest
from clisk_vault.vault import Vault
from tests.vault.items import seeded
from tests.vault.made import PERSON, FakeClock, add_login, carry, read


def _furnished(vault: Vault) -> ItemId:
    """Return a login with some of everything, addresses in no order of their ids."""
    item = vault.add(
        ItemDraft(
            "login",
            "Bank",
            {
                "username": "alice",
                "password": SecretText("old"),
                "folder": "Money/Home",
                "favourite": "true",
                "reprompt": "true",
                "uri.ffffffff.value": "https://first.example",
                "origin": "bitwarden",
                "created": "2001-02-03T04:05:06Z",
                "zz.newer": SecretText("of a later version"),
                **elements(
                    "passkey", [{"rp_id": "b.example", "private_key": SecretText("k")}],
                    seeded(),
                ),
            },
            tags=("money",),
        )
    )  # fmt: skip
    vault.edit(item, {"password": SecretText("new")})
    vault.edit(
        item,
        {
            "uri.00000001.value": "https://second.example",
            "custom.0000000a.name": "PIN",
            "custom.0000000a.kind": "hidden",
            "custom.0000000a.hidden": SecretText("1234"),
            "custom.0000000b.name": "the PIN",
            "custom.0000000b.kind": "linked",
            "custom.0000000b.value": "custom.0000000a.hidden",
        },
    )
    vault.attachments.add(item, "a.pdf", b"file", media_type="application/pdf")
    return item


def test_a_clone_holds_all_that_the_other_holds_now(vault: Vault) -> None:
    """Fields, tags, folder, marks, files, and elements in the order they are shown."""
    item = _furnished(vault)

    made = clone_item(vault, item, PERSON)

    view = vault.view(made.item)
    assert (made.title, view.title, view.type) == (
        "Bank (copy)",
        "Bank (copy)",
        "login",
    )
    assert (made.files, made.passkeys_left_out) == (1, 1)
    assert [view.text(n) for n in ("username", "folder", "favourite", "reprompt")] == [
        "alice", "Money/Home", "true", "true",
    ]  # fmt: skip
    assert view.tags == ("money",)
    assert [each.text("value") for each in view.elements("uri")] == [
        "https://first.example", "https://second.example",
    ]  # fmt: skip
    assert view.asks_passphrase
    vault.edit(made.item, {"reprompt": None}, confirmed=True)
    assert read(vault, made.item) == "new"
    assert read(vault, made.item, "zz.newer") == "of a later version"
    pin, linked = view.elements("custom")
    assert read(vault, made.item, element_field("custom", pin.id, "hidden")) == "1234"
    assert linked.text("value") == element_field("custom", pin.id, "hidden")
    (file,) = vault.attachments.of(made.item)
    assert (file.name, file.media_type) == ("a.pdf", "application/pdf")
    request = ReadRequest(made.item, file.field, PERSON, "test")
    assert vault.attachments.read(request) == b"file"


def test_what_is_of_one_item_alone_stays_with_it(vault: Vault) -> None:
    """Its history, its passkeys, and from where and when it came."""
    item = _furnished(vault)

    view = vault.view(clone_item(vault, item, PERSON, title="Other").item)

    assert view.title == "Other"
    assert not view.elements("passkey")
    assert not view.elements("history")
    assert all(len(field.versions) == 1 for field in view.fields.values())
    assert view.text("origin") is None
    assert view.created_ms != vault.view(item).created_ms
    assert vault.view(item).elements("passkey")


def test_a_clone_is_no_way_around_the_passphrase(pair: tuple[Vault, Vault]) -> None:
    """Attack: an item asks for the passphrase again, and a copy of it would not.

    Also where one device says so and another, later, does not: one word is enough.
    """
    laptop, phone = pair
    item = add_login(laptop)
    carry(laptop, phone)
    laptop.edit(item, {"reprompt": "true"})
    phone.edit(item, {"reprompt": "false"})
    phone.edit(item, {"reprompt": "false"})
    carry(phone, laptop)
    assert laptop.view(item).text("reprompt") == "false", "in conflict, and the newest"

    made = clone_item(laptop, item, PERSON).item

    assert laptop.view(made).asks_passphrase
    with pytest.raises(PassphraseNeededError):
        read(laptop, made)


def test_a_cloned_password_keeps_its_age(vault: Vault, clock: FakeClock) -> None:
    """Else an old password would pass for a new one."""
    item = add_login(vault)
    written = password_changed_ms(vault.view(item))
    clock.now_ms += 400 * 24 * 3600 * 1000

    made = clone_item(vault, item, PERSON)

    assert password_changed_ms(vault.view(made.item)) == written


def test_each_read_of_a_clone_is_recorded(vault: Vault) -> None:
    """Before there is anything new, and with its purpose; files are reads too."""
    item = add_login(vault)
    vault.attachments.add(item, "a", b"file")
    (file,) = vault.attachments.of(item)

    clone_item(vault, item, PERSON)

    records = [record for _, record in vault.log.records()]
    assert {(r.item, r.field, r.use, r.purpose) for r in records} == {
        (item, "password", Use.DUPLICATES, "clone"),
        (item, file.field, Use.ATTACHMENT, "clone"),
    }


def test_clones_of_clones_have_titles_of_their_own(vault: Vault) -> None:
    """So that a title still means one item."""
    item = add_login(vault)

    titles = [clone_item(vault, item, PERSON).title for _ in range(3)]

    assert titles == ["Bank (copy)", "Bank (copy 2)", "Bank (copy 3)"]


def test_a_clone_that_fails_leaves_nothing(vault: Vault) -> None:
    """A value that does not open stops it before anything is written."""
    item, other = add_login(vault), add_login(vault, "Other")
    saved = vault._items.saved(item)
    assert saved is not None
    with vault.storage.transaction():
        vault._items.put(other, saved)  # sealed for another item

    with pytest.raises(TamperedError):
        clone_item(vault, other, PERSON)

    assert vault.ids() == {item, other}
