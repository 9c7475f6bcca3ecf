"""A real Chromium in front of the dashboard, axe, and the pictures that are kept."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from playwright.sync_api import Browser, Page, ViewportSize, sync_playwright

from konnector_runner.browser_choice import find_browser
from tests.dashboard.world import Shown

_ROOT = Path(__file__).parents[2]
PICTURES = _ROOT / "build" / "screenshots"
_AXE = _ROOT / "tests/dashboard/axe/node_modules/axe-core/axe.min.js"
_RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
_TABS = 80
_SERIOUS = {"serious", "critical"}
# Every page that is there without an item, a device or a konnector being named.
PAGES = {
    "items": "items",
    "new": "new",
    "duplicates": "duplicates",
    "conflicts": "conflicts",
    "devices": "devices",
    "pair": "pair",
    "grants": "grants",
    "access": "access",
    "sync": "sync",
    "health": "health",
    "settings": "settings",
    "generator": "generator",
    "konnectors": "konnectors",
    "data": "data",
}
DESK = ViewportSize(width=1280, height=800)
PHONE = ViewportSize(width=390, height=844)


@contextmanager
def chromium() -> Iterator[Browser]:
    """Give a browser without a window."""
    root = os.geteuid() == 0
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=find_browser(),
            args=["--no-sandbox", "--disable-gpu"] if root else ["--disable-gpu"],
        )
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def opened(
    browser: Browser,
    shown: Shown,
    *,
    scheme: Literal["light", "dark"] = "light",
    size: ViewportSize = DESK,
    locale: str = "en-GB",
    still: bool = False,
) -> Iterator[Page]:
    """Open the link; a fault of a script, or a request to elsewhere, fails the test.

    A link opens once: whoever comes to the same dashboard later has the first's cookie.
    """
    context = browser.new_context(
        color_scheme=scheme,
        viewport=size,
        locale=locale,
        # What a click on "copy" may do; reading it back needs leave in a real browser.
        permissions=["clipboard-read", "clipboard-write"],
        reduced_motion="reduce" if still else "no-preference",
        storage_state=shown.state,
    )
    page = context.new_page()
    faults: list[str] = []
    page.on("pageerror", lambda err: faults.append(str(err)))
    page.on("request", lambda asked: faults.extend(_elsewhere(shown, asked.url)))
    page.goto(f"{shown.url}items" if shown.state else shown.link)
    page.wait_for_url(f"{shown.url}items")
    shown.state = context.storage_state()
    try:
        yield page
    finally:
        context.close()
    assert faults == []


def _elsewhere(shown: Shown, url: str) -> list[str]:
    return [] if url.startswith(shown.url) else [f"asked for {url}"]


def picture(page: Page, name: str) -> None:
    """Keep what the page looks like, for people."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=PICTURES / f"{name}.png", full_page=True)


def barriers(page: Page) -> list[str]:
    """Return what axe finds on the page that keeps somebody from using it."""
    # As Playwright's own script: the page's policy lets no other in.
    page.evaluate(_AXE.read_text(encoding="utf-8"))
    found: dict[str, Any] = page.evaluate(
        "rules => axe.run(document, {runOnly: {type: 'tag', values: rules}})", _RULES
    )
    return [
        f"{each['id']}: {node['html'][:120]}"
        for each in found["violations"]
        if each["impact"] in _SERIOUS
        for node in each["nodes"]
    ]


def tab_to(page: Page, name: str) -> None:
    """Press Tab until what is called *name* has the focus."""
    for _ in range(_TABS):
        page.keyboard.press("Tab")
        # Not the page itself, whose text has everything in it.
        said = page.evaluate(
            "(e => e.matches('a, button, input, select, summary')"
            " && (e.ariaLabel || e.labels?.[0]?.textContent || e.textContent))"
            "(document.activeElement)"
        )
        if name.casefold() in str(said).casefold():
            return
    raise AssertionError(f"no Tab leads to {name}")
