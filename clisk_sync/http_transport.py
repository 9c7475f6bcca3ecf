"""A relay over HTTP. The home of aiohttp: its types and errors end here.

Everything that comes back is bounded before it is held, and parsed strictly;
redirects are not followed, no address is ever taken from an answer, and words
that a relay writes are dropped: a person sees those of refusals.py.

Spec: protocol/relay-api.md.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import (
    AbstractAsyncContextManager,
    AsyncExitStack,
    asynccontextmanager,
    contextmanager,
)
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Protocol, Self

import aiohttp
import certifi

from clisk_sync.errors import RelayMisbehaved, RelayRefused, TransportError
from clisk_sync.origin import relay_origin
from clisk_sync.refusals import Code, refuse
from clisk_sync.relay_answers import (
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
# Less than a relay keeps them: what is used again is then still there.
_KEPT_SECONDS: Final = 60.0
_NO_ANSWER: Final = {Code.INTERNAL, Code.BUSY, Code.STORE_UNAVAILABLE, Code.TOO_SLOW}
_PASSING: Final = {408, 425, 429}


@dataclass(frozen=True, slots=True)
class Incoming:
    """An answer that is still coming in, unbounded yet and unverified."""

    status: int
    headers: Mapping[str, str]  # by any spelling of their names
    chunks: AsyncIterator[bytes]


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked; *silence_seconds* is how long no byte may come back."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    silence_seconds: float


class Connection(Protocol):
    """Carries requests to one origin."""

    def exchange(self, request: Request) -> AbstractAsyncContextManager[Incoming]:
        """Give the answer to *request* as it comes in.

        Raises:
            TransportError: no answer, or half of one.
        """

    async def close(self) -> None:
        """Let go of all sockets."""


class HttpRelay:
    """One relay at one address. Close it, or use it in `async with`.

    *verify* is for relays whose certificate is by a private authority.
    """

    def __init__(
        self,
        url: str,
        *,
        retry: RetryPolicy | None = None,
        verify: ssl.SSLContext | None = None,
        connection: Connection | None = None,
    ) -> None:
        self.origin = relay_origin(url)
        self.retry = retry or RetryPolicy()
        self._connection = connection or Dialled(self.origin, verify)
        self._open: set[AsyncExitStack] = set()

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
        for stack in list(self._open):
            await stack.aclose()
        await self._connection.close()

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
        silence = _SILENCE_SECONDS + wait_seconds
        request = Request(method, path, _heads(token, invite), body, silence)
        try:
            async with (
                asyncio.timeout(seconds + wait_seconds),
                self._answered(request) as incoming,
            ):
                yield incoming
        except TimeoutError:
            raise _too_late() from None

    async def open(
        self, path: str, *, token: str, wait_seconds: float
    ) -> tuple[Incoming, AsyncExitStack]:
        """GET an answer that goes on, and what closes it: any task may, once.

        It is closed with this relay at the latest. Bounds on its time are the
        caller's, but for its beginning.

        Raises:
            as call().
        """
        silence = _SILENCE_SECONDS + wait_seconds
        request = Request("GET", path, _heads(token), b"", silence)
        stack = AsyncExitStack()
        try:
            async with asyncio.timeout(_CALL_SECONDS + wait_seconds):
                incoming = await stack.enter_async_context(self._answered(request))
        except TimeoutError:
            raise _too_late() from None
        self._open.add(stack)
        stack.callback(self._open.discard, stack)
        return incoming, stack

    @asynccontextmanager
    async def _answered(self, request: Request) -> AsyncIterator[Incoming]:
        async with self._connection.exchange(request) as incoming:
            if incoming.headers.get("content-encoding", "identity") != "identity":
                raise RelayMisbehaved("the relay's answer is compressed unasked")
            if not 200 <= incoming.status < 300:
                raise await _refusal(incoming.status, incoming.chunks)
            yield incoming


def _heads(token: str, invite: str = "") -> dict[str, str]:
    headers = {"Accept-Encoding": "identity", "User-Agent": "clisk-vault"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    if invite:
        headers[INVITE_HEADER] = invite
    return headers


class Dialled:
    """Connections that are kept and used again.

    Proxy settings, cookies and .netrc of the environment are not read: a token goes
    nowhere that nobody named.
    """

    def __init__(self, origin: str, verify: ssl.SSLContext | None = None) -> None:
        self._origin = origin
        self._verify = verify
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        """Let go of all sockets."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    @asynccontextmanager
    async def exchange(self, request: Request) -> AsyncIterator[Incoming]:
        """Give the answer to *request* as it comes in."""
        session = self._session or self._begin()
        timeout = aiohttp.ClientTimeout(
            sock_connect=_CONNECT_SECONDS, sock_read=request.silence_seconds
        )
        with _no_answer():
            async with session.request(
                request.method,
                self._origin + request.path,
                data=request.body or None,
                headers=request.headers,
                allow_redirects=False,
                timeout=timeout,
            ) as response:
                # iter_any: nothing is gathered beyond what the socket gives.
                chunks = _Chunks(response.content.iter_any())
                yield Incoming(response.status, response.headers, chunks)

    def _begin(self) -> aiohttp.ClientSession:
        # Made late: it belongs to the loop that runs now.
        verify = self._verify
        if verify is None and self._origin.startswith("https:"):
            verify = ssl.create_default_context(cafile=certifi.where())
        connector = aiohttp.TCPConnector(
            ssl=verify or True, limit=0, keepalive_timeout=_KEPT_SECONDS
        )
        self._session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            # It would inflate whatever it is told to.
            auto_decompress=False,
            skip_auto_headers=("Content-Type",),
            trust_env=False,
        )
        return self._session


class _Chunks:
    """The pieces of an answer, for whoever holds it when they come."""

    def __init__(self, pieces: AsyncIterator[bytes]) -> None:
        self._pieces = pieces

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        with _no_answer():
            return await self._pieces.__anext__()


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
    """Turn every failure of aiohttp into TransportError."""
    try:
        yield
    except aiohttp.ClientSSLError as err:
        raise TransportError(
            "the relay's certificate is not to be trusted",
            advice="check the address, the clock, and who runs the relay",
        ) from err
    except TimeoutError:
        raise _too_late() from None
    except aiohttp.ClientConnectorError as err:
        raise TransportError("the relay cannot be reached") from err
    except (aiohttp.ClientError, OSError) as err:
        kind = type(err).__name__
        raise TransportError(f"the connection to the relay failed ({kind})") from err


def _too_late() -> TransportError:
    return TransportError("the relay took too long to answer")
