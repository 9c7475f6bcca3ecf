"""Serves the demo site on loopback: python -m demo.site.server EMAIL PASSWORD."""

from __future__ import annotations

import hmac
import secrets
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.cookies import SimpleCookie
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

from demo.site.pages import BILLS, bills_page, login_page
from demo.site.pdf import make_pdf

_MAX_FORM = 4096
_COOKIE = "session"


class DemoSite(ThreadingHTTPServer):
    """One user, and the sessions that are open."""

    daemon_threads = True

    def __init__(self, email: str, password: str, *, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.email = email
        self._password = password
        self.sessions: set[str] = set()
        self.logins = 0
        self.downloads = 0

    @property
    def url(self) -> str:
        """The address of the site, which is its origin too."""
        return f"http://127.0.0.1:{self.server_port}"

    def log_in(self, email: str, password: str) -> str | None:
        """Return a new session for the right password, or None."""
        same = hmac.compare_digest(
            f"{email}\0{password}".encode(), f"{self.email}\0{self._password}".encode()
        )
        if not same:
            return None
        self.logins += 1
        session = secrets.token_urlsafe(16)
        self.sessions.add(session)
        return session


class _Handler(BaseHTTPRequestHandler):
    server: DemoSite
    server_version = "DemoEnergy"

    def do_GET(self) -> None:  # http.server calls it by this name
        """Answer a page or a bill."""
        logged_in = self._session() in self.server.sessions
        if self.path == "/logout":
            self.server.sessions.discard(self._session())
            self._redirect("/login", cookie=f"{_COOKIE}=; Max-Age=0; Path=/")
        elif self.path.startswith("/bills/") and logged_in:
            self._bill()
        elif self.path == "/bills" and logged_in:
            self._html(bills_page(self.server.email))
        elif self.path == "/login" and not logged_in:
            self._html(login_page())
        elif self.path in {"/", "/login", "/bills"}:
            self._redirect("/bills" if logged_in else "/login")
        else:
            self.send_error(404)

    def do_POST(self) -> None:  # http.server calls it by this name
        """Take a login."""
        length = int(self.headers.get("Content-Length") or 0)
        if self.path != "/login" or not 0 < length <= _MAX_FORM:
            self.send_error(400)
            return
        form = parse_qs(self.rfile.read(length).decode("utf-8", "replace"))
        email, password = (form.get(name, [""])[0] for name in ("email", "password"))
        session = self.server.log_in(email, password)
        if session is None:
            self._html(login_page(wrong=True), status=401)
        else:
            cookie = f"{_COOKIE}={session}; HttpOnly; SameSite=Lax; Path=/"
            self._redirect("/bills", cookie=cookie)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing: the demo tells the story."""

    def _session(self) -> str:
        morsel = SimpleCookie(self.headers.get("Cookie", "")).get(_COOKIE)
        return "" if morsel is None else morsel.value

    def _bill(self) -> None:
        number = self.path.removeprefix("/bills/").removesuffix(".pdf")
        for bill in BILLS:
            if bill.number == number:
                self.server.downloads += 1
                lines = ["Demo Energy", f"Bill {number}", f"{bill.amount} EUR"]
                self._send(200, "application/pdf", make_pdf(lines))
                return
        self.send_error(404)

    def _html(self, page: str, *, status: int = 200) -> None:
        self._send(status, "text/html; charset=utf-8", page.encode())

    def _send(self, status: int, media_type: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", media_type)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(body)

    def _redirect(self, path: str, *, cookie: str | None = None) -> None:
        self.send_response(303)
        self.send_header("Location", path)
        if cookie is not None:
            self.send_header("Set-Cookie", cookie)
        self.send_header("Content-Length", "0")
        self.end_headers()


@contextmanager
def serve_demo_site(email: str, password: str, *, port: int = 0) -> Iterator[DemoSite]:
    """Serve the site from a thread until the block ends."""
    site = DemoSite(email, password, port=port)
    thread = threading.Thread(target=site.serve_forever, name="demo-site", daemon=True)
    thread.start()
    try:
        yield site
    finally:
        site.shutdown()
        site.server_close()
        thread.join()


if __name__ == "__main__":
    with serve_demo_site(sys.argv[1], sys.argv[2], port=8080) as running:
        print(f"{running.url} until Ctrl-C")
        threading.Event().wait()
