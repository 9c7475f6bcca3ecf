"""The tables of the access log: protocol/access-log.md §10.

A row's number is slot * 2**32 + sequence number: one B-tree that only grows at
its end, so an append writes one page. A slot holds one log; a device whose log had
to begin anew fills the next. Logs of other devices have slots below 0. Nothing read
here is believed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from clisk_vault import cbor
from clisk_vault.errors import FormatError
from clisk_vault.log_leaf import LogRow
from clisk_vault.storage import Row, Storage

SEQ_BITS = 32
_PAGE = 1000


@dataclass(frozen=True, slots=True)
class SignerRow:
    """How long the log is, and the sealed private key of its next head."""

    size: int
    sealed: bytes


def read_rows(
    storage: Storage, slot: int, *, start: int = 0, end: int | None = None
) -> Iterator[LogRow]:
    """Yield the entries from *start* up to *end*, a page of them at a time."""
    base = slot << SEQ_BITS
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
        or not (ciphertext is None or isinstance(ciphertext, bytes))
        or not (head is None or isinstance(head, bytes))
    ):
        raise FormatError("access log: a column of another kind than its table's")
    seq = position & ((1 << SEQ_BITS) - 1)
    return LogRow(seq, leaf, leaf_hash, epoch, ciphertext, head)


def read_size(storage: Storage, slot: int) -> int:
    """Return one more than the last sequence number, or 0."""
    base = slot << SEQ_BITS
    row = storage.one(
        "SELECT max(position) FROM log_entry WHERE position >= ? AND position < ?",
        (base, base + (1 << SEQ_BITS)),
    )
    last = None if row is None else row[0]
    return last - base + 1 if isinstance(last, int) else 0


def read_last_leaf(storage: Storage, slot: int, *, before: int) -> bytes | None:
    """Return the last leaf before entry *before* that a head closed."""
    base = slot << SEQ_BITS
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


def newest_heads(storage: Storage, slot: int, most: int) -> list[bytes]:
    """Return up to *most* heads, the newest first."""
    base = slot << SEQ_BITS
    rows = storage.all(
        "SELECT head FROM log_entry WHERE position >= ? AND position < ?"
        " AND head IS NOT NULL ORDER BY position DESC LIMIT ?",
        (base, base + (1 << SEQ_BITS), most),
    )
    return [head for (head,) in rows if isinstance(head, bytes)]


def read_signer(storage: Storage, slot: int) -> SignerRow | None:
    """Return the state of the signer, or None if there is none."""
    row = storage.one("SELECT size, sealed FROM log_signer WHERE slot = ?", (slot,))
    if row is None:
        return None
    size, sealed = row
    if not isinstance(size, int) or not isinstance(sealed, bytes):
        raise FormatError("access log: a column of another kind than its table's")
    return SignerRow(size, sealed)


def write(
    storage: Storage, slot: int, rows: Sequence[LogRow], signer: SignerRow
) -> None:
    """Add *rows* and put *signer* in the place of the one before."""
    add_rows(storage, slot, rows)
    storage.execute(
        "INSERT INTO log_signer (slot, size, sealed) VALUES (?, ?, ?)"
        " ON CONFLICT (slot) DO UPDATE"
        " SET size = excluded.size, sealed = excluded.sealed",
        (slot, signer.size, signer.sealed),
    )


def add_rows(storage: Storage, slot: int, rows: Sequence[LogRow]) -> None:
    """Add entries to the log of *slot*."""
    base = slot << SEQ_BITS
    storage.executemany(
        "INSERT INTO log_entry (position, leaf, leaf_hash, epoch, ciphertext, head)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        [
            (base + r.seq, r.leaf, r.leaf_hash, r.epoch, r.ciphertext, r.head)
            for r in rows
        ],
    )


def erase(storage: Storage, slot: int, below: int) -> None:
    """Erase the contents of the entries before *below*, and the index of the log."""
    base = slot << SEQ_BITS
    storage.execute(
        "UPDATE log_entry SET ciphertext = NULL WHERE position >= ? AND position < ?",
        (base, base + below),
    )
    storage.execute("DELETE FROM log_index WHERE slot = ?", (slot,))


def read_leaf_hash(storage: Storage, slot: int, seq: int) -> bytes | None:
    """Return the stored hash of leaf *seq*, or None if there is no such entry."""
    row = storage.one(
        "SELECT leaf_hash FROM log_entry WHERE position = ?",
        ((slot << SEQ_BITS) + seq,),
    )
    return row[0] if row is not None and isinstance(row[0], bytes) else None


def index_row(slot: int, page: int, last_leaf: bytes) -> bytes:
    """Return the place that a page of the index is sealed for (vault-file.md §4)."""
    return cbor.encode([slot, page, last_leaf])


def read_index(storage: Storage, slot: int) -> list[tuple[int, bytes]]:
    """Return number and sealed bytes of each page of the index, in order.

    Minus the number of entries, and last: a page that is not full yet.
    """
    rows = storage.all(
        "SELECT page, sealed FROM log_index WHERE slot = ? ORDER BY page < 0, page",
        (slot,),
    )
    return [
        (page, sealed)
        for page, sealed in rows
        if isinstance(page, int) and isinstance(sealed, bytes)
    ]


def write_index(storage: Storage, slot: int, page: int, sealed: bytes) -> None:
    """Put one page of the index into its place."""
    storage.execute(
        "INSERT INTO log_index (slot, page, sealed) VALUES (?, ?, ?)"
        " ON CONFLICT (slot, page) DO UPDATE SET sealed = excluded.sealed",
        (slot, page, sealed),
    )


def drop_begun_page(storage: Storage, slot: int) -> None:
    """Remove the page of the index that is not full yet, if there is one."""
    storage.execute("DELETE FROM log_index WHERE slot = ? AND page < 0", (slot,))


def begin(storage: Storage, slot: int, origin: str) -> None:
    """Name the log of *slot*; the key of the one before, if any, is erased."""
    storage.execute("DELETE FROM log_signer WHERE slot < ?", (slot,))
    storage.execute("INSERT INTO log_name (slot, origin) VALUES (?, ?)", (slot, origin))


def read_names(storage: Storage) -> dict[int, str]:
    """Return slot and origin of every log that this device began, oldest first."""
    rows = storage.all("SELECT slot, origin FROM log_name WHERE slot > 0 ORDER BY slot")
    return {int(slot or 0): str(origin) for slot, origin in rows}


def peer_names(storage: Storage) -> dict[int, str]:
    """Return slot and origin of every log of another device that is held here."""
    rows = storage.all("SELECT slot, origin FROM log_name WHERE slot < 0")
    return {int(slot or 0): str(origin) for slot, origin in rows}


def newest_name(storage: Storage) -> tuple[int, str] | None:
    """Return slot and origin of the log that is written to, None before the first."""
    row = storage.one(
        "SELECT slot, origin FROM log_name WHERE slot > 0 ORDER BY slot DESC LIMIT 1"
    )
    return None if row is None else (int(row[0] or 0), str(row[1]))


def unknown_slots(storage: Storage) -> list[int]:
    """Return the slots of entries and keys of logs that were never begun."""
    rows = storage.all(
        "SELECT DISTINCT position >> 32 AS slot FROM log_entry"
        " WHERE position >> 32 NOT IN (SELECT slot FROM log_name)"
        " UNION SELECT slot FROM log_signer"
        " WHERE slot <> (SELECT max(slot) FROM log_name)"
    )
    return sorted(number for (number,) in rows if isinstance(number, int))


@dataclass(frozen=True, slots=True)
class OwnLog:
    """The rows of one log that this device wrote."""

    storage: Storage
    slot: int
    origin: str

    @property
    def size(self) -> int:
        """How many entries it has, by what its last row says."""
        return read_size(self.storage, self.slot)

    def rows(self, start: int = 0, end: int | None = None) -> Iterator[LogRow]:
        """Yield its entries as they are stored."""
        return read_rows(self.storage, self.slot, start=start, end=end)
