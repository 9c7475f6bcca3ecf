"""What a device that is gone can have read: the list of passwords to change.

Every item that was in the vault, for every member can read all of it. Which of
them it did read its own access log tells, as far as that has come here with the sync.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from clisk_vault.access_record import AccessRecord, Outcome
from clisk_vault.ids import DeviceId, ItemId
from clisk_vault.item import ItemView
from clisk_vault.item_types import split_element
from clisk_vault.log_view import LogView
from clisk_vault.overview import ItemOverview
from clisk_vault.vault import Vault
from clisk_vault.versions import FieldView

# What opens most to whoever has it comes first; other types come last.
_WORST_FIRST: Final = ("login", "ssh-key", "card", "identity", "note")
# Secret, but beside what an item opens: they stay when its password is changed.
_BESIDE: Final = frozenset({"notes", "attachment", "extra", "history"})


@dataclass(frozen=True, slots=True)
class Exposed:
    """An item that a device could read; how often, and when last, it did."""

    overview: ItemOverview
    reads: int
    last_read_ms: int | None


@dataclass(frozen=True, slots=True)
class Exposure:
    """*items* worst first; *known_ms*: up to when the device's log is here, if any."""

    items: tuple[Exposed, ...]
    known_ms: int | None


def exposure_of(vault: Vault, device: DeviceId) -> Exposure:
    """Return what *device* could read and did read, by its own log.

    What cannot be trusted in that log does not count as read, nor ends the list.
    """
    own = device == vault.device_id
    logs: list[LogView] = (
        [*vault.log.earlier(), vault.log] if own else vault.witness.logs(device)
    )
    records: list[AccessRecord] = []
    known_ms: int | None = None
    for log in logs:
        for entry in log.readable():
            content = entry.content
            if content is None:  # erased by the device's retention policy
                continue
            known_ms = max(known_ms or 0, content.time_ms)
            if isinstance(content, AccessRecord):
                records.append(content)
    return Exposure(tuple(rank(vault.overviews(), records)), known_ms)


def rank(
    overviews: Iterable[ItemOverview], records: Iterable[AccessRecord]
) -> list[Exposed]:
    """Return *overviews*, what was read first, then by what they open."""
    times: dict[ItemId, list[int]] = {}
    for record in records:
        if record.item is not None and record.outcome is Outcome.GRANTED:
            times.setdefault(record.item, []).append(record.time_ms)
    found = [_exposed(each, times) for each in overviews]
    return sorted(found, key=_badness)


def changed_since(view: ItemView, device: DeviceId, when_ms: int) -> bool:
    """Return whether *device* knows none of an item's secrets as they are since then.

    All of them, for each may open something. One that was brought back is as old as
    its value; what *device* wrote itself it knows, whatever time that bears. Of an
    item without secrets any edit counts.
    """
    secret = [each for each in view.fields.values() if each.secret]
    opening = [each for each in secret if _kind(each) not in _BESIDE]
    if not secret:
        return view.changed_ms > when_ms
    sources = [each.current.source for each in opening or secret]
    return all(each.time_ms > when_ms and each.device != device for each in sources)


def _kind(field: FieldView) -> str:
    element = split_element(field.name)
    return field.name if element is None else element[0]


def _exposed(overview: ItemOverview, times: Mapping[ItemId, list[int]]) -> Exposed:
    read = times.get(overview.item, [])
    return Exposed(overview, len(read), max(read, default=None))


def _badness(exposed: Exposed) -> tuple[bool, bool, int, int, str, bytes]:
    overview = exposed.overview
    known = overview.type in _WORST_FIRST
    kind = _WORST_FIRST.index(overview.type) if known else len(_WORST_FIRST)
    title = overview.title.casefold()
    unread = exposed.reads == 0
    return unread, overview.trashed, kind, -exposed.reads, title, overview.item
