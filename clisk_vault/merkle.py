"""Merkle trees over leaf hashes (RFC 6962 §2.1, RFC 9162 §2.1): access-log.md §3.

Pure: knows hashes only, neither what a leaf says nor where it is kept.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Sequence

from clisk_vault.errors import FormatError, TamperedError

HASH_BYTES = 32
EMPTY_ROOT = hashlib.sha256().digest()


def leaf_hash(data: bytes) -> bytes:
    """Return the hash of a leaf; the prefix keeps leaves and nodes apart."""
    return hashlib.sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of an inner node."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def _split(size: int) -> int:
    """Return the largest power of two smaller than *size* (>= 2)."""
    return 1 << ((size - 1).bit_length() - 1)


class Frontier:
    """The perfect subtrees that end at the right edge of a growing tree.

    Enough to append and to give the root, in O(log n) time and space.
    """

    __slots__ = ("_peaks", "size")

    def __init__(self, leaves: Iterable[bytes] = ()) -> None:
        self.size = 0
        self._peaks: list[bytes] = []
        for leaf in leaves:
            self.append(leaf)

    def append(self, leaf: bytes) -> None:
        """Add the hash of the next leaf."""
        carry, merges = leaf, self.size
        while merges & 1:
            carry = node_hash(self._peaks.pop(), carry)
            merges >>= 1
        self._peaks.append(carry)
        self.size += 1

    def root(self) -> bytes:
        """Return the root over all leaves so far."""
        if not self._peaks:
            return EMPTY_ROOT
        root = self._peaks[-1]
        for peak in self._peaks[-2::-1]:
            root = node_hash(peak, root)
        return root

    def encode(self) -> bytes:
        """Return what decode() makes it from again: its peaks, largest first."""
        return b"".join(self._peaks)

    @classmethod
    def decode(cls, size: int, data: bytes) -> Frontier:
        """Return the frontier of *size* leaves that encode() wrote.

        Raises:
            FormatError: not as many hashes as a tree of that size has peaks.
        """
        if size < 0 or len(data) != size.bit_count() * HASH_BYTES:
            raise FormatError("frontier: another number of peaks")
        tree = cls()
        tree.size = size
        tree._peaks = [
            data[at : at + HASH_BYTES] for at in range(0, len(data), HASH_BYTES)
        ]
        return tree

    def copy(self) -> Frontier:
        """Return one that grows apart from this one."""
        other = Frontier()
        other.size, other._peaks = self.size, self._peaks.copy()
        return other


class Tree:
    """A whole tree: roots and proofs of every size up to its own."""

    __slots__ = ("_levels",)

    def __init__(self, leaves: Iterable[bytes] = ()) -> None:
        self._levels: list[list[bytes]] = [[]]
        for leaf in leaves:
            self.append(leaf)

    @property
    def size(self) -> int:
        """Number of leaves."""
        return len(self._levels[0])

    def append(self, leaf: bytes) -> None:
        """Add the hash of the next leaf."""
        for level in self._levels:
            level.append(leaf)
            if len(level) & 1:
                return
            leaf = node_hash(level[-2], level[-1])
        self._levels.append([leaf])

    def root(self, size: int | None = None) -> bytes:
        """Return the root over the first *size* leaves; all of them by default.

        Raises:
            FormatError: more leaves than there are.
        """
        size = self.size if size is None else size
        self._check_size(size)
        return self._range(0, size) if size else EMPTY_ROOT

    def hashes(self, level: int, start: int, end: int) -> list[bytes]:
        """Return roots of perfect subtrees of 2**level leaves, as tiles hold them."""
        return self._levels[level][start:end] if level < len(self._levels) else []

    def inclusion_proof(self, index: int, size: int) -> list[bytes]:
        """Return the proof that leaf *index* is in the first *size* leaves.

        Raises:
            FormatError: there is no such leaf or size.
        """
        self._check_size(size)
        if not 0 <= index < size:
            raise FormatError("inclusion proof: index outside the tree")
        proof, start, end = [], 0, size
        while end - start > 1:
            middle = start + _split(end - start)
            if index < middle:
                proof.append(self._range(middle, end))
                end = middle
            else:
                proof.append(self._range(start, middle))
                start = middle
        return proof[::-1]

    def consistency_proof(self, first: int, second: int) -> list[bytes]:
        """Return the proof that *second* leaves begin with the *first* ones.

        Raises:
            FormatError: sizes that no proof is for.
        """
        self._check_size(second)
        if not 0 < first <= second:
            raise FormatError("consistency proof: sizes out of order")
        proof, start, end = [], 0, second
        while first != end:
            middle = start + _split(end - start)
            if first <= middle:
                proof.append(self._range(middle, end))
                end = middle
            else:
                proof.append(self._range(start, middle))
                start = middle
        if start:
            proof.append(self._range(start, end))
        return proof[::-1]

    def _check_size(self, size: int) -> None:
        if not 0 <= size <= self.size:
            raise FormatError("tree: fewer leaves than asked for")

    def _range(self, start: int, end: int) -> bytes:
        """Return the root over leaves [start, end); start is aligned to the split."""
        size = end - start
        if size & (size - 1) == 0:
            level = size.bit_length() - 1
            return self._levels[level][start >> level]
        middle = start + _split(size)
        return node_hash(self._range(start, middle), self._range(middle, end))


def check_inclusion(
    leaf: bytes, *, index: int, size: int, proof: Sequence[bytes], root: bytes
) -> None:
    """Check that *leaf* is number *index* of the *size* leaves under *root*.

    Raises:
        FormatError: an index outside the tree, a hash of another length, or a
            proof of another length than this index and size need.
        TamperedError: the proof leads to another root.

    Spec: RFC 9162 §2.1.3.2. Vectors: tlog/merkle-inclusion.json.
    """
    _check_hashes([leaf, root, *proof])
    if not 0 <= index < size:  # 1
        raise FormatError("inclusion proof: index outside the tree")
    _, result = _climb(index, size - 1, leaf, proof, what="inclusion")  # 2 to 5
    if not hmac.compare_digest(result, root):
        raise TamperedError("inclusion proof: leads to another root")


def check_consistency(
    *,
    first: int,
    first_root: bytes,
    second: int,
    second_root: bytes,
    proof: Sequence[bytes],
) -> None:
    """Check that the tree of *second* leaves begins with that of *first*.

    Nothing is consistent with an empty tree in a way worth a proof, so first = 0
    is refused: the caller that has seen nothing has nothing to compare.

    Raises:
        FormatError: sizes out of order or zero, a hash of another length, or a
            proof of another length than these sizes need.
        TamperedError: the proof leads to other roots.

    Spec: RFC 9162 §2.1.4.2. Vectors: tlog/merkle-consistency.json.
    """
    _check_hashes([first_root, second_root, *proof])
    if not 0 < first <= second:
        raise FormatError("consistency proof: sizes out of order")
    if first == second:
        if proof:
            raise FormatError("consistency proof: too long")
        if not hmac.compare_digest(first_root, second_root):
            raise TamperedError("consistency proof: one size, two roots")
        return
    if not proof:  # 1
        raise FormatError("consistency proof: too short")
    path = list(proof)
    if first & (first - 1) == 0:  # 2
        path.insert(0, first_root)
    fn, sn = first - 1, second - 1  # 3
    while fn & 1:  # 4
        fn, sn = fn >> 1, sn >> 1
    start, *rest = path
    got_first, got_second = _climb(fn, sn, start, rest, what="consistency")  # 5 to 7
    if not (
        hmac.compare_digest(got_first, first_root)
        and hmac.compare_digest(got_second, second_root)
    ):
        raise TamperedError("consistency proof: leads to other roots")


def _climb(
    fn: int, sn: int, start: bytes, path: Sequence[bytes], *, what: str
) -> tuple[bytes, bytes]:
    """Return the roots that *path* leads to: of the older tree, and of the newer.

    The loop that both checks share. An inclusion proof is about the newer alone.
    """
    older = newer = start
    for sibling in path:
        if sn == 0:
            raise FormatError(f"{what} proof: too long")
        if fn & 1 or fn == sn:
            older, newer = node_hash(sibling, older), node_hash(sibling, newer)
            while fn and not fn & 1:
                fn, sn = fn >> 1, sn >> 1
        else:
            newer = node_hash(newer, sibling)
        fn, sn = fn >> 1, sn >> 1
    if sn:
        raise FormatError(f"{what} proof: too short")
    return older, newer


def _check_hashes(hashes: Iterable[bytes]) -> None:
    if any(len(one) != HASH_BYTES for one in hashes):
        raise FormatError(f"proof: a hash is not {HASH_BYTES} bytes")
