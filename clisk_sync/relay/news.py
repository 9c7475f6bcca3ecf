"""Who waits for news of which vault. Wakes, and hands on what this process wrote.

Inside, a topic is a hash of the vault or mailbox: that is all other processes
need to be told, and a mailbox's id would open it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, TypeAlias

from clisk_sync.refusals import Code, refuse
from clisk_vault.ids import RecordHash
from clisk_vault.primitives import sha256

_TOPIC_BYTES: Final = 16


@dataclass(frozen=True, slots=True)
class Written:
    """What one commit added to a vault's log, in order."""

    # The newest membership record, as of that commit.
    record_head: RecordHash
    entries: tuple[tuple[int, bytes], ...]

    def follows(self, after: int, *, most: int, most_bytes: int) -> bool:
        """Whether this is what a page above *after* within these bounds holds."""
        places = [position for position, _ in self.entries]
        return (
            len(places) <= most
            and places == list(range(after + 1, after + 1 + len(places)))
            and sum(len(data) for _, data in self.entries) <= most_bytes
        )


# What was written, or None: look.
Wake: TypeAlias = "asyncio.Future[Written | None]"


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

    def publish(self, what: bytes, written: Written | None = None) -> None:
        """Wake whoever waits for *what*."""
        self.wake(topic_of(what), written)

    def wake(self, topic: bytes, written: Written | None = None) -> None:
        """Wake whoever waits for what has this hash."""
        for wake in self._waiting.get(topic, ()):
            if not wake.done():
                wake.set_result(written)

    def look_again(self) -> None:
        """Let everybody look: news of other processes may have been lost."""
        for topic in list(self._waiting):
            self.wake(topic)

    def close(self) -> None:
        """Wake everybody and take nobody in: the relay is going down."""
        self._closed = True
        self.look_again()
