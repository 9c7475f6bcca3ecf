"""How long filling takes, from a page that was read to a login that stands there."""

from __future__ import annotations

import asyncio
import statistics
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from benchmarks.autofill_judge import Given
from benchmarks.harness import Figure
from konnector_runner.autofill.fill import FillRequest, fill
from konnector_runner.autofill.matching import MatchMode, Site
from konnector_runner.autofill.plan import Role
from konnector_runner.browser import open_browser
from konnector_runner.browser_choice import BrowserChoice
from konnector_runner.window import Window

_PAGE = (
    "<!doctype html><title>Log in</title><h1>Log in</h1>{noise}<form method=post>"
    "<label>E-mail <input name=email autocomplete=username></label>"
    "<label>Password <input type=password name=password></label>"
    "<button>Log in</button></form>"
)
_FLOOR = "document.querySelectorAll('*').length"


def run(_folder: Path, *, rounds: int) -> Iterator[Figure]:
    """Yield the time to fill a small page and one of two thousand elements."""
    for name, noise in (("a small page", ""), ("2000 elements", "<p>x</p>" * 2000)):
        with _serve(_PAGE.format(noise=noise).encode()) as url:
            filled, floors = asyncio.run(_measure(url, rounds))
        yield Figure(
            f"fill a login, from load to filled: {name}",
            statistics.median(filled),
            "one question to the page",
            statistics.median(floors),
            rounds,
            "under 150 ms",
        )


@contextmanager
def _serve(body: bytes) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Keep quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


async def _measure(url: str, rounds: int) -> tuple[list[float], list[float]]:
    filled, floors = list[float](), list[float]()
    async with open_browser(BrowserChoice()) as browser:
        window = await browser.open_window()
        for number in range(rounds + 1):
            await window.visit(url + "/")
            floor, taken = await _floor(window), await _fill(window, url)
            if number:
                floors.append(floor)
                filled.append(taken)
    return filled, floors


async def _floor(window: Window) -> float:
    started = time.perf_counter()
    await window.command("Runtime.evaluate", expression=_FLOOR)
    return time.perf_counter() - started


async def _fill(window: Window, url: str) -> float:
    request = FillRequest(
        sites=[Site(url, MatchMode.HOST)],
        fields={Role.USERNAME: "username", Role.CURRENT_PASSWORD: "password"},
    )
    source = Given({"username": "alice@example.org", "password": "planted-Zq7!"})
    started = time.perf_counter()
    report = await fill(window, request, source)
    taken = time.perf_counter() - started
    assert len(report.filled) == 2, report
    return taken
