"""That everybody can use the pages: by keyboard, by ear, on a phone, at rest."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.dashboard.browsing import (
    DESK,
    PAGES,
    PHONE,
    barriers,
    opened,
    picture,
    tab_to,
)
from tests.dashboard.world import Shown, dashboard
from tests.program.world import device

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def furnished(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shown]:
    """Give a dashboard over a vault with something on each page."""
    folder = tmp_path_factory.mktemp("furnished")
    (folder / "scan.pdf").write_bytes(b"%PDF" + bytes(40_000))
    with device(folder / "laptop") as laptop:
        laptop.init()
        laptop.ok("import", "tests/data/bitwarden/export.json")
        words = ("--username", "alice", "--uri", "https://github.com")
        laptop.add_login("GitHub again", "planted-secret-1", *words)
        laptop.ok("attach", "add", "GitHub", str(folder / "scan.pdf"))
        laptop.ok("get", "GitHub", "--field", "password")
        with dashboard(laptop) as running:
            yield running


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious_and_nothing_is_wider_than_the_screen(
    browser: Browser, furnished: Shown, scheme: Literal["light", "dark"]
) -> None:
    """On every page: light on a desk in English, dark on a phone in French.

    Each page is seen in both sizes, and pictures of both are kept for people.
    """
    item = furnished.device.ask("list", "GitHub")["items"][0]["item"]
    laptop = furnished.device.ask("devices")["devices"][0]["device"]
    judged, locale = (DESK, "en-GB") if scheme == "light" else (PHONE, "fr-FR")
    pages = {
        **PAGES,
        "item": f"items/{item}",
        "edit": f"items/{item}/edit",
        "history": f"items/{item}/history",
        "entry": "access/1",
        "revoke": f"devices/{laptop}/revoke",
        "refused": "items/no-such-item-at-all",
        "report": "health",
    }
    found: dict[str, list[str]] = {}
    with opened(browser, furnished, scheme=scheme, locale=locale) as page:
        for name, path in pages.items():
            page.goto(f"{furnished.url}{path}")
            if name == "access":
                expect(page.locator("#glance svg").first).to_be_visible()
            if name == "report":
                page.locator("#main button.main").click()
                expect(page.locator("#report .figures")).to_be_visible()
            found[name] = []
            for kind, size in (("desk", DESK), ("phone", PHONE)):
                page.set_viewport_size(size)
                found[name] += _wider_than_the_screen(page)
                picture(page, f"{name}-{kind}-{scheme}")
                found[name] += barriers(page) if size == judged else []

    assert {name: each for name, each in found.items() if each} == {}


def _wider_than_the_screen(page: Page) -> list[str]:
    wide = page.evaluate(
        "document.documentElement.scrollWidth > document.documentElement.clientWidth"
    )
    return ["wider than the screen"] if wide else []


def test_a_secret_is_found_and_shown_by_keyboard_alone(
    browser: Browser, furnished: Shown
) -> None:
    """The skip link first, then Tab and Enter, and never a mouse."""
    with opened(browser, furnished) as page:
        page.keyboard.press("Tab")
        expect(page.get_by_text("Skip to the content")).to_be_focused()
        page.keyboard.press("Enter")
        expect(page.locator("main")).to_be_focused()
        tab_to(page, "Search")
        page.keyboard.type("again")
        expect(page.get_by_role("link", name="My note")).to_have_count(0)
        tab_to(page, "GitHub again")
        page.keyboard.press("Enter")
        page.wait_for_url(re.compile(r"/items/[0-9a-f]{32}$"))
        tab_to(page, "Show password")
        page.keyboard.press("Enter")

        expect(page.get_by_text("planted-secret-1")).to_be_visible()


def test_where_the_keyboard_is_can_be_seen(browser: Browser, furnished: Shown) -> None:
    """Each thing that takes the focus on the list shows an outline then."""
    with opened(browser, furnished) as page:
        for _ in range(20):
            page.keyboard.press("Tab")
            wide = page.evaluate(
                "getComputedStyle(document.activeElement).outlineStyle + ' '"
                " + document.activeElement.outerHTML.slice(0, 80)"
            )
            assert str(wide).split()[0] in {"solid", "auto"}, wide


def test_nothing_moves_for_who_asked_for_stillness(
    browser: Browser, furnished: Shown
) -> None:
    """No transition and no animation, where the system says so; some elsewhere."""
    moving = (
        "[...document.querySelectorAll('*')].filter(e => {"
        " const s = getComputedStyle(e);"
        " return s.transitionDuration !== '0s' || s.animationName !== 'none';"
        "}).length"
    )
    with opened(browser, furnished) as page:
        assert page.evaluate(moving) > 0, "the positive control"
    with opened(browser, furnished, still=True) as page:
        assert page.evaluate(moving) == 0
