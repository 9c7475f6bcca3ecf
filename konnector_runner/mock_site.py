"""A site that exists only in a folder: what a konnector is tested against, offline.

The folder holds site.json (routes, the account, what is expected of a run), the
files that it names, and a folder of plain files for a host, <host>/<path>. The first
route that fits a request answers it, then a file, then the server that the site names,
if it names one. What fits none is answered with 404 and remembered, so that a test can
say what was missing. But for that server nothing here opens a socket: whoever owns the
browser asks for answers.

Spec: docs/test-konnectors.md. The values in it are made up, and no secret.
"""

from __future__ import annotations

import mimetypes
from collections.abc import Mapping
from http.cookies import CookieError, SimpleCookie
from pathlib import Path
from typing import Annotated
from urllib.parse import parse_qsl, unquote, urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from konnector_runner.errors import FormatError, MockSiteError
from konnector_runner.mock_exchange import MockAnswer, MockRequest
from konnector_runner.mock_server import MockServer
from konnector_runner.origin import origin_of, parse_origin
from konnector_runner.strict_json import parse_json

MOCK_FOLDER = "mock"
SITE_NAME = "site.json"
_MAX_SITE = 1024 * 1024
_MAX_FILE = 64 * 1024 * 1024
_THIS_DEVICE = {"localhost", "127.0.0.1"}
# Never a script or a style sheet: in those {login} has a meaning of its own.
_FILLED = {
    "text/html",
    "text/plain",
    "text/xml",
    "application/json",
    "application/xml",
    "application/xhtml+xml",
}
_Text = Annotated[str, Field(max_length=65536)]


class _Closed(BaseModel):
    model_config = ConfigDict(
        strict=True, frozen=True, extra="forbid", hide_input_in_errors=True
    )


class Route(_Closed):
    """One answer, and which requests it is for."""

    url: Annotated[str, Field(min_length=8, max_length=2048)]
    method: str = "GET"
    # Fields of a form, or of a JSON object, that the request must carry.
    form: dict[str, _Text] = Field(default_factory=dict)
    # Cookies that it must carry, as "name=value"; "!name" must not be there.
    cookies: list[_Text] = Field(default_factory=list)
    status: Annotated[int, Field(ge=200, le=599)] = 200
    headers: dict[str, _Text] = Field(default_factory=dict)
    set_cookies: list[_Text] = Field(default_factory=list)
    # Where to go instead: a redirect by 303.
    location: str | None = None
    body: str | None = None
    file: str | None = None


class Expectation(_Closed):
    """What a run against the site comes to."""

    outcome: str = "done"
    error: str | None = None
    account: str | None = None
    # Names of files, without the account's folder, in any order.
    saved: list[str] | None = None
    bills: int | None = None
    # Names of the credentials that the konnector wants to have kept, in any order.
    proposed: list[str] | None = None
    # Fields that the konnector is to have in clear, as a grant would say it.
    plaintext: list[str] = Field(default_factory=list)


class _Site(_Closed):
    account: dict[str, _Text] = Field(default_factory=dict)
    routes: Annotated[list[Route], Field(max_length=2000)] = Field(default_factory=list)
    # Origins that only static files and redirects speak of.
    origins: list[Annotated[str, Field(max_length=300)]] = Field(default_factory=list)
    # A server of this device that answers what neither a route nor a file does.
    forward: Annotated[str, Field(max_length=300)] | None = None
    # Whose account an earlier run found; none: this is the first run.
    known_account: Annotated[str, Field(min_length=1, max_length=256)] | None = None
    expect: Expectation = Field(default_factory=Expectation)


class MockSite:
    """Answers requests from the routes of one folder."""

    def __init__(self, folder: Path, site: _Site) -> None:
        self._folder = folder
        self._site = site
        self._server = None if site.forward is None else MockServer(site.forward)
        self.unknown: list[str] = []

    @property
    def account(self) -> Mapping[str, str]:
        """The values of the account, by the names that the konnector uses."""
        return self._site.account

    @property
    def known_account(self) -> str | None:
        """The account that an earlier run found, or None."""
        return self._site.known_account

    @property
    def asks_a_server(self) -> bool:
        """Whether an answer may have to be waited for."""
        return self._server is not None

    @property
    def expect(self) -> Expectation:
        """What a run against this site comes to."""
        return self._site.expect

    @property
    def origins(self) -> tuple[str, ...]:
        """The origins of all routes and static files: what a test grants."""
        routed = {origin_of(_plain(route.url)) for route in self._site.routes}
        hosts = {
            f"{scheme}://{each.name}"
            for each in self._folder.iterdir()
            if each.is_dir() and (each.name in _THIS_DEVICE or "." in each.name)
            # Nobody has a certificate for this device.
            for scheme in (("http",) if each.name in _THIS_DEVICE else ("https",))
        }
        return tuple(sorted(routed | hosts | set(self._site.origins)))

    def answer(self, request: MockRequest) -> MockAnswer:
        """Return the answer of the first route that fits *request*, or 404.

        Raises:
            MockSiteError: a file or the server of the site can not be had.
        """
        for route in self._site.routes:
            if self._fits(route, request):
                return self._answer(route)
        if (static := self._static(request)) is not None:
            return static
        if self._server is not None:
            return self._server.answer(request)
        place = f"{request.method} {request.url.partition('?')[0]}"
        # Every browser asks for it by itself.
        wanted = not place.endswith("/favicon.ico")
        if wanted and place not in self.unknown:
            self.unknown.append(place)
        return MockAnswer(404, (("Content-Type", "text/plain"),), b"no route")

    def _static(self, request: MockRequest) -> MockAnswer | None:
        """Return the file <host>/<path> of the folder, if there is one."""
        parts = urlsplit(request.url)
        if request.method.upper() != "GET" or not parts.hostname:
            return None
        inside = unquote(parts.path).strip("/")
        names = [f"{inside}/index.html", inside, f"{inside}.html"]
        for each in names:
            name = f"{parts.hostname}/{each.strip('/')}"
            path = (self._folder / name).resolve()
            host = (self._folder / parts.hostname).resolve()
            if not path.is_relative_to(host) or not path.is_file():
                continue
            kind, data = self._file(name)
            headers = (("Content-Type", kind), ("Access-Control-Allow-Origin", "*"))
            return MockAnswer(200, headers, data)
        return None

    def _file(self, name: str) -> tuple[str, bytes]:
        """Return the type of a file and its content, filled in where it is text."""
        data = _read(self._folder, name)
        kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
        if kind in _FILLED:
            data = self._fill(data.decode(errors="replace")).encode()
        return f"{kind}; charset=utf-8" if kind.startswith("text/") else kind, data

    def _fits(self, route: Route, request: MockRequest) -> bool:
        if route.method.upper() != request.method.upper():
            return False
        if not _same_place(route.url, request.url):
            return False
        sent = _sent(request)
        if any(sent.get(name) != self._fill(v) for name, v in route.form.items()):
            return False
        cookies = _cookies(request)
        return all(_has_cookie(cookies, each) for each in route.cookies)

    def _fill(self, text: str) -> str:
        """Put the account's values where {name} stands."""
        for name, value in self._site.account.items():
            text = text.replace("{" + name + "}", value)
        return text

    def _answer(self, route: Route) -> MockAnswer:
        body = self._fill(route.body or "").encode()
        kind = "text/html; charset=utf-8"
        if route.file is not None:
            kind, body = self._file(route.file)
        # One document of many sites: a page may fetch from another origin of them.
        headers = {"Content-Type": kind, "Access-Control-Allow-Origin": "*"}
        headers |= route.headers
        status = route.status
        if route.location is not None:
            headers["Location"], status = route.location, 303
        pairs = [*headers.items(), *(("Set-Cookie", c) for c in route.set_cookies)]
        return MockAnswer(status, tuple(pairs), body)


def load_mock_site(folder: Path) -> MockSite:
    """Return the site in *folder*.

    Without a site.json it is made of plain files alone.

    Raises:
        MockSiteError: neither, one that breaks the layout, or a file that it names
            is missing or outside of the folder.
    """
    text = _site_text(folder)
    try:
        value = parse_json(text, max_characters=_MAX_SITE, what=SITE_NAME)
        site = _Site.model_validate(value)
        for route in site.routes:
            origin_of(_plain(route.url))
        for origin in site.origins:
            parse_origin(origin)
    except FormatError as err:
        raise MockSiteError(f"{SITE_NAME}: {err}") from None
    except ValidationError as err:
        fault = err.errors(include_input=False, include_url=False)[0]
        where = ".".join(str(part) for part in fault["loc"])
        raise MockSiteError(f"{SITE_NAME}: {where}: {fault['msg'].lower()}") from None
    for route in site.routes:
        if route.file is not None:
            _read(folder, route.file)
    return MockSite(folder, site)


def _site_text(folder: Path) -> str:
    try:
        return (folder / SITE_NAME).read_bytes().decode()
    except FileNotFoundError:
        if not folder.is_dir():
            raise MockSiteError(
                f"there is no folder {folder.name}/ beside the konnector",
                advice=f"it holds the site to test against, {SITE_NAME} and a folder "
                "a host: docs/test-konnectors.md",
            ) from None
        if any(each.is_dir() for each in folder.iterdir()):
            return "{}"
        raise MockSiteError(
            f"{folder.name}/ has neither a {SITE_NAME} nor a folder for a host"
        ) from None
    except (OSError, UnicodeDecodeError):
        raise MockSiteError(f"mock site without a readable {SITE_NAME}") from None


def _read(folder: Path, name: str) -> bytes:
    path = (folder / name).resolve()
    if not path.is_relative_to(folder.resolve()):
        raise MockSiteError("a route's file lies outside of the mock site's folder")
    try:
        data = path.read_bytes()
    except OSError:
        raise MockSiteError(f"a route's file can not be read: {name}") from None
    if len(data) > _MAX_FILE:
        raise MockSiteError(f"a route's file is too large: {name}")
    return data


def _plain(url: str) -> str:
    return url.removesuffix("*").partition("?")[0]


def _same_place(pattern: str, url: str) -> bool:
    """A * at the end takes every continuation; a query counts where one is named."""
    url = url.partition("#")[0]
    if pattern.endswith("*"):
        return url.startswith(pattern[:-1])
    if "?" not in pattern:
        url = url.partition("?")[0]
    return url.rstrip("/") == pattern.rstrip("/")


def _sent(request: MockRequest) -> dict[str, str]:
    text = request.body.decode(errors="replace")
    if text.lstrip().startswith("{"):
        try:
            value = parse_json(text, max_characters=_MAX_SITE, what="a request")
        except FormatError:
            return {}
        assert isinstance(value, dict)
        return {k: v if isinstance(v, str) else str(v) for k, v in value.items()}
    return dict(parse_qsl(text or urlsplit(request.url).query, keep_blank_values=True))


def _cookies(request: MockRequest) -> dict[str, str]:
    lower = {name.lower(): value for name, value in request.headers.items()}
    try:
        jar: SimpleCookie = SimpleCookie(lower.get("cookie", ""))
    except CookieError:
        return {}
    return {name: morsel.value for name, morsel in jar.items()}


def _has_cookie(cookies: Mapping[str, str], wanted: str) -> bool:
    if wanted.startswith("!"):
        return wanted[1:] not in cookies
    name, _, value = wanted.partition("=")
    return cookies.get(name) == value
