"""How one entry stands in its log: under which head, in which tree, seen by whom.

Not a verdict: that needs every head under its own key (protocol/access-log.md §8).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from clisk_vault.checkpoint import Checkpoint
from clisk_vault.errors import CallerError, FormatError, TamperedError
from clisk_vault.log_view import LogView
from clisk_vault.merkle import Frontier, leaf_hash
from clisk_vault.note import NoteKey, UnverifiedNote


@dataclass(frozen=True, slots=True)
class LogPlace:
    """*head* and *newest* are sizes of the tree; *witnesses* are names of keys."""

    head: int | None
    newest: int
    included: bool
    witnesses: tuple[str, ...]


def place_in_log(
    log: LogView,
    index: int,
    peers: Sequence[NoteKey],
    *,
    seen: Sequence[UnverifiedNote] = (),
) -> LogPlace:
    """Return how entry *index* stands in the log, from its rows as they are.

    *included*: leaf *index* is as it was hashed, and all leaf hashes together make
    the root of the newest head. *seen*: countersigned heads that peers gave back.

    Raises:
        CallerError: there is no such entry.
    """
    tree, head, newest = Frontier(), None, 0
    last, included = b"", False
    witnesses: dict[str, None] = {}
    for row in log.rows():
        tree.append(row.leaf_hash)
        if row.seq == index:
            included = leaf_hash(row.leaf) == row.leaf_hash
        if row.head is None:
            continue
        newest, last = tree.size, row.head
        if tree.size > index:
            head = head or tree.size
            for note in (row.head, *_over(seen, tree)):
                witnesses.update(dict.fromkeys(_signed_by(note, peers)))
    if not 0 <= index < tree.size:
        raise CallerError(
            f"access log: there is no entry {index}", advice="look at: clisk log list"
        )
    # An entry after the newest head leaves the tree without a signed root.
    included = included and newest == tree.size and _root(last) == tree.root()
    return LogPlace(head, newest, included, tuple(witnesses))


def _signed_by(head: bytes, peers: Sequence[NoteKey]) -> list[str]:
    """Return the names of the *peers* whose countersignature below *head* is good."""
    try:
        note = UnverifiedNote.parse(head)
    except FormatError:
        return []
    found = []
    for line in note.lines:
        for peer in peers:
            if line.name == peer.name and line.key_id == peer.id:
                try:
                    peer.check(note.text, line.signature)
                except TamperedError:
                    continue
                found.append(peer.name)
    return found


def _over(seen: Sequence[UnverifiedNote], tree: Frontier) -> list[bytes]:
    """Return those of *seen* that are heads over this very tree."""
    heads = [(note, Checkpoint.parse(note.text)) for note in seen]
    return [
        note.encode()
        for note, head in heads
        if head.size == tree.size and head.root == tree.root()
    ]


def _root(head: bytes) -> bytes | None:
    try:
        return Checkpoint.parse(UnverifiedNote.parse(head).text).root
    except FormatError:
        return None
