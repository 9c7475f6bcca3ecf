"""Bringing a database to the schema of this program, or refusing it by name.

Alembic is imported only when there is something to do, so that a relay whose
database is up to date starts at once.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from sqlalchemy import Connection, inspect, text

from clisk_sync.errors import CallerError

REVISIONS: Final = ("0001", "0002", "0003")
MIGRATIONS: Final = Path(__file__).with_name("store_migrations")
# Any number will do, as long as every relay takes the same.
_LOCK: Final = 0x436C69736B


def prepare(db: Connection) -> None:
    """Bring the schema up to date, all of it or nothing.

    Raises:
        CallerError: the database was written by a newer program, or by another.
    """
    if db.dialect.name == "postgresql":
        # Several processes may start on an empty database at once.
        db.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
    found = _revision(db)
    if found is None and inspect(db).get_table_names():
        raise CallerError(
            "relay database: it holds the tables of another program",
            advice="name a file that does not exist yet, or an empty database",
        )
    if found == REVISIONS[-1]:
        return
    if found is not None and found not in REVISIONS:
        raise CallerError(
            f"relay database: revision {_shown(found)} is not known here",
            advice="start the relay version that wrote it, or a newer one",
        )
    _upgrade(db, found)


def _revision(db: Connection) -> str | None:
    inspector = inspect(db)
    if inspector.has_table("alembic_version"):
        query = text("SELECT version_num FROM alembic_version")
        revision: str | None = db.scalar(query)
        return revision
    ours = all(inspector.has_table(name) for name in ("meta", "device_head"))
    return REVISIONS[0] if ours else None


def _shown(revision: str) -> str:
    plain = revision.isascii() and revision.isalnum() and len(revision) <= 32
    return revision if plain else "of an unknown form"


def _upgrade(db: Connection, found: str | None) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = db
    if found is not None:
        # Before there were revisions, a table held the number of the schema.
        command.stamp(config, found)
    command.upgrade(config, "head")
