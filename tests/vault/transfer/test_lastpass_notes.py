"""LastPass's notes of a kind become what they are; every value stays."""

from __future__ import annotations

import csv
import io

import pytest

from clisk_vault.draft import FieldValue
from clisk_vault.ssh_key import make_key
from clisk_vault.transfer.csv_files import read_csv_file
from clisk_vault.transfer.imported import ForeignItem

_HEAD = ["url", "username", "password", "totp", "extra", "name", "grouping", "fav"]
_KEY = make_key("ed25519").expose().strip()

_NOTES = {
    "Credit Card": (
        "card",
        (
            "Language:en-US\nName on Card:A. Lice\nType:Visa\nNumber:4111 1111\n"
            "Security Code:123\nStart Date:March,2021\nExpiration Date:December,2031\n"
            "Notes:first\nPIN:not a field, a line\n\nlast: line"
        ),
        {
            "card.holder": "A. Lice",
            "card.brand": "Visa",
            "card.number": "4111 1111",
            "card.code": "123",
            "card.valid_from": "2021-03",
            "card.exp_month": "12",
            "card.exp_year": "2031",
            "notes": "first\nPIN:not a field, a line\n\nlast: line",
        },
        {"Language": "en-US"},
    ),
    "Address": (
        "identity",
        (
            "Language:en-US\nTitle:mrs\nFirst Name:Ann\nMiddle Name:B.\n"
            "Last Name:Lice\n"
            "Username:ann\nGender:f\nBirthday:March,21,1984\nCompany:Acme\n"
            "Address 1:1 High Street\nAddress 2:\nAddress 3:\nCity / Town:Bern\n"
            "County:Mitte\nState:BE\nZip / Postal Code:3000\nCountry:CH\nTimezone:+1\n"
            'Email Address:a@b.ch\nPhone:{"num":"031 1","ext":"7","cc3l":"CHE"}\n'
            "Mobile Phone:079 2\nNotes:"
        ),
        {
            "identity.title": "mrs",
            "identity.first_name": "Ann",
            "identity.middle_name": "B.",
            "identity.last_name": "Lice",
            "identity.username": "ann",
            "identity.birth_date": "1984-03-21",
            "identity.company": "Acme",
            "identity.address1": "1 High Street",
            "identity.city": "Bern",
            "identity.state": "BE",
            "identity.postal_code": "3000",
            "identity.country": "CH",
            "identity.email": "a@b.ch",
            "identity.phone": "031 1",
        },
        {
            "Language": "en-US",
            "Gender": "f",
            "County": "Mitte",
            "Timezone": "+1",
            "Mobile Phone": "079 2",
            "Phone ext": "7",
            "Phone cc3l": "CHE",
        },
    ),
    "SSH Key": (
        "ssh-key",
        (
            f"Bit Strength:256\nFormat:ed25519\nPassphrase:\nPrivate Key:{_KEY}\n"
            "Public Key:\nHostname:db1\nDate:\nNotes:"
        ),
        {"ssh.private_key": _KEY, "ssh.key_type": "ssh-ed25519"},
        {"Bit Strength": "256", "Format": "ed25519", "Hostname": "db1"},
    ),
    "Bank Account": (
        "note",
        (
            "Bank Name:Acme\nAccount Type:checking\nRouting Number:1\n"
            "Account Number:22\n"
            "SWIFT Code:ABC\nIBAN Number:CH93\nPin:4711\nNotes:hm"
        ),
        {"notes": "hm"},
        {
            "Bank Name": "Acme",
            "Account Type": "checking",
            "Routing Number": "1",
            "Account Number": "22",
            "SWIFT Code": "ABC",
            "IBAN Number": "CH93",
            "Pin": "4711",
        },
    ),
    "Passport": (
        "identity",
        (
            "Type:P\nName:Ann Lice\nCountry:CH\nNumber:X1\nSex:f\nNationality:Swiss\n"
            "Issuing Authority:Bern\nDate of Birth:March,21,1984\nIssued Date:,,\n"
            "Expiration Date:May,1,2030\nNotes:"
        ),
        {
            "identity.full_name": "Ann Lice",
            "identity.passport_number": "X1",
            "identity.birth_date": "1984-03-21",
        },
        {
            "Type": "P",
            "Country": "CH",
            "Sex": "f",
            "Nationality": "Swiss",
            "Issuing Authority": "Bern",
            "Expiration Date": "May,1,2030",
        },
    ),
    "Driver's License": (
        "identity",
        (
            "Number:D1\nExpiration Date:May,1,2030\nLicense Class:B\nName:Ann Lice\n"
            "Address:1 High Street\nCity / Town:Bern\nState:BE\n"
            "ZIP / Postal Code:3000\n"
            "Country:CH\nDate of Birth:soon\nSex:f\nHeight:1.7\nNotes:"
        ),
        {
            "identity.licence_number": "D1",
            "identity.full_name": "Ann Lice",
            "identity.address1": "1 High Street",
            "identity.city": "Bern",
            "identity.state": "BE",
            "identity.postal_code": "3000",
            "identity.country": "CH",
        },
        {
            "Expiration Date": "May,1,2030",
            "License Class": "B",
            "Date of Birth": "soon",
            "Sex": "f",
            "Height": "1.7",
        },
    ),
    "Social Security": (
        "identity",
        "Name:Ann Lice\nNumber:756.1\nNotes:",
        {"identity.full_name": "Ann Lice", "identity.ssn": "756.1"},
        {},
    ),
    "Custom_12": (
        "note",
        "Language:en-US\nSeat:12 A\nCode word:heron\nNotes:two\nlines",
        {"notes": "two\nlines"},
        {"Language": "en-US", "Seat": "12 A", "Code word": "heron"},
    ),
}


def _item(extra: str, **cells: str) -> ForeignItem:
    out = io.StringIO()
    rows = csv.DictWriter(out, _HEAD)
    rows.writeheader()
    rows.writerow({"url": "http://sn", "name": "It", "extra": extra, **cells})
    (item,) = read_csv_file(out.getvalue().encode()).items
    return item


def _text(value: FieldValue) -> str:
    return value if isinstance(value, str) else value.expose()


def _read(item: ForeignItem) -> tuple[dict[str, str], dict[str, str]]:
    """Return the fields of the item by name, and the custom ones by theirs."""
    fields = {name: _text(value) for name, value in item.fields.items()}
    custom = {
        value: fields.get(f"{name[:-5]}.value", fields.get(f"{name[:-5]}.hidden", ""))
        for name, value in fields.items()
        if name.startswith("custom.") and name.endswith(".name")
    }
    return fields, custom


@pytest.mark.parametrize("kind", _NOTES)
def test_a_note_of_a_kind_becomes_an_item_with_every_value(kind: str) -> None:
    """Compared by value: our fields, and what has none as fields of one's own."""
    type_, text, ours, others = _NOTES[kind]

    fields, custom = _read(_item(f"NoteType:{kind}\n{text}"))

    assert fields["type"] == type_
    assert fields["category"] == kind
    assert {name: fields.get(name) for name in ours} == ours
    assert custom == others


def test_lines_of_another_system_are_lines() -> None:
    """A carriage return belongs to the notes, and to no other value."""
    fields, _ = _read(_item("NoteType:Credit Card\r\nNumber:4\r\nNotes:a\r\nb"))

    assert (fields["card.number"], fields["notes"]) == ("4", "a\r\nb")


def test_an_account_number_is_hidden_and_a_banks_name_is_not() -> None:
    """What stood in a sealed note stays sealed, but for what says nothing."""
    item = _item("NoteType:Bank Account\n" + _NOTES["Bank Account"][1])

    hidden = {
        _text(item.fields[name.replace(".kind", ".name")])
        for name, value in item.fields.items()
        if name.endswith(".kind") and value == "hidden"
    }

    assert hidden == {
        *("Routing Number", "Account Number", "SWIFT Code", "IBAN Number", "Pin"),
    }


@pytest.mark.parametrize(
    "text",
    [
        "plain words",
        "NoteType:",
        "NoteType:Custom_1\nno name on this line",
        "NoteType:Custom_1\nSame:1\nSame:2\nNotes:",
        "NoteType:Credit Card\nnothing of a card",
        "NoteType:Custom_1\n" + "\n".join(f"n{number}:x" for number in range(5_000)),
    ],
)
def test_a_text_that_is_not_put_together_so_stays_one_text(text: str) -> None:
    """Not a letter of it is taken apart by guess."""
    fields, custom = _read(_item(text))

    kept = fields.get("notes") or "".join(
        value for name, value in fields.items() if name.startswith("extra.")
    )
    assert fields["type"] == "note"
    assert text in kept.replace("\\n", "\n")
    assert custom == {}


def test_a_logins_notes_are_not_taken_apart() -> None:
    """Only a note has a kind: a login's text may begin alike."""
    text = "NoteType:Credit Card\nNumber:4111"

    fields, custom = _read(_item(text, url="https://x.example", password="p"))

    assert (fields["type"], fields["notes"], custom) == ("login", text, {})


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("Expiration Date:sometime", "Expiration Date"),
        ("Start Date:March,21", "Start Date"),
    ],
)
def test_a_date_that_is_none_stays_as_it_was(line: str, name: str) -> None:
    """As a field of one's own."""
    _, custom = _read(_item(f"NoteType:Credit Card\n{line}\nNotes:"))

    assert custom == {name: line.partition(":")[2]}


@pytest.mark.parametrize("day", ["January,1,99999999999999", "January,1,", "May,32,1"])
def test_a_day_that_is_none_stays_as_it_is_written(day: str) -> None:
    """No import ends by it."""
    extra = f"NoteType:Address\nFirst Name:Ann\nBirthday:{day}\nNotes:"
    fields, custom = _read(_item(extra))
    assert "identity.birth_date" not in fields
    assert custom["Birthday"] == day
