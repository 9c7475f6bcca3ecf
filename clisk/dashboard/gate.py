"""What a request must be before a page sees it: protocol/dashboard.md §1, §3, §4."""

from __future__ import annotations

from collections.abc import Iterable

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from clisk.dashboard.given import whole_number
from clisk.dashboard.shipped import KEEPING

COOKIE = "clisk_session"
OPENING = "/open/"
# The longest of any form, one with a file; each page has a limit of its own.
MAX_BODY = 11 << 20
_LENGTH_DIGITS = 12
# Far longer than any path of ours; a number in one stays short enough to be read.
MAX_PATH = 2000

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self';"
    " connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": _POLICY,
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # Not no-referrer: a form would then be sent with `Origin: null`.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": (
        "camera=(), microphone=(), geolocation=(), clipboard-read=(self),"
        " clipboard-write=(self)"
    ),
}
_METHODS = frozenset({"GET", "HEAD", "POST"})


class Gate:
    """Refuses what no page of ours would send, and marks every answer."""

    def __init__(self, app: ASGIApp, *, hosts: Iterable[str]) -> None:
        self._app = app
        self._hosts = frozenset(hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer with a refusal."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                keeping = headers.get("cache-control")
                for name, value in HEADERS.items():
                    headers[name] = value
                if keeping == KEEPING:
                    headers["Cache-Control"] = KEEPING
            await send(message)

        refusal = self._refusal(scope)
        if refusal is not None:
            await refusal(scope, receive, marked)
            return
        await self._app(scope, receive, marked)

    def _refusal(self, scope: Scope) -> PlainTextResponse | None:
        headers = Headers(scope=scope)
        hosts = headers.getlist("host")
        # A name that somebody's DNS points at this machine is none of ours.
        if len(hosts) != 1 or hosts[0] not in self._hosts:
            return _refuse(421, "this is not the address of a dashboard")
        if scope["method"] not in _METHODS:
            return _refuse(405, "a dashboard answers GET and POST")
        if len(scope["path"]) > MAX_PATH:
            return _refuse(414, f"a path is longer than {MAX_PATH} characters")
        site = headers.get("sec-fetch-site", "none")
        opening = scope["path"].startswith(OPENING)
        if not opening and site not in {"same-origin", "none"}:
            return _refuse(403, "another site asked for this")
        if scope["method"] == "POST":
            if headers.getlist("origin") != [f"http://{hosts[0]}"]:
                return _refuse(
                    403, "this form was not sent by a page of this dashboard"
                )
            if body_length(headers) > MAX_BODY:
                return _refuse(413, f"a form is longer than {MAX_BODY} bytes")
        return None


def body_length(headers: Headers) -> int:
    """Return how long the body of a request says it is; more than fits: not said."""
    # Without a length the body would have to be read to know: no browser sends that.
    given = whole_number(headers.get("content-length", ""), digits=_LENGTH_DIGITS)
    return MAX_BODY + 1 if given is None else given


def _refuse(status: int, what: str) -> PlainTextResponse:
    return PlainTextResponse(
        f"refused: {what}\nopen the link that `clisk dashboard` shows\n",
        status_code=status,
    )
