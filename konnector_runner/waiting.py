"""Calls that wait for an answer, over the documents of a page that come and go.

A call is answered, or fails, or its document goes: then it waits on, and ends as
RELOADED once the next document is ready. Nothing here knows a message or a page.

Spec: protocol/konnector-bridge.md §4.2.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from enum import Enum, auto
from typing import Final, TypeAlias

from konnector_runner.errors import RunnerError
from konnector_runner.strict_json import Json


class _Reloaded(Enum):
    RELOADED = auto()


RELOADED: Final = _Reloaded.RELOADED
Outcome: TypeAlias = "Json | _Reloaded"


class Waiting:
    """The calls of one page that nobody has answered yet."""

    def __init__(self) -> None:
        self._calls: dict[int, asyncio.Future[Outcome]] = {}
        # Those whose document has gone.
        self._stale: list[asyncio.Future[Outcome]] = []

    @contextlib.contextmanager
    def call(self, number: int | None = None) -> Iterator[asyncio.Future[Outcome]]:
        """Give the end of a call, which is forgotten when the block ends.

        Without a *number* no answer ends it, and a new document does as any.
        """
        future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        key = -1 - len(self._calls) if number is None else number
        self._calls[key] = future
        try:
            yield future
        finally:
            # The next document's session counts from 1 again: only our own entry.
            if self._calls.get(key) is future:
                del self._calls[key]
            if future in self._stale:
                self._stale.remove(future)

    def answered(self, number: int, value: Json) -> None:
        """End a call with its result."""
        future = self._calls.get(number)
        if future is not None and not future.done():
            future.set_result(value)

    def failed(self, number: int, error: RunnerError) -> None:
        """End a call with *error*."""
        future = self._calls.get(number)
        if future is not None and not future.done():
            future.set_exception(error)

    def document_gone(self) -> None:
        """Let what waits wait for the next document."""
        self._stale += self._calls.values()
        self._calls = {}

    def document_ready(self) -> None:
        """End what waited for a document that has gone: it is not made again."""
        for future in self._take_stale():
            future.set_result(RELOADED)

    def document_dumb(self, error: RunnerError) -> None:
        """End it with *error*: the next document has nobody who would answer."""
        for future in self._take_stale():
            future.set_exception(error)

    def end(self, error: RunnerError) -> None:
        """End everything with *error*."""
        for future in [*self._calls.values(), *self._stale]:
            if not future.done():
                future.set_exception(error)
                future.exception()  # some may have nobody left to await them

    def _take_stale(self) -> list[asyncio.Future[Outcome]]:
        stale, self._stale = self._stale, []
        return [future for future in stale if not future.done()]
