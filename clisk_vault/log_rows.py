"""The tables of the access log: protocol/access-log.md §10.

A row's number is incarnation * 2**32 + sequence number: one B-tree that only
grows at its end, so an append writes one page. Nothing read here is believed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from clisk_vault import cbor
from clisk_vault.errors import FormatError
from clisk_vault.log_walk import LogRow
from clisk_vault.storage import Row, Storage

SEQ_BITS = 32
_PAGE = 1000


@dataclass(frozen=True, slots=True)
class SignerRow:
    """How long the log is, and the sealed private key of its next head."""

    size: int
    sealed: bytes


def read_rows(
    storage: Storage, incarnation: int, *, start: int = 0, end: int | None = None
) -> Iterator[LogRow]:
    """Yield the entries from *start* up to *end*, a page of them at a time."""
    base = incarnation << SEQ_BITS
    stop = base + (1 << SEQ_BITS) if end is None else base + end
    position = base + start
    while True:
        rows = storage.all(
            "SELECT position, leaf, leaf_hash, epoch, ciphertext, head FROM log_entry"
            " WHERE position >= ? AND position < ? ORDER BY position LIMIT ?",
            (position, stop, _PAGE),
        )
        for row in rows:
            entry = _entry(row)
            position = entry.seq + base + 1
            yield entry
        if len(rows) < _PAGE:
            return


def _entry(row: Row) -> LogRow:
    position, leaf, leaf_hash, epoch, ciphertext, head = row
    # STRICT tables hold to this, unless their schema was changed.
    if (
        not isinstance(position, int)
        or not isinstance(leaf, bytes)
        or not isinstance(leaf_hash, bytes)
        or not isinstance(epoch, int)
        or not isinstance(ciphertext, bytes | None)
        or not isinstance(head, bytes | None)
    ):
        raise FormatError("access log: a column of another kind than its table's")
    seq = position & ((1 << SEQ_BITS) - 1)
    return LogRow(seq, leaf, leaf_hash, epoch, ciphertext, head)


def read_size(storage: Storage, incarnation: int) -> int:
    """Return one more than the last sequence number, or 0."""
    base = incarnation << SEQ_BITS
    row = storage.one(
        "SELECT max(position) FROM log_entry WHERE position >= ? AND position < ?",
        (base, base + (1 << SEQ_BITS)),
    )
    last = None if row is None else row[0]
    return last - base + 1 if isinstance(last, int) else 0


def read_last_leaf(storage: Storage, incarnation: int, *, before: int) -> bytes | None:
    """Return the last leaf before entry *before* that a head closed."""
    base = incarnation << SEQ_BITS
    row = storage.one(
        "SELECT leaf FROM log_entry WHERE position >= ? AND position < ?"
        " AND head IS NOT NULL ORDER BY position DESC LIMIT 1",
        (base, base + before),
    )
    if row is None:
        return None
    (leaf,) = row
    if not isinstance(leaf, bytes):
        raise FormatError("access log: a column of another kind than its table's")
    return leaf


def read_signer(storage: Storage, incarnation: int) -> SignerRow | None:
    """Return the state of the signer, or None if there is none."""
    row = storage.one(
        "SELECT size, sealed FROM log_signer WHERE incarnation = ?", (incarnation,)
    )
    if row is None:
        return None
    size, sealed = row
    if not isinstance(size, int) or not isinstance(sealed, bytes):
        raise FormatError("access log: a column of another kind than its table's")
    return SignerRow(size, sealed)


def write(
    storage: Storage, incarnation: int, rows: Sequence[LogRow], signer: SignerRow
) -> None:
    """Add *rows* and put *signer* in the place of the one before."""
    base = incarnation << SEQ_BITS
    storage.executemany(
        "INSERT INTO log_entry (position, leaf, leaf_hash, epoch, ciphertext, head)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        [
            (base + r.seq, r.leaf, r.leaf_hash, r.epoch, r.ciphertext, r.head)
            for r in rows
        ],
    )
    storage.execute(
        "INSERT INTO log_signer (incarnation, size, sealed) VALUES (?, ?, ?)"
        " ON CONFLICT (incarnation) DO UPDATE"
        " SET size = excluded.size, sealed = excluded.sealed",
        (incarnation, signer.size, signer.sealed),
    )


def read_leaf_hash(storage: Storage, incarnation: int, seq: int) -> bytes | None:
    """Return the stored hash of leaf *seq*, or None if there is no such entry."""
    row = storage.one(
        "SELECT leaf_hash FROM log_entry WHERE position = ?",
        ((incarnation << SEQ_BITS) + seq,),
    )
    return row[0] if row is not None and isinstance(row[0], bytes) else None


def index_row(incarnation: int, page: int, last_leaf: bytes) -> bytes:
    """Return the place that a page of the index is sealed for (vault-file.md §4)."""
    return cbor.encode([incarnation, page, last_leaf])


def read_index(storage: Storage, incarnation: int) -> list[tuple[int, bytes]]:
    """Return number and sealed bytes of each page of the index, in order."""
    rows = storage.all(
        "SELECT page, sealed FROM log_index WHERE incarnation = ? ORDER BY page",
        (incarnation,),
    )
    return [
        (page, sealed)
        for page, sealed in rows
        if isinstance(page, int) and isinstance(sealed, bytes)
    ]


def write_index(storage: Storage, incarnation: int, page: int, sealed: bytes) -> None:
    """Put one page of the index into its place."""
    storage.execute(
        "INSERT INTO log_index (incarnation, page, sealed) VALUES (?, ?, ?)"
        " ON CONFLICT (incarnation, page) DO UPDATE SET sealed = excluded.sealed",
        (incarnation, page, sealed),
    )


def other_incarnations(storage: Storage, incarnation: int) -> list[int]:
    """Return the numbers of logs in the file other than *incarnation*."""
    base = incarnation << SEQ_BITS
    rows = storage.all(
        "SELECT position >> 32 FROM log_entry WHERE position < ?"
        " UNION SELECT position >> 32 FROM log_entry WHERE position >= ?"
        " UNION SELECT incarnation FROM log_signer WHERE incarnation <> ?",
        (base, base + (1 << SEQ_BITS), incarnation),
    )
    return sorted(number for (number,) in rows if isinstance(number, int))
