"""What several processes share: a key, the tokens in use; and invitations."""

from __future__ import annotations

import os

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_KEY_BYTES = 32


def upgrade() -> None:
    """Make the tables, and the key."""
    key = op.create_table(
        "relay_key",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("key", sa.LargeBinary, nullable=False),
    )
    op.bulk_insert(key, [{"id": 1, "key": os.urandom(_KEY_BYTES)}])
    for name in ("token", "invite"):
        op.create_table(
            name,
            sa.Column("hash", sa.LargeBinary, primary_key=True),
            sa.Column("expires", sa.BigInteger, nullable=False),
        )
    op.create_index("token_expires", "token", ["expires"])
    # The number of the schema is the revision now.
    op.drop_table("meta")
