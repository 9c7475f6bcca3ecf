"""A page of the log as an HTTP answer: protocol/relay-api.md §5."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Final

from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from clisk_sync.relay.service import Reading
from clisk_sync.relay_answers import HEAD_HEADER, RECORDS_HEADER
from clisk_sync.sequence import encode_entry

SEQUENCE_TYPE: Final = "application/cbor-seq"
# For a proxy that would gather a page before it passes it on (nginx).
_AT_ONCE: Final = {"X-Accel-Buffering": "no"}


def page_answer(reading: Reading) -> Response:
    """Return *reading* as an answer that ends with it."""
    headers = _heads(reading)
    if reading.rest is None:  # one write instead of a stream
        return Response(_items(reading), headers=headers, media_type=SEQUENCE_TYPE)
    whole = _pieces(reading)
    return StreamingResponse(whole, headers=headers, media_type=SEQUENCE_TYPE)


class GoingAnswer(Response):
    """A page that goes on: each of *readings* is sent as soon as there is one."""

    def __init__(self, first: Reading, readings: AsyncGenerator[Reading, None]) -> None:
        super().__init__(headers=_heads(first) | _AT_ONCE, media_type=SEQUENCE_TYPE)
        del self.headers["content-length"]
        self._first = first
        self._readings = readings

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        """Send it to its end."""
        head = {"type": "http.response.start", "status": 200}
        async with aclosing(self._readings):
            await send(head | {"headers": self.raw_headers})
            await _send_pieces(send, self._first)
            async for reading in self._readings:
                await _send_pieces(send, reading)
        await send({"type": "http.response.body", "body": b""})


async def _send_pieces(send: Send, reading: Reading) -> None:
    async for piece in _pieces(reading):
        await send({"type": "http.response.body", "body": piece, "more_body": True})


def _heads(reading: Reading) -> dict[str, str]:
    return {HEAD_HEADER: str(reading.head), RECORDS_HEADER: str(reading.records)}


def _items(reading: Reading) -> bytes:
    return b"".join(encode_entry(*entry) for entry in reading.first)


async def _pieces(reading: Reading) -> AsyncIterator[bytes]:
    """Yield the items of a page, many small ones in one piece."""
    yield _items(reading)
    if reading.rest is None:
        return
    piece = bytearray()
    async for position, envelope in reading.rest:
        piece += encode_entry(position, envelope)
        if len(piece) >= 1 << 16:
            yield bytes(piece)
            piece.clear()
    if piece:
        yield bytes(piece)
