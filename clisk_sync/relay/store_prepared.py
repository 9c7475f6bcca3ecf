"""Statements that run all the time, written once for both databases.

SQLAlchemy takes ten times as long to hand a small statement to SQLite as SQLite
takes to run it. So there its text, made once, goes to the driver as it is; on
PostgreSQL, where a statement is a journey, it runs like any other.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, TypeAlias

from sqlalchemy import Connection, Executable
from sqlalchemy.dialects import sqlite
from sqlalchemy.sql.elements import ClauseElement

Values: TypeAlias = Mapping[str, Any]
# The text for SQLite, the names of its places in order, and what SQLAlchemy itself
# puts into some of them.
_Text: TypeAlias = tuple[str, tuple[str, ...], Values]


class Prepared:
    """One statement, to be run with values of the types that its columns have."""

    def __init__(self, statement: Executable, *, names: Sequence[str] = ()) -> None:
        """Take *statement*; *names* are the columns of an insert."""
        assert isinstance(statement, ClauseElement)
        self._statement = statement
        self._executable = statement
        self._names = list(names) or None
        self._text = cache(self._compiled)

    def rows(self, db: Connection, values: Values) -> Sequence[Sequence[Any]]:
        """Return what it finds."""
        driver = _sqlite(db)
        if driver is None:
            return db.execute(self._executable, dict(values)).all()
        return self.rows_of(driver, values)

    def rows_of(
        self, driver: sqlite3.Connection, values: Values
    ) -> Sequence[Sequence[Any]]:
        """Return what it finds in SQLite."""
        text, names, own = self._text(_lengths(values))
        found = driver.execute(text, _places(names, {**own, **values}))
        rows: list[Sequence[Any]] = found.fetchall()
        return rows

    def many(self, db: Connection, rows: Sequence[Values]) -> None:
        """Run it for each of *rows*."""
        driver = _sqlite(db)
        if driver is None:
            db.execute(self._executable, [dict(each) for each in rows])
            return
        text, names, _own = self._text(())
        driver.executemany(text, [_places(names, row) for row in rows])

    def _compiled(self, lengths: tuple[tuple[str, int], ...]) -> _Text:
        statement = self._statement
        if lengths:
            # A list stands for as many places as it has members.
            statement = statement.params(
                {name: [b""] * length for name, length in lengths}
            )
        compiled = statement.compile(
            dialect=sqlite.dialect(),
            column_keys=self._names,
            compile_kwargs={"render_postcompile": bool(lengths)},
        )
        # With lists SQLAlchemy does not tell; none of those has any.
        own = {} if lengths else compiled.params
        return str(compiled), tuple(compiled.positiontup or ()), own  # type: ignore[attr-defined]


def _sqlite(db: Connection) -> sqlite3.Connection | None:
    driver = db.connection.driver_connection
    return driver if isinstance(driver, sqlite3.Connection) else None


def _lengths(values: Values) -> tuple[tuple[str, int], ...]:
    return tuple(
        (name, len(value)) for name, value in values.items() if isinstance(value, list)
    )


def _places(names: Sequence[str], values: Values) -> list[Any]:
    """Return the values in the order of their places."""
    return [values[name] if name in values else _member(name, values) for name in names]


def _member(name: str, values: Values) -> Any:
    """Return a member of a list: vaults_1, vaults_2 and so on."""
    whole, _, index = name.rpartition("_")
    return values[whole][int(index) - 1]
