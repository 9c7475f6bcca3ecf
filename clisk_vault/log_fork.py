"""Evidence that a log was forked: protocol/access-log.md §11.5.

Two heads of one name that no single tree leads to. Anybody can check it: it is two
signed notes, and a consistency proof that shows what the larger one begins with.
"""

from __future__ import annotations

from dataclasses import dataclass

from clisk_vault import cbor
from clisk_vault.checkpoint import Checkpoint
from clisk_vault.errors import FormatError, TamperedError
from clisk_vault.merkle import HASH_BYTES, check_consistency
from clisk_vault.note import NoteKey, UnverifiedNote
from clisk_vault.primitives import VERIFY_KEY_BYTES, VerifyKey

MAX_EVIDENCE_BYTES = 1 << 16
_SMALL, _LARGE, _SMALL_KEY, _LARGE_KEY, _ROOT, _PROOF = range(1, 7)
_WHAT = "fork evidence"


@dataclass(frozen=True, slots=True)
class ForkEvidence:
    """Two signed heads, each with the key that signed it.

    *root* is that of the larger head's tree at the size of the smaller one, as
    *proof* shows; for heads of one size it is the larger one's own.
    """

    small: bytes
    large: bytes
    small_key: VerifyKey
    large_key: VerifyKey
    root: bytes
    proof: tuple[bytes, ...]

    def encode(self) -> bytes:
        """Return the one spelling of this evidence."""
        return cbor.encode(
            {
                _SMALL: self.small,
                _LARGE: self.large,
                _SMALL_KEY: self.small_key,
                _LARGE_KEY: self.large_key,
                _ROOT: self.root,
                _PROOF: list(self.proof),
            }
        )

    @classmethod
    def parse(cls, data: bytes) -> ForkEvidence:
        """Return the evidence in *data*; it shows nothing before check().

        Raises:
            FormatError: anything but the one spelling.
        """
        value = cbor.parse(data, max_bytes=MAX_EVIDENCE_BYTES, what=_WHAT)
        fields = cbor.expect_map(
            value,
            {
                _SMALL: bytes,
                _LARGE: bytes,
                _SMALL_KEY: bytes,
                _LARGE_KEY: bytes,
                _ROOT: bytes,
                _PROOF: list,
            },
            what=_WHAT,
        )
        small, large = fields[_SMALL], fields[_LARGE]
        assert isinstance(small, bytes)
        assert isinstance(large, bytes)
        small_key, large_key = (
            VerifyKey(
                cbor.expect_bytes(fields[at], length=VERIFY_KEY_BYTES, what=_WHAT)
            )
            for at in (_SMALL_KEY, _LARGE_KEY)
        )
        root = cbor.expect_bytes(fields[_ROOT], length=HASH_BYTES, what=_WHAT)
        proof = cbor.expect_list(fields[_PROOF], what=_WHAT, max_items=64)
        hashes = tuple(
            cbor.expect_bytes(one, length=HASH_BYTES, what=_WHAT) for one in proof
        )
        return cls(small, large, small_key, large_key, root, hashes)

    def check(self) -> str:
        """Return the origin of the log that was forked.

        That both keys are the log's own its entries show, up to where they part.

        Raises:
            FormatError, TamperedError: it shows no fork.
        """
        small = _signed(self.small, self.small_key)
        large = _signed(self.large, self.large_key)
        if small.origin != large.origin or not 0 < small.size <= large.size:
            raise TamperedError(f"{_WHAT}: two logs, or sizes out of order")
        if small.size < large.size:
            check_consistency(
                first=small.size,
                first_root=self.root,
                second=large.size,
                second_root=large.root,
                proof=self.proof,
            )
        elif self.proof or self.root != large.root:
            raise FormatError(f"{_WHAT}: a proof between heads of one size")
        if self.root == small.root:
            raise TamperedError(f"{_WHAT}: the heads agree")
        return small.origin


def _signed(data: bytes, key: VerifyKey) -> Checkpoint:
    note = UnverifiedNote.parse(data)
    head = Checkpoint.parse(note.text)
    note.verify([NoteKey(head.origin, key)])
    return head
