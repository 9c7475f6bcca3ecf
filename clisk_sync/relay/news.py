"""Who waits for news of which vault. Wakes; carries nothing and proves nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeAlias

from clisk_sync.refusals import Code, refuse

Wake: TypeAlias = "asyncio.Future[None]"


class News:
    """The waiters of this process, by what they wait for."""

    def __init__(self, *, most: int, most_each: int) -> None:
        self._most = most
        self._most_each = most_each
        self._count = 0
        self._waiting: dict[bytes, set[Wake]] = {}
        self._closed = False

    @property
    def closed(self) -> bool:
        """Whether the relay is going down."""
        return self._closed

    @contextmanager
    def listening(self, topic: bytes) -> Iterator[Wake]:
        """Give a future that is done at the next news of *topic*.

        Listen first and look at the store second: then news in between wakes.

        Raises:
            RelayRefused: as many wait already as may, or the relay is going down.
        """
        waiters = self._waiting.get(topic, set())
        full = self._count >= self._most or len(waiters) >= self._most_each
        if full or self._closed:
            raise refuse(Code.BUSY)
        wake: Wake = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(topic, waiters).add(wake)
        self._count += 1
        try:
            yield wake
        finally:
            self._count -= 1
            waiters.discard(wake)
            if not waiters:
                self._waiting.pop(topic, None)

    def publish(self, topic: bytes) -> None:
        """Wake whoever waits for *topic*."""
        for wake in self._waiting.get(topic, ()):
            if not wake.done():
                wake.set_result(None)

    def close(self) -> None:
        """Wake everybody and take nobody in: the relay is going down."""
        self._closed = True
        for topic in list(self._waiting):
            self.publish(topic)


Publish: TypeAlias = Callable[[bytes], None]
