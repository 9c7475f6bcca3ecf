"""Ten thousand items from each format: every field arrives, compared by value."""

from __future__ import annotations

from dataclasses import replace

import pytest

from clisk_vault.access_record import Requester, RequesterKind
from clisk_vault.ids import ItemId
from clisk_vault.keys import SecretText
from clisk_vault.reveal import ReadRequest
from clisk_vault.transfer.file_secrets import FileSecrets
from clisk_vault.transfer.formats import read_file
from clisk_vault.transfer.imported import Action, plan_file, run_plan
from clisk_vault.vault import Vault
from tests.vault.transfer.found import found, plain
from tests.vault.transfer.samples import SAMPLES, expected, logins

_SECRETS = FileSecrets(password=SecretText("file password"))
_PERSON = Requester(RequesterKind.PERSON, "test")


@pytest.mark.slow
@pytest.mark.parametrize("name", SAMPLES)
def test_ten_thousand_items_keep_every_field(name: str) -> None:
    """Nothing of any of them is lost, moved or changed on the way."""
    sample = SAMPLES[name]
    everybody = logins(10_000)

    file = read_file(sample.write(everybody), secrets=_SECRETS)

    assert file.source == sample.source
    assert len(file.items) == len(everybody)
    by_user = {plain(item)["username"]: plain(item) for item in file.items}
    assert len(by_user) == len(everybody)
    for each in everybody:
        assert found(by_user[each.username]) == expected(each, sample.room)
    assert all(not item.kept_aside for item in file.items)


@pytest.mark.parametrize("name", SAMPLES)
def test_what_a_vault_then_holds_is_what_the_file_held(name: str, vault: Vault) -> None:
    """The same values come out of the vault again, one by one."""
    sample = SAMPLES[name]
    everybody = logins(12)
    file = read_file(sample.write(everybody), secrets=_SECRETS)

    report = run_plan(vault, plan_file(vault, file))

    assert report.added == len(everybody)
    wanted = {each.username: expected(each, sample.room) for each in everybody}
    for line in vault.overviews():
        assert found(_read_all(vault, line.item)) == wanted.pop(line.username)
    assert not wanted


@pytest.mark.parametrize("name", SAMPLES)
def test_the_same_file_once_more_adds_nothing(name: str, vault: Vault) -> None:
    """A second import skips every item, and its dry run says so."""
    data = SAMPLES[name].write(logins(12))
    run_plan(vault, plan_file(vault, read_file(data, secrets=_SECRETS)))

    again = plan_file(vault, read_file(data, secrets=_SECRETS))

    assert again.count(Action.SKIP) == 12
    assert again.count(Action.ADD) == again.count(Action.MERGE) == 0


@pytest.mark.parametrize("name", SAMPLES)
def test_a_password_that_changed_at_its_source_is_merged(
    name: str, vault: Vault
) -> None:
    """A newer file changes the item that is there, and the old password is history."""
    sample = SAMPLES[name]
    before = logins(3)
    run_plan(vault, plan_file(vault, read_file(sample.write(before), secrets=_SECRETS)))
    after = [before[0], replace(before[1], password="changed!"), before[2]]

    plan = plan_file(vault, read_file(sample.write(after), secrets=_SECRETS))
    run_plan(vault, plan)

    assert [each.action for each in plan.items].count(Action.MERGE) == 1
    merged = next(each for each in plan.items if each.action is Action.MERGE)
    assert "password" in merged.changes
    assert len(vault.ids()) == 3
    versions = vault.view(merged.item).fields["password"].versions
    assert len(versions) == 2
    assert _read_all(vault, merged.item)["password"] == "changed!"


def _read_all(vault: Vault, item: ItemId) -> dict[str, str]:
    read: dict[str, str] = {}
    for name, view in vault.view(item).fields.items():
        if view.current.removed:
            continue
        if view.current.text is not None:
            read[name] = view.current.text
            continue
        request = ReadRequest(item, name, _PERSON, "test")
        read[name] = vault.reveal(request).expose()
    return read
