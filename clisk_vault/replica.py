"""What synchronising needs of a vault: changes out, changes in.

Knows no envelope and no relay. A change comes in with the device that is known
to have signed it. What waits for others is kept sealed and tried again; what is
refused is kept with its reason and its author. Tables: protocol/vault-file.md §3.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from clisk_vault.change_chunk import (
    MAX_CHANGE_BYTES,
    ChangeHash,
    hash_of,
    parse_change,
)
from clisk_vault.document import Applied, EntryDocument, Orphan, Outcome, Refused
from clisk_vault.entry import EntryKey, EntryValue, check_entries, parse_key
from clisk_vault.errors import CrowdedError, UnsupportedError, UntrustedInputError
from clisk_vault.hlc import Stamp
from clisk_vault.ids import DeviceId, ItemId
from clisk_vault.item import ItemView
from clisk_vault.item_store import SETTINGS, ItemStore, is_chunk, overview_of
from clisk_vault.merge import merge_changes
from clisk_vault.overview import ItemOverview, Overview
from clisk_vault.pending import Pending, PendingChange
from clisk_vault.primitives import sha256
from clisk_vault.purge import covers, purged_item
from clisk_vault.purging import Purging
from clisk_vault.session import Session

# Rows of one author that are kept: a device that was taken over, or that a relay
# keeps something of, must not fill the disk of the others. Envelopes stay anyway.
MAX_ORPHANS = 4096
MAX_QUARANTINED = 1024


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A change that was refused, and is kept for a person to look at."""

    reason: str


@dataclass(frozen=True, slots=True)
class IncomingChange:
    """A change with the device that is known to have signed it."""

    author: DeviceId
    item_id: ItemId
    change: bytes


@dataclass(frozen=True, slots=True)
class QuarantinedChange:
    """One row of the quarantine."""

    item_id: ItemId
    author: DeviceId
    reason: str
    time_ms: int


@dataclass(frozen=True, slots=True)
class HeldChange:
    """A change that stands in a document here, or waits for others."""

    hash: ChangeHash
    change: bytes


Arrival: TypeAlias = Applied | Orphan | Quarantined


class Replica:
    """The vault as one of several that are kept in step."""

    def __init__(
        self,
        session: Session,
        items: ItemStore,
        overview: Overview,
        purging: Purging,
    ) -> None:
        self._session = session
        self._items = items
        self._overview = overview
        self._purging = purging
        self._pending = Pending(session)

    def pending(self, limit_changes: int, limit_bytes: int) -> list[PendingChange]:
        """Return this device's oldest unsent changes within both limits.

        One at least, if there is any, however large.
        """
        return self._pending.first(limit_changes, limit_bytes)

    def forget(self, rowids: Iterable[int]) -> None:
        """Drop the unsent changes with these numbers: an envelope has them now."""
        self._pending.forget(rowids)

    def resend(self, item_id: ItemId, change: bytes) -> None:
        """Queue a change of this file's again: its envelope never got anywhere.

        Raises:
            FormatError: not a change.
        """
        self._pending.add(item_id, parse_change(change))

    def unsent(self) -> int:
        """Return how many changes wait to be sent."""
        return self._pending.count()

    def apply(self, author: DeviceId, item_id: ItemId, change: bytes) -> Arrival:
        """Bring in one change; see apply_all()."""
        return self.apply_all([IncomingChange(author, item_id, change)])[0]

    def apply_all(self, arrived: Sequence[IncomingChange]) -> list[Arrival]:
        """Bring in changes and return what became of each, in one transaction.

        A change that stands already is Applied and does nothing. One that waits
        for others is an Orphan, kept and tried again whenever its item changes.
        One that is refused costs the others nothing.
        """
        results: dict[int, Arrival] = {}
        by_item: dict[ItemId, list[int]] = {}
        for index, each in enumerate(arrived):
            by_item.setdefault(each.item_id, []).append(index)
        with self._session.storage.transaction():
            overviews = []
            for item, indexes in by_item.items():
                changes = [arrived[index] for index in indexes]
                outcomes, line = self._merge(item, changes)
                results.update(zip(indexes, outcomes, strict=True))
                overviews += line
            self._overview.put(overviews)
            # Last: what is purged may have come in the same batch.
            fields = list(_settings_written(arrived, results))
            self._purging.heed(fields)
            self._judge_orphans(filter(None, map(purged_item, fields)))
        return [results[index] for index in range(len(arrived))]

    def held_items(self) -> list[ItemId]:
        """Return the id of everything of which changes are here, ascending."""
        rows = self._session.storage.all(
            "SELECT id FROM item UNION SELECT item FROM orphan ORDER BY 1"
        )
        return [ItemId(raw) for (raw,) in rows if isinstance(raw, bytes)]

    def held(self, item: ItemId) -> list[HeldChange]:
        """Return the changes of *item*: each after those it has seen, orphans last.

        Unsent ones are among them; what is quarantined is not.
        """
        saved = self._items.saved(item)
        changes = list[HeldChange]()
        if saved is not None:
            document = EntryDocument.load(saved, self._session.actor)
            changes += [HeldChange(*each) for each in document.changes()]
        waiting = (each.change for each in self._orphans(item))
        return changes + [HeldChange(hash_of(data), data) for data in waiting]

    def unsent_hashes(self, item: ItemId) -> set[ChangeHash]:
        """Return the hashes of this device's changes of *item* not in an envelope."""
        return self._pending.hashes(item)

    def purged_in(self, changes: Iterable[bytes]) -> set[ItemId]:
        """Return the items that *changes* of the settings say are purged."""
        fields = (key.field for key, _ in _entries_in(changes))
        return {item for item in map(purged_item, fields) if item is not None}

    def is_purged(
        self, item: ItemId, changes: Iterable[bytes], also: Collection[ItemId]
    ) -> bool:
        """Tell whether *item* is purged, or a chunk, by *changes*, of one that is.

        *also*: items that are to count as purged besides.
        """
        owners = {item}
        for key, value in _entries_in(changes):
            owner = purged_item(f"purged.{value!s}")
            if key.field == "chunk.of" and owner is not None:
                owners.add(owner)
        return any(
            owner in also or self._purging.seen(owner) is not None for owner in owners
        )

    def orphans(self) -> int:
        """Return how many changes wait for others."""
        row = self._session.storage.one("SELECT count(*) FROM orphan")
        assert row is not None
        assert isinstance(row[0], int)
        return row[0]

    def quarantine(self) -> list[QuarantinedChange]:
        """Return what was refused, oldest first."""
        return list(self._quarantine())

    def _merge(
        self, item: ItemId, arrived: Sequence[IncomingChange]
    ) -> tuple[list[Arrival], list[ItemOverview]]:
        saved = self._items.saved(item)
        if saved is None and (seen := self._purging.seen(item)) is not None:
            return [self._after_purge(each, seen) for each in arrived], []
        kept = list(self._orphans(item))
        waiting = [each for each in kept if each not in arrived]
        changes = [*arrived, *waiting]
        merged = merge_changes(
            saved,
            [(each.author, each.change) for each in changes],
            actor=self._session.actor,
        )
        outcomes = [
            self._hold(each, outcome) if isinstance(outcome, Orphan) else outcome
            for each, outcome in zip(changes, merged.outcomes, strict=True)
        ]
        for each, outcome in zip(changes, outcomes, strict=True):
            if each in kept and not isinstance(outcome, Orphan):
                self._forget_orphan(each)
            if isinstance(outcome, Applied):
                self._observe(outcome)
            elif isinstance(outcome, Refused):
                self._keep_refused(each, outcome)
        lines = []
        if merged.saved is not None and merged.saved != saved:
            view = ItemView.from_entries(merged.entries)
            if not self._is_of_purged(view):
                self._items.put(item, merged.saved)
                if item != SETTINGS and not is_chunk(view):
                    lines.append(overview_of(item, view))
        return [_arrival(outcome) for outcome in outcomes[: len(arrived)]], lines

    def _after_purge(
        self, each: IncomingChange, seen: dict[DeviceId, Stamp]
    ) -> Arrival:
        """Drop what a purge had seen; keep aside what it had not."""
        try:
            change = parse_change(each.change)
            check_entries(change.entries, author=each.author)
            if covers(seen, map(_stamp, change.entries)):
                return Applied(change.hash, {})
            raise UntrustedInputError(
                "change: of an item that was purged",
                advice="nothing to do: the item is gone on every device",
            )
        except (UntrustedInputError, UnsupportedError) as err:
            self._keep_refused(each, Refused(err))
            return Quarantined(str(err))

    def _judge_orphans(self, purged: Iterable[ItemId]) -> None:
        """Let no change wait for a purged item of which nothing is here."""
        for item in purged:
            seen = self._purging.seen(item)
            if seen is None or self._items.has(item):
                continue
            for each in list(self._orphans(item)):
                self._after_purge(each, seen)
                self._forget_orphan(each)

    def _is_of_purged(self, view: ItemView) -> bool:
        """Return whether a document is a chunk whose item is purged and gone."""
        owner = purged_item(f"purged.{view.text('chunk.of')}")
        if owner is None or not is_chunk(view) or self._items.has(owner):
            return False
        return self._purging.seen(owner) is not None

    def _hold(self, each: IncomingChange, orphan: Orphan) -> Outcome:
        """Keep what waits for others; refuse it where too much of its author waits."""
        if not self._has_room("orphan", each, MAX_ORPHANS):
            return Refused(
                CrowdedError(f"change: {MAX_ORPHANS} of its device wait already")
            )
        self._session.storage.execute(
            "INSERT OR IGNORE INTO orphan (item, hash, author, sealed)"
            " VALUES (?, ?, ?, ?)",
            (*_row(each), self._seal("orphan", each)),
        )
        return orphan

    def _has_room(self, table: str, each: IncomingChange, most: int) -> bool:
        """Tell whether one more row of its author may be there, or this one is."""
        storage = self._session.storage
        if storage.one(_IS_THERE[table], _row(each)) is not None:
            return True
        row = storage.one(_COUNT[table], (each.author,))
        assert row is not None
        assert isinstance(row[0], int)
        return row[0] < most

    def _forget_orphan(self, each: IncomingChange) -> None:
        self._session.storage.execute(
            "DELETE FROM orphan WHERE item = ? AND hash = ? AND author = ?", _row(each)
        )

    def _keep_refused(self, each: IncomingChange, refused: Refused) -> None:
        if not self._has_room("quarantine", each, MAX_QUARANTINED):
            return
        sealed = self._seal("quarantine", each)
        self._session.storage.execute(
            "INSERT OR IGNORE INTO quarantine"
            " (item, hash, author, reason, time_ms, sealed)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            (*_row(each), str(refused.error), self._session.clock(), sealed),
        )

    def _seal(self, table: str, each: IncomingChange) -> bytes:
        # What is longer than any change is not kept whole: a row must not be a way
        # to fill the disk.
        row = each.item_id + sha256(each.change)
        return self._session.table(table).seal(row, each.change[:MAX_CHANGE_BYTES])

    def _observe(self, applied: Applied) -> None:
        """Let this device's later stamps be greater than those that came in."""
        if applied.entries:
            self._session.stamps.observe(max(map(_stamp, applied.entries)))

    def _orphans(self, item: ItemId) -> Iterator[IncomingChange]:
        table = self._session.table("orphan")
        for author, name, sealed in self._session.storage.all(
            "SELECT author, hash, sealed FROM orphan WHERE item = ? ORDER BY number",
            (item,),
        ):
            assert isinstance(author, bytes)
            assert isinstance(name, bytes)
            assert isinstance(sealed, bytes)
            yield IncomingChange(
                DeviceId(author), item, table.open(item + name, sealed)
            )

    def _quarantine(self) -> Iterator[QuarantinedChange]:
        for item, author, reason, time_ms in self._session.storage.all(
            "SELECT item, author, reason, time_ms FROM quarantine ORDER BY number"
        ):
            assert isinstance(item, bytes)
            assert isinstance(author, bytes)
            assert isinstance(reason, str)
            assert isinstance(time_ms, int)
            yield QuarantinedChange(ItemId(item), DeviceId(author), reason, time_ms)


_IS_THERE = {
    "orphan": "SELECT 1 FROM orphan WHERE item = ? AND hash = ? AND author = ?",
    "quarantine": "SELECT 1 FROM quarantine WHERE item = ? AND hash = ? AND author = ?",
}
_COUNT = {
    "orphan": "SELECT count(*) FROM orphan WHERE author = ?",
    "quarantine": "SELECT count(*) FROM quarantine WHERE author = ?",
}


def _entries_in(changes: Iterable[bytes]) -> Iterator[tuple[EntryKey, EntryValue]]:
    """Yield the entries of those of *changes* that are such."""
    for data in changes:
        try:
            change = parse_change(data)
            parsed = [(parse_key(key), value) for key, value in change.entries.items()]
        except (UntrustedInputError, UnsupportedError):
            continue
        yield from parsed


def _row(each: IncomingChange) -> tuple[bytes, bytes, bytes]:
    return each.item_id, sha256(each.change), each.author


def _stamp(key: str) -> Stamp:
    return parse_key(key).stamp


def _settings_written(
    arrived: Sequence[IncomingChange], results: dict[int, Arrival]
) -> Iterator[str]:
    for index, each in enumerate(arrived):
        outcome = results[index]
        if each.item_id == SETTINGS and isinstance(outcome, Applied):
            yield from (parse_key(key).field for key in outcome.entries)


def _arrival(outcome: Outcome) -> Arrival:
    if isinstance(outcome, Refused):
        return Quarantined(str(outcome.error))
    return outcome
