"""The relay behind the proxies of docs/relay.md: the real ones, set up as it says."""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from clisk_sync.errors import RelayMisbehaved, TransportError
from clisk_sync.http_transport import HttpRelay
from clisk_sync.testing import Family
from clisk_sync.transport import MAX_ENVELOPE_BYTES, News
from tests.certificate import make_certificate
from tests.sync.relay_process import transport_of

_ROOT = Path(__file__).parents[2]
_PROGRAMS = _ROOT / ".venv" / "proxies" / "usr"
_LONG, _SOON = 25.0, 8.0
_ANSWERED = 'clisk_relay_requests_total{does="wait_for_news"'


@dataclass(frozen=True, slots=True)
class _Place:
    """Where one proxy and its relay are, for one test."""

    folder: Path
    port: int
    relay: str

    @property
    def origin(self) -> str:
        return f"https://localhost:{self.port}"

    def config(self, language: str) -> str:
        """Return what the page says of a proxy, for these ports."""
        page = (_ROOT / "docs" / "relay.md").read_text(encoding="utf-8")
        found: list[str] = re.findall(
            rf"\n{language}:\n\n```text\n(.*?)```", page, re.DOTALL
        )
        (text,) = found
        return text.replace("127.0.0.1:8470", self.relay.removeprefix("http://"))


def _caddy(place: _Place) -> list[str]:
    site = place.config("Caddy").replace(
        "relay.example {",
        f"{place.origin} {{\n    bind 127.0.0.1\n    tls cert.pem key.pem\n",
    )
    top = "{\n    admin off\n    auto_https off\n    storage file_system data\n}\n"
    (place.folder / "Caddyfile").write_text(top + site)
    return [str(_PROGRAMS / "bin" / "caddy"), "run", "--config", "Caddyfile"]


def _nginx(place: _Place) -> list[str]:
    server = (
        place.config("nginx")
        .replace("listen 443 ssl;", f"listen 127.0.0.1:{place.port} ssl;")
        .replace("server_name relay.example;", "server_name localhost;")
        .replace(
            "# ssl_certificate, ssl_certificate_key: yours",
            "ssl_certificate cert.pem; ssl_certificate_key key.pem;",
        )
    )
    kinds = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
    paths = "".join(f"{kind}_temp_path {place.folder}/{kind};\n" for kind in kinds)
    (place.folder / "nginx.conf").write_text(
        "daemon off; master_process off; pid nginx.pid; error_log stderr;\n"
        f"events {{}}\nhttp {{\naccess_log off;\n{paths}{server}}}\n"
    )
    program = str(_PROGRAMS / "sbin" / "nginx")
    return [program, "-p", f"{place.folder}", "-c", "nginx.conf"]


@contextmanager
def _running(argv: list[str], folder: Path) -> Iterator[subprocess.Popen[str]]:
    with (folder / "diary").open("ab") as log:
        process = subprocess.Popen(
            argv, cwd=folder, stdout=subprocess.PIPE, stderr=log, text=True
        )
    try:
        yield process
    finally:
        process.terminate()
        process.communicate(timeout=30)


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


@pytest.fixture(params=[_caddy, _nginx], ids=["caddy", "nginx"])
def proxied(
    request: pytest.FixtureRequest, tmp_path: Path
) -> Iterator[tuple[_Place, ssl.SSLContext]]:
    """Run a relay behind a proxy, as the page says."""
    make: Callable[[_Place], list[str]] = request.param
    certificate, port = tmp_path / "cert.pem", _free_port()
    make_certificate(certificate, tmp_path / "key.pem")
    trusted = ssl.create_default_context(cafile=str(certificate))
    relay = [sys.executable, "-m", "clisk", "--home", str(tmp_path), "relay"]
    options = ["--port", "0", "--origin", f"https://localhost:{port}"]
    with _running(relay + options, tmp_path) as running:
        assert running.stdout is not None
        place = _Place(tmp_path, port, running.stdout.readline().strip())
        with _running(make(place), tmp_path):
            yield place, trusted


async def _up(relay: HttpRelay) -> None:
    while True:
        try:
            await relay.call("GET", "/healthz")
        except TransportError:
            await asyncio.sleep(0.02)
        else:
            return


def test_a_vault_lives_behind_a_proxy(proxied: tuple[_Place, ssl.SSLContext]) -> None:
    """Signing in, the largest envelope, and each piece of news as it is written.

    Whoever hangs up gives its place back.
    """
    place, trusted = proxied

    async def run() -> None:
        async with HttpRelay(place.relay) as beside:
            await live(beside)
            await asyncio.wait_for(_nobody_waits(beside), _SOON)

    async def live(beside: HttpRelay) -> None:
        async with HttpRelay(place.origin, verify=trusted) as relay:
            await asyncio.wait_for(_up(relay), _LONG)
            family = Family.found()
            writes = transport_of(relay, family.founder)
            reads = transport_of(relay, family.founder)
            await writes.create(family.genesis)
            for position in range(1, 4):
                waiting = asyncio.create_task(reads.wait(position - 1, _LONG))
                envelope = family.founder.write(b"x")
                assert await writes.append(envelope) == position
                assert await waiting == News(((position, envelope),))
            # One answer brought all three, so it was not held back until its end.
            assert await _figure(beside, _ANSWERED) == 0
            large = family.founder.write(bytes(MAX_ENVELOPE_BYTES * 9 // 10))
            assert await writes.append(large) == 4
            assert [entry async for entry in reads.read(3)] == [(4, large)]
            with pytest.raises(RelayMisbehaved, match="404"):
                await relay.call("GET", "/metrics")

    asyncio.run(run())


async def _nobody_waits(relay: HttpRelay) -> None:
    while await _figure(relay, "clisk_relay_waiting "):  # noqa: ASYNC110  # none tells
        await asyncio.sleep(0.02)


async def _figure(relay: HttpRelay, begins: str) -> int:
    text = (await relay.call("GET", "/metrics", max_bytes=1 << 20)).decode()
    lines = [line for line in text.splitlines() if line.startswith(begins)]
    return sum(round(float(line.split()[-1])) for line in lines)
