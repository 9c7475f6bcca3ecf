"""A konnector, from its start to its saved files: time, memory, reconnection.

As a process of its own, because that is what a person starts: the interpreter, the
browser, the login, the files. The site is on this machine, so its own time is small.

python -m benchmarks.konnector URL FOLDER     one run, for the measurements below
"""

from __future__ import annotations

import asyncio
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import psutil

from benchmarks.harness import Figure, compare
from clisk_vault.keys import SecretText
from demo.site.konnector import place_konnector
from demo.site.server import serve_demo_site
from konnector_runner.browser import open_browser
from konnector_runner.browser_choice import BrowserChoice
from konnector_runner.credentials import CredentialField
from konnector_runner.konnector import load_konnector
from konnector_runner.limits import RunLimits
from konnector_runner.link import Link, LinkOwner
from konnector_runner.page import PageListener
from konnector_runner.page_script import page_script
from konnector_runner.run import run_konnector

_EMAIL, _PASSWORD = "bench@example.org", "made up"
_PAGES = 10
_MIB = 1024 * 1024


class _Source:
    """The demo site's account."""

    async def fields(self) -> Sequence[CredentialField]:
        return [
            CredentialField(name, secret=name == "password")
            for name in ("login", "password")
        ]

    async def release(
        self,
        field: str,
        *,
        origin: str | None,  # noqa: ARG002 - the demo site has one origin
        purpose: str,  # noqa: ARG002
    ) -> SecretText:
        return SecretText({"login": _EMAIL, "password": _PASSWORD}[field])

    async def propose(self, values: Mapping[str, SecretText]) -> None: ...

    async def keep(self, name: str, value: SecretText) -> None: ...

    async def kept(self, name: str, *, purpose: str) -> SecretText | None:  # noqa: ARG002
        return None


def run(folder: Path, *, rounds: int) -> list[Figure]:
    """Return the figures."""
    with serve_demo_site(_EMAIL, _PASSWORD) as site:
        place_konnector(site.url, folder / "konnector")
        peaks = list[float]()
        timed = compare(
            "a konnector, from its start to its last saved file",
            lambda: peaks.append(_once(site.url, folder)),
            floor="Python, and a browser with a blank page",
            floor_work=_bare,
            rounds=rounds,
            aim="4 s warm",
        )
        bare = statistics.median(_peak(_bare_command()) for _ in range(rounds))
        memory = Figure(
            "the most memory (PSS) that a run takes, all processes together",
            statistics.median(peaks),
            "the browser with a blank page",
            bare,
            rounds,
            "at most 450 MiB",
            unit="MiB",
        )
        return [timed, memory, asyncio.run(_reconnection(site.url, folder, rounds))]


def _once(url: str, folder: Path) -> float:
    with tempfile.TemporaryDirectory(dir=folder) as data:
        command = [sys.executable, "-m", "benchmarks.konnector", url, str(folder), data]
        return _peak(command)


def _bare_command() -> list[str]:
    return [sys.executable, "-m", "benchmarks.konnector", "bare"]


def _bare() -> None:
    subprocess.run(_bare_command(), check=True)


def _peak(command: list[str]) -> float:
    """Run *command* and return the most memory that its processes had, in MiB."""
    process = subprocess.Popen(command)
    most = 0.0
    while process.poll() is None:
        most = max(most, _pss(process.pid))
        time.sleep(0.1)
    if process.returncode != 0:
        raise RuntimeError("the measured run failed")
    return most


def _pss(root: int) -> float:
    total = 0
    try:
        top = psutil.Process(root)
        for each in [top, *top.children(recursive=True)]:
            try:
                total += each.memory_full_info().pss
            except psutil.Error:
                continue
    except psutil.Error:
        return 0
    return total / _MIB


class _Quiet(LinkOwner):
    """Hears what the worker says, and does nothing."""


async def _reconnection(url: str, folder: Path, rounds: int) -> Figure:
    konnector = load_konnector(folder / "konnector")
    limits = RunLimits()
    connected, bare = list[float](), list[float]()

    def scripts(binding: str) -> list[str]:
        most = limits.message_characters
        return [
            page_script(
                konnector.bundle, role="worker", binding=binding, max_message=most
            )
        ]

    async with open_browser(BrowserChoice()) as browser:
        link = Link("worker", _Quiet(), limits=limits)
        link.page = await browser.open_page(link, scripts)
        blank = await browser.open_page(PageListener(), lambda _binding: [])
        for number in range(rounds * _PAGES):
            started = time.perf_counter()
            await blank.navigate(f"{url}/login?{number}")
            bare.append(time.perf_counter() - started)
            started = time.perf_counter()
            link.expect_reload()
            await link.page.navigate(f"{url}/login?{number}")
            await link.ready()
            connected.append(time.perf_counter() - started)
        link.close()
    return Figure(
        "a new page of the worker, until its code can be called",
        statistics.median(connected),
        "the same page without a konnector, until it begins",
        statistics.median(bare),
        rounds * _PAGES,
        "0.3 s",
    )


async def _run_once(folder: Path, data: Path) -> None:
    report = await run_konnector(
        load_konnector(folder / "konnector"), _Source(), folder=data
    )
    if report.error is not None or not report.saved:
        raise RuntimeError("the konnector did not save its files")


async def _run_bare() -> None:
    async with open_browser(BrowserChoice()) as browser:
        await browser.open_page(PageListener(), lambda _binding: [])


if __name__ == "__main__":
    if sys.argv[1] == "bare":
        asyncio.run(_run_bare())
    else:
        asyncio.run(_run_once(Path(sys.argv[2]), Path(sys.argv[3])))
