"""What uvicorn has no bound for: a request's head, in time and in bytes.

The home of httptools, whose parser keeps whatever it is given.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

import httptools
from uvicorn.protocols.http.httptools_impl import (
    HttpToolsProtocol,
    RequestResponseCycle,
)

# A token takes 300 bytes of it; proxies add some lines.
MAX_HEAD_BYTES: Final = 16 << 10
# What a chunked body of the smallest chunks takes besides its bytes.
_FRAMING: Final = 8


class _Refused(httptools.HttpParserError):
    """Ends the connection, by the way that uvicorn ends one that it cannot read."""


class Patient(HttpToolsProtocol):
    """uvicorn's protocol with an end to waiting for a request's head.

    Without it a client that sends half a header holds a connection for ever, and
    one that sends a header without end fills the memory.
    """

    head_seconds = 30.0
    _alarm: asyncio.TimerHandle | None = None
    _has_head = False
    _body_bytes = 0
    _bytes = 0  # of all that came of this request

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._set()

    def data_received(self, data: bytes) -> None:
        self._has_head = False
        super().data_received(data)
        self._bytes += len(data)
        # Too much that is no body: the path, headers, trailers, whole or half.
        if self._bytes > MAX_HEAD_BYTES + (1 + _FRAMING) * self._body_bytes:
            self.transport.abort()
        elif self._is_idle() and not self._has_head and self._alarm is None:
            self._set()

    def connection_lost(self, exc: Exception | None) -> None:
        self._cancel()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._bytes = self._body_bytes = 0

    def on_headers_complete(self) -> None:
        if not self._is_idle():
            # Requests in advance would pile up; no device sends any.
            self.transport.abort()
            raise _Refused
        self._has_head = True
        self._cancel()
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._body_bytes += len(body)
        super().on_body(body)

    def _is_idle(self) -> bool:
        cycle: RequestResponseCycle | None = self.cycle
        return cycle is None or cycle.response_complete

    def _set(self) -> None:
        self._alarm = self.loop.call_later(self.head_seconds, self.transport.close)

    def _cancel(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None


def patient_protocol(seconds: float) -> type[Patient]:
    """Return the protocol that waits so long for a head."""

    class ThatPatient(Patient):
        head_seconds = seconds

    return ThatPatient
