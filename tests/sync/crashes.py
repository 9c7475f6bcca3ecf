"""A process that dies in the middle of its work, without a process."""

from __future__ import annotations

from clisk_vault.storage import Storage


class CrashError(BaseException):
    """The process is gone: nobody may catch it."""


class DyingAfter:
    """Let a vault file take so many statements, and then none ever again."""

    def __init__(self, storage: Storage, statements: int) -> None:
        self._storage = storage
        self._left = statements

    def __enter__(self) -> None:
        real = self._storage._connection
        self._real = real
        patched = _Dying(real, self)
        self._storage._connection = patched  # type: ignore[assignment]

    def __exit__(self, *_: object) -> None:
        self._storage._connection = self._real

    def spend(self) -> None:
        if self._left <= 0:
            raise CrashError
        self._left -= 1


class _Dying:
    """A connection that dies; what was not committed is lost with it."""

    def __init__(self, real: object, budget: DyingAfter) -> None:
        self._real = real
        self._budget = budget

    def execute(self, sql: str, *params: object) -> object:
        if not sql.startswith("ROLLBACK"):
            self._budget.spend()
        return self._real.execute(sql, *params)  # type: ignore[attr-defined]

    def executemany(self, sql: str, *params: object) -> object:
        self._budget.spend()
        return self._real.executemany(sql, *params)  # type: ignore[attr-defined]

    def __getattr__(self, name: str) -> object:
        return getattr(self._real, name)
