"""What a device that is gone can have read: the list of passwords to change.

Every item that was in the vault, for every member can read all of it. Which of
them it did read only its own access log tells, and that is not here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from clisk_vault.access_record import AccessRecord, Outcome
from clisk_vault.ids import ItemId
from clisk_vault.overview import ItemOverview
from clisk_vault.vault import Vault

# What opens most to whoever has it comes first; other types come last.
_WORST_FIRST: Final = ("login", "ssh-key", "card", "identity", "note")


@dataclass(frozen=True, slots=True)
class Exposed:
    """An item that a device could read; how often, and when last, it was read here."""

    overview: ItemOverview
    reads_here: int
    last_read_ms: int | None


def exposed_items(vault: Vault) -> list[Exposed]:
    """Return every item of *vault*, worst first.

    Items in the trash are last of all: their values can be read all the same.
    """
    return rank(vault.overviews(), (record for _, record in vault.log.records()))


def rank(
    overviews: Iterable[ItemOverview], records: Iterable[AccessRecord]
) -> list[Exposed]:
    """Return *overviews* by what they open, then by how often they are read."""
    times: dict[ItemId, list[int]] = {}
    for record in records:
        if record.item is not None and record.outcome is Outcome.GRANTED:
            times.setdefault(record.item, []).append(record.time_ms)
    found = [_exposed(each, times) for each in overviews]
    return sorted(found, key=_badness)


def _exposed(overview: ItemOverview, times: Mapping[ItemId, list[int]]) -> Exposed:
    read = times.get(overview.item, [])
    return Exposed(overview, len(read), max(read, default=None))


def _badness(exposed: Exposed) -> tuple[bool, int, int, str, bytes]:
    overview = exposed.overview
    known = overview.type in _WORST_FIRST
    kind = _WORST_FIRST.index(overview.type) if known else len(_WORST_FIRST)
    title = overview.title.casefold()
    return overview.trashed, kind, -exposed.reads_here, title, overview.item
