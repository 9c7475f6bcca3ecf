"""Who waits for news of which vault. Wakes; carries nothing and proves nothing.

Inside, a topic is a hash of the vault or mailbox: that is all other processes
need to be told, and a mailbox's id would open it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, TypeAlias

from clisk_sync.refusals import Code, refuse
from clisk_vault.primitives import sha256

# True: there is news. False: some may have been missed, look again.
Wake: TypeAlias = "asyncio.Future[bool]"
_TOPIC_BYTES: Final = 16


def topic_of(what: bytes) -> bytes:
    """Return the hash under which news of *what* is spread."""
    return sha256(b"relay news", what)[:_TOPIC_BYTES]


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
    def listening(self, what: bytes) -> Iterator[Wake]:
        """Give a future that is done at the next news of *what*.

        Listen first and look at the store second: then news in between wakes.

        Raises:
            RelayRefused: as many wait already as may, or the relay is going down.
        """
        topic = topic_of(what)
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

    @property
    def count(self) -> int:
        """How many wait now."""
        return self._count

    def publish(self, what: bytes) -> None:
        """Wake whoever waits for *what*."""
        self.wake(topic_of(what))

    def wake(self, topic: bytes, *, sure: bool = True) -> None:
        """Wake whoever waits for what has this hash."""
        for wake in self._waiting.get(topic, ()):
            if not wake.done():
                wake.set_result(sure)

    def look_again(self) -> None:
        """Let everybody look: news of other processes may have been lost."""
        for topic in list(self._waiting):
            self.wake(topic, sure=False)

    def close(self) -> None:
        """Wake everybody and take nobody in: the relay is going down."""
        self._closed = True
        self.look_again()


Publish: TypeAlias = Callable[[bytes], None]
