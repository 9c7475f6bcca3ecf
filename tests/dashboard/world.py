"""A real dashboard in front of a real agent, and a browser's manners without one."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import httpx
from playwright.sync_api import StorageState

from tests.program.world import Device

_TOKEN = re.compile(r'name="token" value="([^"]+)"')


@dataclass
class Shown:
    """A dashboard that runs."""

    device: Device
    url: str
    link: str
    log: Path
    clients: list[httpx.Client] = field(default_factory=list)
    state: StorageState | None = None
    """Of the browser that opened the link."""

    @property
    def host(self) -> str:
        return urlsplit(self.url).netloc

    @property
    def origin(self) -> str:
        return f"http://{self.host}"

    @property
    def port(self) -> int:
        port = urlsplit(self.url).port
        assert port is not None
        return port

    @property
    def opening(self) -> str:
        """The path of the link."""
        return urlsplit(self.link).path


@contextmanager
def dashboard(device: Device, *words: str) -> Iterator[Shown]:
    """Run `clisk dashboard` and give its link."""
    log = device.home.parent / f"{device.home.name}-dashboard.log"
    with log.open("w") as err:
        running = subprocess.Popen(
            [
                *(sys.executable, "-m", "clisk", "--home", str(device.home)),
                *("dashboard", "--no-browser", "--json", *words),
            ],
            stdout=subprocess.PIPE,
            stderr=err,
            text=True,
        )
    try:
        assert running.stdout is not None
        line = running.stdout.readline()
        assert line, log.read_text()
        shown = Shown(device=device, log=log, **json.loads(line))
        try:
            yield shown
        finally:
            for client in shown.clients:
                client.close()
    finally:
        running.terminate()
        running.communicate(timeout=30)


@dataclass
class Visitor:
    """Sends what a browser on our own page would send, unless told otherwise."""

    shown: Shown
    client: httpx.Client = field(init=False)
    token: str = ""
    cookie: str = ""

    def __post_init__(self) -> None:
        # By number: names below localhost are the browser's to resolve.
        self.client = httpx.Client(
            base_url=f"http://127.0.0.1:{self.shown.port}", trust_env=False, timeout=30
        )
        self.shown.clients.append(self.client)

    def headers(self, **others: str | None) -> dict[str, str]:
        given: dict[str, str | None] = {
            "Host": self.shown.host,
            "Origin": self.shown.origin,
            "Sec-Fetch-Site": "same-origin",
            "Cookie": f"clisk_session={self.cookie}" if self.cookie else None,
            **{name.replace("_", "-"): value for name, value in others.items()},
        }
        return {name: value for name, value in given.items() if value is not None}

    def get(self, path: str, **headers: str | None) -> httpx.Response:
        return self._kept(
            self.client.get(path, headers=self.headers(Origin=None, **headers))
        )

    def post(
        self,
        path: str,
        form: dict[str, str] | None = None,
        *,
        token: str | None = None,
        **headers: str | None,
    ) -> httpx.Response:
        data = {"token": self.token if token is None else token, **(form or {})}
        return self._kept(
            self.client.post(path, data=data, headers=self.headers(**headers))
        )

    def enter(self) -> httpx.Response:
        """Open the link, and take the form token from the first page."""
        answer = self.get(self.shown.opening, Sec_Fetch_Site="cross-site")
        assert answer.status_code == 200, answer.text
        self.learn()
        return answer

    def learn(self, path: str = "/items") -> httpx.Response:
        """Look at a page and take its form token."""
        page = self.client.get(
            path, headers=self.headers(Origin=None), follow_redirects=False
        )
        if page.status_code == 303:
            return self.learn(page.headers["location"])
        found = _TOKEN.search(page.text)
        assert found, page.text
        self.token = found[1]
        return page

    def _kept(self, answer: httpx.Response) -> httpx.Response:
        if "clisk_session" in answer.cookies:
            self.cookie = answer.cookies["clisk_session"]
        return answer


def visitor(shown: Shown) -> Visitor:
    """Return somebody who has opened the link."""
    made = Visitor(shown)
    made.enter()
    return made
