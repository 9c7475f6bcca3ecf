"""Walking a log from its enrolled key to its end: protocol/access-log.md §8.

Needs no secret: what an outsider can check, this checks. It never stops at the
first fault; it names each fault once, and what could not be checked because of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise

from clisk_vault.checkpoint import Checkpoint
from clisk_vault.errors import FormatError, TamperedError, UnsupportedError
from clisk_vault.log_leaf import (
    FIRST_TYPES,
    MAX_GROUP,
    Leaf,
    LeafType,
    LogRow,
    Restart,
)
from clisk_vault.log_stretch import read_stretch, stretches
from clisk_vault.merkle import Frontier, leaf_hash
from clisk_vault.note import NoteKey, SignatureLine, UnverifiedNote
from clisk_vault.primitives import VerifyKey, sha256
from clisk_vault.verdict import Finding, Found, Notice

_AFTER = {
    Restart.RESTORED: Notice.AFTER_RESTORE,
    Restart.DAMAGED: Notice.AFTER_DAMAGE,
}


@dataclass(slots=True)
class _Pending:
    """An entry that no head has closed yet."""

    seq: int
    leaf: Leaf | None
    computed: bytes
    stored: bytes

    @property
    def edited(self) -> bool:
        """Whether leaf and stored hash differ: one of them is not as written."""
        return self.computed != self.stored


class LogWalk:
    """Checks rows one after the other and collects what is wrong with them."""

    def __init__(
        self,
        origin: str,
        enrolled: VerifyKey,
        *,
        wanted: frozenset[int] = frozenset(),
        contents: bool = True,
    ) -> None:
        self.origin = origin
        self.findings: list[Found] = []
        self.notices: list[Found] = []
        self.size = 0
        self.count = 0
        # The root at each size in *wanted*, as far as it could be computed.
        self.roots: dict[int, bytes] = {}
        # Good heads that others have countersigned.
        self.cosigned: list[UnverifiedNote] = []
        # The key of the next head, and whether the leaf that names it is as signed.
        self.key: VerifyKey | None = enrolled
        self.key_is_sure = True
        self._wanted = wanted
        # A bundle for outsiders carries no ciphertexts, so none is missed there.
        self._contents = contents
        self._tree: Frontier | None = Frontier()
        self._group: list[_Pending] = []
        self._retired = False
        # Entries without contents, and up to where the log says that it was pruned.
        self._erased: list[int] = []
        self._pruned_below = 0

    @classmethod
    def resume(cls, origin: str, key: VerifyKey | None, tree: Frontier) -> LogWalk:
        """Return a walk that goes on where *tree* ends, with the key named there.

        Contents may have been erased before they came here, so none is missed.
        """
        walk = cls(origin, key or VerifyKey(bytes(32)), contents=False)
        walk.size, walk._tree = tree.size, tree
        walk.key, walk._retired = key, key is None
        return walk

    @property
    def tree(self) -> Frontier | None:
        """The tree so far, as long as it is as signed."""
        return self._tree

    def take_all(self, rows: Iterable[LogRow]) -> Iterator[tuple[LogRow, Leaf | None]]:
        """Check *rows* as take() does, and yield each with what that returns.

        Fast where nothing is wrong: see clisk_vault.log_stretch.
        """
        for some in stretches(rows):
            leaves = self._take_stretch(some)
            if leaves is None:
                yield from ((row, self.take(row)) for row in some)
            else:
                yield from zip(some, leaves, strict=True)

    def _take_stretch(self, rows: list[LogRow]) -> list[Leaf] | None:
        """Take all of *rows* if all of it is as expected, and else nothing."""
        if self._tree is None or self.key is None or self._retired:
            return None
        found = read_stretch(
            rows,
            origin=self.origin,
            key=self.key,
            tree=self._tree,
            contents=self._contents,
            wanted=self._wanted,
        )
        if found is None:
            return None
        self.size += len(rows)
        self.count += len(rows)
        self._tree, self.key, self.key_is_sure = found.tree, found.key, True
        self.roots |= found.roots
        if self._contents:
            self._erased += [row.seq for row in rows if row.ciphertext is None]
        return found.leaves

    def take(self, row: LogRow) -> Leaf | None:
        """Check one row; return its leaf if that is the one that was hashed."""
        if row.seq != self.size:
            self._skip_to(row.seq)
        self.size, self.count = row.seq + 1, self.count + 1
        pending = _Pending(row.seq, None, leaf_hash(row.leaf), row.leaf_hash)
        self._group.append(pending)
        leaf = pending.leaf = self._parse_leaf(row, edited=pending.edited)
        if leaf is not None and not pending.edited:
            self._check_leaf(leaf, row)
        if row.head is not None:
            self._close(row.head)
        return None if pending.edited else leaf

    def finish(self) -> None:
        """Say what is missing at the end."""
        for seq in self._erased:
            if seq < self._pruned_below:
                self.notices.append(Found(Notice.PRUNED, seq, seq))
            else:
                self.find(Finding.MISSING_CONTENT, seq)
        if not self.count:
            self.find(Finding.MISSING_ENTRY, 0)
        elif self._group:
            self._check_group(self._group)
            self.find(Finding.MISSING_HEAD, self.size)
            self._lose()

    def find(self, kind: Finding, first: int, last: int | None = None) -> None:
        """Add a finding at one place, or at a run of places."""
        self.findings.append(Found(kind, first, first if last is None else last))

    def _skip_to(self, seq: int) -> None:
        self.find(Finding.MISSING_ENTRY, self.size, seq - 1)
        self._group = []
        self._lose()

    def _lose(self) -> None:
        """From here on neither roots nor the key of the next head are known."""
        self._tree, self.key, self.key_is_sure = None, None, False

    def _parse_leaf(self, row: LogRow, *, edited: bool) -> Leaf | None:
        try:
            return Leaf.parse(row.leaf)
        except (FormatError, UnsupportedError) as err:
            # An edited leaf is named once, where its head is checked.
            if not edited:
                unknown = isinstance(err, UnsupportedError)
                kind = Finding.UNKNOWN_LEAF if unknown else Finding.EDITED_LEAF
                self.find(kind, row.seq)
            return None

    def _check_leaf(self, leaf: Leaf, row: LogRow) -> None:
        """Check what a leaf says against where it stands and what stands beside it."""
        if leaf.seq != row.seq:
            self.find(Finding.WRONG_ORDER, row.seq)
            self._lose()
        if self._retired or (leaf.type in FIRST_TYPES) is not (leaf.seq == 0):
            self.find(Finding.WRONG_PLACE, row.seq)
        self._retired = self._retired or leaf.type is LeafType.RETIRE
        if leaf.restart is not None:
            self.notices.append(Found(_AFTER[leaf.restart], row.seq, row.seq))
        self._pruned_below = max(self._pruned_below, leaf.pruned or 0)
        if not self._contents:
            return
        if row.ciphertext is None:
            self._erased.append(row.seq)
        elif sha256(row.ciphertext) != leaf.ciphertext_hash:
            self.find(Finding.EDITED_CONTENT, row.seq)

    def _close(self, head: bytes) -> None:
        """Check the head over the entries since the one before it."""
        group, self._group = self._group, []
        self._check_group(group)
        root = self._check_head(head)
        as_signed = self._grow(group, root)
        named = group[-1].leaf
        self.key = None if named is None else named.next
        self.key_is_sure = as_signed
        if self.size in self._wanted and self._tree is not None:
            self.roots[self.size] = self._tree.root()

    def _check_group(self, group: list[_Pending]) -> None:
        """Leaves under one head name one next key; where it changes a head is lost."""
        for before, after in pairwise(group):
            if before.leaf is None or after.leaf is None:
                continue
            if before.edited or after.edited:
                continue  # named as such; its next key is not to be believed
            if before.leaf.next != after.leaf.next:
                self.find(Finding.MISSING_HEAD, after.seq)
                self.key = before.leaf.next
        if len(group) > MAX_GROUP:
            self.find(Finding.MISSING_HEAD, group[MAX_GROUP].seq)

    def _check_head(self, head: bytes) -> bytes | None:
        """Return the root that this head's own key signed, or None."""
        try:
            note = UnverifiedNote.parse(head)
            checkpoint = Checkpoint.parse(note.text)
        except FormatError:
            self.find(Finding.EDITED_HEAD, self.size)
            return None
        if self.key is None:
            self.find(Finding.UNCHECKED_HEAD, self.size)
            return None
        by = NoteKey(self.origin, self.key)
        own = [line for line in note.lines if line.name == self.origin]
        fault = self._signature_fault(note.text, by, own)
        if fault is None and checkpoint != Checkpoint(
            self.origin, self.size, checkpoint.root
        ):
            fault = Finding.WRONG_ORDER  # signed, but for another place
        if fault is not None:
            self.find(fault, self.size)
            return None
        if len(note.lines) > 1:
            self.cosigned.append(note)
        return checkpoint.root

    def _signature_fault(
        self, text: str, by: NoteKey, own: list[SignatureLine]
    ) -> Finding | None:
        """Return what is wrong with the log's own signature of a head, if anything."""
        if len(own) != 1:
            return Finding.EDITED_HEAD
        (line,) = own
        try:
            by.check(text, line.signature)
        except TamperedError:
            if not self.key_is_sure:
                return Finding.UNCHECKED_HEAD
            known = line.key_id == by.id
            return Finding.EDITED_HEAD if known else Finding.UNKNOWN_KEY
        return None if line.key_id == by.id else Finding.EDITED_HEAD

    def _grow(self, group: list[_Pending], root: bytes | None) -> bool:
        """Add the group to the tree; return whether its last leaf is as signed.

        Where leaf and stored hash differ, the one that leads to the signed *root*
        is the good one.
        """
        edited = [one.seq for one in group if one.edited]
        kind = Finding.EDITED_LEAF
        if self._tree is not None:
            kept = _grown(self._tree, [one.stored for one in group])
            if root is None or kept.root() == root:
                self._tree = kept
            elif edited and (
                (fresh := _grown(self._tree, [one.computed for one in group])).root()
                == root
            ):
                self._tree, kind = fresh, Finding.EDITED_LEAF_HASH
            else:
                # Leaves and hashes agree with each other and not with what was
                # signed: no later head can be compared with the entries.
                self._tree = None
                edited = edited or [one.seq for one in group]
        elif root is not None:
            self.find(Finding.UNCHECKED_HEAD, self.size)
        for seq in edited:
            self.find(kind, seq)
        good = kind is Finding.EDITED_LEAF_HASH or not group[-1].edited
        return good and self._tree is not None


def _grown(tree: Frontier, hashes: list[bytes]) -> Frontier:
    grown = tree.copy()
    for one in hashes:
        grown.append(one)
    return grown
