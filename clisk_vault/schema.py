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
    """CREATE TABLE pending (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        item BLOB NOT NULL,
        hash BLOB NOT NULL,
        sealed BLOB
    ) STRICT""",
    """CREATE TABLE orphan (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        item BLOB NOT NULL,
        hash BLOB NOT NULL,
        author BLOB NOT NULL,
        sealed BLOB NOT NULL,
        UNIQUE (item, hash, author)
    ) STRICT""",
    """CREATE TABLE quarantine (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        item BLOB NOT NULL,
        hash BLOB NOT NULL,
        author BLOB NOT NULL,
        reason TEXT NOT NULL,
        time_ms INTEGER NOT NULL,
        sealed BLOB NOT NULL,
        UNIQUE (item, hash, author)
    ) STRICT""",
)

# position = slot * 2**32 + sequence number: protocol/access-log.md §10.
_LOG = (
    """CREATE TABLE log_entry (
        position INTEGER PRIMARY KEY,
        leaf BLOB NOT NULL,
        leaf_hash BLOB NOT NULL,
        epoch INTEGER NOT NULL,
        ciphertext BLOB,
        head BLOB
    ) STRICT""",
    """CREATE TABLE log_name (
        slot INTEGER PRIMARY KEY,
        origin TEXT NOT NULL
    ) STRICT""",
    """CREATE TABLE log_signer (
        slot INTEGER PRIMARY KEY,
        size INTEGER NOT NULL,
        sealed BLOB NOT NULL
    ) STRICT""",
    # Of other devices' logs, which have slots below 0: where the tree stands.
    """CREATE TABLE log_peer (
        slot INTEGER PRIMARY KEY CHECK (slot < 0),
        size INTEGER NOT NULL,
        peaks BLOB NOT NULL,
        next BLOB
    ) STRICT""",
    # The newest countersignature that each witness gave for each log.
    """CREATE TABLE log_cosigned (
        origin TEXT NOT NULL,
        witness BLOB NOT NULL CHECK (length(witness) = 16),
        size INTEGER NOT NULL,
        note BLOB NOT NULL,
        PRIMARY KEY (origin, witness)
    ) STRICT, WITHOUT ROWID""",
    """CREATE TABLE log_evidence (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        origin TEXT NOT NULL,
        size INTEGER NOT NULL,
        found_ms INTEGER NOT NULL,
        evidence BLOB NOT NULL,
        UNIQUE (origin, size)
    ) STRICT""",
    # How much of each own log the others were told, and when last.
    """CREATE TABLE log_told (
        slot INTEGER PRIMARY KEY,
        size INTEGER NOT NULL,
        told_ms INTEGER NOT NULL
    ) STRICT""",
    # What is to be said to the others at the next chance.
    """CREATE TABLE log_message (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        message BLOB NOT NULL UNIQUE
    ) STRICT""",
    # How long contents of this device's log are kept; without it, for ever.
    """CREATE TABLE log_retention (
        one INTEGER PRIMARY KEY CHECK (one = 1),
        sealed BLOB NOT NULL
    ) STRICT""",
    # A short cut, made anew from the entries wherever it is missing.
    """CREATE TABLE log_index (
        slot INTEGER NOT NULL,
        page INTEGER NOT NULL,
        sealed BLOB NOT NULL,
        PRIMARY KEY (slot, page)
    ) STRICT, WITHOUT ROWID""",
)

# Nothing here is secret: envelopes and records stand on the relay too.
_SYNC = (
    """CREATE TABLE sync_record (
        height INTEGER PRIMARY KEY CHECK (height >= 0),
        record BLOB NOT NULL
    ) STRICT""",
    # Own and others' alike. No position: not known to stand on the relay.
    """CREATE TABLE sync_envelope (
        author BLOB NOT NULL CHECK (length(author) = 16),
        number INTEGER NOT NULL CHECK (number > 0),
        hash BLOB NOT NULL CHECK (length(hash) = 32),
        position INTEGER,
        body BLOB,
        PRIMARY KEY (author, number)
    ) STRICT""",
    "CREATE INDEX sync_envelope_position ON sync_envelope (position)",
    """CREATE TABLE sync_chain (
        device BLOB PRIMARY KEY CHECK (length(device) = 16),
        number INTEGER NOT NULL,
        hash BLOB NOT NULL,
        epoch INTEGER NOT NULL,
        written_ms INTEGER NOT NULL,
        received_ms INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID""",
    """CREATE TABLE sync_said (
        author BLOB PRIMARY KEY,
        number INTEGER NOT NULL,
        height INTEGER NOT NULL,
        record_hash BLOB NOT NULL
    ) STRICT, WITHOUT ROWID""",
    """CREATE TABLE sync_claim (
        author BLOB NOT NULL,
        device BLOB NOT NULL,
        number INTEGER NOT NULL,
        hash BLOB NOT NULL,
        PRIMARY KEY (author, device)
    ) STRICT, WITHOUT ROWID""",
    """CREATE TABLE sync_missing (
        device BLOB PRIMARY KEY,
        number INTEGER NOT NULL,
        since_ms INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID""",
    # Taken, and not yet handed to the vault.
    """CREATE TABLE sync_inbox (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        author BLOB NOT NULL,
        number INTEGER NOT NULL
    ) STRICT""",
    """CREATE TABLE sync_set_aside (
        author BLOB NOT NULL,
        number INTEGER NOT NULL,
        reason TEXT NOT NULL,
        PRIMARY KEY (author, number)
    ) STRICT, WITHOUT ROWID""",
    """CREATE TABLE sync_evidence (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        kind TEXT NOT NULL,
        device BLOB NOT NULL,
        number INTEGER NOT NULL,
        message TEXT NOT NULL,
        advice TEXT NOT NULL,
        first BLOB,
        second BLOB,
        found_ms INTEGER NOT NULL,
        acknowledged_ms INTEGER,
        UNIQUE (kind, device, number)
    ) STRICT""",
    # The newest snapshot that was taken, what it covers, and those told of since.
    """CREATE TABLE sync_snapshot (
        one INTEGER PRIMARY KEY CHECK (one = 1),
        height INTEGER NOT NULL,
        hash BLOB NOT NULL CHECK (length(hash) = 32),
        bytes INTEGER NOT NULL,
        body BLOB NOT NULL
    ) STRICT""",
    """CREATE TABLE sync_announced (
        height INTEGER PRIMARY KEY,
        hash BLOB NOT NULL CHECK (length(hash) = 32),
        device BLOB NOT NULL,
        since_ms INTEGER NOT NULL
    ) STRICT""",
    # What this file was about to go on as: its keys may never have come into it.
    """CREATE TABLE sync_successor (
        device BLOB PRIMARY KEY CHECK (length(device) = 16)
    ) STRICT, WITHOUT ROWID""",
    """CREATE TABLE sync_state (
        name TEXT PRIMARY KEY,
        value INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID""",
)

SCHEMA: tuple[str, ...] = _VAULT + _LOG + _SYNC
