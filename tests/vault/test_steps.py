"""Long work in steps: what others write between two of them is not lost."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from clisk_vault.draft import FieldValue, ItemDraft
from clisk_vault.errors import CallerError, LockedError
from clisk_vault.field_seal import sealed_epoch
from clisk_vault.health import Fault, examining
from clisk_vault.ids import ItemId
from clisk_vault.keys import EpochSecret, SecretText
from clisk_vault.log_bundle_read import read_bundle
from clisk_vault.log_bundle_verify import verify_bundle
from clisk_vault.log_export import exporting_log
from clisk_vault.log_page import LogFilter
from clisk_vault.note import NoteKey
from clisk_vault.reveal import ReadRequest
from clisk_vault.steps import Result, Steps, finish
from clisk_vault.transfer.backup import back_up_items, restoring
from clisk_vault.transfer.imported import (
    Action,
    ForeignFile,
    ForeignItem,
    ImportPlan,
    importing,
    plan_file,
    run_plan,
)
from clisk_vault.vault import Vault
from tests.vault.made import PERSON, FakeClock, Family, add_login, read, unlock

_STRONG = "gL7#vQ2m!xW9zT4k"


def between(
    steps: Steps[Result], others: Callable[[], object], *, after: int = 1
) -> Result:
    """Let *others* in after so many steps, and return what the steps come to."""
    for _ in range(after):
        next(steps)
    others()
    return finish(steps)


def _file(count: int = 4, **fields: FieldValue) -> ForeignFile:
    return ForeignFile(
        "csv",
        tuple(
            ForeignItem(
                key=f"key {n}",
                place=f"row {n}",
                fields={
                    "type": "login",
                    "title": f"n{n}",
                    "username": "theirs",
                    "password": SecretText(f"pw {n}"),
                    **fields,
                },
            )
            for n in range(count)
        ),
    )


def _item(vault: Vault, title: str) -> ItemId:
    (found,) = (each.item for each in vault.overviews() if each.title == title)
    return found


# -- an import


def test_an_edit_while_an_import_runs_is_not_lost(vault: Vault) -> None:
    """The item was ready by then; it is made ready anew, upon the edit."""
    run_plan(vault, plan_file(vault, _file()))
    item = _item(vault, "n0")

    between(
        importing(vault, _file(notes=SecretText("newer"))),
        lambda: vault.edit(item, {"username": "mine"}),
        after=4,
    )

    view = vault.view(item)
    assert view.text("username") == "mine"
    assert read(vault, item, "notes") == "newer"
    # It is there for the other devices, too.
    changes = [p for p in vault.replica.pending(1000, 1 << 30) if p.item_id == item]
    assert len(changes) == 3


def test_an_item_purged_while_an_import_runs_comes_anew(vault: Vault) -> None:
    """As if the import had begun after the purge."""
    run_plan(vault, plan_file(vault, _file()))
    item = _item(vault, "n0")

    def purge() -> None:
        vault.trash(item)
        vault.purging.purge([item])

    plan, report = between(
        importing(vault, _file(notes=SecretText("newer"))), purge, after=4
    )

    assert plan.items[0].action is Action.ADD
    assert (report.added, report.merged) == (1, 3)
    assert read(vault, item, "password") == "pw 0"


def test_what_a_review_leaves_as_it_is_stays_so_with_an_edit(vault: Vault) -> None:
    """An edit after the review does not have the file's values written over it."""
    mine = add_login(vault, "mine")

    def review(plan: ImportPlan) -> Steps[ImportPlan]:
        left = replace(plan.items[0], item=mine, action=Action.SKIP, edit={})
        yield 0
        return replace(plan, items=(left, *plan.items[1:]))

    _, report = between(
        importing(vault, _file(2), review),
        lambda: vault.edit(mine, {"username": "mine"}),
        after=3,
    )

    assert vault.view(mine).text("username") == "mine"
    assert (report.added, report.skipped) == (1, 1)


def test_two_imports_of_one_file_at_once_make_each_item_once(vault: Vault) -> None:
    """The one that ends later finds what the other has made."""
    first, second = importing(vault, _file()), importing(vault, _file())
    next(second)
    next(first)

    _, report = between(first, lambda: finish(second))

    assert len(vault.ids()) == 4
    assert (report.added, report.skipped) == (0, 4)


def test_what_is_ready_is_not_kept_under_a_key_that_a_revoked_device_has(
    vault: Vault,
) -> None:
    """A new epoch begins while an import runs: its secrets are sealed in that one."""
    between(
        importing(vault, _file()),
        lambda: vault.epochs.add(2, EpochSecret(bytes(range(32)))),
        after=4,
    )

    item = _item(vault, "n0")
    assert vault.epochs.current == 2
    sealed = vault.view(item).fields["password"].current
    assert sealed.secret
    assert read(vault, item) == "pw 0"
    assert _epoch_of(vault, item) == 2


def _epoch_of(vault: Vault, item: ItemId) -> int:
    stored = vault._items.load(item)
    (sealed,) = (
        each
        for key, each in stored.entries.items()
        if key.startswith("password/") and isinstance(each, bytes)
    )
    return sealed_epoch(sealed)


def test_an_import_that_is_left_undone_leaves_nothing(vault: Vault) -> None:
    """Closed before its last step; nothing was written to the file."""
    before = vault.storage.rows_written
    steps = importing(vault, _file())
    for _ in range(4):
        next(steps)

    steps.close()

    assert vault.storage.rows_written == before
    assert vault.ids() == set()


def test_the_same_item_twice_in_a_file_is_refused_whole(vault: Vault) -> None:
    """As ever: two rows with one id of their source."""
    file = _file(1)

    with pytest.raises(CallerError, match="already"):
        finish(importing(vault, ForeignFile("csv", file.items * 2)))

    assert vault.ids() == set()


def test_no_transaction_is_open_between_steps(vault: Vault) -> None:
    """Others write there; each long work is asked."""
    for n in range(3):
        vault.trash(add_login(vault, f"old {n}"))
    items = sorted(vault.ids())
    run_plan(vault, plan_file(vault, _file()))
    for steps in (
        importing(vault, _file(notes=SecretText("newer"))),
        examining(vault, PERSON),
        vault.purging.purging(items),
        vault.log.verifying(vault.secrets.public.log),
        vault.log_index.catching_up(),
    ):
        for _ in steps:
            assert not vault.storage.in_transaction


# -- health


def _login(vault: Vault, title: str, password: str) -> ItemId:
    return vault.add(ItemDraft("login", title, {"password": SecretText(password)}))


def test_a_password_changed_after_it_was_examined_is_examined_again(
    vault: Vault,
) -> None:
    """What is told is true at the end, of reuse too."""
    weak, other = _login(vault, "a", "password"), _login(vault, "b", "password")

    found = between(
        examining(vault, PERSON),
        lambda: vault.edit(weak, {"password": SecretText(_STRONG)}),
        after=2,
    )

    assert {each.item for each in found.findings} == {other}
    assert {each.fault for each in found.findings} == {Fault.WEAK}
    assert found.examined == 2


def test_a_login_that_is_gone_at_the_end_is_not_told_of(vault: Vault) -> None:
    """Into the trash after it was examined; one that came is examined instead."""
    gone = _login(vault, "a", "password")

    def others() -> None:
        vault.trash(gone)
        _login(vault, "b", "qwertz123")

    found = between(examining(vault, PERSON), others, after=2)

    assert [each.title for each in found.findings] == ["b"]
    assert found.examined == 1


def test_a_login_purged_before_its_group_is_passed_over(vault: Vault) -> None:
    """It was in the list, and is not there any more when its turn comes."""
    gone = _login(vault, "a", "password")
    _login(vault, "b", _STRONG)

    def purge() -> None:
        vault.trash(gone)
        vault.purging.purge([gone])

    found = between(examining(vault, PERSON), purge, after=1)

    assert found.examined == 1
    assert found.findings == ()


# -- the trash, the log


def test_an_item_taken_out_of_the_trash_meanwhile_is_not_purged(vault: Vault) -> None:
    """Nor are the others: all or none."""
    items = [add_login(vault, f"n{n}") for n in range(3)]
    for each in items:
        vault.trash(each)

    with pytest.raises(CallerError, match="only what is in the trash"):
        between(vault.purging.purging(items), lambda: vault.restore(items[0]), after=2)

    assert vault.ids() == set(items)


def test_what_is_written_while_the_trash_is_looked_through_stays(
    vault: Vault, clock: FakeClock
) -> None:
    """The one that was taken out; the other has been there for long enough."""
    items = [add_login(vault, f"n{n}") for n in range(2)]
    for each in items:
        vault.trash(each)
    clock.now_ms += 31 * 24 * 60 * 60 * 1000
    first = vault.overviews()[0].item

    purged = between(
        vault.purging.purging_expired(), lambda: vault.restore(first), after=2
    )

    assert purged == [each for each in items if each != first]
    assert vault.ids() == {first}


def test_a_log_that_grows_while_it_is_checked_is_not_called_cut(vault: Vault) -> None:
    """What came between two steps is checked as well."""
    item = add_login(vault)
    read(vault, item)
    size = vault.log.size

    verdict = between(
        vault.log.verifying(vault.secrets.public.log), lambda: read(vault, item)
    )

    assert verdict.findings == ()
    assert verdict.size == size + 1


def test_a_log_that_grows_while_it_is_exported_gives_a_whole_bundle(
    vault: Vault, tmp_path: Path
) -> None:
    """Of what it was when its entries were read."""
    item = add_login(vault)
    for _ in range(300):
        read(vault, item)
    folder = tmp_path / "bundle"
    steps = exporting_log(vault.session, vault.log, folder, who="test")
    size = vault.log.size

    facts = between(steps, lambda: read(vault, item))

    assert facts.size == size
    key = NoteKey(vault.log.origin, vault.secrets.public.log)
    assert verify_bundle(read_bundle(folder), [key]).verdict.findings == ()


def test_an_export_of_the_log_that_is_left_undone_leaves_no_folder(
    vault: Vault, tmp_path: Path
) -> None:
    """It appears whole or not at all."""
    item = add_login(vault)
    for _ in range(300):
        read(vault, item)
    steps = exporting_log(vault.session, vault.log, tmp_path / "bundle", who="test")
    next(steps)

    steps.close()

    assert not any(each.name.startswith("bundle") for each in tmp_path.iterdir())


def test_an_index_that_is_asked_while_it_catches_up_counts_each_read_once(
    vault: Vault,
) -> None:
    """Whoever asks has the rest taken in; the next step goes on behind it."""
    item = add_login(vault)
    requests = [ReadRequest(item, "password", PERSON, "test")] * 200
    list(vault.reveal_many(requests))

    between(
        vault.log_index.catching_up(),
        lambda: vault.log_index.find(LogFilter(item=item)),
    )

    assert len(vault.log_index.find(LogFilter(item=item))) == 200


# -- locking


@pytest.mark.parametrize("kind", ["import", "health", "purge", "verify"])
def test_locking_in_the_middle_ends_it_and_leaves_nothing(
    kind: str, tmp_path: Path, clock: FakeClock
) -> None:
    """The next step finds no key, and what was to be kept is not."""
    vault = Family().device(tmp_path / "vault.db", clock)
    items = [add_login(vault, f"n{n}") for n in range(3)]
    for each in items[1:]:
        vault.trash(each)
    begun: dict[str, Steps[object]] = {
        "import": importing(vault, _file()),
        "health": examining(vault, PERSON),
        "purge": vault.purging.purging(items[1:]),
        "verify": vault.log.verifying(vault.secrets.public.log),
    }

    with pytest.raises(LockedError):
        between(begun[kind], vault.lock)

    again = unlock(tmp_path / "vault.db")
    assert again.ids() == set(items)
    again.lock()


def test_a_restored_backup_is_made_in_steps(pair: tuple[Vault, Vault]) -> None:
    """Nothing of it is there before the last one."""
    old, new = pair
    items = [add_login(old, f"n{n}") for n in range(3)]
    steps = restoring(new, back_up_items(old, items))

    for _ in steps:
        assert not set(items) & new.ids()

    assert set(items) <= new.ids()
    assert read(new, items[0]) == read(old, items[0])
