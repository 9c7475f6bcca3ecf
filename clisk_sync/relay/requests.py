"""From an HTTP request to values, and back: strict, bounded, nothing guessed."""

from __future__ import annotations

import asyncio
import ipaddress
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from starlette.requests import Request
from starlette.responses import Response

from clisk_sync.errors import ConflictError, RateError, RelayRefused
from clisk_sync.origin import is_loopback
from clisk_sync.refusals import TABLE, Code, refuse, refusing_bad_input
from clisk_sync.relay.auth import Caller
from clisk_sync.relay.service import Relay
from clisk_sync.relay_answers import MAX_POSITION, Answer, Head, Refused
from clisk_vault.ids import VAULT_ID_LENGTH, VaultId, parse_hex

_BEARER = "Bearer "
_JSON = "application/json"
_DAY_MS = 86_400_000
_FORWARDED = ("forwarded", "via", "x-forwarded-for", "x-real-ip")


def relay_of(request: Request) -> Relay:
    """Return the relay that this process runs."""
    relay = request.app.state.relay
    assert isinstance(relay, Relay)
    return relay


def vault_of(request: Request) -> VaultId:
    """Return the vault that the path names."""
    return VaultId(hex_of(request, "vault", length=VAULT_ID_LENGTH))


def hex_of(request: Request, name: str, *, length: int) -> bytes:
    """Return a part of the path that is *length* bytes in hex."""
    with refusing_bad_input():
        return parse_hex(request.path_params[name], length=length, what=name)


def uint_of(source: Mapping[str, str], name: str, *, at_most: int) -> int:
    """Return the number that *name* spells, in its one spelling; none is 0."""
    text = source.get(name, "0")
    plain = text.isascii() and text.isdigit() and len(text) <= 19
    if not plain or str(int(text)) != text or int(text) > at_most:
        raise refuse(Code.MALFORMED)
    return int(text)


def after_of(request: Request) -> int:
    """Return the cursor that the query gives."""
    return uint_of(request.query_params, "after", at_most=MAX_POSITION)


def records_of(request: Request) -> int | None:
    """Return how many membership records the caller has, if it says so."""
    if "records" not in request.query_params:
        return None
    return uint_of(request.query_params, "records", at_most=MAX_POSITION)


def seconds_of(request: Request) -> float:
    """Return for how long the caller wants to wait."""
    return uint_of(request.query_params, "wait_ms", at_most=_DAY_MS) / 1000


async def caller_of(request: Request) -> Caller:
    """Return who asks, by the token.

    Raises:
        AuthError: no token, not ours, too old, or for another vault.
    """
    header = request.headers.get("authorization", "")
    if not header.startswith(_BEARER):
        raise refuse(Code.NOT_SIGNED_IN)
    token = header.removeprefix(_BEARER)
    caller = await relay_of(request).sessions.caller(token)
    if caller.vault != vault_of(request):
        raise refuse(Code.NOT_SIGNED_IN)
    return caller


def address_of(request: Request) -> bytes:
    """Return what a rate counts by: an IPv4 address or an IPv6 /64."""
    host = request.client.host if request.client else ""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return b""
    return address.packed if address.version == 4 else address.packed[:8]


def may_see_metrics(request: Request) -> bool:
    """Whether this machine itself asks, and no proxy asks for somebody else."""
    if relay_of(request).shows_metrics_to_all:
        return True
    host = request.client.host if request.client else ""
    passed_on = any(name in request.headers for name in _FORWARDED)
    return is_loopback(host) and not passed_on


def length_of(request: Request, *, at_most: int) -> int:
    """Return the length that the request announces, 0 if it does not.

    Raises:
        RelayRefused: more than *at_most*.
    """
    size = uint_of(request.headers, "content-length", at_most=MAX_POSITION)
    if size > at_most:
        raise refuse(Code.TOO_LARGE)
    return size


async def body_of(request: Request, *, at_most: int) -> bytes:
    """Return the body; never holds more than *at_most* and a chunk.

    Raises:
        RelayRefused: more than *at_most*, or slower than the relay's patience.
    """
    length_of(request, at_most=at_most)
    body = bytearray()
    try:
        async with asyncio.timeout(relay_of(request).limits.request_seconds):
            async for chunk in request.stream():
                body += chunk
                if len(body) > at_most:
                    raise refuse(Code.TOO_LARGE)
    except TimeoutError:
        raise refuse(Code.TOO_SLOW) from None
    return bytes(body)


@contextmanager
def until_gone(request: Request) -> Iterator[asyncio.Task[None]]:
    """Give a task that is done when the client hangs up.

    For those who only wait: else a client that comes and goes would fill the
    waiters' places with ghosts.
    """

    async def watch() -> None:
        while (await request.receive())["type"] != "http.disconnect":
            pass

    gone = asyncio.create_task(watch())
    try:
        yield gone
    finally:
        gone.cancel()


def answer(body: Answer, *, status: int = 200) -> Response:
    """Return *body* as a JSON response."""
    text = body.model_dump_json(exclude_none=True)
    return Response(text, status_code=status, media_type=_JSON)


def refusal(err: RelayRefused) -> Response:
    """Return the response that says no, and why."""
    row = TABLE[Code(err.code)]
    head = retry_after = None
    headers: dict[str, str] = {}
    if isinstance(err, ConflictError):
        head = Head(number=err.head_number, hash=err.head_hash.hex())
    if isinstance(err, RateError):
        retry_after = err.retry_after_seconds
        headers["Retry-After"] = str(math.ceil(retry_after))
    response = answer(
        Refused(
            error=err.code,
            message=row.message,
            advice=row.advice,
            head=head,
            retry_after_seconds=retry_after,
        ),
        status=row.status,
    )
    response.headers.update(headers)
    return response
