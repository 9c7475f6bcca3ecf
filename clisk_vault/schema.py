"""The tables of a vault file: protocol/vault-file.md §3. One block an owner."""

from __future__ import annotations

SCHEMA_VERSION = 1

# Sealed columns: protocol/vault-file.md §4. Every row number that a caller may
# hold on to is AUTOINCREMENT: a number is never given out twice.
_VAULT = (
    """CREATE TABLE header (
        one INTEGER PRIMARY KEY CHECK (one = 1),
        header BLOB NOT NULL,
        sealed BLOB NOT NULL
    ) STRICT""",
    """CREATE TABLE epoch (
        number INTEGER PRIMARY KEY CHECK (number > 0),
        sealed BLOB NOT NULL
    ) STRICT""",
    """CREATE TABLE item (
        id BLOB PRIMARY KEY CHECK (length(id) = 16),
        sealed BLOB NOT NULL
    ) STRICT""",
    """CREATE TABLE overview (
        page INTEGER PRIMARY KEY CHECK (page BETWEEN 0 AND 255),
        sealed BLOB NOT NULL
    ) STRICT""",
    """CREATE TABLE actor (
        actor BLOB PRIMARY KEY,
        device BLOB NOT NULL CHECK (length(device) = 16)
    ) STRICT, WITHOUT ROWID""",
    """CREATE TABLE pending (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        item BLOB NOT NULL,
        hash BLOB NOT NULL,
        sealed BLOB NOT NULL
    ) STRICT""",
    """CREATE TABLE orphan (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        item BLOB NOT NULL,
        hash BLOB NOT NULL UNIQUE,
        author BLOB NOT NULL,
        sealed BLOB NOT NULL
    ) STRICT""",
    "CREATE INDEX orphan_item ON orphan (item)",
    """CREATE TABLE quarantine (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        item BLOB NOT NULL,
        hash BLOB NOT NULL,
        author BLOB NOT NULL,
        reason TEXT NOT NULL,
        time_ms INTEGER NOT NULL,
        sealed BLOB NOT NULL,
        UNIQUE (hash, author)
    ) STRICT""",
)

_LOG = ()

_SYNC = ()

SCHEMA: tuple[str, ...] = _VAULT + _LOG + _SYNC
