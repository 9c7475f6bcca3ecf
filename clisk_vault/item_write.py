"""The entries that a write adds to an item, with what it says it has seen.

Spec: protocol/item.md §6.4.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from clisk_vault.change_chunk import (
    HASH_BYTES,
    MAX_CHANGE_BYTES,
    MAX_DEPS,
)
from clisk_vault.entry import (
    Entries,
    EntryKey,
    EntryValue,
    Role,
    check_field,
    value_bytes,
)
from clisk_vault.errors import CallerError, FormatError
from clisk_vault.hlc import HybridClock, Stamp
from clisk_vault.item import ItemView

# Lengths and kinds of one entry in the columns, and everything but the entries.
_ENTRY_OVERHEAD = 16
# Keys alone fill this long before a change has its 1,024 entries.
_ROOM = MAX_CHANGE_BYTES - MAX_DEPS * HASH_BYTES


def next_stamp(view: ItemView, clock: HybridClock) -> Stamp:
    """Return the stamp of the next write to the item: one for all its fields."""
    return clock.tick(after=view.newest_stamp(clock.device))


def compose(
    view: ItemView, stamp: Stamp, values: Mapping[str, EntryValue]
) -> dict[str, EntryValue]:
    """Return the entries that give fields new *values*, superseding what stands.

    Values are text, what field_seal.seal_field() returned for this very stamp,
    or REMOVED. *stamp* comes from next_stamp() of the same view.

    Raises:
        CallerError: a name that is no field's.
    """
    entries: dict[str, EntryValue] = {}
    for field, value in values.items():
        _check_name(field)
        entries[str(EntryKey(field, Role.VALUE, stamp))] = value
        entries.update(_seen(view, field, stamp))
    return entries


def choose(
    view: ItemView, stamp: Stamp, field: str, version: Stamp
) -> dict[str, EntryValue]:
    """Return the entries that make *version* of *field* the current one again.

    So a conflict is settled and an old value restored without opening a seal:
    the new version names the old one's value.

    Raises:
        CallerError: the field has no such version.
    """
    found = view.fields.get(field)
    chosen = [v for v in found.versions if v.stamp == version] if found else []
    if not chosen:
        raise CallerError(
            "choose: the field has no such version",
            advice="look at: clisk history ITEM, or clisk conflicts",
        )
    return {
        str(EntryKey(field, Role.SAME, stamp)): str(chosen[0].source),
        **_seen(view, field, stamp),
    }


def in_changes(entries: Entries) -> Iterator[dict[str, EntryValue]]:
    """Yield *entries* in parts, each small enough for one change.

    What is written at once stays in order, so the parts of a field keep together.
    """
    part: dict[str, EntryValue] = {}
    size = 0
    for key in sorted(entries):
        cost = len(key) + len(value_bytes(entries[key])) + _ENTRY_OVERHEAD
        if part and size + cost > _ROOM:
            yield part
            part, size = {}, 0
        part[key] = entries[key]
        size += cost
    if part:
        yield part


def _seen(view: ItemView, field: str, stamp: Stamp) -> dict[str, EntryValue]:
    found = view.fields.get(field)
    seen = found.seen_by(stamp.device) if found else None
    return {} if seen is None else {str(EntryKey(field, Role.SEEN, stamp)): seen}


def _check_name(field: str) -> None:
    try:
        check_field(field)
    except FormatError as err:
        raise CallerError(f"write: {err}") from None
