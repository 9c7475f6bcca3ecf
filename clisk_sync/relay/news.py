"""Who waits for news of which vault. Wakes, and hands on what this process wrote.

Inside, a topic is a hash of the vault or mailbox: that is all other processes
need to be told, and a mailbox's id would open it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from clisk_sync.refusals import Code, refuse
from clisk_vault.ids import RecordHash
from clisk_vault.primitives import sha256

_TOPIC_BYTES: Final = 16
# Of whoever is slower than what is written: then it looks at the store.
_MOST_UNHEARD: Final = 16
_MOST_UNHEARD_BYTES: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Written:
    """What one commit added to a vault's log, in order."""

    # The newest membership record, as of that commit.
    record_head: RecordHash
    entries: tuple[tuple[int, bytes], ...]


class Listener:
    """One who waits, and what it has yet to hear."""

    __slots__ = ("_room", "_unheard", "wake")

    def __init__(self) -> None:
        # None: more than is kept, or nobody knows what; look at the store.
        self._unheard: list[Written] | None = []
        self._room = _MOST_UNHEARD_BYTES
        self.wake: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def tell(self, written: Written | None) -> None:
        """Wake it, with what was *written* or to look for itself."""
        if written is not None and self._unheard is not None:
            self._unheard.append(written)
            self._room -= sum(len(data) for _, data in written.entries)
        if written is None or self._room < 0 or self._is_full():
            self._unheard = None
        if not self.wake.done():
            self.wake.set_result(None)

    def _is_full(self) -> bool:
        return self._unheard is not None and len(self._unheard) > _MOST_UNHEARD

    def take(self) -> Sequence[Written] | None:
        """Return what it was told, in order, and listen on. None: look."""
        unheard, self._unheard = self._unheard, []
        self._room = _MOST_UNHEARD_BYTES
        if self.wake.done():
            self.wake = asyncio.get_running_loop().create_future()
        return unheard


def topic_of(what: bytes) -> bytes:
    """Return the hash under which news of *what* is spread."""
    return sha256(b"relay news", what)[:_TOPIC_BYTES]


class News:
    """The waiters of this process, by what they wait for."""

    def __init__(self, *, most: int, most_each: int) -> None:
        self._most = most
        self._most_each = most_each
        self._count = 0
        self._waiting: dict[bytes, set[Listener]] = {}
        self._closed = False

    @property
    def closed(self) -> bool:
        """Whether the relay is going down."""
        return self._closed

    @contextmanager
    def listening(self, what: bytes) -> Iterator[Listener]:
        """Give a listener that wakes at each news of *what*.

        Listen first and look at the store second: then news in between wakes.

        Raises:
            RelayRefused: as many wait already as may, or the relay is going down.
        """
        topic = topic_of(what)
        waiters = self._waiting.get(topic, set())
        full = self._count >= self._most or len(waiters) >= self._most_each
        if full or self._closed:
            raise refuse(Code.BUSY)
        listener = Listener()
        self._waiting.setdefault(topic, waiters).add(listener)
        self._count += 1
        try:
            yield listener
        finally:
            self._count -= 1
            waiters.discard(listener)
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
        for listener in self._waiting.get(topic, ()):
            listener.tell(written)

    def look_again(self) -> None:
        """Let everybody look: news of other processes may have been lost."""
        for topic in list(self._waiting):
            self.wake(topic)

    def close(self) -> None:
        """Wake everybody and take nobody in: the relay is going down."""
        self._closed = True
        self.look_again()
