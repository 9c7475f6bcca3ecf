"""Reading and checking one log: protocol/access-log.md §8.

The log may be this device's own, an earlier one of it, or another device's that came
with the sync: what is shown is what is signed, whoever wrote it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Protocol

from clisk_vault.access_record import AccessRecord, Content
from clisk_vault.errors import (
    CallerError,
    FormatError,
    TamperedError,
    UnsupportedError,
    VaultError,
)
from clisk_vault.ids import DeviceId, VaultId
from clisk_vault.keys import EpochSecret, LogKey
from clisk_vault.log_entry import EntryPlace, Opening, derive_log_key, open_entry
from clisk_vault.log_kind import fits
from clisk_vault.log_leaf import Leaf, LeafType, LogRow
from clisk_vault.log_stretch import STRETCH_ENTRIES
from clisk_vault.log_walk import LogWalk
from clisk_vault.log_witness import sizes_seen, weigh
from clisk_vault.note import NoteKey, UnverifiedNote
from clisk_vault.primitives import VerifyKey, sha256
from clisk_vault.steps import Steps, finish
from clisk_vault.verdict import Finding, Found, Notice, Verdict, merge_runs

FIRST_INCARNATION = 1
# Version 1 and type 10, behind the byte that says how many keys there are.
_PRUNE_PREFIX = b"\x01\x01\x02\x0a"


class LogEpochs(Protocol):
    """What a log needs of the epochs; clisk_vault.epochs.Epochs is one."""

    @property
    def current(self) -> int:
        """The number under which new entries are sealed."""

    def secret(self, number: int) -> EpochSecret:
        """Return the secret of an epoch, or raise CallerError."""


class LogSource(Protocol):
    """Where the rows of one log lie. Nothing in them is believed."""

    @property
    def origin(self) -> str:
        """The log's name."""
        ...

    @property
    def size(self) -> int:
        """How many entries it has, by what its last row says."""
        ...

    def rows(self, start: int = 0, end: int | None = None) -> Iterator[LogRow]:
        """Yield the entries from *start* up to *end*, as they are stored."""
        ...


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One entry, checked against its leaf.

    *content* None: it was erased by the retention policy, and the log says so.
    """

    index: int
    type: LeafType
    content: Content | None


def log_origin(vault_id: VaultId, device: DeviceId, incarnation: int) -> str:
    """Return the name of a log (protocol/access-log.md §2)."""
    return f"{vault_id.hex()[:32]}/{device.hex()}/{incarnation}"


def split_origin(origin: str) -> tuple[DeviceId, int]:
    """Return device and incarnation that a log's name, already checked, says."""
    _, device, incarnation = origin.split("/")
    return DeviceId(bytes.fromhex(device)), int(incarnation)


class LogView:
    """One log, for reading."""

    def __init__(self, source: LogSource, epochs: LogEpochs) -> None:
        self._source = source
        self._epochs = epochs
        self._keys: dict[tuple[str, int], LogKey] = {}
        self._pruned = "", 0, 0

    @property
    def origin(self) -> str:
        """The name of the log."""
        return self._source.origin

    @property
    def size(self) -> int:
        """How many entries the log has, by what its last row says."""
        return self._source.size

    def head(self) -> bytes:
        """Return the newest signed head, a C2SP checkpoint.

        Raises:
            CallerError: the log has not begun.
            FormatError: its last entry has no head.
        """
        head = self._row_at(self.size - 1).head
        if head is None:
            raise FormatError("access log: its last entry has no head")
        return head

    def entries(self, start: int = 0, end: int | None = None) -> Iterator[LogEntry]:
        """Yield the entries from *start* up to *end*, each checked against its leaf.

        What is shown is what is signed: a changed entry raises, and does not show.

        Raises:
            TamperedError: an entry that is not what its leaf commits to.
            FormatError, UnsupportedError: one that cannot be read.
        """
        origin = self.origin
        for row in self.rows(start, end):
            leaf = Leaf.parse(row.leaf)
            if row.ciphertext is None and row.seq < self.pruned_below():
                yield LogEntry(row.seq, leaf.type, None)
            else:
                yield LogEntry(row.seq, leaf.type, self._content(row, leaf, origin))

    def pruned_below(self) -> int:
        """Return before which entry contents were erased on record; 0: nowhere."""
        origin, size, below = self._pruned
        if origin != self.origin or size > self.size:
            size = below = 0
        for row in self.rows(size):
            size = row.seq + 1
            # The type stands near the beginning of every leaf; most are no prunes.
            if row.leaf[1:5] == _PRUNE_PREFIX:
                below = max(below, Leaf.parse(row.leaf).pruned or 0)
        self._pruned = self.origin, size, below
        return below

    def readable(self) -> Iterator[LogEntry]:
        """Yield the entries as entries() does, and pass over those that it refuses."""
        origin = self.origin
        for row in self.rows(0, self.size):
            try:
                leaf = Leaf.parse(row.leaf)
                yield LogEntry(row.seq, leaf.type, self._content(row, leaf, origin))
            except (FormatError, TamperedError, UnsupportedError, CallerError):
                continue

    def records(
        self, start: int = 0, end: int | None = None
    ) -> Iterator[tuple[int, AccessRecord]]:
        """Yield index and record of each read, granted or not; as entries()."""
        for entry in self.entries(start, end):
            if isinstance(entry.content, AccessRecord):
                yield entry.index, entry.content

    def open_entry(self, index: int) -> Opening:
        """Return what opens entry *index*, and no other, to whoever is given it.

        Raises:
            CallerError: there is no such entry.
            TamperedError: it is not what its leaf commits to.
        """
        row, origin = self._row_at(index), self.origin
        leaf = Leaf.parse(row.leaf)
        self._content(row, leaf, origin)
        return self._open(row, leaf, origin)

    def leaf(self, index: int) -> bytes:
        """Return the bytes of leaf *index*, which an opening is checked against.

        Raises:
            CallerError: there is no such entry.
        """
        return self._row_at(index).leaf

    def rows(self, start: int = 0, end: int | None = None) -> Iterator[LogRow]:
        """Yield the entries as they are stored. Nothing in them was checked."""
        return self._source.rows(start, end)

    def forget(self) -> None:
        """Drop every key held in memory; they are read from disk when needed."""
        self._keys.clear()

    def _row_at(self, index: int) -> LogRow:
        for row in self.rows(index, index + 1) if index >= 0 else ():
            return row
        raise CallerError(
            f"access log: there is no entry {index}", advice="look at: clisk log list"
        )

    def _content(self, row: LogRow, leaf: Leaf, origin: str) -> Content:
        """Return what an entry says, now known to be what its leaf says."""
        what = f"access log: entry {row.seq}"
        if row.ciphertext is None and row.seq < self.pruned_below():
            raise CallerError(
                f"{what} was erased by the retention policy",
                advice="another device may still have it",
            )
        if row.ciphertext is None or sha256(row.ciphertext) != leaf.ciphertext_hash:
            raise TamperedError(f"{what} is missing or not what its leaf names")
        content = self._open(row, leaf, origin).check(leaf.commitment)
        if not fits(leaf.type, content):
            raise TamperedError(f"{what} is not of its leaf's type")
        return content

    def _open(self, row: LogRow, leaf: Leaf, origin: str) -> Opening:
        place = EntryPlace(origin, row.seq, leaf.type, row.epoch)
        key = self._key(origin, row.epoch)
        return open_entry(key, row.ciphertext or b"", place=place)

    def _key(self, origin: str, epoch: int) -> LogKey:
        where = origin, epoch
        key = self._keys.get(where)
        if key is None:
            secret = self._epochs.secret(epoch)
            key = derive_log_key(secret, origin=origin, epoch=epoch)
            self._keys[where] = key
        return key

    # --- checking

    def verify(
        self,
        enrolled: VerifyKey,
        *,
        peers: Sequence[NoteKey] = (),
        seen: Sequence[UnverifiedNote] = (),
        forks: Sequence[int] = (),
    ) -> Verdict:
        """Check everything at once; arguments and answer as verifying()."""
        return finish(self.verifying(enrolled, peers=peers, seen=seen, forks=forks))

    def verifying(
        self,
        enrolled: VerifyKey,
        *,
        peers: Sequence[NoteKey] = (),
        seen: Sequence[UnverifiedNote] = (),
        forks: Sequence[int] = (),
    ) -> Steps[Verdict]:
        """Check everything from the enrolled key to the end; never stops early.

        Every leaf hash, every root under its own head's key, the chain of keys, the
        order, every content and commitment. What is written to the log between two
        steps is checked as well, before the end is judged.

        Args:
            enrolled: the key of the first head, from the membership record.
            peers: countersigning keys of the vault's other devices, if there are any.
            seen: countersigned heads of this log that other devices hold.
            forks: entries at which there is evidence of another history.

        Raises:
            CallerError: the log was closed, and another begun, between two steps.

        Spec: protocol/access-log.md §8.
        """
        origin = self.origin
        walk = LogWalk(origin, enrolled, wanted=sizes_seen(seen) | self._wanted())
        notices: list[Found] = []
        clock = start = 0
        while start < (end := self.size):
            taken = walk.take_all(self.rows(start, end))
            while some := list(islice(taken, STRETCH_ENTRIES)):
                for seq, content in self._judge(walk, some):
                    if content.time_ms < clock:
                        notices.append(Found(Notice.CLOCK_MOVED, seq, seq))
                    clock = content.time_ms
                yield walk.count
                if self.origin != origin:
                    raise CallerError(
                        "access log: another was begun meanwhile",
                        advice="check again: clisk log verify",
                    )
            start = end
        walk.finish()
        self._judge_end(walk)
        for at in forks:
            walk.find(Finding.FORK_EVIDENCE, at)
        witnessed = weigh(walk, peers, seen)
        return Verdict(
            origin,
            walk.count,
            witnessed.level,
            merge_runs(self._named(walk.findings)),
            merge_runs([*walk.notices, *notices]),
            witnessed.size,
            witnessed.names,
        )

    def _wanted(self) -> frozenset[int]:
        """Return further sizes at which the walk must remember its root."""
        return frozenset()

    def _judge_end(self, walk: LogWalk) -> None:
        """Check what is kept beside the log; a log of another device has nothing."""

    def _named(self, found: list[Found]) -> list[Found]:
        """Return *found* by the names that fit what is known of the log."""
        return found

    def _judge(
        self, walk: LogWalk, taken: Iterable[tuple[LogRow, Leaf | None]]
    ) -> list[tuple[int, Content]]:
        """Check what entries say; return the index and content of each that opens.

        One step for all of them, then the next: see clisk_vault.log_stretch.
        """
        opened: list[tuple[int, Leaf, Opening]] = []
        for row, leaf in taken:
            # Without its leaf, or the content that it names, the walk has named it.
            if leaf is None or row.ciphertext is None:
                continue
            if sha256(row.ciphertext) != leaf.ciphertext_hash:
                continue
            try:
                opened.append((row.seq, leaf, self._open(row, leaf, walk.origin)))
            except VaultError:
                walk.find(Finding.UNREADABLE_CONTENT, row.seq)
        contents: list[tuple[int, Content]] = []
        device = split_origin(walk.origin)[0]
        for seq, leaf, opening in opened:
            try:
                content = opening.check(leaf.commitment)
            except (TamperedError, FormatError, UnsupportedError):
                walk.find(Finding.BROKEN_COMMITMENT, seq)
                continue
            if not fits(leaf.type, content) or content.device != device:
                walk.find(Finding.WRONG_PLACE, seq)
            contents.append((seq, content))
        return contents
