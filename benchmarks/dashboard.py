"""The dashboard in a real Chromium: first paint of a long list and a long history."""

from __future__ import annotations

import itertools
import statistics
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from playwright.sync_api import Page

from benchmarks.harness import Figure
from benchmarks.vault import put_lines
from clisk_vault.access_record import AccessRecord, Outcome, Requester, RequesterKind
from clisk_vault.ids import ItemId
from clisk_vault.keys import SecretText
from clisk_vault.log_page import LogFilter
from clisk_vault.vault import Vault
from tests.dashboard.browsing import chromium, opened
from tests.dashboard.world import dashboard
from tests.program.world import PASSPHRASE, Device, device

ITEMS = 10_000
RECORDS = 100_000
_AT_ONCE = 4096
_PAINT = """() => new Promise(done => {
  const seen = performance.getEntriesByName("first-contentful-paint");
  if (seen.length) done(seen[0].startTime);
  new PerformanceObserver((list) => {
    for (const entry of list.getEntriesByName("first-contentful-paint"))
      done(entry.startTime);
  }).observe({ type: "paint", buffered: true });
})"""


def run(folder: Path, *, rounds: int) -> Iterator[Figure]:
    """Yield the figures of the two longest pages."""
    with device(folder / "home") as home:
        home.init()
        home.ok("agent", "stop")
        _fill(home)
        home.unlock()
        with (
            dashboard(home) as shown,
            chromium() as browser,
            opened(browser, shown) as page,
        ):
            items = _paint(page, shown.url, "items", rounds=rounds)
            name = f"first paint of the list of {ITEMS:,} items"
            yield replace(items, name=name, aim="under 300 ms")
            access = _paint(page, shown.url, "access", rounds=rounds)
            name = f"first paint of the history of {RECORDS:,} records"
            yield replace(access, name=name, aim="under 500 ms")


def _paint(page: Page, url: str, path: str, *, rounds: int) -> Figure:
    times, floors = list[float](), list[float]()
    for number in range(rounds + 1):
        floor, subject = (_seconds(page, f"{url}{each}") for each in ("pair", path))
        if number:  # the first warms up
            floors.append(floor)
            times.append(subject)
    return Figure(
        path,
        statistics.median(times),
        "first paint of a page with two sentences",
        statistics.median(floors),
        rounds,
        "",
    )


def _seconds(page: Page, url: str) -> float:
    page.goto(url)
    return float(page.evaluate(_PAINT)) / 1000


def _fill(home: Device) -> None:
    """Write the lines of the list and reads of the last 90 days, past the agent.

    The list reads the overview and no document, so there are no documents.
    """
    vault = Vault.unlock(home.home / "vault.sqlite", SecretText(PASSPHRASE))
    put_lines(vault, ITEMS)
    now_ms = time.time_ns() // 1_000_000
    step_ms = 90 * 86_400_000 // RECORDS
    records = (
        AccessRecord(
            Outcome.GRANTED,
            Requester(RequesterKind.PERSON, "command line"),
            "clisk get",
            vault.device_id,
            now_ms - (RECORDS - number) * step_ms,
            item=ItemId((number % 500).to_bytes(16)),
            field="password",
        )
        for number in range(RECORDS)
    )
    with vault.storage.transaction():
        while some := list(itertools.islice(records, _AT_ONCE)):
            vault.log.append_many(some)
    vault.log_index.find(LogFilter(), limit=1)  # made as the log is looked at
    vault.lock()
