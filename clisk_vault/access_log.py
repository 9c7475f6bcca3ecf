"""The access log of this device: protocol/access-log.md.

One entry for each request to read a secret, in a tree whose every head was
signed by a key of its own that is gone by the time the secret is released. Knows
nothing of items; who may read what was settled before a record comes here.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from clisk_vault import log_rows
from clisk_vault.access_record import AccessRecord, Content, LogMark, Retention
from clisk_vault.checkpoint import Checkpoint
from clisk_vault.device import DevicePublic
from clisk_vault.errors import (
    CallerError,
    FormatError,
    LogDamagedError,
    TamperedError,
    UnsupportedError,
)
from clisk_vault.ids import DeviceId
from clisk_vault.local_seal import TableSeal
from clisk_vault.log_entry import EntryPlace, seal_entry
from clisk_vault.log_kind import leaf_type
from clisk_vault.log_leaf import MAX_GROUP, Leaf, LeafType, LogRow, Restart
from clisk_vault.log_signer import Signer, open_signer, resume, seal_signer
from clisk_vault.log_view import (
    FIRST_INCARNATION,
    LogEpochs,
    LogView,
    log_origin,
    split_origin,
)
from clisk_vault.log_walk import LogWalk
from clisk_vault.merkle import Frontier, leaf_hash
from clisk_vault.note import UnverifiedNote
from clisk_vault.peer_logs import PeerLogs
from clisk_vault.primitives import SigningKey, VerifyKey, sha256
from clisk_vault.session import Session
from clisk_vault.verdict import Finding, Found

FIRST_SLOT = 1
# Heads of a damaged log that are tried before it counts as having none.
_TRIED_HEADS = 1000


def first_key(public: DevicePublic, incarnation: int) -> VerifyKey:
    """Return the key of the first head of a device's log: access-log.md §7.1."""
    return public.log if incarnation == FIRST_INCARNATION else public.signing


@dataclass(frozen=True, slots=True)
class Draft:
    """An entry that is to be written."""

    kind: LeafType
    content: Content
    checkpoint: bytes | None = None
    restart: Restart | None = None
    pruned: int | None = None


class EarlierLog(LogView):
    """A log that this device has closed; *closed_by* begins the one after it."""

    def __init__(
        self, source: log_rows.OwnLog, epochs: LogEpochs, closed_by: Leaf | None
    ) -> None:
        super().__init__(source, epochs)
        self._closed_by = closed_by

    def _wanted(self) -> frozenset[int]:
        end = self._end()
        return frozenset() if end is None else frozenset({end.size})

    def _end(self) -> Checkpoint | None:
        leaf = self._closed_by
        if leaf is None or leaf.checkpoint is None:
            return None
        try:
            end = Checkpoint.parse(UnverifiedNote.parse(leaf.checkpoint).text)
        except FormatError:
            return None
        return end if end.origin == self.origin else None

    def _judge_end(self, walk: LogWalk) -> None:
        """Hold the log against the head that the next one says it ended with."""
        end = self._end()
        if end is not None and end.size > walk.size:
            walk.find(Finding.TRUNCATED, walk.size + 1, end.size)
        elif end is not None and walk.roots.get(end.size) not in {None, end.root}:
            walk.find(Finding.FORKED, end.size)
        if self._closed_by is None or self._closed_by.restart is Restart.DAMAGED:
            walk.find(Finding.DAMAGED, walk.size)

    def _named(self, found: list[Found]) -> list[Found]:
        """Call what a restore leaves behind by its name: it is no attack."""
        if self._closed_by is None or self._closed_by.restart is not Restart.RESTORED:
            return found
        lost = {Finding.TRUNCATED, Finding.FORKED}
        return [
            Found(Finding.RESTORED, one.first, one.last) if one.kind in lost else one
            for one in found
        ]


class AccessLog(LogView):
    """The log of this device: append, read, check."""

    def __init__(self, session: Session, epochs: LogEpochs) -> None:
        self._session = session
        super().__init__(_Newest(session), epochs)
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
            if log_rows.newest_name(session.storage) is not None:
                raise CallerError("access log: begun already")
            log_rows.begin(session.storage, FIRST_SLOT, log.origin)
            first = Signer(first_log_key, public, Frontier())
            log._close_group(first, [Draft(LeafType.GENESIS, log._mark())])
        return log

    # --- writing

    def append(self, record: AccessRecord) -> int:
        """Write *record* under a head of its own and return its index.

        Joins the caller's transaction: whatever the record stands for may be done
        only after that transaction has been committed.

        A log that is not as this device left it is closed, and another begun.

        Raises:
            CallerError: a record of another device, or one too long.
            StoreError: the disk refused.
        """
        return self._append([Draft(leaf_type(record, bulk=False), record)])[0]

    def append_many(self, records: Sequence[AccessRecord]) -> range:
        """Write *records* with one head for each 64 of them; return their indexes.

        For what one request reads at once: an export, a check of all passwords.
        Raises as append().
        """
        return self._append([Draft(leaf_type(one, bulk=True), one) for one in records])

    def mark_witness(self, note: bytes) -> int:
        """Write that this device has countersigned *note*; raises as append()."""
        draft = Draft(LeafType.WITNESS, self._mark(), checkpoint=note)
        return self._append([draft])[0]

    def mark_heartbeat(self) -> int:
        """Write that the device was there; raises as append()."""
        return self._append([Draft(LeafType.HEARTBEAT, self._mark())])[0]

    def prune(self, below: int, policy: Retention) -> int:
        """Erase what the entries before *below* say, and write that by *policy*.

        Leaves, hashes and heads stay. Raises as append(), and CallerError where
        *below* is not an entry.
        """
        if not 0 < below < self.size:
            raise CallerError(
                "access log: no such entry to prune up to",
                advice="look at: clisk log list",
            )
        mark = LogMark(self._session.device_id, self._session.clock(), policy)
        with self._session.storage.transaction():
            draft = Draft(LeafType.PRUNE, mark, pruned=below)
            index = self._append([draft])[0]
            log_rows.erase(self._session.storage, self.slot, below)
        # What was erased is not to linger in the write-ahead log.
        self._session.storage.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return index

    def begin_anew(
        self,
        why: Restart,
        *,
        first_log_key: SigningKey | None = None,
        newest: bytes | None = None,
    ) -> str:
        """Close the log, begin the next incarnation and return its origin.

        For a device that finds itself restored from an older copy: its log goes on
        elsewhere, or may, so nothing more is signed under that name. The old entries
        stay, and the first of the new log names the head that the old one ended with.
        Joins the caller's transaction.

        A device that took a new identity in the same file calls this with the new
        identity's session, and with the log key that its membership record enrols.

        Args:
            why: what the new log says of the reason.
            first_log_key: signs the one head; for a new identity alone.
            newest: the newest head of the old log that is known, a signed note; by
                default the newest one in the file.

        Raises:
            CallerError: *first_log_key* is missing, or not the one enrolled.
            StoreError: the disk refused.
        """
        session = self._session
        with session.storage.transaction():
            slot, origin = self._place
            device, number = split_origin(origin)
            if device == session.device_id:
                # A peer may have seen a later incarnation than this copy knows.
                number = max(number, _number(newest, device)) + 1
                key = session.secrets.signing
            elif (
                first_log_key is not None
                and first_log_key.public() == session.secrets.public.log
            ):
                key, number = first_log_key, FIRST_INCARNATION
            else:
                raise CallerError("access log: not the first key that is enrolled")
            ended = newest or self._newest_head(slot)
            following = log_origin(session.vault_id, session.device_id, number)
            log_rows.begin(session.storage, slot + 1, following)
            draft = Draft(LeafType.INCARNATION, self._mark(), ended, why)
            self._close_group(Signer(key, key.public(), Frontier()), [draft])
            return following

    def _newest_head(self, slot: int) -> bytes | None:
        """Return the newest head in the file that can be read at all."""
        for head in log_rows.newest_heads(self._session.storage, slot, _TRIED_HEADS):
            try:
                Checkpoint.parse(UnverifiedNote.parse(head).text)
            except FormatError:
                continue
            return head
        return None

    def _mark(self) -> LogMark:
        return LogMark(self._session.device_id, self._session.clock())

    def _append(self, entries: Sequence[Draft]) -> range:
        own = self._session.device_id
        if any(draft.content.device != own for draft in entries):
            raise CallerError("access log: a record of another device")
        with self._session.storage.transaction():
            signer = self._next_signer()
            first = signer.size
            for at in range(0, len(entries), MAX_GROUP):
                signer = self._close_group(signer, entries[at : at + MAX_GROUP])
        return range(first, signer.size)

    def _close_group(self, signer: Signer, entries: Sequence[Draft]) -> Signer:
        """Write one head and its entries; return the signer of the next head."""
        key = SigningKey.generate(self._session.random)
        following = Signer(key, key.public(), signer.tree.copy())
        (slot, origin), epoch = self._place, self._epochs.current
        rows = []
        for draft in entries:
            seq = following.size
            sealed = seal_entry(
                self._key(origin, epoch),
                draft.content,
                place=EntryPlace(origin, seq, draft.kind, epoch),
                random=self._session.random,
            )
            leaf = Leaf(
                draft.kind,
                seq,
                following.public,
                sealed.commitment,
                sha256(sealed.ciphertext),
                draft.checkpoint,
                draft.restart,
                draft.pruned,
            ).encode()
            hashed = leaf_hash(leaf)
            following.tree.append(hashed)
            last = following.size == signer.size + len(entries)
            head = signer.sign(origin, following.tree) if last else None
            rows.append(LogRow(seq, leaf, hashed, epoch, sealed.ciphertext, head))
        row = seal_signer(self._seal, slot, following)
        log_rows.write(self._session.storage, slot, rows, row)
        self._signer = row, following
        return following

    def _next_signer(self) -> Signer:
        # The row's nonce is random, so an equal row means an untouched log: neither
        # a rollback of the caller's transaction nor another process came between.
        if self._signer is not None and self._row() == self._signer[0]:
            return self._signer[1]
        try:
            return self._resume()
        except LogDamagedError:
            beyond = self._seen_beyond()
            why = Restart.DAMAGED if beyond is None else Restart.RESTORED
            self.begin_anew(why, newest=beyond)
            assert self._signer is not None
            return self._signer[1]

    def _seen_beyond(self) -> bytes | None:
        """Return a head that a peer countersigned and that this log does not reach."""
        seen = PeerLogs(self._session.storage).cosigned(self.origin).values()
        sizes = {Checkpoint.parse(note.text).size: note.encode() for note in seen}
        newest = max(sizes, default=0)
        return sizes[newest] if newest > self.size else None

    def _resume(self) -> Signer:
        """Return the signer that the file keeps; raises LogDamagedError."""
        slot, origin = self._place
        device, number = split_origin(origin)
        if device != self._session.device_id:
            raise LogDamagedError("access log: it is another device's")
        if self._seen_beyond() is not None:
            raise LogDamagedError("access log: a peer countersigned more of it")
        return resume(
            self._session.storage,
            self._seal,
            slot=slot,
            origin=origin,
            enrolled=first_key(self._session.secrets.public, number),
        )

    def forget(self) -> None:
        """Drop every key held in memory; they are read from disk when needed."""
        self._signer = None
        super().forget()

    # --- reading

    @property
    def slot(self) -> int:
        """Which log of this device it is, from 1; more after it was begun anew."""
        return self._place[0]

    def leaf_hash(self, index: int) -> bytes:
        """Return the stored hash of leaf *index*; raises CallerError as leaf()."""
        found = log_rows.read_leaf_hash(self._session.storage, self._place[0], index)
        if found is None:
            raise CallerError(
                f"access log: there is no entry {index}",
                advice="look at: clisk log list",
            )
        return found

    def names(self) -> dict[int, str]:
        """Return slot and origin of every log that this device wrote, oldest first."""
        return log_rows.read_names(self._session.storage)

    def earlier(self) -> list[EarlierLog]:
        """Return the logs that were closed before this one was begun, oldest first."""
        names = list(self.names().items())
        views = []
        for (slot, origin), (after, _) in itertools.pairwise(names):
            source = log_rows.OwnLog(self._session.storage, slot, origin)
            closed_by = self._first_leaf(after)
            views.append(EarlierLog(source, self._epochs, closed_by))
        return views

    def _first_leaf(self, slot: int) -> Leaf | None:
        for row in log_rows.read_rows(self._session.storage, slot, end=1):
            try:
                return Leaf.parse(row.leaf)
            except (FormatError, UnsupportedError):
                return None
        return None

    # --- checking

    def _judge_end(self, walk: LogWalk) -> None:
        """Hold the key kept for the next head against the end of the log."""
        for slot in log_rows.unknown_slots(self._session.storage):
            walk.find(Finding.UNKNOWN_LOG, slot)
        row = self._row()
        try:
            if row is None:
                raise FormatError("no signer")
            public = open_signer(self._seal, self._place[0], row).public()
        except (FormatError, TamperedError):
            walk.find(Finding.WRONG_SIGNER, walk.size)
            return
        if row.size > walk.size:
            walk.find(Finding.TRUNCATED, walk.size + 1, row.size)
        elif row.size < walk.size or (walk.key_is_sure and public != walk.key):
            walk.find(Finding.WRONG_SIGNER, walk.size)

    # --- keys

    @property
    def _place(self) -> tuple[int, str]:
        """Slot and origin of the log that is written to now."""
        return _newest(self._session)

    @property
    def _seal(self) -> TableSeal:
        return self._session.table("log_signer")

    def _row(self) -> log_rows.SignerRow | None:
        return log_rows.read_signer(self._session.storage, self._place[0])


def _number(note: bytes | None, device: DeviceId) -> int:
    """Return the incarnation that a peer's head is of, 0 if it is not one of ours."""
    if note is None:
        return 0
    try:
        origin = Checkpoint.parse(UnverifiedNote.parse(note).text).origin
        of, number = split_origin(origin)
    except ValueError:
        return 0
    return number if of == device else 0


@dataclass(frozen=True, slots=True)
class _Newest:
    """The rows of whichever log is written to now: asked each time, for a rollback
    of the caller's transaction may take the newest one away.
    """

    session: Session

    @property
    def origin(self) -> str:
        return _newest(self.session)[1]

    @property
    def size(self) -> int:
        return log_rows.read_size(self.session.storage, _newest(self.session)[0])

    def rows(self, start: int = 0, end: int | None = None) -> Iterator[LogRow]:
        slot, _ = _newest(self.session)
        return log_rows.read_rows(self.session.storage, slot, start=start, end=end)


def _newest(session: Session) -> tuple[int, str]:
    named = log_rows.newest_name(session.storage)
    if named is not None:
        return named
    origin = log_origin(session.vault_id, session.device_id, FIRST_INCARNATION)
    return FIRST_SLOT, origin
