"""KeePass databases opened and made: the home of pykeepass, an optional extra (GPL).

What comes out is a tree of our own plain objects; keepass_items.py knows what
becomes of them.
"""

from __future__ import annotations

import base64
import binascii
import io
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias

from clisk_vault.errors import FormatError, UnsupportedError
from clisk_vault.keys import SecretText
from clisk_vault.transfer.bounded import MAX_BYTES, check_size
from clisk_vault.transfer.file_secrets import FilePasswordError, FileSecrets, needed
from clisk_vault.transfer.keepass_header import WHAT, KdbxHeader, check_header

# An element of lxml's, which ships no types.
Element: TypeAlias = Any
_EPOCH = datetime(1, 1, 1, tzinfo=UTC)
_NO_UUID = "AAAAAAAAAAAAAAAAAAAAAA=="


@dataclass(frozen=True, slots=True)
class KeePassString:
    """One string of an entry."""

    value: str = field(repr=False)
    protected: bool


@dataclass(slots=True)
class KeePassEntry:
    """One entry, or one earlier state of it."""

    uuid: str = ""
    strings: dict[str, KeePassString] = field(default_factory=dict, repr=False)
    tags: tuple[str, ...] = ()
    times: dict[str, str] = field(default_factory=dict)
    """RFC 3339, by KeePass's names: CreationTime, LastModificationTime, ..."""
    binaries: list[tuple[str, bytes]] = field(default_factory=list, repr=False)
    history: list[KeePassEntry] = field(default_factory=list, repr=False)
    others: dict[str, str] = field(default_factory=dict, repr=False)
    """Everything else that says something: icon, auto-type, colours, plugin data."""
    expires: bool = False


@dataclass(slots=True)
class KeePassGroup:
    """A group by its path, with the entries in it."""

    path: tuple[str, ...]
    recycled: bool
    entries: list[KeePassEntry]
    notes: str = field(default="", repr=False)


def pykeepass() -> Any:
    """Return the library.

    Raises:
        UnsupportedError: it is not installed.
    """
    try:
        import pykeepass as library
    except ImportError:
        raise UnsupportedError(
            "KeePass files need an extra part, which is not installed",
            advice="pip install 'clisk-vault[keepass]'  (pykeepass, GPL-3.0)",
        ) from None
    return library


def open_database(data: bytes, secrets: FileSecrets) -> list[KeePassGroup]:
    """Return the groups of the database *data*, in their order.

    Raises:
        FilePasswordNeeded, FilePasswordError: no password, or not the right one.
        CostLimitError: it asks for more work than is allowed; none was done.
        FormatError, UnsupportedError: not a KeePass database that is known.
    """
    check_size(data, WHAT, at_most=MAX_BYTES)
    header = check_header(data)
    library = pykeepass()
    password = secrets.password
    if secrets.key_file is None:
        password = needed(password, WHAT)
    key_file = None if secrets.key_file is None else io.BytesIO(secrets.key_file)
    try:
        opened = library.PyKeePass(
            io.BytesIO(data),
            password=password.expose() if password else None,
            keyfile=key_file,
        )
    except library.exceptions.CredentialsError:
        raise FilePasswordError(
            f"{WHAT}: the password or key file does not open it"
        ) from None
    except MemoryError:
        raise
    except Exception as err:  # noqa: BLE001 - construct, lxml and zlib each have trees of their own
        # From None: what lxml quotes is the inside of the file.
        raise FormatError(
            f"{WHAT}: damaged, or cut short ({type(err).__name__})"
        ) from None
    if opened.tree.docinfo.doctype:
        raise FormatError(f"{WHAT}: declares a document type, as no KeePass does")
    return list(_Reader(opened, header).groups())


class _Reader:
    def __init__(self, opened: Any, header: KdbxHeader) -> None:
        self._tree = opened.tree
        self._binaries: list[bytes] = list(opened.binaries)
        self._header = header
        meta = self._tree.find("Meta")
        on = "" if meta is None else (meta.findtext("RecycleBinEnabled") or "")
        bin_id = "" if meta is None else (meta.findtext("RecycleBinUUID") or "")
        self._bin = bin_id if on == "True" and bin_id != _NO_UUID else None

    def groups(self) -> Iterator[KeePassGroup]:
        root = self._tree.find("Root/Group")
        if root is None:
            raise FormatError(f"{WHAT}: without a group")
        # A list and not a recursion: groups may be nested as deep as somebody likes.
        waiting: list[tuple[Element, tuple[str, ...], bool]] = [(root, (), False)]
        while waiting:
            group, path, recycled = waiting.pop()
            recycled = recycled or group.findtext("UUID") == self._bin
            yield KeePassGroup(
                path,
                recycled,
                [self._entry(each) for each in group.findall("Entry")],
                group.findtext("Notes") or "",
            )
            waiting += [
                (inner, (*path, inner.findtext("Name") or ""), recycled)
                for inner in reversed(group.findall("Group"))
            ]

    def _entry(self, element: Element) -> KeePassEntry:
        entry = KeePassEntry()
        for child in element:
            tag = child.tag if isinstance(child.tag, str) else ""
            reader = getattr(self, f"_read_{tag.lower()}", None)
            if reader is not None:
                reader(entry, child)
            elif tag:
                self._read_other(entry, tag, child)
        return entry

    def _read_uuid(self, entry: KeePassEntry, element: Element) -> None:
        entry.uuid = element.text or ""

    def _read_string(self, entry: KeePassEntry, element: Element) -> None:
        value = element.find("Value")
        if value is None:
            return
        protected = "True" in (value.get("Protected"), value.get("ProtectInMemory"))
        entry.strings[element.findtext("Key") or ""] = KeePassString(
            value.text or "", protected
        )

    def _read_tags(self, entry: KeePassEntry, element: Element) -> None:
        text = (element.text or "").replace(",", ";")
        entry.tags = tuple(tag.strip() for tag in text.split(";") if tag.strip())

    def _read_times(self, entry: KeePassEntry, element: Element) -> None:
        entry.expires = element.findtext("Expires") == "True"
        for child in element:
            if str(child.tag).endswith("Time") and child.text:
                moment = _moment(child.text)
                if moment:
                    entry.times[str(child.tag)] = moment

    def _read_binary(self, entry: KeePassEntry, element: Element) -> None:
        value = element.find("Value")
        name = element.findtext("Key") or "attachment"
        if value is None:
            return
        reference = value.get("Ref")
        if reference is None:
            entry.binaries.append((name, _base64(value.text or "")))
            return
        number = int(reference) if reference.isdecimal() else -1
        if not 0 <= number < len(self._binaries):
            raise FormatError(f"{WHAT}: an entry names a file that is not there")
        entry.binaries.append((name, self._binaries[number]))

    def _read_history(self, entry: KeePassEntry, element: Element) -> None:
        entry.history = [self._entry(each) for each in element.findall("Entry")]

    def _read_iconid(self, entry: KeePassEntry, element: Element) -> None:
        if element.text not in (None, "", "0"):
            entry.others["IconID"] = element.text

    def _read_qualitycheck(self, entry: KeePassEntry, element: Element) -> None:
        if element.text == "False":
            entry.others["QualityCheck"] = "False"

    def _read_autotype(self, entry: KeePassEntry, element: Element) -> None:
        if element.findtext("Enabled") == "False":
            entry.others["AutoType"] = "off"
        sequence = element.findtext("DefaultSequence")
        if sequence:
            entry.others["AutoType sequence"] = sequence
        for number, each in enumerate(element.findall("Association")):
            window = each.findtext("Window") or ""
            keys = each.findtext("KeystrokeSequence") or ""
            entry.others[f"AutoType window {number + 1}"] = f"{window} {keys}".strip()

    def _read_customdata(self, entry: KeePassEntry, element: Element) -> None:
        for each in element.findall("Item"):
            name = each.findtext("Key") or ""
            if name != "_LAST_MODIFIED":
                entry.others[f"plugin: {name}"] = each.findtext("Value") or ""

    def _read_other(self, entry: KeePassEntry, tag: str, element: Element) -> None:
        if element.text and element.text.strip() and element.text != _NO_UUID:
            entry.others[tag] = element.text


def _base64(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=False)
    except (binascii.Error, ValueError):
        raise FormatError(f"{WHAT}: a file in it is not base64") from None


def _moment(text: str) -> str | None:
    """Return a time of KDBX 3 (ISO 8601) or 4 (seconds since year 1) as RFC 3339."""
    try:
        if "-" in text or ":" in text:
            moment = datetime.fromisoformat(text)
        else:
            seconds = int.from_bytes(_base64(text), "little")
            moment = _EPOCH + timedelta(seconds=seconds)
    except (ValueError, OverflowError, FormatError):
        return None
    if moment.tzinfo is None or moment.year < 1971:
        return None
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def write_database(
    groups: Mapping[tuple[str, ...], list[KeePassEntry]],
    password: SecretText,
    *,
    recycled: list[KeePassEntry],
) -> bytes:
    """Return a KDBX 4 database of *groups*, sealed with *password*.

    Argon2d with 64 MiB, 14 passes, 2 lanes; salts, seeds and ids are fresh.
    """
    library = pykeepass()
    from lxml import etree

    stream = io.BytesIO()
    made = library.create_database(stream, password=password.expose())
    writer = _Writer(made, etree)
    root = made.tree.find("Root/Group")
    for path in sorted(groups):
        place = writer.group(root, path)
        for entry in groups[path]:
            writer.entry(place, entry)
    if recycled:
        place = writer.group(root, ("Recycle Bin",))
        made.tree.find("Meta/RecycleBinUUID").text = place.findtext("UUID")
        for entry in recycled:
            writer.entry(place, entry)
    stream = io.BytesIO()
    made.save(stream)
    return stream.getvalue()


class _Writer:
    """Adds elements, by themselves: the library's own way searches for each."""

    def __init__(self, made: Any, etree: Any) -> None:
        self._made = made
        self._etree = etree
        self._groups: dict[tuple[str, ...], Element] = {}
        self._now = datetime.now(UTC)
        self._binaries: dict[bytes, int] = {}

    def group(self, root: Element, path: tuple[str, ...]) -> Element:
        if not path:
            return root
        known = self._groups.get(path)
        if known is None:
            above = self.group(root, path[:-1])
            known = self._etree.SubElement(above, "Group")
            self._text(known, "UUID", _new_uuid())
            self._text(known, "Name", path[-1])
            self._times(known, {})
            self._groups[path] = known
        return known

    def entry(self, group: Element, entry: KeePassEntry) -> None:
        element = self._etree.SubElement(group, "Entry")
        self._state(element, entry)
        history = self._etree.SubElement(element, "History")
        for earlier in entry.history:
            earlier.uuid = entry.uuid
            self._state(self._etree.SubElement(history, "Entry"), earlier)

    def _state(self, element: Element, entry: KeePassEntry) -> None:
        self._text(element, "UUID", entry.uuid or _new_uuid())
        self._text(element, "IconID", "0")
        self._text(element, "Tags", ";".join(entry.tags))
        self._times(element, entry.times, expires=entry.expires)
        for name, string in entry.strings.items():
            pair = self._etree.SubElement(element, "String")
            self._text(pair, "Key", name)
            value = self._text(pair, "Value", string.value)
            if string.protected:
                value.set("Protected", "True")
        for name, data in entry.binaries:
            number = self._binaries.get(data)
            if number is None:
                number = self._made.add_binary(data)
                self._binaries[data] = number
            pair = self._etree.SubElement(element, "Binary")
            self._text(pair, "Key", name)
            self._etree.SubElement(pair, "Value").set("Ref", str(number))

    def _times(
        self, element: Element, times: Mapping[str, str], *, expires: bool = False
    ) -> None:
        made = self._etree.SubElement(element, "Times")
        for name in ("LastModificationTime", "CreationTime", "LastAccessTime",
                     "ExpiryTime", "LocationChanged"):  # fmt: skip
            self._text(made, name, _kdbx_time(times.get(name), self._now))
        self._text(made, "Expires", str(expires))
        self._text(made, "UsageCount", "0")

    def _text(self, parent: Element, tag: str, text: str) -> Element:
        child = self._etree.SubElement(parent, tag)
        try:
            child.text = text
        except ValueError:
            raise FormatError(
                "KDBX export: a control character, which XML cannot hold",
                advice="take it out of the item, or export in another format",
            ) from None
        return child


def _kdbx_time(text: str | None, now: datetime) -> str:
    moment = now
    if text:
        try:
            read = datetime.fromisoformat(text)
            moment = read if read.tzinfo else now
        except ValueError:
            moment = now
    seconds = int((moment - _EPOCH).total_seconds())
    return base64.b64encode(seconds.to_bytes(8, "little")).decode()


def _new_uuid() -> str:
    return base64.b64encode(os.urandom(16)).decode()
