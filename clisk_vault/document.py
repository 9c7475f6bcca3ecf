"""One automerge document of write-once entries. The home of automerge.

Nothing above knows that it is automerge: bytes and entries go in and come out,
and everything the library raises, its panics too, ends here as a FormatError.
After such an error the object refuses all further use; load it again.

Spec: protocol/item.md §4. `merge.py` applies many changes at once.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import MappingProxyType
from typing import cast

from automerge.core import (
    ROOT,
    Document,
    Message,
    ScalarType,
    SyncState,
)

from clisk_vault import leb128
from clisk_vault.change_chunk import (
    ACTOR_BYTES,
    MAX_CHANGE_ENTRIES,
    ActorId,
    Change,
    ChangeHash,
    encode_change,
    parse_change,
)
from clisk_vault.entry import Entries, EntryValue, check_entries
from clisk_vault.errors import (
    CallerError,
    CostLimitError,
    EquivocationError,
    FormatError,
)
from clisk_vault.ids import DEVICE_ID_LENGTH, DeviceId
from clisk_vault.primitives import Random

MAX_DOCUMENT_BYTES = 16 * 1024 * 1024

# Sync message type, then no heads, no needs and no summaries of what we have.
_SYNC_MESSAGE = b"\x42\x00\x00\x00" + leb128.unsigned(1)


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


@dataclass(slots=True)
class _Session:
    """The newest change of one actor."""

    seq: int
    max_op: int


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
        with self._guarded("document"):
            document.set_actor(actor)
            self._heads = frozenset(map(ChangeHash, document.get_heads()))
            for change in document.get_changes([]):
                self._note(
                    ChangeHash(change.hash),
                    ActorId(change.actor_id),
                    change.seq,
                    change.max_op,
                )
            self._entries = _read_entries(document)

    @classmethod
    def new(cls, actor: ActorId) -> EntryDocument:
        """Return an empty document that *actor* will write to."""
        return cls(Document(actor), actor)

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
        return cls(_load(data), actor)

    @property
    def usable(self) -> bool:
        """False after the library failed: load the document again."""
        return not self._broken

    def entries(self) -> Entries:
        """Return all entries, by key."""
        self._check_usable()
        return MappingProxyType(self._entries)

    def heads(self) -> frozenset[ChangeHash]:
        """Return the changes that no other change here has seen."""
        self._check_usable()
        return self._heads

    def write(self, entries: Entries) -> Change:
        """Add *entries*, all at once, and return the change that carries them.

        Raises:
            CallerError: no entries, too many or too large ones, a key that stands
                already or is not this device's, or text that is not Unicode.
        """
        self._check_usable()
        change = self._draft(entries)
        before = sorted(self._heads)
        with self._guarded("document: write"):
            with self._document.transaction() as transaction:
                for key in sorted(entries):
                    value = entries[key]
                    kind = (
                        ScalarType.Bytes if isinstance(value, bytes) else ScalarType.Str
                    )
                    transaction.put(ROOT, key, kind, value)
            written = [c.raw_bytes for c in self._document.get_changes([*before])]
            if written != [change.data]:
                raise FormatError("document: the library wrote another change")
        self._accept(change)
        return change

    def _draft(self, entries: Entries) -> Change:
        """Return the change that writing *entries* has to make."""
        if not 1 <= len(entries) <= MAX_CHANGE_ENTRIES:
            raise CallerError(f"write: not 1 to {MAX_CHANGE_ENTRIES} entries")
        if not self._entries.keys().isdisjoint(entries):
            raise CallerError("write: a key that stands already")
        session = self._sessions.get(self._actor)
        deps = tuple(sorted(self._heads))
        try:
            check_entries(entries, author=author_of(self._actor))
            return parse_change(
                encode_change(
                    actor=self._actor,
                    seq=session.seq + 1 if session else 1,
                    start_op=self._next_op(deps),
                    deps=deps,
                    entries=entries,
                )
            )
        except FormatError as err:
            raise CallerError(f"write: {err}") from None
        except UnicodeEncodeError:
            raise CallerError("write: text that is not Unicode") from None

    def apply(self, data: bytes, *, author: DeviceId) -> Applied | Orphan:
        """Bring in the change *data*, which *author* is known to have signed.

        Everything is checked before the library sees a byte.

        Raises:
            FormatError: not a change, or not one that *author* may write.
            EquivocationError: another change, or value, stands in its place.
        """
        self._check_usable()
        change = parse_change(data)
        if author_of(change.actor) != author:
            raise FormatError("change: by a session of another device")
        check_entries(change.entries, author=author)
        if change.hash in self._max_ops:
            return Applied(change.hash, MappingProxyType({}))
        if missing := frozenset(change.deps) - self._max_ops.keys():
            return Orphan(change.hash, missing)
        self._check_place(change)
        self._receive(change)
        self._accept(change)
        return Applied(change.hash, change.entries)

    def _check_place(self, change: Change) -> None:
        """Refuse a change that does not continue what it says it has seen."""
        session = self._sessions.get(change.actor, _Session(seq=0, max_op=0))
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

    def _receive(self, change: Change) -> None:
        message = _SYNC_MESSAGE + leb128.unsigned(len(change.data)) + change.data
        with self._guarded("change"):
            self._document.receive_sync_message(SyncState(), Message.decode(message))
            heads = frozenset(map(ChangeHash, self._document.get_heads()))
            if heads != self._heads - set(change.deps) | {change.hash}:
                raise FormatError("change: the library did not take it")

    def save(self) -> bytes:
        """Return the document's bytes, proven to load as just this document.

        Raises:
            FormatError: they do not; keep the old bytes.
            CostLimitError: larger than any document may be.
        """
        self._check_usable()
        with self._guarded("document: save"):
            data = self._document.save()
        if len(data) > MAX_DOCUMENT_BYTES:
            raise CostLimitError(f"document: {len(data)} bytes, too large")
        with self._guarded("document: save"):
            again = _load(data)
            if (
                frozenset(again.get_heads()) != self._heads
                or _read_entries(again) != self._entries
            ):
                raise FormatError("document: would load as another one")
        return data

    def _next_op(self, deps: tuple[ChangeHash, ...]) -> int:
        return 1 + max((self._max_ops[dep] for dep in deps), default=0)

    def _accept(self, change: Change) -> None:
        self._note(change.hash, change.actor, change.seq, change.max_op)
        self._heads = self._heads - set(change.deps) | {change.hash}
        self._entries.update(change.entries)

    def _note(self, name: ChangeHash, actor: ActorId, seq: int, max_op: int) -> None:
        self._max_ops[name] = max_op
        session = self._sessions.setdefault(actor, _Session(seq, max_op))
        session.seq = max(session.seq, seq)
        session.max_op = max(session.max_op, max_op)

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
    """Turn whatever the library raises into a FormatError."""
    try:
        yield
    except FormatError:
        raise
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
    entries: dict[str, EntryValue] = {}
    for key, (value, _) in zip(keys, values, strict=True):
        if not isinstance(value, tuple) or value[0] not in (
            ScalarType.Str,
            ScalarType.Bytes,
        ):
            raise FormatError("document: holds more than text and bytes")
        # Typed as a scalar, but bytes come back as a list of integers.
        raw = cast("str | list[int]", value[1])
        entries[key] = raw if isinstance(raw, str) else bytes(raw)
    return entries
