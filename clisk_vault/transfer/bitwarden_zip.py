"""Bitwarden's export with attachments: data.json, and attachments/<item id>/<name>.

As its clients write it since 2025; others used the item's name for its id. Bitwarden
itself takes no such zip back, so none is written here: files leave by KDBX.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import replace

from clisk_vault.transfer.bitwarden import read_export
from clisk_vault.transfer.bitwarden_json import parse_export
from clisk_vault.transfer.bounded import BoundedZip
from clisk_vault.transfer.imported import Attached, ForeignFile, ForeignItem

_DATA = "data.json"
_FOLDER = "attachments/"


def is_bitwarden_zip(archive: BoundedZip) -> bool:
    """Return whether *archive* is such an export."""
    return _DATA in archive.names()


def read_bitwarden_zip(archive: BoundedZip) -> ForeignFile:
    """Return what the export holds; raises as parse_export() and BoundedZip.

    A file whose item cannot be told, because two have one name, becomes an item
    of its own rather than a guess. A slash in a file's name, which looks like a folder
    in a zip, becomes `_`.
    """
    file = read_export(parse_export(archive.read(_DATA)))
    by_place: dict[str, list[Attached]] = defaultdict(list)
    for name in archive.names():
        place, slash, own = name.removeprefix(_FOLDER).partition("/")
        if name.startswith(_FOLDER) and slash:
            called = own.replace("/", "_")
            by_place[place].append(Attached(called, archive.read(name)))
    # Counted once: a hundred thousand items may have one title.
    titles = Counter(_title(each) for each in file.items)
    items = [_with_files(each, by_place, titles) for each in file.items]
    return replace(file, items=(*items, *map(_homeless, sorted(by_place.items()))))


def _with_files(
    item: ForeignItem,
    by_place: dict[str, list[Attached]],
    titles: Counter[str],
) -> ForeignItem:
    title = _title(item)
    attached = list(by_place.pop(item.key or "", []))
    if titles[title] == 1:
        attached += by_place.pop(title, [])
    return replace(item, attached=tuple(attached)) if attached else item


def _title(item: ForeignItem) -> str:
    return str(item.fields.get("title", ""))


def _homeless(pair: tuple[str, list[Attached]]) -> ForeignItem:
    place, attached = pair
    return ForeignItem(
        key=f"attachments:{place}",
        place="Bitwarden zip: an attachment",
        fields={"type": "note", "title": f"Attachments of {place}"},
        attached=tuple(attached),
    )
