"""CSV exports: of browsers and other programs, known by their heads, and any other.

Spreadsheet formulas are text like any other here; it is on the way out that they
are dangerous (csv_out.py).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from urllib.parse import urlsplit

from clisk_vault.errors import FormatError, UnsupportedError
from clisk_vault.item_types import ITEM_TYPES, Secrecy, secrecy
from clisk_vault.transfer.bounded import decode_text, read_csv
from clisk_vault.transfer.csv_layouts import LAYOUTS, CsvLayout
from clisk_vault.transfer.foreign import ItemBuilder
from clisk_vault.transfer.imported import ForeignFile, ForeignItem
from clisk_vault.transfer.lastpass_notes import take_note, type_of_note

GENERAL = "csv"
_TARGETS = (
    "title", "username", "password", "totp", "notes", "folder", "uri", "tag",
    "created", "changed", "card.holder", "card.number", "card.code", "drop", "hidden",
)  # fmt: skip
_NOTE_KINDS = {"note", "securenote", "secure note"}
_LASTPASS_NOTE = "http://sn"
_MOMENTS = {
    "created_ms": ("created", 1000), "changed_ms": ("changed", 1000),
    "used_ms": ("used", 1000),
    "created_s": ("created", 1), "changed_s": ("changed", 1),
}  # fmt: skip


def layout_of(header: Sequence[str]) -> CsvLayout | None:
    """Return whose columns these are, or None for nobody's that is known."""
    columns = {name.strip().lower() for name in header}
    for layout in LAYOUTS:
        if columns.issuperset(layout.needs):
            return layout
    return None


def general_layout(mapping: Mapping[str, str]) -> CsvLayout:
    """Return the layout that a person gave: our field by the name of a column.

    Raises:
        UnsupportedError: a field that there is not.
    """
    for field in mapping.values():
        if field not in _TARGETS and secrecy(field) is Secrecy.UNKNOWN:
            raise UnsupportedError(
                "--map: a field that there is not",
                advice=f"choose one of: {', '.join(_TARGETS)}",
            )
    hidden = [n.lower() for n, f in mapping.items() if f == "hidden"]
    columns = {n.lower(): f for n, f in mapping.items() if f != "hidden"}
    return CsvLayout(GENERAL, "CSV", columns, tuple(columns), hidden=hidden)


def read_csv_file(
    data: bytes, *, mapping: Mapping[str, str] | None = None, source: str | None = None
) -> ForeignFile:
    """Return what the CSV file *data* holds.

    Args:
        data: the file; its first row names the columns.
        mapping: our field for each column, for a file of no known program.
        source: the program it must be of; None finds out by the columns.

    Raises:
        FormatError: not CSV, or not that program's; names lines, never values.
        UnsupportedError: columns that nobody known writes, and no mapping.
        CostLimitError: too large.
    """
    rows = read_csv(decode_text(data, "CSV file"), "CSV file")
    header = [name.strip() for name in next(rows, [])]
    if not header:
        raise FormatError("CSV file: empty")
    columns = [name.lower() for name in header]
    if len(set(columns)) != len(columns):
        raise FormatError("CSV file: two columns have one name")
    layout = general_layout(mapping) if mapping else layout_of(header)
    if layout is None:
        raise UnsupportedError(
            "CSV file: columns of no program that is known",
            advice="say what they are: --map 'COLUMN=title' --map ...",
        )
    if source not in (None, GENERAL, layout.source):
        raise FormatError(f"CSV file: not one of {source}: its columns are other ones")
    missing = [name for name in layout.needs if name not in columns]
    if missing:
        raise FormatError("--map: the file has no such column")
    reader = _Rows(layout, header)
    items = tuple(reader.item(number, row) for number, row in enumerate(rows, 1))
    return ForeignFile(layout.source, items, tuple(sorted(reader.folders)))


class _Rows:
    def __init__(self, layout: CsvLayout, header: Sequence[str]) -> None:
        self._layout = layout
        self._header = header
        self._targets = [layout.columns.get(name.lower(), "") for name in header]
        self._twins: Counter[str] = Counter()
        self.folders: set[str] = set()

    def item(self, number: int, row: Sequence[str]) -> ForeignItem:
        """Return the item of one row."""
        cells = dict(zip(self._targets, row, strict=True))
        made = ItemBuilder(
            self._layout.source,
            self._kind(cells),
            cells.get("title") or _site(cells) or cells.get("username", ""),
            place=f"{self._layout.says} CSV: row {number}",
        )
        made.key = self._key(row, cells)
        for name, target, value in zip(self._header, self._targets, row, strict=True):
            if value:
                self._cell(made, name, target, value)
        if folder := cells.get("folder"):
            self.folders.add(folder)
        return made.build()

    def _kind(self, cells: Mapping[str, str]) -> str:
        kind = cells.get("kind", "login")
        if cells.get("uri") == _LASTPASS_NOTE:
            return type_of_note(cells.get("note_of_a_kind", "")) or "note"
        if kind.lower() in _NOTE_KINDS:
            return "note"
        return kind if kind in ITEM_TYPES else "login"

    def _key(self, row: Sequence[str], cells: Mapping[str, str]) -> str:
        """Return what tells a row from others although its password may change."""
        for name, value in zip(self._header, row, strict=True):
            if value and name.lower() == self._layout.key:
                return value
        parts = [cells.get(each, "") for each in ("title", "uri", "uris", "username")]
        spelt = "\0".join(parts)
        self._twins[spelt] += 1
        return f"{spelt}\0{self._twins[spelt]}"

    def _cell(self, made: ItemBuilder, name: str, target: str, value: str) -> None:
        if target in _TAKERS:
            _TAKERS[target](made, name, value)
        elif target in _MOMENTS:
            self._moment(made, name, target, value)
        elif target.startswith("flag:"):
            _flag(made, target.removeprefix("flag:"), name, value)
        elif target:
            made.set(target, value)
        else:
            made.custom(name, value, hidden=name.lower() in self._layout.hidden)

    def _moment(self, made: ItemBuilder, name: str, target: str, value: str) -> None:
        field, unit = _MOMENTS[target]
        if value.isdecimal() and len(value) <= 16:
            made.time(field, int(value) / unit)
        if not made.has(field):
            made.custom(name, value)


def _flag(made: ItemBuilder, field: str, name: str, value: str) -> None:
    if value.lower() in ("1", "true", "yes"):
        made.flag(field, on=True)
    elif field == "archived" and value[:4].isdecimal():
        made.flag(field, on=True)
        made.custom(name, value)
    elif value.lower() not in ("0", "false", "no"):
        made.custom(name, value)


def _lines(made: ItemBuilder, _name: str, value: str) -> None:
    """Keep Bitwarden's custom fields, one a line; which were hidden is not said."""
    name, text = "", ""
    for line in value.split("\n"):
        head, colon, rest = line.partition(": ")
        if colon and name:
            made.custom(name, text, hidden=True)
        if colon:
            name, text = head, rest
        else:
            text = f"{text}\n{line}" if name or text else line
    if name or text:
        made.custom(name or "fields", text, hidden=True)


def _note_of_a_kind(made: ItemBuilder, _name: str, value: str) -> None:
    if made.type == "login":
        made.set("notes", value)
    else:
        take_note(made, value)


def _nothing(_made: ItemBuilder, _name: str, _value: str) -> None:
    """Take what another place has already."""


def _uri(made: ItemBuilder, _name: str, value: str) -> None:
    if value != _LASTPASS_NOTE:
        made.uri(value)


def _uris(made: ItemBuilder, _name: str, value: str) -> None:
    # A comma may belong to an address: only between two whole ones it parts them.
    parts = [part.strip() for part in value.split(",")]
    whole = all("://" in part for part in parts)
    for uri in parts if whole else [value]:
        made.uri(uri)


def _tags(made: ItemBuilder, _name: str, value: str) -> None:
    for tag in value.split(";" if ";" in value else ","):
        made.tag(tag.strip())


def _kind(made: ItemBuilder, name: str, value: str) -> None:
    if value not in ("login", "note"):
        made.custom(name, value)


_TAKERS: Mapping[str, Callable[[ItemBuilder, str, str], None]] = {
    "title": _nothing, "drop": _nothing, "uri": _uri, "uris": _uris, "tag": _tags,
    "tags": _tags, "kind": _kind, "lines": _lines, "note_of_a_kind": _note_of_a_kind,
}  # fmt: skip


def _site(cells: Mapping[str, str]) -> str:
    try:
        return urlsplit(cells.get("uri", "")).hostname or ""
    except ValueError:
        return ""
