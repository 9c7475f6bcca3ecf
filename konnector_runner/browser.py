"""The browser: the only module that knows Playwright.

It starts Chromium, opens pages with a script in each new document, and carries
texts in and out of a page's main frame. It works at the level of the DevTools
protocol, because that names documents: a text from a page comes with the
execution context that sent it, and a text to a page is bound to one document
and one origin, so that it can not reach whatever page came in between.

It knows nothing of konnectors. Spec: protocol/konnector-bridge.md §4 and §6.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path
from typing import Any

from playwright.async_api import Browser as _Chromium
from playwright.async_api import (
    BrowserContext,
    CDPSession,
    Dialog,
    Playwright,
    async_playwright,
)
from playwright.async_api import Error as PlaywrightError
from playwright.async_api import Page as _Tab

from konnector_runner.browser_choice import BrowserChoice, find_browser
from konnector_runner.errors import (
    BrowserError,
    BrowserMissingError,
    DocumentGone,
    FormatError,
)
from konnector_runner.origin import parse_origin
from konnector_runner.window import Window, our_errors

# Chromium looks for news of its own at every start; a runner is quiet.
_FLAGS = [
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--no-default-browser-check",
    "--no-first-run",
]
# A world of our own in each document: its postMessage is the browser's, whatever
# the page made of the one that its scripts see.
_WORLD = "clisk-runner"
_POST = "(text, origin) => { window.postMessage(JSON.parse(text), origin) }"
_START_SECONDS = 60


@dataclass(frozen=True, slots=True, eq=False)
class Document:
    """One document of a page's main frame. Two are never equal."""

    context: int
    unique: str
    # None: a page without an origin of its own (about:, data:, sandboxed).
    origin: str | None


class Arrival(Enum):
    """What came of a navigation."""

    DOCUMENT = auto()  # a new document is there or about to be
    STAYED = auto()  # none: another fragment, a download, an empty answer
    NOWHERE = auto()  # the site could not be reached; an error page is shown


class PageListener:
    """What a page tells whoever opened it; each call must return at once."""

    def on_document(self, document: Document) -> None: ...

    def on_text(self, document: Document, text: str) -> None: ...

    def on_popup(self, url: str) -> None: ...

    def on_closed(self) -> None: ...


class Page:
    """One tab: its current document, and texts in and out of it."""

    def __init__(
        self, tab: _Tab, cdp: CDPSession, *, binding: str, listener: PageListener
    ) -> None:
        self._tab = tab
        self._cdp = cdp
        self._binding = binding
        self._listener = listener
        self._frame = ""
        self._world: str | None = None
        self.document: Document | None = None

    async def start(self, scripts: list[str]) -> None:
        """Put *scripts* into every document from now on, and open a first one."""
        self._tab.on("popup", self._on_popup)
        self._tab.on("dialog", self._on_dialog)
        self._tab.on("close", lambda _: self._listener.on_closed())
        self._tab.on("crash", lambda _: self._listener.on_closed())
        self._cdp.on("Runtime.executionContextsCleared", self._on_cleared)
        self._cdp.on("Runtime.executionContextCreated", self._on_created)
        self._cdp.on("Runtime.bindingCalled", self._on_binding)
        tree = await self._send("Page.getFrameTree")
        self._frame = tree["frameTree"]["frame"]["id"]
        await self._send("Page.enable")
        await self._send("Runtime.addBinding", name=self._binding)
        add = "Page.addScriptToEvaluateOnNewDocument"
        await self._send(add, source="", worldName=_WORLD)
        for script in scripts:
            await self._send(add, source=script)
        await self._send("Runtime.enable")
        await self.navigate("about:blank")

    @property
    def url(self) -> str:
        """The address that the page has now."""
        return self._tab.url

    async def navigate(self, url: str) -> Arrival:
        """Go to *url*; return when the new document begins, or will not."""
        answer = await self._send("Page.navigate", url=url)
        match answer.get("errorText"):
            case None | "":
                return Arrival.DOCUMENT if "loaderId" in answer else Arrival.STAYED
            case "net::ERR_ABORTED":  # a download, or an answer without content
                return Arrival.STAYED
            case _:
                return Arrival.NOWHERE

    async def post(self, document: Document, text: str, *, origin: str | None) -> None:
        """Post the JSON *text* to *document* as a message for *origin*.

        Raises:
            DocumentGone: the page has left *document*: nothing was sent.
        """
        if document is not self.document or self._world is None:
            raise DocumentGone("the page has moved on")
        await self._send(
            "Runtime.callFunctionOn",
            functionDeclaration=_POST,
            arguments=[{"value": text}, {"value": origin or "*"}],
            uniqueContextId=self._world,
        )

    async def compile(self, source: str) -> str | None:
        """Return why *source* is no script, or None when it is one."""
        answer = await self._send(
            "Runtime.compileScript",
            expression=source,
            sourceURL="main.js",
            persistScript=False,
        )
        details = answer.get("exceptionDetails")
        return None if details is None else f"line {details['lineNumber'] + 1}"

    async def block_input(self, *, blocked: bool) -> None:
        """Let the person's clicks and keys reach the page, or not."""
        await self._send("Input.setIgnoreInputEvents", ignore=blocked)

    async def set_user_agent(self, user_agent: str) -> None:
        """Appear to sites as *user_agent* from the next request on."""
        await self._send("Emulation.setUserAgentOverride", userAgent=user_agent)

    async def show(self) -> None:
        """Bring the page before the person."""
        with our_errors():
            await self._tab.bring_to_front()

    async def command(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Send one command of the DevTools protocol: what autofill looks and acts by.

        Raises:
            DocumentGone: the document that it was for has gone.
        """
        return await self._send(method, **parameters)

    async def _send(self, method: str, **parameters: Any) -> dict[str, Any]:
        with our_errors():
            answer: dict[str, Any] = await self._cdp.send(method, parameters)
        return answer

    def _on_cleared(self, _event: dict[str, Any]) -> None:
        self.document = None
        self._world = None

    def _on_created(self, event: dict[str, Any]) -> None:
        context = event["context"]
        about = context["auxData"]
        if about["frameId"] != self._frame:
            return
        if context["name"] == _WORLD:
            self._world = context["uniqueId"]
        elif about["isDefault"]:
            # The context's origin is the browser's word, and opaque for a
            # sandboxed document, where the frame's URL still names a site.
            self.document = Document(
                context["id"], context["uniqueId"], _origin(context["origin"])
            )
            self._listener.on_document(self.document)

    def _on_binding(self, event: dict[str, Any]) -> None:
        # A frame inside the page has the binding too: only the main frame counts.
        document = self.document
        if document is None or event["executionContextId"] != document.context:
            return
        if event["name"] == self._binding:
            self._listener.on_text(document, event["payload"])

    def _on_popup(self, popup: _Tab) -> None:
        task = asyncio.ensure_future(self._close_popup(popup))
        task.add_done_callback(lambda done: done.cancelled() or done.exception())

    async def _close_popup(self, popup: _Tab) -> None:
        with contextlib.suppress(PlaywrightError):
            await popup.wait_for_url(lambda url: url != "about:blank", timeout=2000)
        url = popup.url
        with contextlib.suppress(PlaywrightError):
            await popup.close()
        self._listener.on_popup(url)

    def _on_dialog(self, dialog: Dialog) -> None:
        # A page may not keep the konnector from leaving; it gets no other answer.
        leave = dialog.type == "beforeunload"
        task = asyncio.ensure_future(dialog.accept() if leave else dialog.dismiss())
        task.add_done_callback(lambda done: done.cancelled() or done.exception())


class Browser:
    """A running browser with no page open yet."""

    def __init__(self, context: BrowserContext) -> None:
        self._context = context

    async def open_page(
        self, listener: PageListener, make_scripts: Callable[[str], list[str]]
    ) -> Page:
        """Open a page; *make_scripts* gets the name of the function to send with."""
        # A name of its own for each page and run: a site finds it only by search.
        binding = f"_{secrets.token_hex(8)}"
        with our_errors():
            tab = await self._context.new_page()
            cdp = await self._context.new_cdp_session(tab)
        page = Page(tab, cdp, binding=binding, listener=listener)
        await page.start(make_scripts(binding))
        return page

    async def open_window(self) -> Window:
        """Open a page as a person does: nothing of ours is in it."""
        with our_errors():
            tab = await self._context.new_page()
            cdp = await self._context.new_cdp_session(tab)
        return Window(tab, cdp)


@contextlib.asynccontextmanager
async def open_browser(choice: BrowserChoice) -> AsyncIterator[Browser]:
    """Start a browser, and end it with everything in it.

    Raises:
        BrowserMissingError: there is none to start; the advice says what to do.
        BrowserError: it did not start.
    """
    executable = choice.executable or find_browser()
    async with _driver() as playwright:
        if executable is None and not _is_file(playwright.chromium.executable_path):
            raise BrowserMissingError("no Chromium browser was found")
        context = await _launch(playwright, choice, executable)
        try:
            yield Browser(context)
        finally:
            await _close(context)


@contextlib.asynccontextmanager
async def _driver() -> AsyncIterator[Playwright]:
    manager = async_playwright()
    try:
        playwright = await manager.__aenter__()
    except (PlaywrightError, OSError) as err:
        raise BrowserError("the browser's driver did not start") from err
    try:
        yield playwright
    finally:
        with contextlib.suppress(PlaywrightError):
            await manager.__aexit__(None, None, None)


async def _launch(
    playwright: Playwright, choice: BrowserChoice, executable: Path | None
) -> BrowserContext:
    options: dict[str, Any] = {
        "executable_path": executable,
        "headless": choice.headless,
        "args": _FLAGS,
        # Chromium refuses to run as root inside its sandbox.
        "chromium_sandbox": os.geteuid() != 0,
        "timeout": _START_SECONDS * 1000,
    }
    appearance: dict[str, Any] = {
        "viewport": {"width": choice.width, "height": choice.height},
        "locale": choice.locale,
        "accept_downloads": False,
    }
    try:
        if choice.profile is None:
            chromium = await playwright.chromium.launch(**options)
            return await chromium.new_context(**appearance)
        return await playwright.chromium.launch_persistent_context(
            choice.profile, **options, **appearance
        )
    except PlaywrightError as err:
        if executable is not None and not os.access(executable, os.X_OK):
            raise BrowserMissingError("the browser named is not a program") from err
        raise BrowserError(
            "the browser did not start",
            advice="try it by hand; without a screen it must be headless; "
            "CLISK_BROWSER names another",
        ) from err


async def _close(context: BrowserContext) -> None:
    chromium: _Chromium | None = context.browser
    with contextlib.suppress(PlaywrightError):
        await context.close()
    if chromium is not None:
        with contextlib.suppress(PlaywrightError):
            await chromium.close()


def _is_file(path: str) -> bool:
    return Path(path).is_file()


def _origin(text: str) -> str | None:
    try:
        return parse_origin(text)
    except FormatError:
        return None
