"""A browser in which every site is a table of the test's own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TypeAlias

from playwright.async_api import BrowserContext, Page, Route, async_playwright

from benchmarks.autofill_judge import Given, Tab
from clisk_vault.keys import SecretText
from konnector_runner.autofill.fill import FillReport, FillRequest, fill
from konnector_runner.autofill.matching import MatchMode, Site
from konnector_runner.autofill.plan import Role
from konnector_runner.browser_choice import find_browser

USER, SECRET, NEW, CODE = "zoë@ex.org", "Zq7!canary", "N3w#canary", "493817"
BANK = "https://bank.example"
FIELDS = {
    Role.USERNAME: "login",
    Role.CURRENT_PASSWORD: "password",
    Role.NEW_PASSWORD: "new",
    Role.ONE_TIME_CODE: "code",
}
LOGIN = "<form><input id=u name=user><input id=p type=password><button>Log in</button>"
_READ = """() => {
  const found = []
  const walk = root => {
    for (const e of root.querySelectorAll('*')) {
      if ('value' in e && e.tagName !== 'BUTTON' && e.value) found.push(e.value)
      const inner = e.shadowRoot || (window.closedRoots || new Map()).get(e)
      if (inner) walk(inner)
    }
  }
  walk(document)
  return found
}"""


class Source(Given):
    """Gives the four values; may do something to the page while it gives one."""

    def __init__(self, meanwhile: Callable[[], Awaitable[object]] | None = None):
        super().__init__({"login": USER, "password": SECRET, "new": NEW, "code": CODE})
        self._meanwhile = meanwhile

    async def release(
        self, field: str, *, origin: str | None, purpose: str
    ) -> SecretText:
        value = await super().release(field, origin=origin, purpose=purpose)
        if self._meanwhile is not None and field == "password":
            await self._meanwhile()
        return value


@dataclass
class World:
    """One browser, one tab; what each address serves can be set at any time."""

    context: BrowserContext
    page: Page
    pages: dict[str, tuple[str, Mapping[str, str]]] = field(default_factory=dict)

    async def visit(self, html: str, url: str = BANK + "/", **headers: str) -> Page:
        """Go to *url*, which serves *html*."""
        self.pages[url] = (html, {k.replace("_", "-"): v for k, v in headers.items()})
        await self.page.goto(url)
        return self.page

    async def serve(self, route: Route) -> None:
        body, headers = self.pages.get(route.request.url, ("", {}))
        head = {"Content-Type": "text/html; charset=utf-8", **headers}
        await route.fulfill(body=f"<!doctype html>{body}", headers=head)

    async def tab(self, page: Page) -> Tab:
        return Tab(await self.context.new_cdp_session(page))

    async def fill(
        self,
        page: Page,
        source: Given | None = None,
        *,
        saved: str = BANK,
        mode: MatchMode = MatchMode.DOMAIN,
    ) -> FillReport:
        """Fill *page* with the item of *saved*."""
        request = FillRequest(sites=[Site(saved, mode)], fields=FIELDS)
        return await fill(await self.tab(page), request, source or Source())


async def values(page: Page) -> list[str]:
    """Return what stands in the fields of every frame."""
    found: list[str] = []
    for frame in page.frames:
        found += await frame.evaluate(_READ)
    return found


_SET = """secret => {
  const walk = root => {
    for (const e of root.querySelectorAll('*')) {
      if (e.matches('input[type=password]')) e.value = secret
      const inner = e.shadowRoot || (window.closedRoots || new Map()).get(e)
      if (inner) walk(inner)
    }
  }
  walk(document)
}"""


async def fill_naively(page: Page) -> None:
    """Set every password of every frame, as who looks for a field and no further.

    The control of an attack: what it is good for.
    """
    for frame in page.frames:
        await frame.evaluate(_SET, SECRET)


Tell: TypeAlias = Callable[[Callable[[World], Awaitable[None]]], None]


@asynccontextmanager
async def open_world() -> AsyncIterator[World]:
    """Start a browser without a network."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=find_browser())
        context = await browser.new_context(viewport={"width": 1280, "height": 900})
        # What a page closes stays readable to the test.
        await context.add_init_script(
            "window.closedRoots = new Map(); const real = Element.prototype."
            "attachShadow; Element.prototype.attachShadow = function (how) {"
            "const root = real.call(this, how); closedRoots.set(this, root);"
            "return root }"
        )
        world = World(context, await context.new_page())
        await context.route("**/*", world.serve)
        yield world
        await browser.close()
