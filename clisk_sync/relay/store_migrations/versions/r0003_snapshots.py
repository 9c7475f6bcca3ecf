"""Snapshots: their sealed parts, and who has acknowledged them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def _key(name: str) -> sa.Column[bytes]:
    return sa.Column(name, sa.LargeBinary, primary_key=True)


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "snapshot",
        _key("vault"),
        sa.Column("height", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("hash", sa.LargeBinary, nullable=False),
        sa.Column("author", sa.LargeBinary, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.Column("complete", sa.Boolean, nullable=False),
    )
    op.create_table(
        "snapshot_part",
        _key("vault"),
        _key("hash"),
        # 0 until a snapshot names it.
        sa.Column("height", sa.BigInteger, nullable=False),
        sa.Column("size", sa.Integer, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "snapshot_ack",
        _key("vault"),
        sa.Column("height", sa.BigInteger, primary_key=True, autoincrement=False),
        _key("device"),
        sa.Column("body", sa.LargeBinary, nullable=False),
    )
    if op.get_bind().dialect.name == "postgresql":
        # Ciphertext does not compress: EXTERNAL spares the attempt.
        op.execute("ALTER TABLE snapshot_part ALTER COLUMN body SET STORAGE EXTERNAL")
