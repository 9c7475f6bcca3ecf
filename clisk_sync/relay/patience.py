"""An end to waiting for the head of a request, which uvicorn has none for."""

from __future__ import annotations

import asyncio
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol


def patient_protocol(seconds: float) -> type[H11Protocol]:
    """Return uvicorn's protocol with an end to waiting for a request's head.

    Without it a client that sends half a header holds a connection for ever.
    """

    class Patient(H11Protocol):
        _alarm: asyncio.TimerHandle | None = None

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            self._set()

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            if self.conn.their_state is not h11.IDLE:
                self._cancel()
            elif self._alarm is None and self.conn.trailing_data[0]:
                self._set()

        def connection_lost(self, exc: Exception | None) -> None:
            self._cancel()
            super().connection_lost(exc)

        def _set(self) -> None:
            self._alarm = self.loop.call_later(seconds, self.transport.close)

        def _cancel(self) -> None:
            if self._alarm is not None:
                self._alarm.cancel()
                self._alarm = None

    return Patient
