"""The DevTools protocol over a browser's pipe: commands, answers and events.

JSON texts that end with a NUL byte, by the descriptors 3 and 4 of the browser
(--remote-debugging-pipe). A pipe and not a port: nobody else on the device can
connect to it, and the browser ends when this process does. Knows no page.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable
from typing import Any

from konnector_runner.errors import BrowserError, DocumentGone

# A file of 64 MiB as a data: URI, quoted twice, and some room.
_MAX_MESSAGE = 256 * 1024 * 1024
_GONE = (
    "uniqueContextId not found",
    "Cannot find context",
    "context was destroyed",
    "navigated or closed",
    "Session with given id not found",
    "No target with given id",
    "Not attached to an active page",
    "has been closed",
)
OnEvent = Callable[[str, dict[str, Any]], None]


def refusal(says: str) -> DocumentGone | BrowserError:
    """Return the error for what a browser *says*, without its text.

    It quotes what was sent, secrets too.
    """
    if any(sign in says for sign in _GONE):
        return DocumentGone("the page has moved on")
    return BrowserError("the browser refused a command")


class DevToolsPipe:
    """Sends commands and hands events to whoever listens to their session."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._next = 0
        self._waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._listeners: dict[str | None, list[OnEvent]] = {}
        self._on_end: list[Callable[[], None]] = []
        self._ended = False
        self._reading = asyncio.ensure_future(self._read())

    @classmethod
    async def over(cls, read_fd: int, write_fd: int) -> DevToolsPipe:
        """Take over both descriptors; they are closed with the pipe."""
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader(limit=_MAX_MESSAGE)
        await loop.connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(read_fd, "rb", 0)
        )
        transport, protocol = await loop.connect_write_pipe(
            asyncio.streams.FlowControlMixin, os.fdopen(write_fd, "wb", 0)
        )
        return cls(reader, asyncio.StreamWriter(transport, protocol, None, loop))

    def listen(self, session: str | None, on_event: OnEvent) -> None:
        """Call *on_event* with each event of *session*; None: the browser's own."""
        self._listeners.setdefault(session, []).append(on_event)

    def forget(self, session: str) -> None:
        """Stop listening to *session*."""
        self._listeners.pop(session, None)

    def at_end(self, call: Callable[[], None]) -> None:
        """Call *call* when the browser hangs up."""
        self._on_end.append(call)

    async def send(
        self,
        method: str,
        parameters: dict[str, Any] | None = None,
        *,
        session: str | None = None,
    ) -> dict[str, Any]:
        """Send a command and return its answer.

        Raises:
            DocumentGone: the document or page that it was for has gone.
            BrowserError: the browser refused it, or is no longer there. The text
                says no more: the browser's quotes what was sent, secrets too.
        """
        if self._ended:
            raise BrowserError("the browser has ended")
        self._next += 1
        number = self._next
        message: dict[str, Any] = {
            "id": number,
            "method": method,
            "params": parameters or {},
        }
        if session is not None:
            message["sessionId"] = session
        future = asyncio.get_running_loop().create_future()
        self._waiting[number] = future
        try:
            self._writer.write(json.dumps(message).encode() + b"\0")
            await self._writer.drain()
            answer: dict[str, Any] = await future
        except (ConnectionError, OSError):
            raise BrowserError("the browser has ended") from None
        finally:
            del self._waiting[number]
        return answer

    async def close(self) -> None:
        """Hang up; the browser ends by itself."""
        self._writer.close()
        self._reading.cancel()
        await asyncio.gather(self._reading, return_exceptions=True)

    async def _read(self) -> None:
        try:
            while True:
                text = await self._reader.readuntil(b"\0")
                self._take(json.loads(text[:-1]))
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, OSError):
            pass
        finally:
            self._end()

    def _take(self, message: dict[str, Any]) -> None:
        if "id" not in message:
            for listener in self._listeners.get(message.get("sessionId"), ()):
                listener(message["method"], message.get("params", {}))
            return
        future = self._waiting.get(message["id"])
        if future is None or future.done():
            return
        if "error" in message:
            future.set_exception(refusal(str(message["error"].get("message", ""))))
        else:
            future.set_result(message.get("result", {}))

    def _end(self) -> None:
        self._ended = True
        for future in self._waiting.values():
            if not future.done():
                future.set_exception(BrowserError("the browser has ended"))
                future.exception()  # some may have nobody left to await them
        for call in self._on_end:
            call()
