"""A web site of a test's: what it serves, and what its pages tell it.

It has two origins that a browser takes for two sites, 127.0.0.1 and localhost.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

# Told to the server by synchronous requests, so it is known before the page
# answers anything else. A page can not change what the document start kept.
SPY = """
const tell = what => {
  const request = new XMLHttpRequest()
  request.open('POST', '/seen', false)
  request.send(what)
}
addEventListener('message', ({ data }) => tell('heard ' + JSON.stringify(data)))
const posted = window.postMessage
window.postMessage = (...all) => {
  tell('posted ' + JSON.stringify(all))
  return posted.apply(window, all)
}
"""
FORM = '<input id="password" type="password"><p id="here">here</p>'


@dataclass(frozen=True, slots=True)
class Served:
    """One answer."""

    body: str
    headers: Mapping[str, str] = field(default_factory=dict)


def page(script: str = "", body: str = FORM) -> Served:
    """Return a page with a script in its head."""
    html = f"<!doctype html><html><head><script>{script}</script></head><body>{body}"
    return Served(html, {"Content-Type": "text/html"})


class Site(ThreadingHTTPServer):
    """Serves a table of answers; remembers requests and what was told."""

    daemon_threads = True

    def __init__(self, pages: Mapping[str, Served]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.pages = dict(pages)
        self.seen: list[str] = []
        self.hits: list[str] = []
        self.news: queue.Queue[str] = queue.Queue()
        self.gate = threading.Event()

    @property
    def bank(self) -> str:
        """The origin that a test grants."""
        return f"http://127.0.0.1:{self.server_port}"

    @property
    def evil(self) -> str:
        """Another one."""
        return f"http://localhost:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: Site

    def do_GET(self) -> None:
        """Answer from the table; /gate waits until the test opens it."""
        path = self.path.split("?")[0]
        self.server.hits.append(path)
        if path == "/gate":
            self.server.gate.wait(20)
        self._send(200, self.server.pages.get(path, Served("")))

    def do_POST(self) -> None:
        """Take what a page tells."""
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.server.seen.append(body)
        self.server.news.put(body)
        self._send(200, Served(""))

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing."""

    def _send(self, status: int, served: Served) -> None:
        body = served.body.encode()
        self.send_response(status)
        headers = {"Access-Control-Allow-Origin": "*", **served.headers}
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def serve(pages: Mapping[str, Served]) -> Iterator[Site]:
    """Serve *pages* from a thread until the block ends."""
    site = Site(pages)
    thread = threading.Thread(target=site.serve_forever, daemon=True)
    thread.start()
    try:
        yield site
    finally:
        site.gate.set()
        site.shutdown()
        site.server_close()
        thread.join()
