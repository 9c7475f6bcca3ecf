"""An export of ours, imported into the vault that it is of, adds nothing twice."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from clisk_vault.access_record import Requester, RequesterKind, Use
from clisk_vault.draft import FieldValue, ItemDraft
from clisk_vault.errors import NotHereError
from clisk_vault.ids import ItemId
from clisk_vault.keys import SecretText
from clisk_vault.steps import finish
from clisk_vault.transfer.bitwarden_out import write_bitwarden
from clisk_vault.transfer.cxf_out import write_cxf
from clisk_vault.transfer.file_secrets import FileSecrets
from clisk_vault.transfer.formats import read_file
from clisk_vault.transfer.imported import (
    Action,
    Attached,
    ForeignFile,
    ImportPlan,
    plan_file,
    run_plan,
)
from clisk_vault.transfer.keepass_out import write_kdbx
from clisk_vault.transfer.outgoing import LossReport, Outgoing
from clisk_vault.transfer.own_export import leaving_own
from clisk_vault.transfer.take_out import read_file as read_attachment
from clisk_vault.transfer.take_out import take_out
from clisk_vault.vault import Vault
from tests.vault.transfer.test_export import everything

_WHO = Requester(RequesterKind.PERSON, "test")
_PASSWORD = SecretText("file password")
_WRITERS: dict[str, Callable[[list[Outgoing]], bytes]] = {
    "bitwarden": lambda items: write_bitwarden(items, [], LossReport()),
    "cxf": lambda items: write_cxf(items, [], LossReport(), now_s=1),
    "kdbx": lambda items: write_kdbx(items, [], _PASSWORD, LossReport()),
}


def _fill(vault: Vault) -> list[ItemId]:
    """Add an item of every type, with every field that the tables know."""
    made = []
    for each in everything():
        fields: dict[str, FieldValue] = {
            name: SecretText(value) if name in each.secret else value
            for name, value in each.fields.items()
            if name not in ("type", "title", "reprompt")
        }
        made.append(
            vault.add(ItemDraft(each.fields["type"], each.fields["title"], fields))
        )
    return made


def _exported(vault: Vault, items: list[ItemId], format_: str) -> ForeignFile:
    taken = take_out(vault, items, purpose="export")
    outgoing = []
    for each in taken:
        for file in each.files if format_ == "kdbx" else ():
            data = read_attachment(vault, each.item, file.field, purpose="export")
            each.outgoing.files = (*each.outgoing.files, Attached(file.name, data))
        outgoing.append(each.outgoing)
    data = _WRITERS[format_](outgoing)
    return read_file(data, secrets=FileSecrets(password=_PASSWORD))


def _plan(vault: Vault, file: ForeignFile) -> ImportPlan:
    return finish(leaving_own(vault, file, plan_file(vault, file), _WHO))


@pytest.mark.parametrize("format_", _WRITERS)
def test_an_export_of_ours_adds_nothing_to_its_vault(
    vault: Vault, format_: str
) -> None:
    """Items of every type, with files and earlier passwords: each is known."""
    items = _fill(vault)
    vault.edit(items[0], {"password": SecretText("newer")})
    vault.attachments.add(items[0], "scan.pdf", b"scanned")
    file = _exported(vault, items, format_)
    before = vault.ids()

    plan = _plan(vault, file)

    assert [each.action for each in plan.items] == [Action.SKIP] * len(items)
    assert [each.item for each in plan.items] == items
    assert run_plan(vault, plan).skipped == len(items)
    assert vault.ids() == before


@pytest.mark.parametrize("format_", _WRITERS)
def test_what_the_vault_has_no_more_comes_back(vault: Vault, format_: str) -> None:
    """By value: a note that was rewritten since, and an item in the trash."""
    items = _fill(vault)
    file = _exported(vault, items, format_)
    vault.edit(items[1], {"notes": SecretText("rewritten")})
    vault.trash(items[2])
    vault.edit(items[3], {"username": "one more value"})

    plan = _plan(vault, file)

    added = [n for n, each in enumerate(plan.items) if each.action is Action.ADD]
    assert added == [1, 2]


def test_a_password_that_was_changed_since_is_known_by_its_history(
    vault: Vault,
) -> None:
    """The older value is there: it adds nothing."""
    item = vault.add(ItemDraft("login", "Shop", {"password": SecretText("a")}))
    file = _exported(vault, [item], "bitwarden")
    vault.edit(item, {"password": SecretText("b")})

    assert _plan(vault, file).count(Action.SKIP) == 1


def test_an_item_that_asks_for_the_passphrase_is_not_opened(vault: Vault) -> None:
    """Attack: guess after guess is imported until one is said to be there already."""
    fields: dict[str, FieldValue] = {"password": SecretText("a"), "reprompt": "true"}
    guarded = vault.add(ItemDraft("login", "Bank", fields))
    plain = vault.add(ItemDraft("login", "Shop", {"password": SecretText("a")}))
    file = _exported(vault, [guarded, plain], "bitwarden")
    before = vault.log.size

    plan = _plan(vault, file)

    assert [each.action for each in plan.items] == [Action.ADD, Action.SKIP]
    read = [record for _, record in vault.log.records(before)]
    assert {record.item for record in read} == {plain}


def test_what_is_compared_is_recorded(vault: Vault) -> None:
    """Each secret that is read for it, as a comparison; nothing for a stranger's id."""
    item = vault.add(ItemDraft("login", "Shop", {"password": SecretText("a")}))
    file = _exported(vault, [item], "bitwarden")
    before = vault.log.size

    _plan(vault, file)

    ((_, record),) = vault.log.records(before)
    assert (record.use, record.field, record.who) == (Use.DUPLICATES, "password", _WHO)
    vault.trash(item)
    size = vault.log.size
    _plan(vault, file)
    assert vault.log.size == size


def test_a_file_that_is_not_here_yet_refuses_no_import(
    vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What cannot be compared is added: nothing is lost, and nothing ends by it."""
    items = _fill(vault)
    vault.attachments.add(items[0], "scan.pdf", b"scanned")
    file = _exported(vault, items, "kdbx")

    def missing(*_: object) -> bytes:
        raise NotHereError("a part of the file is not here")

    monkeypatch.setattr(type(vault.attachments), "read", missing)
    plan = _plan(vault, file)

    actions = [each.action for each in plan.items]
    assert actions == [Action.ADD] + [Action.SKIP] * (len(items) - 1)
