"""From somebody else's objects to our fields, so that nothing is dropped on the way.

A reader *takes* what it knows out of an object; what is left over, because it is
unknown, of another type or out of range, is kept word for word with the item.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from functools import cache
from typing import Any, TypeAlias

from clisk_vault.draft import FieldValue
from clisk_vault.entry import MAX_VALUE_BYTES
from clisk_vault.errors import FormatError
from clisk_vault.item import TRUE
from clisk_vault.item_types import Secrecy, element_field, secrecy, split_element
from clisk_vault.keys import SecretText
from clisk_vault.moment import spell_moment
from clisk_vault.primitives import sha256
from clisk_vault.transfer.imported import Attached, ForeignItem

Fields: TypeAlias = dict[str, FieldValue]
Leftovers: TypeAlias = dict[str, Any]

# At four bytes a character still within the limit of a value.
_EXTRA_CHARS = 10_000
_MAX_TEXT_BYTES = MAX_VALUE_BYTES - 512
_NOT_IN_NAMES = frozenset("/\\\0\n")
_MAX_NAME_CHARS = 255
_EMPTY: tuple[object, ...] = (None, "", {}, [])


class Taken:
    """An object of a file, and what of it has found no place yet."""

    def __init__(self, value: Mapping[str, object]) -> None:
        self._rest = dict(value)
        self._inner: dict[str, Taken | list[Taken]] = {}

    def text(self, key: str) -> str | None:
        """Take the text at *key*, or None where there is none."""
        value = self._rest.get(key)
        if not isinstance(value, str):
            return None
        del self._rest[key]
        return value

    def number(self, key: str) -> int | None:
        """Take the whole number at *key*."""
        if type(self._rest.get(key)) is int:
            return int(str(self._rest.pop(key)))
        return None

    def flag(self, key: str) -> bool:
        """Take the truth at *key*; what is not there is false."""
        return (
            self._rest.pop(key) is True if type(self._rest.get(key)) is bool else False
        )

    def drop(self, *keys: str) -> None:
        """Take what says nothing of its own."""
        for key in keys:
            self._rest.pop(key, None)

    def object(self, key: str) -> Taken:
        """Take the object at *key*, an empty one where there is none."""
        value = self._rest.get(key)
        if not isinstance(value, dict):
            return Taken({})
        del self._rest[key]
        inner = Taken(value)
        self._inner[key] = inner
        return inner

    def objects(self, key: str) -> list[Taken]:
        """Take the list of objects at *key*; one that holds anything else stays."""
        value = self._rest.get(key)
        if isinstance(value, list) and all(isinstance(each, dict) for each in value):
            inner = [Taken(each) for each in value]
            self._rest.pop(key)
            self._inner[key] = inner
            return inner
        return []

    def texts(self, key: str) -> list[str]:
        """Take the list of texts at *key*; one that holds anything else stays."""
        value = self._rest.get(key)
        if isinstance(value, list) and all(isinstance(each, str) for each in value):
            self._rest.pop(key)
            return list(value)
        return []

    def left(self) -> Leftovers:
        """Return what nobody took; what is empty says nothing."""
        rest: Leftovers = {k: v for k, v in self._rest.items() if v not in _EMPTY}
        for key, inner in self._inner.items():
            if isinstance(inner, Taken):
                part = inner.left()
            else:
                part = {str(n): left for n, e in enumerate(inner) if (left := e.left())}
            if part:
                rest[key] = part
        return rest


class ItemBuilder:
    """Gathers the fields of one item, in our names."""

    def __init__(self, source: str, kind: str, title: str, *, place: str) -> None:
        self._source = source
        self._place = place
        self._fields: Fields = {"type": kind, "title": title, "origin": source}
        self._rows: dict[str, list[dict[str, FieldValue]]] = {}
        self._ours: dict[tuple[str, str], dict[str, FieldValue]] = {}
        self._aside: Leftovers = {}
        self._attached: list[Attached] = []
        self.key: str | None = None
        self.defaults: dict[str, Mapping[str, str]] = {}
        """Parts of elements that a format leaves unsaid, by kind of element."""

    def set(self, name: str, value: str | None) -> None:
        """Give a field its value; None and nothing say nothing."""
        if not value:
            return
        spelt = _spelt(name, value)
        if spelt is None:
            self.custom(name, value)
            return
        value = spelt
        if name in self._fields and name not in ("type", "title"):
            self.custom(name, value, hidden=secrecy(name) is Secrecy.SECRET)
            return
        self._fields[name] = _valued(name, value)

    @property
    def type(self) -> str:
        """Which type of item it is to be."""
        return str(self._fields["type"])

    def has(self, name: str) -> bool:
        """Return whether the field has a value already."""
        return name in self._fields

    def flag(self, name: str, *, on: bool) -> None:
        """Set a field that is true or absent."""
        self.set(name, TRUE if on else None)

    def time(self, name: str, seconds: float | None) -> None:
        """Set a time, given in seconds since 1970."""
        self.set(name, rfc3339(seconds))

    def row(self, element: str, /, **parts: str | None) -> None:
        """Add one of the things that an item has several of."""
        row = {
            part: SecretText(value) if _is_secret(element, part) else value
            for part, value in parts.items()
            if value is not None
        }
        if row:
            self._rows.setdefault(element, []).append(row)

    def uri(self, value: str | None, match: str | None = None) -> None:
        """Add an address."""
        if value:
            self.row("uri", value=value, match=match)

    def tag(self, name: str | None) -> None:
        """Add a tag."""
        if name:
            self.row("tag", name=name)

    def custom(
        self,
        name: str,
        value: str | None,
        *,
        hidden: bool = False,
        section: str | None = None,
        spelling: str | None = None,
    ) -> None:
        """Keep a value that has no field of ours as a custom field of that name."""
        if value is None:
            return
        more = {"section": section or None, "format": spelling}
        if hidden:
            self.row("custom", name=name, kind="hidden", hidden=value, **more)
        else:
            self.row("custom", name=name, kind="text", value=value, **more)

    def earlier(
        self, value: str | None, used: str | None, *, field: str | None = None
    ) -> None:
        """Keep an earlier password, or an earlier value of another *field*."""
        if value:
            self.row("history", password=value, used=used, field=field)

    def ours(self, field: str, value: str) -> bool:
        """Take a field of ours that an export of ours wrote; False where it is none."""
        parts = split_element(field)
        if parts is None:
            if secrecy(field) is Secrecy.UNKNOWN:
                return False
            spelt = _spelt(field, value)
            if spelt is None:
                return False
            self._fields[field] = _valued(field, spelt)
            return True
        kind, element, part = parts
        self._ours.setdefault((kind, element), {})[part] = _valued(field, value)
        return True

    def attach(self, name: str, data: bytes) -> None:
        """Keep a file."""
        clean = "".join("_" if sign in _NOT_IN_NAMES else sign for sign in name)
        if clean != name:
            self._aside[f"name of the file {len(self._attached)}"] = name
        self._attached.append(Attached(clean[-_MAX_NAME_CHARS:] or "file", data))

    def aside(self, rest: Leftovers) -> None:
        """Keep word for word what has no place at all."""
        self._aside.update(rest)

    def build(self) -> ForeignItem:
        """Return the item."""
        rest = dict(self._aside)
        for name in [n for n, v in self._fields.items() if _too_long(v)]:
            rest[name] = _exposed(self._fields.pop(name))
        for (kind, element), row in sorted(self._ours.items(), key=lambda p: p[0]):
            rows, place = self._rows.setdefault(kind, []), int(element, 16)
            # Parts of an element whose other parts had a place of their own.
            if place < len(rows) and not rows[place].keys() & row.keys():
                rows[place].update(row)
            else:
                rows.append(row)
        for kind, parts in self.defaults.items():
            for row in self._rows.get(kind, []):
                row.update({k: v for k, v in parts.items() if k not in row})
        fields = dict(self._fields)
        if "title" not in fields:
            fields["title"] = _exposed(rest["title"])[:200]
        for kind, rows in self._rows.items():
            for number, row in enumerate(rows):
                long = [part for part, value in row.items() if _too_long(value)]
                for part in long:
                    rest[f"{kind}.{number}.{part}"] = _exposed(row.pop(part))
            fields |= _numbered(kind, rows)
        fields |= extra_fields(self._source, rest)
        return ForeignItem(
            key=self.key,
            place=self._place,
            fields=fields,
            kept_aside=tuple(sorted(rest)),
            attached=tuple(self._attached),
        )


def add_public_half(made: ItemBuilder, private: SecretText) -> None:
    """Say of a private key what it shows in the open, where the source does not.

    The SSH agent finds a key by it. One that cannot be read here is kept all the same.
    """
    if made.has("ssh.public_key"):
        return
    # Late: most files hold no keys.
    from clisk_vault.ssh_key import fingerprint, public_half

    with suppress(FormatError):
        line = public_half(private, None)
        made.set("ssh.public_key", line)
        if not made.has("ssh.fingerprint"):
            made.set("ssh.fingerprint", fingerprint(line))
        if not made.has("ssh.key_type"):
            made.set("ssh.key_type", line.split()[0])


def _numbered(kind: str, rows: list[dict[str, FieldValue]]) -> Fields:
    if kind == "history":
        return history_fields(rows)
    return element_rows(kind, rows)


def element_rows(kind: str, rows: Iterable[Mapping[str, FieldValue]]) -> Fields:
    """Return the fields of *rows*; ids are places: the same in every import."""
    return {
        element_field(kind, f"{number:08x}", part): value
        for number, row in enumerate(rows)
        for part, value in row.items()
    }


def history_fields(rows: Iterable[Mapping[str, FieldValue]]) -> Fields:
    """Return earlier passwords, each under an id of its own date.

    So a newer export, whose list has moved on, adds what is new and leaves the rest.
    """
    fields: Fields = {}
    times: dict[str, int] = {}
    for row in rows:
        used = _exposed(row.get("used", ""))
        times[used] = times.get(used, 0) + 1
        element = sha256(f"{used} {times[used]}".encode())[:4].hex()
        for part, value in row.items():
            fields[element_field("history", element, part)] = value
    return fields


def extra_fields(source: str, rest: Leftovers) -> Fields:
    """Return the hidden elements that keep *rest* word for word, as JSON."""
    if not rest:
        return {}
    text = json.dumps(rest, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    # In parts, because a single value has a limit.
    parts = [text[at : at + _EXTRA_CHARS] for at in range(0, len(text), _EXTRA_CHARS)]
    return element_rows(
        "extra", ({"source": source, "data": SecretText(part)} for part in parts)
    )


def rfc3339(seconds: float | None) -> str | None:
    """Return a time as RFC 3339 has it, or None for one that no calendar has."""
    if seconds is None or seconds <= 0:
        return None
    try:
        moment = datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def pairs(value: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    """Yield names and values of an object as texts; nothing empty."""
    for key, each in value.items():
        if each not in _EMPTY:
            yield (
                key,
                each if isinstance(each, str) else json.dumps(each, ensure_ascii=False),
            )


@cache
def _is_secret(element: str, part: str) -> bool:
    return secrecy(element_field(element, "00000000", part)) is Secrecy.SECRET


def _valued(name: str, value: str) -> FieldValue:
    return SecretText(value) if secrecy(name) is Secrecy.SECRET else value


def _spelt(name: str, value: str) -> str | None:
    """Return *value* as the field has it, or None where it can have no such value."""
    if name != "expires":
        return value
    try:
        return spell_moment(value)
    except FormatError:
        return None


def _exposed(value: FieldValue) -> str:
    return value if isinstance(value, str) else value.expose()


def _too_long(value: FieldValue) -> bool:
    text = _exposed(value)
    return len(text) * 4 > _MAX_TEXT_BYTES and len(text.encode("utf-8", "replace")) > (
        _MAX_TEXT_BYTES
    )
