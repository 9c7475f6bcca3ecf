"""Many secrets at once: each has its record, 64 of them one head and one commit."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest

from clisk_vault import field_seal
from clisk_vault.access_record import Outcome, Requester, RequesterKind, Use
from clisk_vault.errors import CallerError, ReadRefused, TamperedError
from clisk_vault.ids import ItemId
from clisk_vault.keys import SecretText
from clisk_vault.log_leaf import LeafType
from clisk_vault.reveal import ReadRequest
from clisk_vault.vault import Vault
from tests.vault.made import PASSWORD, PERSON, add_login

_NOBODY = ItemId(bytes([7]) * 16)
_VAULT = Requester(RequesterKind.VAULT, "weekly check")


def _ask(items: list[ItemId], **changes: Any) -> list[ReadRequest]:
    asked: dict[str, Any] = {"who": _VAULT, "purpose": "check", "use": Use.HEALTH}
    return [ReadRequest(item, "password", **{**asked, **changes}) for item in items]


def test_each_of_many_reads_has_its_record_and_64_share_a_head(vault: Vault) -> None:
    """130 reads are 130 records under three heads."""
    items = [add_login(vault, str(n), f"pw {n}") for n in range(130)]

    values = list(vault.reveal_many(_ask(items)))

    assert [v.expose() for v in values if isinstance(v, SecretText)] == [
        f"pw {n}" for n in range(130)
    ]
    records = [record for _, record in vault.log.records()]
    assert [record.item for record in records] == items
    assert {record.use for record in records} == {Use.HEALTH}
    heads = [row.seq for row in vault.log.rows() if row.head is not None]
    assert heads == [0, 64, 128, 130]
    assert {entry.type for entry in vault.log.entries(1)} == {LeafType.BULK_READ}
    assert vault.log.verify(vault.secrets.public.log).findings == ()


def test_the_records_of_many_are_on_disk_before_the_first_seal_is_opened(
    vault: Vault, vault_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another connection sees all records of the group at the first opening."""
    items = [add_login(vault, str(n)) for n in range(3)]
    seen: list[int] = []

    def opening(*args: Any, **kwargs: Any) -> SecretText:
        assert not vault.storage.in_transaction
        with sqlite3.connect(vault_path) as other:
            seen.extend(other.execute("SELECT count(*) FROM log_entry").fetchone())
        return field_seal.open_field(*args, **kwargs)

    before = vault.log.size
    monkeypatch.setattr("clisk_vault.reveal.open_field", opening)
    list(vault.reveal_many(_ask(items)))

    assert seen == [before + 3] * 3


def test_what_nobody_goes_on_to_ask_for_is_neither_read_nor_recorded(
    vault: Vault,
) -> None:
    """A check that is broken off leaves records of what it had read."""
    items = [add_login(vault, str(n)) for n in range(70)]
    before = vault.log.size

    next(vault.reveal_many(_ask(items)))

    assert vault.log.size == before + 64


def test_a_refusal_among_many_is_recorded_and_the_others_come(vault: Vault) -> None:
    """One missing item does not end an export, and does not go unrecorded."""
    item = add_login(vault)

    first, second = vault.reveal_many(_ask([_NOBODY, item]))

    assert isinstance(first, ReadRefused)
    assert isinstance(second, SecretText)
    assert second.expose() == PASSWORD
    outcomes = [record.outcome for _, record in vault.log.records()]
    assert outcomes == [Outcome.REFUSED, Outcome.GRANTED]


def test_a_seal_that_does_not_open_among_many_is_recorded_as_failed(
    vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The damaged value is named in its place; the rest is read."""
    items = [add_login(vault, str(n)) for n in range(2)]

    def opening(*args: Any, place: field_seal.FieldPlace, **kwargs: Any) -> SecretText:
        if place.item == items[0]:
            raise TamperedError("changed")
        return field_seal.open_field(*args, place=place, **kwargs)

    monkeypatch.setattr("clisk_vault.reveal.open_field", opening)

    first, second = vault.reveal_many(_ask(items))

    assert isinstance(first, TamperedError)
    assert isinstance(second, SecretText)
    outcomes = [record.outcome for _, record in vault.log.records()]
    assert outcomes == [Outcome.GRANTED, Outcome.GRANTED, Outcome.FAILED]


def test_many_reads_are_refused_when_their_records_cannot_be_written(
    vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No seal is opened where the file is read-only."""
    item = add_login(vault)
    vault.storage.execute("PRAGMA query_only = ON")
    with monkeypatch.context() as patch:
        patch.setattr(
            "clisk_vault.reveal.open_field", lambda *_, **__: pytest.fail("opened")
        )
        with pytest.raises(ReadRefused, match="cannot be written"):
            list(vault.reveal_many(_ask([item, item])))
    vault.storage.execute("PRAGMA query_only = OFF")

    values = list(vault.reveal_many(_ask([item, item])))
    assert len(values) == 2, "with the file writable again they come"


def test_many_reads_within_a_transaction_are_refused(vault: Vault) -> None:
    """Their records could be undone after the values are out."""
    item = add_login(vault)

    with vault.storage.transaction(), pytest.raises(CallerError, match="transaction"):
        list(vault.reveal_many(_ask([item])))


@pytest.mark.parametrize(
    ("changes", "use"),
    [
        ({"who": PERSON, "use": None}, Use.SHOW),
        ({"who": PERSON, "use": Use.COPY}, Use.COPY),
        ({"use": Use.DUPLICATES}, Use.DUPLICATES),
    ],
    ids=["shown unless said otherwise", "copied", "compared"],
)
def test_a_record_says_what_the_value_was_used_for(
    vault: Vault, changes: dict[str, Any], use: Use
) -> None:
    """The use of a request stands in its record."""
    vault.reveal(_ask([add_login(vault)], **changes)[0])

    assert [record.use for _, record in vault.log.records()] == [use]
