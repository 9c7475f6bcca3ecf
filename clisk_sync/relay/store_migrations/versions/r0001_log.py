"""Vaults, their records and envelopes, mailboxes, challenges that were answered."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

# More than a machine has cores, few enough that planning stays cheap.
_PARTITIONS = 16
# Rows that are rewritten at each append: room beside them spares the indexes.
_ROOM = {"fillfactor": 70}


def upgrade() -> None:
    """Make the tables."""
    op.create_table("meta", sa.Column("schema", sa.Integer, primary_key=True))
    _vaults()
    _log()
    _short_lived()
    if op.get_bind().dialect.name == "postgresql":
        _partition_log()


def _key(name: str) -> sa.Column[bytes]:
    return sa.Column(name, sa.LargeBinary, primary_key=True)


def _bytes(name: str) -> sa.Column[bytes]:
    return sa.Column(name, sa.LargeBinary, nullable=False)


def _number(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=False)


def _vaults() -> None:
    op.create_table(
        "vault",
        _key("id"),
        _number("head"),
        _number("bytes"),
        sa.Column("records", sa.Integer, nullable=False),
        _bytes("record_head"),
        _number("at"),
        postgresql_with=_ROOM,
    )
    op.create_table(
        "record",
        _key("vault"),
        sa.Column("idx", sa.Integer, primary_key=True, autoincrement=False),
        _bytes("hash"),
        _bytes("body"),
    )
    op.create_table(
        "device_head",
        _key("vault"),
        _key("device"),
        _number("number"),
        _bytes("hash"),
        postgresql_with=_ROOM,
    )


def _log() -> None:
    op.create_table(
        "log",
        _key("vault"),
        sa.Column("pos", sa.BigInteger, primary_key=True, autoincrement=False),
        _bytes("device"),
        _number("number"),
        _bytes("hash"),
        sa.Column("size", sa.Integer, nullable=False),
        _bytes("body"),
        _number("at"),
        sa.UniqueConstraint("vault", "device", "number"),
        postgresql_partition_by="HASH (vault)",
    )


def _partition_log() -> None:
    # Ciphertext does not compress: EXTERNAL spares the attempt.
    for table in ("log", "record"):
        op.execute(f"ALTER TABLE {table} ALTER COLUMN body SET STORAGE EXTERNAL")
    for rest in range(_PARTITIONS):
        op.execute(
            f"CREATE TABLE log_{rest:02} PARTITION OF log"
            f" FOR VALUES WITH (MODULUS {_PARTITIONS}, REMAINDER {rest})"
        )


def _short_lived() -> None:
    op.create_table(
        "mailbox_slot",
        _key("mailbox"),
        sa.Column("slot", sa.Integer, primary_key=True, autoincrement=False),
        _bytes("body"),
        _number("expires"),
    )
    op.create_index("mailbox_expires", "mailbox_slot", ["expires"])
    op.create_table("used_challenge", _key("challenge"), _number("expires"))
    op.create_index("used_expires", "used_challenge", ["expires"])
