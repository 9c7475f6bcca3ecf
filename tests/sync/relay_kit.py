"""What the relay's tests share: a relay without sockets, and devices that sign in."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from starlette.applications import Starlette

from clisk_sync.http_transport import Incoming, Request
from clisk_sync.login import sign_login
from clisk_sync.relay import Creation, Limits, Settings, create_app
from clisk_sync.relay.auth import now_ms
from clisk_sync.relay.service import Relay
from clisk_sync.testing import Author, Family

ORIGIN = "http://127.0.0.1:8470"


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.ms = now_ms()

    def __call__(self) -> int:
        return self.ms


class Through:
    """A Connection without sockets: through one of httpx's transports."""

    def __init__(self, transport: httpx.AsyncBaseTransport) -> None:
        self._transport = transport

    @asynccontextmanager
    async def exchange(self, request: Request) -> AsyncIterator[Incoming]:
        asked = httpx.Request(
            request.method,
            ORIGIN + request.path,
            headers=dict(request.headers),
            content=request.body,
        )
        answer = await self._transport.handle_async_request(asked)
        yield Incoming(answer.status_code, answer.headers, answer.aiter_raw())

    async def close(self) -> None:
        await self._transport.aclose()


@dataclass(slots=True)
class Here:
    """A relay in this process, spoken to by HTTP without a socket."""

    app: Starlette
    relay: Relay
    client: httpx.AsyncClient

    async def post(self, path: str, body: bytes = b"", token: str = "") -> Any:
        return await self.client.post(path, content=body, headers=bearer(token))

    async def get(self, path: str, token: str = "") -> Any:
        return await self.client.get(path, headers=bearer(token))

    async def challenge(self) -> bytes:
        answer = await self.post("/v1/challenges")
        return bytes.fromhex(answer.json()["challenge"])

    async def log_in(self, author: Author, **changes: Any) -> httpx.Response:
        """Return the answer to a login, with parts of it *changed*."""
        parts: dict[str, Any] = {
            "device": author.secrets.public.id,
            "origin": ORIGIN,
            "vault": author.vault,
            "challenge": changes.pop("challenge", None) or await self.challenge(),
        }
        login = sign_login(author.secrets.signing, **(parts | changes))
        answer = await self.post(f"/v1/vaults/{author.vault.hex()}/tokens", login)
        assert isinstance(answer, httpx.Response)
        return answer

    async def token(self, author: Author) -> str:
        token = (await self.log_in(author)).json()["token"]
        assert isinstance(token, str)
        return token

    async def found(self) -> tuple[Family, str]:
        """Return a family whose vault is here, and its founder's token."""
        family = Family.found()
        await self.post("/v1/vaults", family.genesis)
        return family, await self.token(family.founder)

    async def append(self, author: Author, token: str, envelope: bytes) -> Any:
        path = f"/v1/vaults/{author.vault.hex()}/envelopes"
        return await self.post(path, envelope, token)


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"} if token else {}


def refusal_of(answer: httpx.Response) -> str:
    """Return the code of a refusal; every part of it must be there."""
    body = answer.json()
    assert {"error", "message", "advice"} <= body.keys()
    assert answer.headers["content-type"] == "application/json"
    code = body["error"]
    assert isinstance(code, str)
    return code


@asynccontextmanager
async def here(
    folder: Path,
    limits: Limits | None = None,
    *,
    clock: Callable[[], int] = now_ms,
    creation: Creation = Creation.OPEN,
    database: str | None = None,
) -> AsyncIterator[Here]:
    """Run a relay on a database in *folder* until the block ends."""
    settings = Settings(
        database=database or folder / "relay.db",
        origins=frozenset({ORIGIN}),
        creation=creation,
        limits=limits or Limits(),
    )
    app = create_app(settings)
    relay = await Relay.open(settings, clock=clock)
    app.state.relay = relay
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url=ORIGIN) as client:
        try:
            yield Here(app, relay, client)
        finally:
            await relay.stop()
