"""A stretch of a log in which all is as expected: the short way of a walk.

Nearly every entry of nearly every log is as it should be. So whole stretches are
looked at, one kind of check after the other, which takes half the time of one entry
after the other: the code of a check stays in the processor's cache. Either all of
it holds, or the walk looks at each entry by itself and says what is wrong. What the
walk would not take without a word, this does not take.

Spec: protocol/access-log.md §8.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count

from clisk_vault.checkpoint import Checkpoint
from clisk_vault.errors import FormatError, UnsupportedError
from clisk_vault.log_leaf import FIRST_TYPES, MAX_GROUP, Leaf, LogRow
from clisk_vault.merkle import Frontier, leaf_hash
from clisk_vault.note import NoteKey
from clisk_vault.primitives import VerifyKey, sha256

STRETCH_ENTRIES = 128


@dataclass(slots=True)
class Stretch:
    """What a good stretch comes to."""

    leaves: list[Leaf]
    tree: Frontier
    key: VerifyKey
    """Of the head that comes next."""
    roots: dict[int, bytes]


def stretches(rows: Iterable[LogRow]) -> Iterator[list[LogRow]]:
    """Yield *rows* in lists, each of which ends with a head if there is one."""
    some: list[LogRow] = []
    for row in rows:
        some.append(row)
        if len(some) >= STRETCH_ENTRIES and (
            row.head is not None or len(some) >= STRETCH_ENTRIES + MAX_GROUP
        ):
            yield some
            some = []
    if some:
        yield some


def read_stretch(
    rows: Sequence[LogRow],
    *,
    origin: str,
    key: VerifyKey,
    tree: Frontier,
    contents: bool,
    wanted: frozenset[int],
) -> Stretch | None:
    """Return what *rows* come to, None unless all of it is as expected.

    Args:
        rows: what follows the entries of *tree*, up to a head.
        origin: the log's name.
        key: of the next head.
        tree: of the entries that a head has closed; it is left as it is.
        contents: whether what is stored of contents must be what the leaves name.
        wanted: the sizes at which the root is asked for.
    """
    try:
        leaves = [Leaf.parse(row.leaf) for row in rows]
    except (FormatError, UnsupportedError):
        return None
    if not all(map(_is_in_place, rows, leaves, count(tree.size))):
        return None
    if any(leaf_hash(row.leaf) != row.leaf_hash for row in rows):
        return None
    if contents and not all(map(_has_its_content, rows, leaves)):
        return None
    found = Stretch(leaves, tree.copy(), key, {})
    heads = _expected_heads(found, rows, origin, wanted)
    if heads is None or not all(
        key.signed_alone(head, text) for key, head, text in heads
    ):
        return None
    return found


def _expected_heads(
    stretch: Stretch, rows: Sequence[LogRow], origin: str, wanted: frozenset[int]
) -> list[tuple[NoteKey, bytes, str]] | None:
    """Grow *stretch* by *rows*; return key, head and the text that it must have.

    None if the heads cannot be told from the entries.
    """
    heads = []
    key, group = stretch.key, 0
    following: VerifyKey | None = None
    for row, leaf in zip(rows, stretch.leaves, strict=True):
        stretch.tree.append(row.leaf_hash)
        group += 1
        # Leaves under one head name one next key: a change shows that a head is lost.
        if group > MAX_GROUP or (following is not None and leaf.next != following):
            return None
        following = leaf.next
        if row.head is None or following is None:
            continue
        size, root = stretch.tree.size, stretch.tree.root()
        if size in wanted:
            stretch.roots[size] = root
        text = Checkpoint(origin, size, root).encode()
        heads.append((NoteKey(origin, key), row.head, text))
        key, following, group = following, None, 0
    stretch.key = key
    return None if group else heads


def _has_its_content(row: LogRow, leaf: Leaf) -> bool:
    """Say whether the content stored is the one named, or was erased."""
    return row.ciphertext is None or sha256(row.ciphertext) == leaf.ciphertext_hash


def _is_in_place(row: LogRow, leaf: Leaf, seq: int) -> bool:
    """Say whether a leaf stands where it says, and is of a kind with no more to it."""
    return (
        row.seq == leaf.seq == seq
        and leaf.next is not None
        and leaf.restart is None
        and leaf.pruned is None
        and (leaf.type in FIRST_TYPES) is (seq == 0)
    )
