"""A relay over HTTP. The home of httpx: its types and errors end here.

Everything that comes back is bounded before it is held, and parsed strictly;
redirects are not followed, no address is ever taken from an answer, and words
that a relay writes are dropped: a person sees those of refusals.py.

Spec: protocol/relay-api.md.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self

import httpx

from clisk_sync.errors import RelayMisbehaved, RelayRefused, TransportError
from clisk_sync.origin import relay_origin
from clisk_sync.refusals import Code, refuse
from clisk_sync.relay_answers import (
    HEAD_HEADER,
    INVITE_HEADER,
    MAX_ANSWER_BYTES,
    Refused,
    parse_answer,
)
from clisk_sync.retry import RetryPolicy

_CONNECT_SECONDS: Final = 10.0
_SILENCE_SECONDS: Final = 30.0
_CALL_SECONDS: Final = 60.0
_PAGE_SECONDS: Final = 300.0
_NO_ANSWER: Final = {Code.INTERNAL, Code.BUSY, Code.STORE_UNAVAILABLE, Code.TOO_SLOW}
_PASSING: Final = {408, 425, 429}


@dataclass(frozen=True, slots=True)
class Incoming:
    """An answer that is still coming in, unbounded yet and unverified."""

    chunks: AsyncIterator[bytes]
    # What the relay says its newest position is, if it says so.
    unverified_head: str
    unverified_date: str


class HttpRelay:
    """One relay at one address. Close it, or use it in `async with`.

    *verify* is for relays whose certificate is by a private authority. Proxy
    settings and .netrc of the environment are not read: a token goes nowhere
    that nobody named.
    """

    def __init__(
        self,
        url: str,
        *,
        retry: RetryPolicy | None = None,
        verify: ssl.SSLContext | None = None,
        connection: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self.origin = relay_origin(url)
        self.retry = retry or RetryPolicy()
        self._client = httpx.AsyncClient(
            base_url=self.origin,
            follow_redirects=False,
            trust_env=False,
            verify=verify or True,
            transport=connection,
            headers={"Accept-Encoding": "identity", "User-Agent": "clisk-vault"},
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def call(
        self,
        method: str,
        path: str,
        *,
        body: bytes = b"",
        token: str = "",
        invite: str = "",
        wait_seconds: float = 0,
        max_bytes: int = MAX_ANSWER_BYTES,
    ) -> bytes:
        """Return the body of the answer, at most *max_bytes* of it.

        Raises:
            TransportError: no answer. RelayRefused: no. RelayMisbehaved: neither.
        """
        async with self.stream(
            method,
            path,
            body=body,
            token=token,
            invite=invite,
            wait_seconds=wait_seconds,
            seconds=_CALL_SECONDS,
        ) as incoming:
            return await _bounded(incoming.chunks, max_bytes)

    @asynccontextmanager
    async def stream(
        self,
        method: str,
        path: str,
        *,
        body: bytes = b"",
        token: str = "",
        invite: str = "",
        wait_seconds: float = 0,
        seconds: float = _PAGE_SECONDS,
    ) -> AsyncIterator[Incoming]:
        """Give the answer as it comes in; all of it ends within *seconds*.

        Raises:
            as call().
        """
        timeout = httpx.Timeout(
            _SILENCE_SECONDS,
            connect=_CONNECT_SECONDS,
            read=_SILENCE_SECONDS + wait_seconds,
        )
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        if invite:
            headers[INVITE_HEADER] = invite
        with _no_answer():
            async with (
                asyncio.timeout(seconds + wait_seconds),
                self._client.stream(
                    method, path, content=body, headers=headers, timeout=timeout
                ) as response,
            ):
                if response.headers.get("content-encoding", "identity") != "identity":
                    raise RelayMisbehaved("the relay's answer is compressed unasked")
                # Not aiter_bytes: it would inflate whatever it is told to.
                chunks = response.aiter_raw()
                if not 200 <= response.status_code < 300:
                    raise await _refusal(response.status_code, chunks)
                yield Incoming(
                    chunks,
                    response.headers.get(HEAD_HEADER, ""),
                    response.headers.get("date", ""),
                )


async def _bounded(chunks: AsyncIterator[bytes], most: int) -> bytes:
    body = bytearray()
    async for chunk in chunks:
        body += chunk
        if len(body) > most:
            raise RelayMisbehaved("the relay's answer is longer than any may be")
    return bytes(body)


async def _refusal(
    status: int, chunks: AsyncIterator[bytes]
) -> RelayRefused | TransportError | RelayMisbehaved:
    """Return what an answer other than 2xx means, in our own words."""
    if 300 <= status < 400:
        return RelayMisbehaved("the relay points elsewhere, and is not followed")
    try:
        body = parse_answer(Refused, await _bounded(chunks, MAX_ANSWER_BYTES))
        code = Code(body.error)
    except (RelayMisbehaved, ValueError):
        # A proxy's own page, or a relay newer than this program.
        if status >= 500 or status in _PASSING:
            return TransportError(f"the relay failed with status {status}")
        return RelayMisbehaved(f"the relay refused with status {status}, unnamed")
    if code in _NO_ANSWER:
        return TransportError("the relay cannot answer now")
    number, digest = (body.head.number, body.head.hash) if body.head else (0, "00" * 32)
    return refuse(
        code,
        head_number=number,
        head_hash=bytes.fromhex(digest),
        retry_after_seconds=body.retry_after_seconds or 1.0,
    )


@contextmanager
def _no_answer() -> Iterator[None]:
    """Turn every failure of httpx, and the deadline, into TransportError."""
    try:
        yield
    except TimeoutError:
        raise TransportError("the relay took too long to answer") from None
    except httpx.ConnectError as err:
        if isinstance(_root(err), ssl.SSLError):
            raise TransportError(
                "the relay's certificate is not to be trusted",
                advice="check the address, the clock, and who runs the relay",
            ) from err
        raise TransportError("the relay cannot be reached") from err
    except (httpx.HTTPError, httpx.StreamError, httpx.InvalidURL) as err:
        kind = type(err).__name__
        raise TransportError(f"the connection to the relay failed ({kind})") from err


def _root(err: BaseException) -> BaseException:
    while (cause := err.__cause__ or err.__context__) is not None:
        err = cause
    return err
