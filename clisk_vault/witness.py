"""This device as a witness of other devices' logs: protocol/access-log.md §11.

Takes in what they tell, holds it against what it has seen, and countersigns. What
is compared, kept, countersigned and recorded is one transaction, so that neither a
crash nor two requests at once make it sign two histories.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from clisk_vault.access_log import AccessLog, first_key
from clisk_vault.checkpoint import Checkpoint
from clisk_vault.device import DevicePublic
from clisk_vault.errors import (
    FormatError,
    LogForked,
    LogRestored,
    LogUntrue,
    TamperedError,
    UnsupportedError,
    VaultError,
)
from clisk_vault.ids import DeviceId
from clisk_vault.log_fork import ForkEvidence
from clisk_vault.log_leaf import Leaf, LogRow, Restart
from clisk_vault.log_message import (
    CosignedHead,
    HeldSize,
    LogNews,
    parse_log_message,
)
from clisk_vault.log_rows import OwnLog
from clisk_vault.log_view import LogEpochs, LogView, log_origin, split_origin
from clisk_vault.log_walk import LogWalk
from clisk_vault.merkle import Frontier, Tree, check_consistency
from clisk_vault.note import KeyKind, NoteKey, UnverifiedNote, cosign_line
from clisk_vault.peer_logs import KeptEvidence, PeerLogs, PeerState
from clisk_vault.primitives import VerifyKey, sha256
from clisk_vault.session import Session


def witness_key(device: DevicePublic) -> NoteKey:
    """Return the key that a device countersigns with: access-log.md §7.3."""
    return NoteKey(device.id.hex(), device.cosign, KeyKind.COSIGNATURE)


class Witness:
    """Hears what members say of logs. Every call joins the caller's transaction."""

    def __init__(self, session: Session, log: AccessLog, epochs: LogEpochs) -> None:
        self._session = session
        self._log = log
        self._epochs = epochs

    @property
    def _peers(self) -> PeerLogs:
        return PeerLogs(self._session.storage)

    # --- reading

    def logs(self, device: DeviceId) -> list[LogView]:
        """Return what is held of another device's logs, oldest first."""
        found = [
            origin
            for origin in self._peers.origins()
            if split_origin(origin)[0] == device
        ]
        sources = [
            self._peers.source(origin)
            for origin in sorted(found, key=lambda origin: split_origin(origin)[1])
        ]
        return [LogView(one, self._epochs) for one in sources if one is not None]

    def cosigned(self, origin: str) -> list[UnverifiedNote]:
        """Return the newest head of a log that each witness has countersigned."""
        return list(self._peers.cosigned(origin).values())

    def forks(self, origin: str) -> list[int]:
        """Return the sizes at which a log was shown in two ways."""
        return [one.size for one in self._peers.evidence() if one.origin == origin]

    def kept(self) -> list[KeptEvidence]:
        """Return when and of which log fork evidence was found, oldest first."""
        return self._peers.evidence()

    def evidence(self) -> list[ForkEvidence]:
        """Return all fork evidence, oldest first.

        Raises:
            FormatError: it was changed on disk.
        """
        return [ForkEvidence.parse(one.evidence) for one in self._peers.evidence()]

    # --- hearing

    def hear(
        self,
        author: DevicePublic,
        messages: Sequence[bytes],
        known: Callable[[DeviceId], DevicePublic | None],
    ) -> list[VaultError]:
        """Take in what a verified member says; return what is not as it should be.

        Nothing that it says stops the caller, and nothing is believed unchecked.

        Args:
            author: its keys, from the membership.
            messages: from one envelope of its own.
            known: the keys of another member, past or present.
        """
        found: list[VaultError] = []
        for data in messages:
            try:
                with self._session.storage.transaction():
                    found += self._hear(author, data, known)
            except (FormatError, TamperedError, UnsupportedError) as err:
                found.append(
                    LogUntrue(f"device {author.id.hex()[:8]} told of a log: {err}")
                )
        return found

    def _hear(
        self,
        author: DevicePublic,
        data: bytes,
        known: Callable[[DeviceId], DevicePublic | None],
    ) -> list[VaultError]:
        message = parse_log_message(data)
        if isinstance(message, LogNews):
            return self._hear_news(author, message)
        if isinstance(message, CosignedHead):
            return self._hear_cosigned(author, message, known)
        self._hear_held(message)
        return []

    def _hear_held(self, held: HeldSize) -> None:
        """Tell again what somebody lacks of a log of this device."""
        if held.device != self._session.device_id:
            return
        for slot, origin in self._log.names().items():
            told = self._peers.told(slot)
            if split_origin(origin)[1] == held.incarnation and told is not None:
                size, _ = told
                self._peers.keep_told(slot, min(held.size, size), 0)

    # --- news of a log

    def _hear_news(self, author: DevicePublic, news: LogNews) -> list[VaultError]:
        origin = log_origin(self._session.vault_id, author.id, news.incarnation)
        if author.id == self._session.device_id:
            return []
        state = self._peers.state(origin) or PeerState(
            Frontier(), first_key(author, news.incarnation)
        )
        if news.old > state.size:
            self._ask_again(origin, state.size)
            return []
        held = self._held_rows(origin, news.old, state.size)
        for mine, theirs in zip(held, news.rows, strict=False):
            if mine.leaf_hash != theirs.leaf_hash:
                return self._hear_fork(author, origin, news, mine.seq)
        fresh = news.rows[len(held) :]
        if not fresh:
            self._remind(origin)
            return []
        walk = _walk(origin, state, fresh)
        if walk.findings or walk.tree is None:
            return self._refuse(origin, state.size, walk)
        if 0 < news.old == state.size:
            # 2: the head's own proof, apart from the entries that lead there.
            self._check_proof(news, state.tree)
        after = PeerState(walk.tree, walk.key)
        self._peers.keep(origin, fresh, after)
        if news.last:
            self._countersign(origin, fresh[-1])
        return []

    def _check_proof(self, news: LogNews, tree: Frontier) -> None:
        head = Checkpoint.parse(UnverifiedNote.parse(news.rows[-1].head or b"").text)
        check_consistency(
            first=news.old,
            first_root=tree.root(),
            second=head.size,
            second_root=head.root,
            proof=news.proof,
        )

    def _refuse(self, origin: str, size: int, walk: LogWalk) -> list[VaultError]:
        # It may be another history: told from its beginning, that can be shown.
        self._ask_again(origin, 0)
        what = walk.findings[0] if walk.findings else "its end is not signed"
        return [
            LogUntrue(
                f"the log {_short(origin)} does not go on from its first {size} "
                f"entries: {what}"
            )
        ]

    def _countersign(self, origin: str, row: LogRow) -> None:
        """Sign, queue the answer, and record it: all in the caller's transaction."""
        assert row.head is not None
        note = UnverifiedNote.parse(row.head)
        secrets, session = self._session.secrets, self._session
        line = cosign_line(
            note.text,
            by=witness_key(secrets.public),
            key=secrets.cosign,
            time_seconds=session.clock() // 1000,
        )
        own = [one for one in note.lines if one.name == origin]
        signed = UnverifiedNote(note.text, (*own, line)).encode()
        self._log.mark_witness(signed)
        self._peers.keep_cosigned(origin, session.device_id, row.seq + 1, signed)
        self._peers.say(CosignedHead(signed).encode())

    def _remind(self, origin: str) -> None:
        """Say again what was countersigned: the author may be an older copy."""
        note = self._peers.cosigned(origin).get(self._session.device_id)
        if note is not None:
            self._peers.say(CosignedHead(note.encode()).encode())

    def _ask_again(self, origin: str, size: int) -> None:
        device, incarnation = split_origin(origin)
        self._peers.say(HeldSize(device, incarnation, size).encode())

    def _held_rows(self, origin: str, start: int, end: int) -> list[LogRow]:
        source = self._peers.source(origin)
        return [] if source is None or start >= end else list(source.rows(start, end))

    # --- forks

    def _hear_fork(
        self, author: DevicePublic, origin: str, news: LogNews, at: int
    ) -> list[VaultError]:
        """Keep what shows that entry *at* exists twice, both signed."""
        source = self._peers.source(origin)
        assert source is not None
        # Back to the head before: there both histories share the tree and the key.
        mine = list(source.rows())
        shared = max(
            (row.seq + 1 for row in mine[:at] if row.head is not None), default=0
        )
        if shared < news.old:
            self._ask_again(origin, shared)
            return []
        first = first_key(author, news.incarnation)
        tree = Tree(row.leaf_hash for row in mine[:shared])
        theirs = news.rows[shared - news.old :]
        start = PeerState(
            Frontier(row.leaf_hash for row in mine[:shared]),
            _next_key(mine, shared, first),
        )
        walk = _walk(origin, start, theirs)
        if walk.findings:
            return self._refuse(origin, shared, walk)
        for row in theirs:
            tree.append(row.leaf_hash)
        ours = (UnverifiedNote.parse(_head(mine)), _key_of_last(mine, first))
        other = (
            UnverifiedNote.parse(_head(theirs)),
            _key_of_last([*mine[:shared], *theirs], first),
        )
        evidence = _evidence(ours, Tree(row.leaf_hash for row in mine), other, tree)
        evidence.check()
        return self._keep(origin, at, evidence)

    def _keep(self, origin: str, at: int, evidence: ForkEvidence) -> list[VaultError]:
        now_ms = self._session.clock()
        self._remind(origin)
        if not self._peers.keep_evidence(origin, at, evidence.encode(), now_ms):
            return []
        return [LogForked(f"entry {at} of the log {_short(origin)} exists twice")]

    # --- countersignatures of others

    def _hear_cosigned(
        self,
        author: DevicePublic,
        message: CosignedHead,
        known: Callable[[DeviceId], DevicePublic | None],
    ) -> list[VaultError]:
        note = UnverifiedNote.parse(message.note)
        head = Checkpoint.parse(note.text)
        note.verify([witness_key(author)])
        if head.extensions:
            raise FormatError("a countersignature of a head with extensions")
        try:
            device, incarnation = split_origin(head.origin)
        except ValueError:
            raise FormatError("a countersignature of no log's head") from None
        # So it is of this vault, and in its one spelling.
        if log_origin(self._session.vault_id, device, incarnation) != head.origin:
            raise TamperedError("a countersignature of no log of this vault")
        if device == author.id:
            raise TamperedError("nobody is a witness of themselves")
        if device == self._session.device_id:
            return self._hear_of_own(author, head, message.note)
        if known(device) is None:
            raise TamperedError("a countersignature of no member's log")
        return self._hear_of_other(author, head, message.note)

    def _hear_of_own(
        self, author: DevicePublic, head: Checkpoint, note: bytes
    ) -> list[VaultError]:
        """Keep a countersignature of an own log, or find out that it went on."""
        names = self._log.names()
        slot = next((s for s, origin in names.items() if origin == head.origin), None)
        if slot is not None:
            ours = _text_at(OwnLog(self._session.storage, slot, head.origin), head.size)
            if ours == head.encode():
                self._peers.keep_cosigned(head.origin, author.id, head.size, note)
                return []
        newest = max(names)
        number = split_origin(names[newest])[1]
        closed = slot is not None and slot != newest
        if closed or split_origin(head.origin)[1] < number:
            # That it was closed was told already; the witness's word is kept.
            self._peers.keep_cosigned(head.origin, author.id, head.size, note)
            return []
        origin = self._log.begin_anew(Restart.RESTORED, newest=note)
        self._peers.keep_cosigned(head.origin, author.id, head.size, note)
        return [
            LogRestored(
                f"device {author.id.hex()[:8]} has seen {head.size} entries of this "
                f"device's access log that are not here; it goes on as {_short(origin)}"
            )
        ]

    def _hear_of_other(
        self, author: DevicePublic, head: Checkpoint, note: bytes
    ) -> list[VaultError]:
        """Keep what a witness saw of a third device's log, and compare."""
        self._peers.keep_cosigned(head.origin, author.id, head.size, note)
        source = self._peers.source(head.origin)
        if source is None or head.size > source.size:
            return []
        ours = _text_at(source, head.size)
        if ours == head.encode():
            return []
        # Whoever has the other history tells it when asked; that is the evidence.
        self._ask_again(head.origin, 0)
        return [
            LogForked(
                f"device {author.id.hex()[:8]} has seen another head {head.size} of "
                f"the log {_short(head.origin)} than this one"
            )
        ]


def _walk(origin: str, state: PeerState, rows: Sequence[LogRow]) -> LogWalk:
    """Return the walk over *rows*, which are said to follow *state*."""
    walk = LogWalk.resume(origin, state.key, state.tree.copy())
    for row in rows:
        leaf = walk.take(row)
        # What was erased may be missing; what is there is what the leaf names.
        there = None if leaf is None else row.ciphertext
        if there is not None and leaf and sha256(there) != leaf.ciphertext_hash:
            raise TamperedError(f"entry {row.seq} is not what its leaf names")
    walk.finish()
    return walk


def _evidence(
    one: tuple[UnverifiedNote, VerifyKey],
    one_tree: Tree,
    other: tuple[UnverifiedNote, VerifyKey],
    other_tree: Tree,
) -> ForkEvidence:
    if one_tree.size > other_tree.size:
        one, one_tree, other, other_tree = other, other_tree, one, one_tree
    (small, small_key), (large, large_key) = one, other
    same = one_tree.size == other_tree.size
    proof = () if same else other_tree.consistency_proof(one_tree.size, other_tree.size)
    return ForkEvidence(
        small.encode(),
        large.encode(),
        small_key,
        large_key,
        other_tree.root(one_tree.size),
        tuple(proof),
    )


def _head(rows: Sequence[LogRow]) -> bytes:
    head = rows[-1].head
    assert head is not None, "what is held, and what is told, ends with a head"
    return head


def _next_key(rows: Sequence[LogRow], size: int, first: VerifyKey) -> VerifyKey | None:
    return first if size == 0 else Leaf.parse(rows[size - 1].leaf).next


def _key_of_last(rows: Sequence[LogRow], first: VerifyKey) -> VerifyKey:
    """Return the key that signed the last head of *rows*."""
    before = [row.seq + 1 for row in rows[:-1] if row.head is not None]
    key = _next_key(rows, before[-1] if before else 0, first)
    assert key is not None, "a retired log has no further head"
    return key


def _text_at(source: OwnLog, size: int) -> str | None:
    """Return the text of the head that a log had at *size*, None if it had none."""
    for row in source.rows(size - 1, size) if size else ():
        return None if row.head is None else UnverifiedNote.parse(row.head).text
    return None


def _short(origin: str) -> str:
    device, incarnation = split_origin(origin)
    return f"{device.hex()[:8]}/{incarnation}"
