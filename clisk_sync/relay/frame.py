"""Around every request: a place, a deadline, one named answer, one line of log."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from clisk_sync.errors import RelayRefused
from clisk_sync.refusals import Code, refuse
from clisk_sync.relay.logs import log_failure, log_request
from clisk_sync.relay.metrics import Metrics
from clisk_sync.relay.requests import refusal
from clisk_sync.relay.service import Relay

_GONE = 499  # the client hung up; seen in logs only


class Frame:
    """The outermost part of the application that sees a request."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        relay: Relay = scope["app"].state.relay
        call = _Call(scope, send, relay.metrics)
        try:
            with relay.gate:
                # Against a client that reads, or writes, a byte a minute.
                async with asyncio.timeout(relay.limits.page_seconds):
                    await self._app(scope, receive, call.send)
        except RelayRefused as err:
            await call.refuse(err, receive)
        except ClientDisconnect:
            call.status = _GONE
        except TimeoutError:
            await call.refuse(refuse(Code.TOO_SLOW), receive)
        except Exception as err:  # noqa: BLE001  # the last resort: a named answer
            log_failure(err)
            await call.refuse(refuse(Code.INTERNAL), receive)
        finally:
            call.log()


class _Call:
    """What is known of one request by the time it is over."""

    def __init__(self, scope: Scope, send: Send, metrics: Metrics) -> None:
        self.status = 0
        self._metrics = metrics
        self._scope = scope
        self._send = send
        self._code = ""
        self._sent_bytes = 0
        self._began = time.monotonic()

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            # A mailbox is read without a token: no cache on the way may keep it.
            headers = [*message.get("headers", ()), (b"cache-control", b"no-store")]
            message = {**message, "headers": headers}
        self._sent_bytes += len(message.get("body", b""))
        await self._send(message)

    async def refuse(self, err: RelayRefused, receive: Receive) -> None:
        self._code = err.code
        if self.status:
            # Half an answer is out. Ending here without its last piece makes the
            # server cut the connection, so that it cannot pass for a whole one.
            return
        await refusal(err)(self._scope, receive, self.send)

    def log(self) -> None:
        endpoint = self._scope.get("endpoint")
        params: Mapping[str, Any] = self._scope.get("path_params", {})
        does = getattr(endpoint, "__name__", "nothing")
        seconds = time.monotonic() - self._began
        log_request(
            does=does,
            method=self._scope["method"],
            status=self.status,
            code=self._code,
            seconds=seconds,
            sent_bytes=self._sent_bytes,
            vault=params.get("vault"),
        )
        self._metrics.answered(
            does=does,
            status=self.status,
            code=self._code,
            seconds=seconds,
            sent_bytes=self._sent_bytes,
        )


def http_refusal(_request: Request, err: Exception) -> Response:
    """Name what the router refuses."""
    status = err.status_code if isinstance(err, HTTPException) else 500
    codes = {404: Code.NO_SUCH_ROUTE, 405: Code.METHOD_NOT_ALLOWED}
    return refusal(refuse(codes.get(status, Code.MALFORMED)))
