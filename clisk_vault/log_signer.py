"""The writing end of a log: which key signs next, over which tree.

Implements protocol/access-log.md §7. A key signs one head. The row that holds the
next key replaces the one before in the transaction that stores the head.
"""

from __future__ import annotations

from dataclasses import dataclass

from clisk_vault import cbor
from clisk_vault.checkpoint import Checkpoint
from clisk_vault.errors import (
    FormatError,
    LogDamagedError,
    TamperedError,
    UnsupportedError,
)
from clisk_vault.local_seal import TableSeal
from clisk_vault.log_leaf import Leaf
from clisk_vault.log_rows import SignerRow, read_last_leaf, read_rows, read_signer
from clisk_vault.merkle import Frontier, leaf_hash
from clisk_vault.note import NoteKey, UnverifiedNote, sign_line
from clisk_vault.primitives import SigningKey, VerifyKey
from clisk_vault.storage import Storage


@dataclass(frozen=True, slots=True)
class Signer:
    """The key of the next head, and the tree so far. Good for one head."""

    key: SigningKey
    public: VerifyKey
    tree: Frontier

    @property
    def size(self) -> int:
        """How many entries the log has."""
        return self.tree.size

    def sign(self, origin: str, tree: Frontier) -> bytes:
        """Return the signed head of *tree*, which grew out of this one's."""
        text = Checkpoint(origin, tree.size, tree.root()).encode()
        line = sign_line(text, by=NoteKey(origin, self.public), key=self.key)
        return UnverifiedNote(text, (line,)).encode()


def seal_signer(seal: TableSeal, slot: int, signer: Signer) -> SignerRow:
    """Return the row that keeps *signer* until its head is due."""
    row = _row(slot, signer.size)
    return SignerRow(signer.size, seal.seal(row, signer.key.expose()))


def open_signer(seal: TableSeal, slot: int, row: SignerRow) -> SigningKey:
    """Return the private key that *row* keeps.

    Raises:
        FormatError, TamperedError: changed, or of another log or size.
    """
    raw = seal.open(_row(slot, row.size), row.sealed)
    if len(raw) != SigningKey.LENGTH:
        raise FormatError("access log: the signer's key is not 32 bytes")
    return SigningKey(raw)


def _row(slot: int, size: int) -> bytes:
    return cbor.encode([slot, size])


def resume(
    storage: Storage,
    seal: TableSeal,
    *,
    slot: int,
    origin: str,
    enrolled: VerifyKey,
) -> Signer:
    """Return the signer that the file keeps, if the log is as its last head says.

    Rebuilds the tree from the stored leaf hashes, so that no bit rot is ever
    signed. That each leaf and content is as its hash says is verify()'s business.

    Raises:
        LogDamagedError: the log does not lead to its last head, or the key kept is
            not the one that the log names. Nothing may be signed.
    """
    row = read_signer(storage, slot)
    if row is None:
        raise LogDamagedError("access log: the key of its next head is missing")
    try:
        key = open_signer(seal, slot, row)
        tree, last = _check_end(storage, slot, origin, enrolled)
    except (FormatError, TamperedError, UnsupportedError) as err:
        raise LogDamagedError(f"access log: {err}") from err
    public = key.public()
    if tree.size != row.size:
        raise LogDamagedError(
            f"access log: it ends with entry {tree.size - 1}, its signer says "
            f"{row.size - 1}"
        )
    if last.next != public:
        raise LogDamagedError("access log: the key kept is not the one that it names")
    return Signer(key, public, tree)


def _check_end(
    storage: Storage, slot: int, origin: str, enrolled: VerifyKey
) -> tuple[Frontier, Leaf]:
    """Check the last head over everything before it; return tree and last leaf."""
    tree, last = Frontier(), None
    for row in read_rows(storage, slot):
        if row.seq != tree.size:
            raise FormatError(f"entry {tree.size} is missing")
        tree.append(row.leaf_hash)
        last = row
    if last is None or last.head is None or leaf_hash(last.leaf) != last.leaf_hash:
        raise FormatError("its last entry has no head, or is not as its hash says")
    before = read_last_leaf(storage, slot, before=last.seq)
    key = enrolled if before is None else Leaf.parse(before).next
    if key is None:
        raise FormatError("it goes on after it was retired")
    note = UnverifiedNote.parse(last.head)
    note.verify([NoteKey(origin, key)])
    if note.text != Checkpoint(origin, tree.size, tree.root()).encode():
        raise TamperedError("its last head is not over these entries")
    return tree, Leaf.parse(last.leaf)
