"""Answers every request of a page from a mock site; nothing leaves the device.

Spec: docs/test-konnectors.md.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
from collections.abc import Mapping
from typing import Any

from konnector_runner.devtools_pipe import DevToolsPipe
from konnector_runner.errors import BrowserError, DocumentGone, MockSiteError
from konnector_runner.mock_exchange import MockAnswer, MockRequest
from konnector_runner.mock_site import MockSite

_ALLOWED = "GET, HEAD, POST, PUT, PATCH, DELETE"


class OfflineSite:
    """Stands between one page and the network."""

    def __init__(self, pipe: DevToolsPipe, session: str, site: MockSite) -> None:
        self._pipe = pipe
        self._session = session
        self._site = site
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Answer from now on."""
        self._pipe.listen(self._session, self._on_event)
        await self._send("Fetch.enable", patterns=[{"urlPattern": "*"}])

    def _on_event(self, method: str, event: dict[str, Any]) -> None:
        if method == "Fetch.requestPaused":
            task = asyncio.ensure_future(self._answer(event))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _answer(self, event: dict[str, Any]) -> None:
        asked = event["request"]
        # The page may have gone: then nobody waits for the answer.
        with contextlib.suppress(BrowserError, DocumentGone):
            if not asked["url"].startswith(("http://", "https://")):
                await self._send("Fetch.continueRequest", requestId=event["requestId"])
                return
            headers = {name.lower(): text for name, text in asked["headers"].items()}
            headers["cookie"] = await self._cookies(asked["url"])
            request = MockRequest(
                asked["method"],
                asked["url"] + asked.get("urlFragment", ""),
                headers,
                _body(asked),
            )
            answer = _allowed(await self._respond(request), headers)
            await self._send(
                "Fetch.fulfillRequest",
                requestId=event["requestId"],
                responseCode=answer.status,
                responseHeaders=[
                    {"name": name, "value": value} for name, value in answer.headers
                ],
                body=base64.b64encode(answer.body).decode(),
            )

    async def _respond(self, request: MockRequest) -> MockAnswer:
        if request.method == "OPTIONS":
            return MockAnswer(204, (("Access-Control-Allow-Origin", "*"),), b"")
        try:
            if self._site.asks_a_server:
                return await asyncio.to_thread(self._site.answer, request)
            return self._site.answer(request)
        except MockSiteError as err:
            return MockAnswer(500, (("Content-Type", "text/plain"),), str(err).encode())

    async def _cookies(self, url: str) -> str:
        # The browser adds them behind the point at which it asks us.
        answer = await self._send("Network.getCookies", urls=[url])
        return "; ".join(f"{c['name']}={c['value']}" for c in answer["cookies"])

    async def _send(self, method: str, **parameters: Any) -> dict[str, Any]:
        return await self._pipe.send(method, parameters, session=self._session)


def _body(asked: dict[str, Any]) -> bytes:
    entries = asked.get("postDataEntries")
    if entries:
        return b"".join(base64.b64decode(each.get("bytes", "")) for each in entries)
    return str(asked.get("postData", "")).encode()


def _allowed(answer: MockAnswer, headers: Mapping[str, str]) -> MockAnswer:
    """Allow a page of another origin what it asks for: all are sites of the mock.

    With cookies that takes the name of the origin, and of each header, not a *.
    """
    origin = headers.get("origin")
    if origin is None:
        return answer
    kept = [
        (name, value)
        for name, value in answer.headers
        if not name.lower().startswith("access-control-allow-")
    ]
    allowed = [
        ("Access-Control-Allow-Origin", origin),
        ("Access-Control-Allow-Credentials", "true"),
        ("Access-Control-Allow-Methods", _ALLOWED),
        (
            "Access-Control-Allow-Headers",
            headers.get("access-control-request-headers", ""),
        ),
    ]
    return MockAnswer(answer.status, (*kept, *allowed), answer.body)
