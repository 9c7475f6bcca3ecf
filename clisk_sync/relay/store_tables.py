"""The relay's tables as the queries see them: one schema for SQLite and PostgreSQL.

store_migrations/ makes them; a test holds the two together. On PostgreSQL `log`
is partitioned by the hash of its vault: every key and every query leads with it.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    UniqueConstraint,
)

METADATA = MetaData()
# One row: what seals challenges and tokens for all processes on this database.
# Alone it opens nothing, because a token must stand in TOKEN as well (auth.py).
RELAY_KEY = Table(
    "relay_key",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("key", LargeBinary, nullable=False),
)
VAULT = Table(
    "vault",
    METADATA,
    Column("id", LargeBinary, primary_key=True),
    Column("head", BigInteger, nullable=False),  # the newest position, 0 for none
    Column("bytes", BigInteger, nullable=False),
    Column("records", Integer, nullable=False),
    Column("record_head", LargeBinary, nullable=False),
    Column("at", BigInteger, nullable=False),
)
RECORD = Table(
    "record",
    METADATA,
    Column("vault", LargeBinary, primary_key=True),
    Column("idx", Integer, primary_key=True, autoincrement=False),
    Column("hash", LargeBinary, nullable=False),
    Column("body", LargeBinary, nullable=False),
)
HEAD = Table(
    "device_head",
    METADATA,
    Column("vault", LargeBinary, primary_key=True),
    Column("device", LargeBinary, primary_key=True),
    Column("number", BigInteger, nullable=False),
    Column("hash", LargeBinary, nullable=False),
)
LOG = Table(
    "log",
    METADATA,
    Column("vault", LargeBinary, primary_key=True),
    Column("pos", BigInteger, primary_key=True, autoincrement=False),
    Column("device", LargeBinary, nullable=False),
    Column("number", BigInteger, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    Column("size", Integer, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("at", BigInteger, nullable=False),
    UniqueConstraint("vault", "device", "number"),
)
SLOT = Table(
    "mailbox_slot",
    METADATA,
    Column("mailbox", LargeBinary, primary_key=True),
    Column("slot", Integer, primary_key=True, autoincrement=False),
    Column("body", LargeBinary, nullable=False),
    Column("expires", BigInteger, nullable=False),
    Index("mailbox_expires", "expires"),
)
USED = Table(
    "used_challenge",
    METADATA,
    Column("challenge", LargeBinary, primary_key=True),
    Column("expires", BigInteger, nullable=False),
    Index("used_expires", "expires"),
)
TOKEN = Table(
    "token",
    METADATA,
    Column("hash", LargeBinary, primary_key=True),
    Column("expires", BigInteger, nullable=False),
    Index("token_expires", "expires"),
)
INVITE = Table(
    "invite",
    METADATA,
    Column("hash", LargeBinary, primary_key=True),
    Column("expires", BigInteger, nullable=False),
)
SNAPSHOT = Table(
    "snapshot",
    METADATA,
    Column("vault", LargeBinary, primary_key=True),
    Column("height", BigInteger, primary_key=True, autoincrement=False),
    Column("hash", LargeBinary, nullable=False),
    Column("author", LargeBinary, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("complete", Boolean, nullable=False),
)
SNAPSHOT_PART = Table(
    "snapshot_part",
    METADATA,
    Column("vault", LargeBinary, primary_key=True),
    Column("hash", LargeBinary, primary_key=True),
    Column("height", BigInteger, nullable=False),  # 0 until a snapshot names it
    Column("size", Integer, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("at", BigInteger, nullable=False),
)
SNAPSHOT_ACK = Table(
    "snapshot_ack",
    METADATA,
    Column("vault", LargeBinary, primary_key=True),
    Column("height", BigInteger, primary_key=True, autoincrement=False),
    Column("device", LargeBinary, primary_key=True),
    Column("body", LargeBinary, nullable=False),
)
