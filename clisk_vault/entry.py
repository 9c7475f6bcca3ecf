"""The entries of a document: write-once keys `<field>/<stamp>` and their values.

Knows the grammar and who may write what, and nothing of items or of automerge.

Spec: protocol/item.md §2. Vectors: item/entry-*.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import Enum
from functools import lru_cache
from typing import NamedTuple, TypeAlias

from clisk_vault.errors import FormatError
from clisk_vault.hlc import STAMP_CHARS, Stamp, parse_stamp
from clisk_vault.ids import DeviceId
from clisk_vault.item_types import Secrecy, secrecy

EntryValue: TypeAlias = str | bytes
Entries: TypeAlias = Mapping[str, EntryValue]

REMOVED = b""
"""The value of a field that was taken away. No sealed value is empty."""
MAX_VALUE_BYTES = 48 * 1024
MAX_FIELD_CHARS = 64
MAX_SEEN = 512
"""Versions that one write names as seen: far more than a vault has devices."""

_FIELD = re.compile(r"[a-z][a-z0-9_-]*(?:\.[a-z0-9_-]+)*", re.ASCII)


class Role(Enum):
    """What an entry says about the version of its field that its stamp names."""

    VALUE = ""
    SAME = "~same"
    SEEN = "~seen"


_ROLES = {role.value: role for role in Role}


class EntryKey(NamedTuple):
    """The parsed form of an entry's key."""

    field: str
    role: Role
    stamp: Stamp

    def __str__(self) -> str:
        return f"{self.field}{self.role.value}/{self.stamp}"


def value_key(field: str, stamp: Stamp) -> str:
    """Return the key under which the value of *field* written at *stamp* stands."""
    return f"{field}/{stamp}"


@lru_cache(maxsize=1024)  # items share most of their field names
def check_field(field: str) -> None:
    """Refuse what is no field name.

    Raises:
        FormatError: not dot-separated lower-case parts, or longer than 64.
    """
    if len(field) > MAX_FIELD_CHARS or _FIELD.fullmatch(field) is None:
        raise FormatError("entry: not a field name")


@lru_cache(maxsize=4096)  # a write reads the keys of its item several times
def parse_key(text: str) -> EntryKey:
    """Return the parts of an entry's key.

    Raises:
        FormatError: not `<field>[~seen|~same]/<stamp>`.
    """
    name, slash, stamp = (
        text[: -STAMP_CHARS - 1],
        text[-STAMP_CHARS - 1 : -STAMP_CHARS],
        text[-STAMP_CHARS:],
    )
    if slash != "/":
        raise FormatError("entry: key is not a field and a stamp")
    field, mark, role = name.partition("~")
    known_role = _ROLES.get(mark + role)
    if known_role is None:
        raise FormatError("entry: key has an unknown role")
    check_field(field)
    return EntryKey(field, known_role, parse_stamp(stamp))


def check_entries(entries: Entries, *, author: DeviceId) -> None:
    """Refuse entries that *author* may not write, or nobody may.

    Raises:
        FormatError: a key outside the grammar or of another device, a value of
            the wrong kind or size, or a secret in the clear.
    """
    for text, value in entries.items():
        key = parse_key(text)
        if key.stamp.device != author:
            raise FormatError("entry: stamped by a device that is not the author")
        _check_value(key, value)


def value_bytes(value: EntryValue) -> bytes:
    """Return the bytes of a value, as a change carries them."""
    return value if isinstance(value, bytes) else value.encode()


def _check_value(key: EntryKey, value: EntryValue) -> None:
    size = len(value_bytes(value))
    if size > MAX_VALUE_BYTES:
        raise FormatError(f"entry: {size} bytes, at most {MAX_VALUE_BYTES} allowed")
    if key.role is Role.SEEN:
        parse_seen(value)
    elif key.role is Role.SAME:
        parse_same(value)
    else:
        _check_secrecy(key.field, value)


def _check_secrecy(field: str, value: EntryValue) -> None:
    wanted = secrecy(field)
    if wanted is Secrecy.SECRET and isinstance(value, str):
        raise FormatError("entry: a secret field in the clear")
    if wanted is Secrecy.CLEAR and value != REMOVED and isinstance(value, bytes):
        raise FormatError("entry: a clear field that is sealed")


def write_seen(stamps: list[Stamp]) -> str:
    """Return the value of a `~seen` entry: *stamps* sorted, one a device."""
    return " ".join(str(stamp) for stamp in sorted(stamps))


def parse_seen(value: EntryValue) -> list[Stamp]:
    """Return the stamps that a `~seen` entry names.

    Raises:
        FormatError: not 1 to 512 stamps in ascending order, one a device.
    """
    if not isinstance(value, str) or len(value) >= MAX_SEEN * (STAMP_CHARS + 1):
        raise FormatError("entry: not a list of stamps, or too long a one")
    stamps = [parse_stamp(text) for text in value.split(" ")]
    if len({stamp.device for stamp in stamps}) < len(stamps):
        raise FormatError("entry: two stamps of one device in a list")
    if stamps != sorted(stamps):
        raise FormatError("entry: stamps out of order")
    return stamps


def parse_same(value: EntryValue) -> Stamp:
    """Return the stamp whose value a `~same` entry takes over.

    Raises:
        FormatError: not one stamp.
    """
    if not isinstance(value, str):
        raise FormatError("entry: not a stamp")
    return parse_stamp(value)
