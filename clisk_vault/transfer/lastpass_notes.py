"""LastPass's secure notes of a kind: a card, an address, a key, as lines of a text.

`NoteType:Credit Card`, then `Name:value` lines, the notes last. A value may have
several lines, and what looks like a name within it is none: only the names that the
kind has begin a field, each once.
"""

from __future__ import annotations

import json
import re
from calendar import month_name
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date

from clisk_vault.keys import SecretText
from clisk_vault.transfer.foreign import ItemBuilder, add_public_half

_HEAD = "NoteType:"
_LAST = "Notes"
# More than any kind has: it is a text that only looks like one.
_MOST = 100
_LINE = re.compile(r"([^:\n]{1,60}):(.*)", re.DOTALL)
_MONTHS = {month_name[number]: number for number in range(1, 13)}
# What says nothing that somebody could use; everything else stood in a sealed note.
_OPEN = frozenset(
    {"Language", "Gender", "Timezone", "County", "Bit Strength", "Format", "Hostname",
     "Date", "Bank Name", "Account Type", "Branch Address", "Branch Phone", "Sex",
     "Height", "License Class", "Nationality", "Issuing Authority", "Issued Date",
     "Expiration Date", "Start Date", "Type", "Country", "Organization", "Company",
     "Connection Type", "Connection Mode", "SSID", "Evening Phone", "Mobile Phone",
     "Fax"}
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Kind:
    """What a kind of note is to us, and the names that it has."""

    type: str
    fields: Mapping[str, str] = field(default_factory=dict)
    """Our field for a name."""
    others: tuple[str, ...] = ()


_ADDRESS = {
    "Title": "identity.title", "First Name": "identity.first_name",
    "Middle Name": "identity.middle_name", "Last Name": "identity.last_name",
    "Username": "identity.username", "Birthday": "identity.birth_date",
    "Company": "identity.company", "Address 1": "identity.address1",
    "Address 2": "identity.address2", "Address 3": "identity.address3",
    "City / Town": "identity.city", "State": "identity.state",
    "Zip / Postal Code": "identity.postal_code", "Country": "identity.country",
    "Email Address": "identity.email", "Phone": "identity.phone",
}  # fmt: skip
_KINDS = {
    "Credit Card": _Kind(
        "card",
        {
            "Name on Card": "card.holder", "Type": "card.brand",
            "Number": "card.number", "Security Code": "card.code",
            "Start Date": "card.valid_from", "Expiration Date": "card.expires",
        },
    ),
    "Address": _Kind(
        "identity",
        _ADDRESS,
        ("Gender", "County", "Timezone", "Evening Phone", "Mobile Phone", "Fax"),
    ),
    "SSH Key": _Kind(
        "ssh-key",
        {
            "Private Key": "ssh.private_key", "Public Key": "ssh.public_key",
            "Passphrase": "ssh.passphrase",
        },
        ("Bit Strength", "Format", "Hostname", "Date"),
    ),
    "Social Security": _Kind(
        "identity", {"Name": "identity.full_name", "Number": "identity.ssn"}
    ),
    "Passport": _Kind(
        "identity",
        {
            "Name": "identity.full_name", "Number": "identity.passport_number",
            "Date of Birth": "identity.birth_date",
        },
        ("Type", "Country", "Sex", "Nationality", "Issuing Authority", "Issued Date",
         "Expiration Date"),
    ),
    "Driver's License": _Kind(
        "identity",
        {
            "Number": "identity.licence_number", "Name": "identity.full_name",
            "Address": "identity.address1", "City / Town": "identity.city",
            "State": "identity.state", "ZIP / Postal Code": "identity.postal_code",
            "Country": "identity.country", "Date of Birth": "identity.birth_date",
        },
        ("Expiration Date", "License Class", "Sex", "Height"),
    ),
}  # fmt: skip


def type_of_note(text: str) -> str | None:
    """Return which of our types the note *text* is, or None where it has no kind."""
    lines = _fields(text)
    return None if lines is None else _kind(lines).type


def take_note(made: ItemBuilder, text: str) -> None:
    """Give *made* what the note *text* says; as one text where it has no kind."""
    lines = _fields(text)
    if lines is None:
        made.set("notes", text)
        return
    kind = _kind(lines)
    made.set("category", lines.pop("NoteType"))
    for name, value in lines.items():
        if value.strip(",") == "":
            continue  # how a date is written that was never chosen
        target = "notes" if name == _LAST else kind.fields.get(name, "")
        if not (target and _set(made, target, name, value)):
            made.custom(name, value, hidden=name not in _OPEN)
    private = lines.get("Private Key")
    if kind.type == "ssh-key" and private:
        add_public_half(made, SecretText(private))


def _kind(lines: Mapping[str, str]) -> _Kind:
    return _KINDS.get(lines["NoteType"], _Kind("note"))


def _fields(text: str) -> dict[str, str] | None:
    """Return names and values; None where the text is not put together so."""
    head, _, rest = text.partition("\n")
    found = {"NoteType": head.removeprefix(_HEAD).strip()}
    if not head.startswith(_HEAD) or not found["NoteType"]:
        return None
    known = _KINDS.get(found["NoteType"])
    names = {"Language", _LAST, *(known.fields if known else ()), *_others(known)}
    last = ""
    for line in rest.split("\n"):
        begun = _LINE.fullmatch(line)
        begins = (
            last != _LAST
            and begun is not None
            and begun[1] not in found
            and (known is None or begun[1] in names)
        )
        if begins and begun is not None:
            last = begun[1]
            found[last] = begun[2]
        elif last and (known is not None or last == _LAST):
            found[last] += "\n" + line
        elif line:
            return None  # whose line this is cannot be told: it stays one text
    if len(found) > _MOST:
        return None
    return {
        name: value if name == _LAST else value.removesuffix("\r")
        for name, value in found.items()
    }


def _others(kind: _Kind | None) -> tuple[str, ...]:
    return () if kind is None else kind.others


def _set(made: ItemBuilder, target: str, name: str, value: str) -> bool:
    """Set a field of ours, or return False: the value does not fit it."""
    special = _SPECIAL.get(target)
    if special is not None:
        return special(made, name, value)
    made.set(target, value)
    return True


def _valid_from(made: ItemBuilder, _name: str, value: str) -> bool:
    month, _, year = value.partition(",")
    if month not in _MONTHS or not re.fullmatch("[0-9]{4}", year):
        return False
    made.set("card.valid_from", f"{year}-{_MONTHS[month]:02}")
    return True


def _expires(made: ItemBuilder, _name: str, value: str) -> bool:
    month, _, year = value.partition(",")
    if month not in _MONTHS or not re.fullmatch("[0-9]{4}", year):
        return False
    made.set("card.exp_month", str(_MONTHS[month]))
    made.set("card.exp_year", year)
    return True


def _birth_date(made: ItemBuilder, _name: str, value: str) -> bool:
    month, day, year = [*value.split(","), "", "", ""][:3]
    try:
        born = date(int(year), _MONTHS[month], int(day))
    except (KeyError, ValueError, OverflowError):
        return False
    made.set("identity.birth_date", born.isoformat())
    return value.count(",") == 2


def _phone(made: ItemBuilder, name: str, value: str) -> bool:
    """Set the number of `{"num": ..., "ext": ..., "cc3l": ...}`; the rest stays."""
    try:
        parts = json.loads(value)
    except (ValueError, RecursionError):
        parts = value
    if isinstance(parts, str):
        made.set("identity.phone", value)
        return True
    if not isinstance(parts, dict) or not all(
        isinstance(each, str) for each in parts.values()
    ):
        return False
    made.set("identity.phone", parts.pop("num", None))
    for key, each in parts.items():
        made.custom(f"{name} {key}", each or None, hidden=True)
    return True


_SPECIAL: Mapping[str, Callable[[ItemBuilder, str, str], bool]] = {
    "card.valid_from": _valid_from,
    "card.expires": _expires,
    "identity.birth_date": _birth_date,
    "identity.phone": _phone,
}
