"""What is taken out comes home: each format read back, every value compared."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from clisk_vault.access_record import Outcome, RequesterKind, Use
from clisk_vault.draft import ItemDraft
from clisk_vault.errors import CallerError, ReadRefused, StoreError
from clisk_vault.ids import ItemId
from clisk_vault.item_types import (
    COMMON_FIELDS,
    ELEMENTS,
    ITEM_TYPES,
    Secrecy,
    secrecy,
)
from clisk_vault.keys import SecretText
from clisk_vault.transfer.bitwarden_crypto import ARGON2ID, Kdf
from clisk_vault.transfer.bitwarden_encrypted import seal_protected
from clisk_vault.transfer.bitwarden_out import write_bitwarden
from clisk_vault.transfer.csv_out import Formulas, write_csv
from clisk_vault.transfer.cxf_out import write_cxf
from clisk_vault.transfer.file_secrets import FileSecrets
from clisk_vault.transfer.formats import read_file
from clisk_vault.transfer.imported import Attached
from clisk_vault.transfer.keepass_out import write_kdbx
from clisk_vault.transfer.outgoing import LossReport, Outgoing
from clisk_vault.transfer.take_out import take_out
from clisk_vault.vault import Vault
from tests.vault.transfer.found import plain, rows

_PASSWORD = SecretText("file password")
_SECRETS = FileSecrets(password=_PASSWORD)
_SPECIAL = {
    "totp": "otpauth://totp/X:me?secret=JBSWY3DPEHPK3PXP&issuer=X&algorithm=SHA1"
    "&digits=6&period=30",
    "favourite": "true", "reprompt": "true", "archived": "2026-01-02T00:00:00.000Z",
    "created": "2020-09-13T12:26:40.000Z", "changed": "2023-11-14T22:13:20.000Z",
    "expires": "2031-01-01T00:00:00.000Z", "card.exp_month": "7",
    "card.exp_year": "2031",
    "ssh.private_key": "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIAAAAAAAAA"
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n-----END PRIVATE KEY-----\n",
}  # fmt: skip


def _value(name: str) -> str:
    return _SPECIAL.get(name, f"<{name}> & ü \"'")


def everything() -> list[Outgoing]:
    """Return items that between them have every field that the tables know."""
    items = []
    for number, kind in enumerate(ITEM_TYPES.values()):
        names = [spec.name for spec in (*COMMON_FIELDS, *kind.fields)]
        fields = {name: _value(name) for name in names if name not in _NOT_CARRIED}
        fields |= {"type": kind.name, "title": f"one {kind.name}", "folder": "A/B"}
        for element, specs in ELEMENTS.items():
            if element == "attachment":
                continue
            for row in range(2):
                for spec in specs:
                    name = f"{element}.{row:08x}.{spec.name}"
                    fields[name] = f"{element}{row}-{spec.name}"
                fields |= _shaped(element, row)
                if element == "custom":
                    fields.pop(f"custom.{row:08x}.{['hidden', 'value'][row]}")
        secret = frozenset(n for n in fields if secrecy(n) is Secrecy.SECRET)
        items.append(Outgoing(f"{number + 1}".ljust(32, "0"), fields, secret))
    return items


# In the trash is a state and not a value; where it came from changes on the way.
_NOT_CARRIED = {"trashed", "origin"}


def _shaped(element: str, row: int) -> dict[str, str]:
    values: dict[str, dict[str, str]] = {
        "uri": {"value": f"https://u{row}.example", "match": ["host", "never"][row]},
        "custom": {"kind": ["text", "hidden"][row], "name": f"custom {row}"},
        "passkey": {"private_key": "MIGH", "credential_id": f"Y{row}", "counter": "0"},
        "history": {"used": f"2021-0{row + 1}-01T00:00:00.000Z"},
    }
    return {
        f"{element}.{row:08x}.{part}": value
        for part, value in values.get(element, {}).items()
    }


Writer = Callable[[list[Outgoing], LossReport], bytes]
_FORMATS: dict[str, Writer] = {
    "bitwarden": lambda items, report: write_bitwarden(items, ["Empty"], report),
    "bitwarden-encrypted": lambda items, report: seal_protected(
        write_bitwarden(items, ["Empty"], report),
        _PASSWORD, random=_random, kdf=Kdf(0, 5000),
    ),
    "cxf": lambda items, report: write_cxf(items, ["Empty"], report, now_s=1),
    "kdbx": lambda items, report: write_kdbx(items, ["Empty"], _PASSWORD, report),
}  # fmt: skip


def _random(length: int) -> bytes:
    import os

    return os.urandom(length)


def _comparable(fields: dict[str, str]) -> dict[str, Any]:
    """Return fields with elements as rows: their numbers are nobody's affair."""
    found: dict[str, Any] = {
        name: value
        for name, value in fields.items()
        if name.split(".")[0] not in ELEMENTS and name not in _NOT_CARRIED
    }
    for kind in ELEMENTS:
        found[kind] = sorted(sorted(row.items()) for row in rows(fields, kind))
    return found


@pytest.mark.parametrize("name", _FORMATS)
def test_every_field_of_every_type_comes_home(name: str) -> None:
    """Out in another's format and in again: no value is lost, moved or changed."""
    before = {each.id: _comparable(dict(each.fields)) for each in everything()}
    report = LossReport()

    data = _FORMATS[name](everything(), report)
    file = read_file(data, secrets=_SECRETS)

    assert "Empty" in file.folders
    after = {str(plain(i)["title"]): _comparable(plain(i)) for i in file.items}
    assert len(after) == len(before)
    for wanted in before.values():
        assert after[str(wanted["title"])] == wanted
    assert not report.lost


@pytest.mark.parametrize("name", _FORMATS)
def test_what_has_no_place_of_its_own_is_in_the_report(name: str) -> None:
    """Another program shows such values as further fields; the report names them."""
    report = LossReport()

    _FORMATS[name](everything(), report)

    told = {field for names in report.renamed.values() for field in names}
    assert any("extra.00000000.data" in field for field in told)


def test_csv_keeps_what_it_has_columns_for_and_names_the_rest() -> None:
    """What is not in the file is said, item by item."""
    report = LossReport()

    data = write_csv(everything(), report, formulas=Formulas.EXACT)

    (login, note, *_) = csv.DictReader(io.StringIO(data.decode(), newline=""))
    assert login["login_password"] == _value("password")
    assert note["type"] == "note"
    lost = report.lost["one card (30000000)"]
    assert {"card.number", "extra.00000000.data"} <= set(lost)
    back = read_file(data).items[0]
    assert plain(back)["password"] == _value("password")


def test_files_come_along_where_there_is_room_and_are_named_where_not() -> None:
    """KDBX holds files; the others say that they do not."""
    item = replace(everything()[0], files=(Attached("scan.pdf", b"%PDF"),))
    report = LossReport()

    data = write_kdbx([item], [], _PASSWORD, report)

    (back,) = read_file(data, secrets=_SECRETS).items
    assert back.attached == (Attached("scan.pdf", b"%PDF"),)
    item = replace(everything()[0], files=(Attached("scan.pdf", b"%PDF"),))
    write_bitwarden([item], [], report)
    assert report.lost == {"one login (10000000)": ["file scan.pdf"]}


_FORMULAS = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "|x"]


@pytest.mark.parametrize("value", _FORMULAS)
def test_csv_injection(value: str) -> None:
    """A cell that a spreadsheet would run needs a word of the person."""

    def item() -> Outgoing:
        return Outgoing("1" * 32, {"type": "login", "title": value}, frozenset())

    with pytest.raises(CallerError, match="like a formula"):
        write_csv([item()], LossReport(), formulas=Formulas.REFUSE)
    guarded = write_csv([item()], LossReport(), formulas=Formulas.GUARDED)
    exact = write_csv([item()], LossReport(), formulas=Formulas.EXACT)

    def cell(data: bytes) -> str:
        return list(csv.reader(io.StringIO(data.decode(), newline="")))[1][3]

    assert (cell(guarded), cell(exact)) == ("'" + value, value)


def test_each_value_is_recorded_as_an_export(vault: Vault) -> None:
    """One record a value, with what it was read for."""
    item = _planted(vault)
    before = vault.log.size

    (taken,) = take_out(vault, [item], purpose="export to csv")

    records = [record for _, record in vault.log.records(before)]
    assert {(r.field or "").split("/")[0] for r in records} == {"password", "notes"}
    assert len(records) == 3  # one of them the earlier password
    assert all(r.use is Use.EXPORT for r in records)
    assert all(r.who.kind is RequesterKind.EXPORT for r in records)
    assert all(r.outcome is Outcome.GRANTED for r in records)
    assert taken.outgoing.fields["password"] == "second"
    assert [each.value for each in taken.outgoing.earlier] == ["first"]


def test_nothing_is_taken_out_that_was_not_recorded(
    vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk refuses the export before a single seal is opened."""
    item = _planted(vault)

    def full(*_: object) -> range:
        raise StoreError("disk full")

    monkeypatch.setattr(vault.log, "append_many", full)
    monkeypatch.setattr("clisk_vault.reveal.open_field", _never)

    with pytest.raises(ReadRefused):
        take_out(vault, [item], purpose="export to csv")


def _never(*_: object, **__: object) -> SecretText:
    raise AssertionError("a seal was opened")


def _planted(vault: Vault) -> ItemId:
    fields = {"password": SecretText("first"), "notes": SecretText("n")}
    item = vault.add(ItemDraft("login", "Shop", fields))
    vault.edit(item, {"password": SecretText("second")})
    return item


def test_a_kdbx_of_ours_keeps_earlier_passwords() -> None:
    """They are the entry's history there, and come back as earlier passwords."""
    from clisk_vault.transfer.outgoing import Earlier

    fields = {"type": "login", "title": "T", "password": "new"}
    item = Outgoing(
        "1" * 32, fields, frozenset({"password"}),
        (Earlier("password", 1_600_000_000_000, "old"),),
    )  # fmt: skip

    data = write_kdbx([item], [], _PASSWORD, LossReport())

    (back,) = read_file(data, secrets=_SECRETS).items
    (row,) = rows(plain(back), "history")
    assert row == {"password": "old", "used": "2020-09-13T12:26:40.000Z"}


@pytest.mark.parametrize("kdf", [Kdf(0, 5_000), Kdf(ARGON2ID, 2, 16, 1)])
def test_a_sealed_bitwarden_export_opens_with_its_password_alone(kdf: Kdf) -> None:
    """Both key derivations; the file shows nothing of what is in it."""
    plain_data = write_bitwarden(everything(), [], LossReport())

    sealed = seal_protected(plain_data, _PASSWORD, random=_random, kdf=kdf)

    assert b"one login" not in sealed
    assert len(read_file(sealed, secrets=_SECRETS).items) == len(everything())
    assert json.loads(sealed)["kdfType"] == kdf.kind
