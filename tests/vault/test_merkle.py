"""Merkle trees: others' vectors, and proofs against a root written from the RFC."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clisk_vault.errors import FormatError, TamperedError, UntrustedInputError
from clisk_vault.merkle import (
    EMPTY_ROOT,
    Frontier,
    Tree,
    check_consistency,
    check_inclusion,
    leaf_hash,
)
from tests.vectors import PROTOCOL

TLOG = PROTOCOL / "vectors" / "tlog"
# Accepted upstream with a root of 12 bytes: vectors/tlog/README.md.
STRICTER_HERE = {"sizes are equal (one) and proof is empty"}


def cases(name: str) -> list[Any]:
    vectors: list[Any] = json.loads((TLOG / name).read_text())["vectors"]
    assert len(vectors) == 98
    return vectors


def raw(text: str | None) -> bytes:
    return base64.b64decode(text or "")


def mth(leaves: list[bytes]) -> bytes:
    """Return the Merkle tree hash as RFC 6962 §2.1 writes it."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return hashlib.sha256(b"\0" + leaves[0]).digest()
    k = 1
    while 2 * k < len(leaves):
        k *= 2
    return hashlib.sha256(b"\1" + mth(leaves[:k]) + mth(leaves[k:])).digest()


def numbered(size: int) -> list[bytes]:
    return [b"%d" % n for n in range(size)]


def tree_of(size: int) -> Tree:
    return Tree(map(leaf_hash, numbered(size)))


@pytest.mark.parametrize(
    "case", cases("merkle-inclusion.json"), ids=lambda c: c["_file"]
)
def test_inclusion_vector(case: Any) -> None:
    """Each inclusion proof of transparency-dev/merkle is judged as published."""

    def check() -> None:
        check_inclusion(
            raw(case["leafHash"]),
            index=case["leafIdx"],
            size=case["treeSize"],
            proof=[raw(one) for one in case["proof"] or []],
            root=raw(case["root"]),
        )

    if case["wantErr"]:
        with pytest.raises(UntrustedInputError):
            check()
    else:
        check()


@pytest.mark.parametrize(
    "case", cases("merkle-consistency.json"), ids=lambda c: c["_file"]
)
def test_consistency_vector(case: Any) -> None:
    """Each consistency proof of transparency-dev/merkle is judged as published."""

    def check() -> None:
        check_consistency(
            first=case["size1"],
            first_root=raw(case["root1"]),
            second=case["size2"],
            second_root=raw(case["root2"]),
            proof=[raw(one) for one in case["proof"] or []],
        )

    if case["desc"] in STRICTER_HERE:
        assert not case["wantErr"]
        with pytest.raises(FormatError, match="not 32 bytes"):
            check()
    elif case["wantErr"]:
        with pytest.raises(UntrustedInputError):
            check()
    else:
        check()


def test_eight_leaf_tree_has_the_published_nodes() -> None:
    """Leaf hashes, every node and every root are those of the published tree."""
    case = json.loads((TLOG / "merkle-tree8.json").read_text())
    leaves = [leaf_hash(bytes.fromhex(one)) for one in case["leaf_inputs_hex"]]
    tree, frontier = Tree(leaves), Frontier()

    for level, nodes in enumerate(case["node_hashes_hex"]):
        assert [one.hex() for one in tree.hashes(level, 0, 8)] == nodes
    for size, root in enumerate(case["root_hashes_hex"], start=1):
        frontier.append(leaves[size - 1])
        assert frontier.root().hex() == tree.root(size).hex() == root


def test_published_hashes_of_one_record_and_of_nothing() -> None:
    """The record "hello world" and the empty tree hash as Go's tlog says."""
    case = json.loads((TLOG / "tlog-tiles.json").read_text())
    assert leaf_hash(b"hello world") == raw(case["record_hash_hello_world_b64"])
    assert EMPTY_ROOT.hex() == case["empty_root_hex"] == Frontier().root().hex()
    assert Tree().root() == EMPTY_ROOT


def test_every_root_and_proof_of_small_trees() -> None:
    """Up to 40 leaves, all roots are the RFC's and all proofs check."""
    leaves = numbered(40)
    tree = tree_of(40)
    roots = [mth(leaves[:size]) for size in range(41)]
    assert [tree.root(size) for size in range(41)] == roots
    for size in range(1, 41):
        for index in range(size):
            check_inclusion(
                leaf_hash(leaves[index]),
                index=index,
                size=size,
                proof=tree.inclusion_proof(index, size),
                root=roots[size],
            )
        for first in range(1, size + 1):
            check_consistency(
                first=first,
                first_root=roots[first],
                second=size,
                second_root=roots[size],
                proof=tree.consistency_proof(first, size),
            )


@given(st.integers(1, 300), st.data())
def test_a_proof_changed_in_one_bit_is_refused(size: int, data: st.DataObject) -> None:
    """No bit of a proof is idle, for inclusion and for consistency."""
    tree = tree_of(size)
    index = data.draw(st.integers(0, size - 1))
    proof = tree.inclusion_proof(index, size)
    if proof:
        bad = _one_bit_off(proof, data)
        with pytest.raises(TamperedError):
            check_inclusion(
                leaf_hash(b"%d" % index),
                index=index,
                size=size,
                proof=bad,
                root=tree.root(),
            )
    first = index + 1
    proof = tree.consistency_proof(first, size)
    if proof:
        with pytest.raises(TamperedError):
            check_consistency(
                first=first,
                first_root=tree.root(first),
                second=size,
                second_root=tree.root(),
                proof=_one_bit_off(proof, data),
            )


def _one_bit_off(proof: list[bytes], data: st.DataObject) -> list[bytes]:
    at = data.draw(st.integers(0, len(proof) * 256 - 1))
    changed = bytearray(b"".join(proof))
    changed[at // 8] ^= 1 << at % 8
    return [bytes(changed[n : n + 32]) for n in range(0, len(changed), 32)]


@given(st.integers(0, 200), st.integers(0, 200))
def test_a_frontier_grows_as_the_tree_does(before: int, more: int) -> None:
    """A frontier has the tree's root, and its copy grows apart from it."""
    leaves = list(map(leaf_hash, numbered(before + more)))
    frontier = Frontier(leaves[:before])
    grown = frontier.copy()
    for leaf in leaves[before:]:
        grown.append(leaf)

    assert grown.root() == Tree(leaves).root()
    assert frontier.root() == Tree(leaves[:before]).root()


@pytest.mark.parametrize(("index", "size"), [(3, 3), (-1, 3), (0, 4), (0, 0)])
def test_no_proof_for_a_leaf_that_is_not_there(index: int, size: int) -> None:
    """A proof outside the tree is a named refusal, not another leaf's proof."""
    with pytest.raises(FormatError):
        tree_of(3).inclusion_proof(index, size)


@pytest.mark.parametrize(("first", "second"), [(0, 3), (3, 2), (2, 4)])
def test_no_proof_between_sizes_out_of_order(first: int, second: int) -> None:
    """A consistency proof is from a smaller to a larger tree that exists."""
    with pytest.raises(FormatError):
        tree_of(3).consistency_proof(first, second)


def test_one_size_with_two_roots_is_a_fork() -> None:
    """Equal sizes need equal roots: the portable proof that a log forked."""
    with pytest.raises(TamperedError, match="one size, two roots"):
        check_consistency(
            first=2,
            first_root=tree_of(2).root(),
            second=2,
            second_root=Tree([leaf_hash(b"0"), leaf_hash(b"x")]).root(),
            proof=[],
        )
