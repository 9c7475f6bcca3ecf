"""Forgetting an item everywhere: what a purge had seen, and whether a copy goes.

Pure; purging.py does it to a vault.

Spec: protocol/item.md §9. Vectors: item/purge-*.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from clisk_vault.entry import MAX_SEEN, parse_seen, write_seen
from clisk_vault.errors import CallerError, FormatError
from clisk_vault.hlc import Stamp
from clisk_vault.ids import DeviceId, ItemId
from clisk_vault.item import ItemView

_PREFIX = "purged."
_FIELD = re.compile(r"purged\.([0-9a-f]{32})", re.ASCII)


def purge_field(item: ItemId) -> str:
    """Return the field of the settings document that says *item* is purged."""
    return _PREFIX + item.hex()


def purged_item(field: str) -> ItemId | None:
    """Return the item that *field* of the settings says is purged, or None."""
    match = _FIELD.fullmatch(field)
    return None if match is None else ItemId(bytes.fromhex(match[1]))


def spell_purge(stamps: Iterable[Stamp]) -> str:
    """Return what a purge says it has seen: the newest stamp of each device.

    Raises:
        CallerError: no stamp, or of more devices than fit.
    """
    newest = newest_of_each(stamps)
    if not 1 <= len(newest) <= MAX_SEEN - 1:
        raise CallerError("purge: an item that too many devices have written")
    return write_seen(list(newest.values()))


def seen_by_purges(settings: ItemView, item: ItemId) -> dict[DeviceId, Stamp] | None:
    """Return the newest stamps that any purge of *item* had seen; None: none is.

    What stands there and is no list of stamps says nothing: settings may hold
    what a broken device wrote.
    """
    view = settings.fields.get(purge_field(item))
    if view is None:
        return None
    seen: list[Stamp] = []
    for version in view.versions:
        try:
            seen += parse_seen(version.text or b"")
        except FormatError:
            continue
    return newest_of_each(seen) or None


def newest_of_each(stamps: Iterable[Stamp]) -> dict[DeviceId, Stamp]:
    """Return the newest of *stamps* of each device."""
    newest: dict[DeviceId, Stamp] = {}
    for stamp in stamps:
        newest[stamp.device] = max(newest.get(stamp.device, stamp), stamp)
    return newest


def covers(seen: dict[DeviceId, Stamp], stamps: Iterable[Stamp]) -> bool:
    """Return whether a purge that had *seen* these knew of all of *stamps*."""
    return all(stamp.device in seen and stamp <= seen[stamp.device] for stamp in stamps)
