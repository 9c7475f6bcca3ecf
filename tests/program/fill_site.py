"""A site with pages to fill, which remembers what was posted."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl

_NAME = (
    "<title>Log in</title><form method=post action=/password><h1>Log in</h1>"
    "<input name=user autocomplete=username><button>Next</button></form>"
)
_PASSWORD = (
    "<title>Log in</title><form method=post action=/home><h1>Log in</h1>"
    "<input name=pass type=password><button>Log in</button></form>"
)
PAGES = {
    "/": "<title>Log in</title><form method=post action=/home><h1>Log in</h1>"
    "<input name=user><input name=pass type=password><button>Log in</button></form>",
    "/name": _NAME,
    "/password": _PASSWORD,
    "/home": "<h1>Your account</h1>",
    "/join": "<title>Sign up</title><form><h1>Create an account</h1><input name=user>"
    "<input name=pass type=password autocomplete=new-password>"
    "<button>Sign up</button></form>",
    "/empty": "<p>nothing</p>",
    # Tells what stands in it once all three are filled.
    "/change": "<title>Change password</title><form><h1>Change your password</h1>"
    "<input name=old type=password autocomplete=current-password>"
    "<input name=new type=password autocomplete=new-password>"
    "<input name=again type=password autocomplete=new-password>"
    "<button>Change password</button></form><script>"
    "const [form] = document.forms; form.again.onchange = form.again.onblur = () =>"
    "  fetch('/seen', { method: 'POST',"
    "    body: new URLSearchParams(new FormData(form)) })"
    "; setInterval(() => { const [o, n, a] = form.querySelectorAll('input');"
    "  if (o.value && n.value && n.value === a.value) a.blur() }, 20)</script>",
}


class FillSite(ThreadingHTTPServer):
    """Serves the pages above and remembers what was posted."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.posted: list[dict[str, str]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    @property
    def evil(self) -> str:
        """Another site."""
        return self.url.replace("127.0.0.1", "localhost")


class _Handler(BaseHTTPRequestHandler):
    server: FillSite

    def do_GET(self) -> None:
        if self.path == "/elsewhere":
            self.send_response(302)
            self.send_header("Location", self.server.evil)
            self.end_headers()
            return
        body = PAGES.get(self.path, "").encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        length = int(self.headers["Content-Length"])
        self.server.posted.append(dict(parse_qsl(self.rfile.read(length).decode())))
        self.do_GET()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - theirs
        """Keep quiet."""


@contextmanager
def serve_pages() -> Iterator[FillSite]:
    with FillSite() as site:
        threading.Thread(target=site.serve_forever, daemon=True).start()
        yield site
        site.shutdown()
