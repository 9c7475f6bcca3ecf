"""The access log of this device: protocol/access-log.md.

One entry for each request to read a secret, in a tree whose every head was
signed by a key of its own that is gone by the time the secret is released. Knows
nothing of items; who may read what was settled before a record comes here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from clisk_vault import log_rows
from clisk_vault.access_record import AccessRecord, Content, LogMark
from clisk_vault.errors import (
    CallerError,
    FormatError,
    TamperedError,
    UnsupportedError,
    VaultError,
)
from clisk_vault.ids import DeviceId, VaultId
from clisk_vault.keys import EpochSecret, LogKey
from clisk_vault.local_seal import TableSeal
from clisk_vault.log_entry import (
    EntryPlace,
    Opening,
    derive_log_key,
    open_entry,
    seal_entry,
)
from clisk_vault.log_kind import fits, leaf_type
from clisk_vault.log_leaf import Leaf, LeafType
from clisk_vault.log_signer import Signer, open_signer, resume, seal_signer
from clisk_vault.log_walk import MAX_GROUP, LogRow, LogWalk
from clisk_vault.log_witness import sizes_seen, weigh
from clisk_vault.merkle import Frontier, leaf_hash
from clisk_vault.note import NoteKey, UnverifiedNote
from clisk_vault.primitives import SigningKey, VerifyKey, sha256
from clisk_vault.session import Session
from clisk_vault.verdict import Finding, Found, Notice, Verdict, merge_runs

FIRST_INCARNATION = 1


class LogEpochs(Protocol):
    """What the log needs of the epochs; clisk_vault.epochs.Epochs is one."""

    @property
    def current(self) -> int:
        """The number under which new entries are sealed."""

    def secret(self, number: int) -> EpochSecret:
        """Return the secret of an epoch, or raise CallerError."""


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One entry, checked against its leaf."""

    index: int
    type: LeafType
    content: Content


def log_origin(vault_id: VaultId, device: DeviceId, incarnation: int) -> str:
    """Return the name of a log (protocol/access-log.md §2)."""
    return f"{vault_id.hex()[:32]}/{device.hex()}/{incarnation}"


class AccessLog:
    """The log of this device: append, read, check."""

    def __init__(self, session: Session, epochs: LogEpochs) -> None:
        self._session = session
        self._epochs = epochs
        self._incarnation = FIRST_INCARNATION
        self.origin = log_origin(session.vault_id, session.device_id, self._incarnation)
        self._keys: dict[int, LogKey] = {}
        # The signer of the next head, as long as the file still holds this row.
        self._signer: tuple[log_rows.SignerRow, Signer] | None = None

    @classmethod
    def enrol(
        cls, session: Session, epochs: LogEpochs, first_log_key: SigningKey
    ) -> AccessLog:
        """Begin the log of this device with its genesis entry.

        *first_log_key* signs that one head; the caller keeps no copy.

        Raises:
            CallerError: not the key that the device's membership enrols, or the
                log has begun already.
        """
        log = cls(session, epochs)
        public = first_log_key.public()
        if public != session.secrets.public.log:
            raise CallerError("access log: not the first key that is enrolled")
        with session.storage.transaction():
            if log._row() is not None or log.size:
                raise CallerError("access log: begun already")
            mark = LogMark(session.device_id, session.clock())
            first = Signer(first_log_key, public, Frontier())
            log._close_group(first, [(LeafType.GENESIS, mark)])
        return log

    # --- writing

    def append(self, record: AccessRecord) -> int:
        """Write *record* under a head of its own and return its index.

        Joins the caller's transaction: whatever the record stands for may be done
        only after that transaction has been committed.

        Raises:
            LogDamagedError: the log is not as this device left it.
            CallerError: a record of another device, or one too long.
            StoreError: the disk refused.
        """
        return self._append([(leaf_type(record, bulk=False), record)])[0]

    def append_many(self, records: Sequence[AccessRecord]) -> range:
        """Write *records* with one head for each 64 of them; return their indexes.

        For what one request reads at once: an export, a check of all passwords.
        Raises as append().
        """
        return self._append([(leaf_type(one, bulk=True), one) for one in records])

    def _append(self, entries: Sequence[tuple[LeafType, AccessRecord]]) -> range:
        if any(record.device != self._session.device_id for _, record in entries):
            raise CallerError("access log: a record of another device")
        with self._session.storage.transaction():
            signer = self._next_signer()
            first = signer.size
            for at in range(0, len(entries), MAX_GROUP):
                signer = self._close_group(signer, entries[at : at + MAX_GROUP])
        return range(first, signer.size)

    def _close_group(
        self, signer: Signer, entries: Sequence[tuple[LeafType, Content]]
    ) -> Signer:
        """Write one head and its entries; return the signer of the next head."""
        key = SigningKey.generate(self._session.random)
        following = Signer(key, key.public(), signer.tree.copy())
        epoch = self._epochs.current
        rows = []
        for kind, content in entries:
            seq = following.size
            place = EntryPlace(self.origin, seq, kind, epoch)
            sealed = seal_entry(
                self._key(epoch), content, place=place, random=self._session.random
            )
            leaf = Leaf(
                kind,
                seq,
                following.public,
                sealed.commitment,
                sha256(sealed.ciphertext),
            ).encode()
            hashed = leaf_hash(leaf)
            following.tree.append(hashed)
            last = following.size == signer.size + len(entries)
            head = signer.sign(self.origin, following.tree) if last else None
            rows.append(LogRow(seq, leaf, hashed, epoch, sealed.ciphertext, head))
        row = seal_signer(self._seal, self._incarnation, following)
        log_rows.write(self._session.storage, self._incarnation, rows, row)
        self._signer = row, following
        return following

    def _next_signer(self) -> Signer:
        # The row's nonce is random, so an equal row means an untouched log: neither
        # a rollback of the caller's transaction nor another process came between.
        if self._signer is not None and self._row() == self._signer[0]:
            return self._signer[1]
        return resume(
            self._session.storage,
            self._seal,
            incarnation=self._incarnation,
            origin=self.origin,
            enrolled=self._session.secrets.public.log,
        )

    def forget(self) -> None:
        """Drop every key held in memory; they are read from disk when needed."""
        self._signer = None
        self._keys.clear()

    # --- reading

    @property
    def size(self) -> int:
        """How many entries the log has, by what its last row says."""
        return log_rows.read_size(self._session.storage, self._incarnation)

    @property
    def incarnation(self) -> int:
        """Which log of this device it is, from 1; more after it was restored."""
        return self._incarnation

    def leaf_hash(self, index: int) -> bytes:
        """Return the stored hash of leaf *index*; raises CallerError as leaf()."""
        found = log_rows.read_leaf_hash(self._session.storage, self._incarnation, index)
        if found is None:
            raise CallerError(f"access log: there is no entry {index}")
        return found

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
        for row in self._rows(start, end):
            leaf = Leaf.parse(row.leaf)
            yield LogEntry(row.seq, leaf.type, self._content(row, leaf))

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
        row = self._row_at(index)
        leaf = Leaf.parse(row.leaf)
        self._content(row, leaf)
        return self._open(row, leaf)

    def leaf(self, index: int) -> bytes:
        """Return the bytes of leaf *index*, which an opening is checked against.

        Raises:
            CallerError: there is no such entry.
        """
        return self._row_at(index).leaf

    def rows(self, start: int = 0, end: int | None = None) -> Iterator[LogRow]:
        """Yield the entries as they are stored. Nothing in them was checked."""
        return self._rows(start, end)

    def _row_at(self, index: int) -> LogRow:
        for row in self._rows(index, index + 1) if index >= 0 else ():
            return row
        raise CallerError(f"access log: there is no entry {index}")

    def _rows(self, start: int, end: int | None = None) -> Iterator[LogRow]:
        storage = self._session.storage
        return log_rows.read_rows(storage, self._incarnation, start=start, end=end)

    def _content(self, row: LogRow, leaf: Leaf) -> Content:
        """Return what an entry says, now known to be what its leaf says."""
        what = f"access log: entry {row.seq}"
        if row.ciphertext is None or sha256(row.ciphertext) != leaf.ciphertext_hash:
            raise TamperedError(f"{what} is missing or not what its leaf names")
        content = self._open(row, leaf).check(leaf.commitment)
        if not fits(leaf.type, content):
            raise TamperedError(f"{what} is not of its leaf's type")
        return content

    def _open(self, row: LogRow, leaf: Leaf) -> Opening:
        place = EntryPlace(self.origin, row.seq, leaf.type, row.epoch)
        return open_entry(self._key(row.epoch), row.ciphertext or b"", place=place)

    # --- checking

    def verify(
        self,
        enrolled: VerifyKey,
        *,
        peers: Sequence[NoteKey] = (),
        seen: Sequence[UnverifiedNote] = (),
    ) -> Verdict:
        """Check everything from the enrolled key to the end; never stops early.

        Every leaf hash, every root under its own head's key, the chain of keys, the
        order, every content and commitment, and the key kept for the next head.

        Args:
            enrolled: the key of the first head, from the membership record.
            peers: countersigning keys of the vault's other devices, if there are any.
            seen: countersigned heads of this log that other devices hold.

        Spec: protocol/access-log.md §8.
        """
        walk = LogWalk(self.origin, enrolled, wanted=sizes_seen(seen))
        notices: list[Found] = []
        row, end = self._row(), self.size
        clock = 0
        for one in self._rows(0, end):
            leaf = walk.take(one)
            content = None if leaf is None else self._judge(walk, one, leaf)
            if content is not None:
                if content.time_ms < clock:
                    notices.append(Found(Notice.CLOCK_MOVED, one.seq, one.seq))
                clock = content.time_ms
        walk.finish()
        self._judge_signer(walk, row)
        for other in log_rows.other_incarnations(
            self._session.storage, self._incarnation
        ):
            walk.find(Finding.UNKNOWN_LOG, other)
        witnessed = weigh(walk, peers, seen)
        return Verdict(
            self.origin,
            walk.count,
            witnessed.level,
            merge_runs(walk.findings),
            merge_runs(notices),
            witnessed.size,
            witnessed.names,
        )

    def _judge(self, walk: LogWalk, row: LogRow, leaf: Leaf) -> Content | None:
        """Check the content of an entry whose leaf is the one that was hashed."""
        if row.ciphertext is None or sha256(row.ciphertext) != leaf.ciphertext_hash:
            return None  # the walk has named it
        try:
            opening = self._open(row, leaf)
        except VaultError:
            walk.find(Finding.UNREADABLE_CONTENT, row.seq)
            return None
        try:
            content = opening.check(leaf.commitment)
        except (TamperedError, FormatError, UnsupportedError):
            walk.find(Finding.BROKEN_COMMITMENT, row.seq)
            return None
        if not fits(leaf.type, content) or content.device != self._session.device_id:
            walk.find(Finding.WRONG_PLACE, row.seq)
        return content

    def _judge_signer(self, walk: LogWalk, row: log_rows.SignerRow | None) -> None:
        """Hold the key kept for the next head against the end of the log."""
        try:
            if row is None:
                raise FormatError("no signer")
            public = open_signer(self._seal, self._incarnation, row).public()
        except (FormatError, TamperedError):
            walk.find(Finding.WRONG_SIGNER, walk.size)
            return
        if row.size > walk.size:
            walk.find(Finding.TRUNCATED, walk.size + 1, row.size)
        elif row.size < walk.size or (walk.key_is_sure and public != walk.key):
            walk.find(Finding.WRONG_SIGNER, walk.size)

    # --- keys

    @property
    def _seal(self) -> TableSeal:
        return self._session.table("log_signer")

    def _row(self) -> log_rows.SignerRow | None:
        return log_rows.read_signer(self._session.storage, self._incarnation)

    def _key(self, epoch: int) -> LogKey:
        key = self._keys.get(epoch)
        if key is None:
            secret = self._epochs.secret(epoch)
            key = derive_log_key(secret, origin=self.origin, epoch=epoch)
            self._keys[epoch] = key
        return key
