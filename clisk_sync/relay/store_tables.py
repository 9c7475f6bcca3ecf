"""The relay's tables: one schema for SQLite and PostgreSQL.

`log` may one day be partitioned by the hash of its vault: every key and every
query leads with it.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    UniqueConstraint,
)

METADATA = MetaData()
META = Table("meta", METADATA, Column("schema", Integer, primary_key=True))
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
