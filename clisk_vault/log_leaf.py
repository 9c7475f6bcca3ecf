"""Leaves of the access log: protocol/access-log.md §5.

A leaf is what the tree hashes: enough to walk the chain of keys and to check
what is opened, and nothing that says who read what.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from clisk_vault import cbor
from clisk_vault.errors import FormatError, UnsupportedError
from clisk_vault.primitives import VerifyKey

VERSION = 1
MAX_LEAF_BYTES = 1024
# So many leaves at most are closed by one head.
MAX_GROUP = 64
_HASH_BYTES = 32
_MAX_SEQ = (1 << 32) - 1

(
    _VERSION, _TYPE, _SEQ, _NEXT, _COMMITMENT, _CIPHERTEXT, _CHECKPOINT, _RESTART,
    _PRUNED,
) = range(1, 10)  # fmt: skip


@dataclass(frozen=True, slots=True)
class LogRow:
    """One entry as it is stored. Nothing in it is believed."""

    seq: int
    leaf: bytes
    leaf_hash: bytes
    epoch: int
    ciphertext: bytes | None
    head: bytes | None


class LeafType(IntEnum):
    """What kind of entry a leaf stands for; the only part of it in the clear."""

    GENESIS = 1
    READ = 2
    BULK_READ = 3
    EXPORT = 4
    REFUSED = 5
    WITNESS = 6
    HEARTBEAT = 7
    INCARNATION = 8
    RETIRE = 9
    PRUNE = 10


# Tuples: the hash that a set would need of a member of an enum is slow.
ACCESS_TYPES = (LeafType.READ, LeafType.BULK_READ, LeafType.EXPORT, LeafType.REFUSED)
FIRST_TYPES = (LeafType.GENESIS, LeafType.INCARNATION)
# A leaf of which nothing but its type, place and hashes is its own: nearly every one.
_PLAIN = re.compile(
    rb"\xa6\x01\x01\x02([\x01-\x05\x07])\x03"
    rb"([\0-\x17]|\x18[\x18-\xff]|\x19(?!\0).{2}|\x1a(?!\0\0).{4})"
    rb"\x04\x58\x20(.{32})\x05\x58\x20(.{32})\x06\x58\x20(.{32})",
    re.DOTALL,
)


class Restart(IntEnum):
    """Why a log began anew. Neither is an accusation."""

    RESTORED = 1
    DAMAGED = 2


@dataclass(frozen=True, slots=True)
class Leaf:
    """One leaf. ``next`` is the key of the head after the one that closes it."""

    type: LeafType
    seq: int
    next: VerifyKey | None
    commitment: bytes
    ciphertext_hash: bytes
    checkpoint: bytes | None = None
    restart: Restart | None = None
    pruned: int | None = None
    """In *prune*: the contents of the entries before this one were erased."""

    def __post_init__(self) -> None:
        if not 0 <= self.seq <= _MAX_SEQ:
            raise FormatError("log leaf: sequence number out of range")
        if (self.next is None) is not (self.type is LeafType.RETIRE):
            raise FormatError("log leaf: a next key is in every leaf but retire")
        # An incarnation has none if no head of the log before could be read.
        if self.type is not LeafType.INCARNATION and (
            (self.checkpoint is None) is (self.type is LeafType.WITNESS)
        ):
            raise FormatError("log leaf: a checkpoint where none belongs, or none")
        if (self.restart is None) is (self.type is LeafType.INCARNATION):
            raise FormatError("log leaf: a reason where none belongs, or none")
        if (self.pruned is None) is (self.type is LeafType.PRUNE):
            raise FormatError(
                "log leaf: a place pruned up to where none belongs, or none"
            )
        if self.pruned is not None and not 0 < self.pruned <= self.seq:
            raise FormatError("log leaf: pruned nothing, or entries after it")
        for one in (self.next, self.commitment, self.ciphertext_hash):
            if one is not None and len(one) != _HASH_BYTES:
                raise FormatError("log leaf: a key or hash is not 32 bytes")

    def encode(self) -> bytes:
        """Return the one encoding of this leaf."""
        fields: dict[int, cbor.Encodable] = {
            _VERSION: VERSION,
            _TYPE: int(self.type),
            _SEQ: self.seq,
            _NEXT: self.next,
            _COMMITMENT: self.commitment,
            _CIPHERTEXT: self.ciphertext_hash,
            _CHECKPOINT: self.checkpoint,
            _RESTART: None if self.restart is None else int(self.restart),
            _PRUNED: self.pruned,
        }
        return cbor.encode({key: one for key, one in fields.items() if one is not None})

    @classmethod
    def parse(cls, data: bytes) -> Leaf:
        """Return the leaf that *data* spells.

        Raises:
            UnsupportedError: a version or a type of leaf not known here.
            FormatError: anything but the one spelling of a leaf.

        Spec: protocol/access-log.md §5. Vectors: access-log/leaf/.
        """
        plain = _PLAIN.fullmatch(data)
        if plain is None:
            return cls._parse_any(data)
        kind, seq, following, commitment, ciphertext_hash = plain.groups()
        return cls(
            LeafType(kind[0]),
            int.from_bytes(seq[1:] or seq),
            VerifyKey(following),
            commitment,
            ciphertext_hash,
        )

    @classmethod
    def _parse_any(cls, data: bytes) -> Leaf:
        value = cbor.parse(data, max_bytes=MAX_LEAF_BYTES, what="log leaf")
        kind = _leaf_type(value)
        fields: dict[int, Any] = dict(
            cbor.expect_map(
                value,
                {
                    _VERSION: int,
                    _TYPE: int,
                    _SEQ: int,
                    _COMMITMENT: bytes,
                    _CIPHERTEXT: bytes,
                },
                optional={
                    _NEXT: bytes,
                    _CHECKPOINT: bytes,
                    _RESTART: int,
                    _PRUNED: int,
                },
                what="log leaf",
            )
        )
        return cls(
            kind,
            fields[_SEQ],
            fields.get(_NEXT),
            fields[_COMMITMENT],
            fields[_CIPHERTEXT],
            fields.get(_CHECKPOINT),
            _restart(fields.get(_RESTART)),
            fields.get(_PRUNED),
        )


def _leaf_type(value: cbor.Value) -> LeafType:
    # Before the shape: a later version may have other keys, and deserves its name.
    fields: dict[Any, Any] = value if isinstance(value, dict) else {}
    version, kind = fields.get(_VERSION), fields.get(_TYPE)
    if type(version) is not int or type(kind) is not int:
        raise FormatError("log leaf: no version and type")
    if version != VERSION:
        raise UnsupportedError(f"log leaf: version {version} is not known")
    try:
        return LeafType(kind)
    except ValueError:
        raise UnsupportedError(f"log leaf: type {kind} is not known") from None


def _restart(number: int | None) -> Restart | None:
    try:
        return None if number is None else Restart(number)
    except ValueError:
        raise UnsupportedError(f"log leaf: reason {number} is not known") from None
