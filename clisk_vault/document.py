"""One automerge document of write-once entries. The home of automerge.

Nothing above knows that it is automerge: bytes and entries go in and come out,
and everything the library raises, its panics too, ends here as a FormatError.
After such an error the object refuses all further use; load it again.

Spec: protocol/item.md §4. `merge.py` applies many changes at once.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple, TypeAlias, cast

from automerge.core import (
    ROOT,
    Document,
    Message,
    ScalarType,
    SyncState,
    Value,
)

from clisk_vault import leb128
from clisk_vault.change_chunk import (
    ACTOR_BYTES,
    MAX_CHANGE_ENTRIES,
    MAX_DEPS,
    ActorId,
    Change,
    ChangeHash,
    new_change,
    parse_change,
)
from clisk_vault.entry import Entries, EntryValue, check_entries
from clisk_vault.errors import (
    CallerError,
    CostLimitError,
    EquivocationError,
    FormatError,
    OutOfMemoryError,
    UnsupportedError,
    UntrustedInputError,
)
from clisk_vault.ids import DEVICE_ID_LENGTH, DeviceId
from clisk_vault.primitives import Random

MAX_DOCUMENT_BYTES = 16 * 1024 * 1024
# A document of so few changes is saved as their bytes: half the time, where a vault
# is imported or fetched. It is compacted when it is written to again.
_MOST_LOOSE = 4

# Sync message type, then no heads, no needs and no summaries of what we have.
_SYNC_MESSAGE = b"\x42\x00\x00\x00"


@dataclass(frozen=True, slots=True)
class Applied:
    """A change that stands in the document now; no entries if it stood there before."""

    hash: ChangeHash
    entries: Entries


@dataclass(frozen=True, slots=True)
class Orphan:
    """A change that waits for others: keep its bytes and try again later."""

    hash: ChangeHash
    missing: frozenset[ChangeHash]


@dataclass(frozen=True, slots=True)
class Refused:
    """A change that never goes in: quarantine it, with its author."""

    error: UntrustedInputError | UnsupportedError


Outcome: TypeAlias = Applied | Orphan | Refused
Signed: TypeAlias = tuple[DeviceId, bytes]
"""A change with the device that is known to have signed it."""


class _Session(NamedTuple):
    """The newest change of one actor."""

    seq: int
    max_op: int
    last: tuple[ChangeHash, ...]


_NO_SESSION = _Session(seq=0, max_op=0, last=())


def new_actor(device: DeviceId, random: Random = os.urandom) -> ActorId:
    """Return the actor id of a new session of *device*.

    Take one whenever a vault is unlocked or restored: an actor id used twice
    with different content could never be merged again.
    """
    return ActorId(device + random(ACTOR_BYTES - len(device)))


def author_of(actor: ActorId) -> DeviceId:
    """Return the device whose session *actor* is."""
    return DeviceId(actor[:DEVICE_ID_LENGTH])


class EntryDocument:
    """A document of one item, open for reading, writing and applying changes."""

    def __init__(self, document: Document, actor: ActorId) -> None:
        self._actor = actor
        self._document = document
        self._broken = False
        self._entries: dict[str, EntryValue] = {}
        self._max_ops: dict[ChangeHash, int] = {}
        self._sessions: dict[ActorId, _Session] = {}
        self._heads: set[ChangeHash] = set()
        self._loose: list[Change] | None = None

    @classmethod
    def new(cls, actor: ActorId) -> EntryDocument:
        """Return an empty document that *actor* will write to."""
        made = cls(Document(), actor)
        made._loose = []
        return made

    @classmethod
    def load(cls, data: bytes, actor: ActorId) -> EntryDocument:
        """Return the document that this device saved as *data*.

        What others made comes in by apply(), never by load(): a saved document is
        compressed, and only its own maker knows what it inflates to.

        Raises:
            FormatError: not a document, or not one of entries.
            CostLimitError: larger than any document that save() returns.
        """
        if len(data) > MAX_DOCUMENT_BYTES:
            raise CostLimitError(f"document: {len(data)} bytes, too large")
        if not data:
            raise FormatError("document: empty")
        made = cls(_load(data), actor)
        made._read()
        return made

    def _read(self) -> None:
        """Note what the library's document holds."""
        with self._guarded("document"):
            self._heads = set(map(ChangeHash, self._document.get_heads()))
            for change in self._document.get_changes([]):
                self._note(
                    ChangeHash(change.hash),
                    ActorId(change.actor_id),
                    change.seq,
                    change.max_op,
                )
            self._entries = _read_entries(self._document)

    def entries(self) -> Entries:
        """Return all entries, by key."""
        self._check_usable()
        return MappingProxyType(self._entries)

    def heads(self) -> frozenset[ChangeHash]:
        """Return the changes that no other change here has seen."""
        self._check_usable()
        return frozenset(self._heads)

    def changes(self) -> list[tuple[ChangeHash, bytes]]:
        """Return every change with its hash, each after those that it has seen.

        The bytes are those that its author wrote, whatever the library keeps.
        """
        self._check_usable()
        with self._guarded("document: changes"):
            return [
                (ChangeHash(change.hash), bytes(change.raw_bytes))
                for change in self._document.get_changes([])
            ]

    def write(self, entries: Entries) -> Change:
        """Add *entries*, all at once, and return the change that carries them.

        Raises:
            CallerError: no entries, too many or too large ones, a key that stands
                already or is not this device's, or text that is not Unicode.
        """
        self._check_usable()
        change = self._draft(entries)
        self._note_change(change)
        self._receive([change])
        return change

    def _draft(self, entries: Entries) -> Change:
        """Return the change that adds *entries* to what stands here."""
        if not 1 <= len(entries) <= MAX_CHANGE_ENTRIES:
            raise CallerError(
                f"write: not 1 to {MAX_CHANGE_ENTRIES} entries",
                advice="change fewer things at once",
            )
        if not self._entries.keys().isdisjoint(entries):
            raise CallerError("write: a key that stands already")
        session = self._sessions.get(self._actor, _NO_SESSION)
        deps = self._deps(session)
        try:
            check_entries(entries, author=author_of(self._actor))
            return new_change(
                actor=self._actor,
                seq=session.seq + 1,
                start_op=self._next_op(deps),
                deps=deps,
                entries=entries,
            )
        except FormatError as err:
            raise CallerError(f"write: {err}") from None
        except UnicodeEncodeError:
            raise CallerError(
                "write: text that is not Unicode", advice="save what is read as UTF-8"
            ) from None

    def _deps(self, session: _Session) -> tuple[ChangeHash, ...]:
        """Return what a new change says it has seen: the heads, unless too many.

        A device that lies can leave more heads than fit into a change. Then the
        latest go in, and this session's own last one, which has to be known first.
        """
        heads = self._heads
        if len(heads) > MAX_DEPS:
            latest_first = sorted(heads, key=lambda head: -self._max_ops[head])
            heads = {*latest_first[: MAX_DEPS - 1], *session.last}
        return tuple(sorted(heads))

    def apply(self, data: bytes, *, author: DeviceId) -> Applied | Orphan:
        """Bring in the change *data*, which *author* is known to have signed.

        Everything is checked before the library sees a byte.

        Raises:
            FormatError: not a change, or not one that *author* may write.
            EquivocationError: another change, or value, stands in its place.
        """
        (outcome,) = self.apply_many([(author, data)])
        if isinstance(outcome, Refused):
            raise outcome.error
        return outcome

    def apply_many(self, changes: Iterable[Signed]) -> list[Outcome]:
        """Bring in those of *changes* that pass all checks; say what became of each.

        Raises:
            FormatError: the library failed on one of those that passed.
        """
        self._check_usable()
        outcomes: list[Outcome] = []
        admitted: list[Change] = []
        for author, data in changes:
            try:
                change = self._check(data, author)
                outcome = self._place(change)
            except (UntrustedInputError, UnsupportedError) as err:
                outcomes.append(Refused(err))
                continue
            outcomes.append(outcome)
            if isinstance(outcome, Applied) and outcome.entries:
                self._note_change(change)
                admitted.append(change)
        self._receive(admitted)
        return outcomes

    def _check(self, data: bytes, author: DeviceId) -> Change:
        """Refuse what *author* may write into no document at all."""
        change = parse_change(data)
        if author_of(change.actor) != author:
            raise FormatError("change: by a session of another device")
        check_entries(change.entries, author=author)
        return change

    def _place(self, change: Change) -> Applied | Orphan:
        """Return what becomes of *change* in this document, unless it is refused."""
        if change.hash in self._max_ops:
            return Applied(change.hash, MappingProxyType({}))
        if missing := frozenset(change.deps) - self._max_ops.keys():
            return Orphan(change.hash, missing)
        self._check_place(change)
        return Applied(change.hash, change.entries)

    def _check_place(self, change: Change) -> None:
        """Refuse a change that does not continue what it says it has seen."""
        session = self._sessions.get(change.actor, _NO_SESSION)
        if change.seq <= session.seq:
            raise EquivocationError("change: its number is that of another change")
        if change.seq != session.seq + 1:
            raise FormatError("change: its number leaves a gap")
        if change.start_op != self._next_op(change.deps):
            raise FormatError("change: does not start after what it has seen")
        if change.start_op <= session.max_op:
            raise FormatError("change: has not seen its own session's last one")
        if not self._entries.keys().isdisjoint(change.entries):
            raise EquivocationError("change: writes a key that stands already")

    def _receive(self, changes: Sequence[Change]) -> None:
        """Hand *changes* to the library, in the one way in that costs no reload.

        The same for our own changes: a transaction that fails halfway would leave
        the library's document poisoned.
        """
        if self._loose is not None:
            self._loose += changes  # the library sees them when they are saved
            if len(self._loose) <= _MOST_LOOSE:
                return
            changes, self._loose = self._loose, None
        if not changes:
            return
        chunks = (leb128.unsigned(len(each.data)) + each.data for each in changes)
        message = b"".join((_SYNC_MESSAGE, leb128.unsigned(len(changes)), *chunks))
        with self._guarded("change"):
            self._document.receive_sync_message(SyncState(), Message.decode(message))
            # Malformed and early changes are dropped in silence. Here one entry of
            # each shows that it was taken; save() compares all, and the heads.
            for change in changes:
                if self._document.get(ROOT, min(change.entries)) is None:
                    raise FormatError("change: the library did not take it")

    def save(self) -> bytes:
        """Return the document's bytes, proven to load as just this document.

        Those of a new one with few changes are the changes themselves: they are
        not compressed, so loading them costs no more than their length.

        Raises:
            FormatError: they do not; keep the old bytes.
            CostLimitError: larger than any document may be.
        """
        self._check_usable()
        if self._loose:
            data = b"".join(each.data for each in self._loose)
        else:
            with self._guarded("document: save"):
                data = self._document.save()
        if len(data) > MAX_DOCUMENT_BYTES:
            raise CostLimitError(f"document: {len(data)} bytes, too large")
        with self._guarded("document: save"):
            again = _load(data)
            if (
                set(again.get_heads()) != self._heads
                or _read_entries(again) != self._entries
            ):
                raise FormatError("document: would load as another one")
        return data

    def _next_op(self, deps: tuple[ChangeHash, ...]) -> int:
        return 1 + max((self._max_ops[dep] for dep in deps), default=0)

    def _note_change(self, change: Change) -> None:
        self._note(change.hash, change.actor, change.seq, change.max_op)
        self._heads.difference_update(change.deps)
        self._heads.add(change.hash)
        self._entries.update(change.entries)

    def _note(self, name: ChangeHash, actor: ActorId, seq: int, max_op: int) -> None:
        self._max_ops[name] = max_op
        if seq > self._sessions.get(actor, _NO_SESSION).seq:
            self._sessions[actor] = _Session(seq, max_op, (name,))

    def _check_usable(self) -> None:
        if self._broken:
            raise CallerError("document: unusable after an error; load it again")

    @contextmanager
    def _guarded(self, what: str) -> Iterator[None]:
        """Like _foreign(), and nothing works on this object after a failure."""
        try:
            with _foreign(what):
                yield
        except BaseException:
            self._broken = True
            raise


@contextmanager
def _foreign(what: str) -> Iterator[None]:
    """Turn whatever the library raises into a FormatError, but for want of memory."""
    try:
        yield
    except FormatError:
        raise
    except MemoryError:
        # Damage would be kept aside and blamed on its author; this is neither.
        raise OutOfMemoryError(f"{what}: no memory is left for it") from None
    except BaseException as err:
        # A Rust panic arrives as pyo3's PanicException: no Exception, and importable
        # from nowhere. Its text may quote the input, so it is not kept.
        if isinstance(err, Exception) or type(err).__name__ == "PanicException":
            raise FormatError(f"{what}: refused by the document library") from None
        raise


def _load(data: bytes) -> Document:
    with _foreign("document"):
        return Document.load(data)


def _read_entries(document: Document) -> dict[str, EntryValue]:
    """Return all entries; the library gives keys and values in one order."""
    keys, values = document.keys(ROOT), document.values(ROOT)
    return {
        key: _entry_value(value) for key, (value, _) in zip(keys, values, strict=True)
    }


def _entry_value(value: Value) -> EntryValue:
    if isinstance(value, tuple):
        kind, raw = value
        if kind == ScalarType.Str:
            return cast("str", raw)
        if kind == ScalarType.Bytes:
            # Typed as bytes, but a list of integers.
            return bytes(cast("list[int]", raw))
    raise FormatError("document: holds more than text and bytes")
