"""A running browser: opens pages, catches the windows that sites open, has cookies.

Spec: protocol/konnector-bridge.md §4.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from konnector_runner.browser_choice import BrowserChoice
from konnector_runner.chromium import run_chromium
from konnector_runner.devtools_pipe import DevToolsPipe
from konnector_runner.errors import BrowserError, DocumentGone
from konnector_runner.offline_site import OfflineSite
from konnector_runner.page import Document, Page, PageListener
from konnector_runner.window import Window

__all__ = ["Browser", "Cookie", "Document", "Page", "PageListener", "open_browser"]

_POPUP_SECONDS = 2.0
# Beside the browser's own files in a profile.
SESSION_COOKIES = "clisk-cookies.json"
_COOKIE_MEMBERS = (
    *("name", "value", "domain", "path", "secure", "httpOnly", "sameSite"),
    *("priority", "sourceScheme", "sourcePort", "partitionKey"),
)
_BLANK = ("", "about:blank")


@dataclass(frozen=True, slots=True, repr=False)
class Cookie:
    """One cookie of the browser's jar. The whole of it is a secret."""

    name: str
    value: str
    domain: str
    path: str
    secure: bool
    http_only: bool
    # Seconds since 1970; None: it ends with the session.
    expires: float | None


class Browser:
    """A running browser with no page open yet."""

    def __init__(
        self, pipe: DevToolsPipe, choice: BrowserChoice, *, user_agent: str
    ) -> None:
        self._pipe = pipe
        self._choice = choice
        # A person's own browser; that it shows no window is nobody's business.
        self._user_agent = user_agent.replace("HeadlessChrome", "Chrome")
        self._pages: dict[str, Page] = {}
        self._targets: dict[str, str] = {}
        self._windows: dict[str, Window] = {}
        self._asked: dict[str, asyncio.Future[str]] = {}
        self._early: dict[str, str] = {}
        self._creating = 0
        self._tasks: set[asyncio.Task[None]] = set()
        pipe.listen(None, self._on_event)
        pipe.at_end(self._on_end)

    async def start(self) -> None:
        """Let nothing open but through here."""
        await asyncio.gather(
            self._pipe.send(
                "Target.setAutoAttach",
                {
                    "autoAttach": True,
                    # A window that a site opens is held before its first request.
                    "waitForDebuggerOnStart": True,
                    "flatten": True,
                    "filter": [{"type": "page"}],
                },
            ),
            self._pipe.send("Browser.setDownloadBehavior", {"behavior": "deny"}),
        )

    async def open_page(
        self,
        listener: PageListener,
        make_scripts: Callable[[str], list[str]],
        *,
        context: str | None = None,
        user_agent: str | None = None,
    ) -> Page:
        """Open a page; *make_scripts* gets the name of the function to send with.

        *context* is what private_context() returned, or None for the profile.
        """
        # A name of its own for each page and run: a site finds it only by search.
        binding = f"_{secrets.token_hex(8)}"
        target, session = await self._create(context)
        page = Page(self._pipe, session, target, binding=binding, listener=listener)
        self._pages[target] = page
        if self._choice.site is not None:
            await OfflineSite(self._pipe, session, self._choice.site).start()
        await asyncio.gather(
            page.front.appear(
                user_agent=user_agent or self._user_agent,
                locale=self._choice.locale,
                width=self._choice.width,
                height=self._choice.height,
            ),
            page.start(make_scripts(binding)),
        )
        return page

    async def open_window(self) -> Window:
        """Open a page as a person does: nothing of ours is in it."""
        target, session = await self._create(None)
        window = Window(self._pipe, session, target)
        self._windows[target] = window
        await window.start(user_agent=self._user_agent, locale=self._choice.locale)
        return window

    async def private_context(self) -> str:
        """Return a new place for pages, with no cookies and kept nowhere."""
        answer = await self._pipe.send(
            "Target.createBrowserContext", {"disposeOnDetach": True}
        )
        await self._pipe.send(
            "Browser.setDownloadBehavior",
            {"behavior": "deny", "browserContextId": answer["browserContextId"]},
        )
        return str(answer["browserContextId"])

    async def cookies(self, context: str | None = None) -> list[Cookie]:
        """Return all cookies of the profile, or of a private context."""
        where = {} if context is None else {"browserContextId": context}
        answer = await self._pipe.send("Storage.getCookies", where)
        return [
            Cookie(
                name=each["name"],
                value=each["value"],
                domain=each["domain"],
                path=each["path"],
                secure=each["secure"],
                http_only=each["httpOnly"],
                expires=None if each.get("session") else each.get("expires"),
            )
            for each in answer["cookies"]
        ]

    async def take_cookies(self, jar: Path | None) -> None:
        """Put back the cookies that would have ended with the last browser."""
        cookies = _read_jar(jar)
        if cookies:
            with contextlib.suppress(BrowserError):
                await self._pipe.send("Storage.setCookies", {"cookies": cookies})

    async def give_cookies(self, jar: Path | None) -> None:
        """Keep the cookies that end with this browser: a login often is one."""
        if jar is None:
            return
        with contextlib.suppress(BrowserError, OSError):
            answer = await self._pipe.send("Storage.getCookies")
            _write_jar(jar, answer["cookies"])

    async def _create(self, context: str | None) -> tuple[str, str]:
        where = {} if context is None else {"browserContextId": context}
        self._creating += 1
        try:
            answer = await self._pipe.send(
                "Target.createTarget", {"url": "about:blank", **where}
            )
            target = str(answer["targetId"])
            session = self._early.pop(target, None)
            if session is None:
                future = asyncio.get_running_loop().create_future()
                self._asked[target] = future
                session = await future
        finally:
            self._creating -= 1
        return target, session

    def _on_event(self, method: str, event: dict[str, Any]) -> None:
        match method:
            case "Target.attachedToTarget":
                self._on_attached(event)
            case "Target.detachedFromTarget":
                target = self._targets.pop(event["sessionId"], "")
                if (page := self._pages.pop(target, None)) is not None:
                    page.gone()
                if (window := self._windows.pop(target, None)) is not None:
                    window.closed.set()

    def _on_attached(self, event: dict[str, Any]) -> None:
        target, session = event["targetInfo"]["targetId"], event["sessionId"]
        self._targets[session] = target
        if (asked := self._asked.pop(target, None)) is not None:
            asked.set_result(session)
            return
        opener = self._opener(event["targetInfo"])
        if opener is not None:
            self._later(self._close_popup(opener, target, session))
        elif self._creating:
            self._early[target] = session
        else:
            # A tab that the person opened by hand.
            self._later(self._let_go(session))

    def _opener(self, info: dict[str, Any]) -> Page | None:
        named = self._pages.get(info.get("openerId", ""))
        if named is not None:
            return named
        # rel=noopener: the page said that it opens a window, the window not whose.
        return next((p for p in self._pages.values() if not p.opened.empty()), None)

    async def _close_popup(self, opener: Page, target: str, session: str) -> None:
        """Close the window unseen and tell its address: a run has one page."""
        url = ""
        with contextlib.suppress(TimeoutError):
            url = await asyncio.wait_for(opener.opened.get(), 0.5)
        if url in _BLANK:
            url = await self._destination(session)
        with contextlib.suppress(BrowserError, DocumentGone):
            await self._pipe.send("Target.closeTarget", {"targetId": target})
        opener.listener.on_popup(url)

    async def _destination(self, session: str) -> str:
        """Return where a window goes that was opened blank and sent on by script."""
        went: asyncio.Future[str] = asyncio.get_running_loop().create_future()

        def on_event(method: str, event: dict[str, Any]) -> None:
            if method == "Page.frameRequestedNavigation":
                where = event["url"]
            elif method == "Page.frameNavigated":
                where = event["frame"]["url"]
            else:
                return
            if where not in _BLANK and not went.done():
                went.set_result(where)

        self._pipe.listen(session, on_event)
        try:
            await self._pipe.send("Page.enable", session=session)
            await self._let_go(session)
            return await asyncio.wait_for(went, _POPUP_SECONDS)
        except (TimeoutError, BrowserError, DocumentGone):
            return "about:blank"
        finally:
            self._pipe.forget(session)

    async def _let_go(self, session: str) -> None:
        with contextlib.suppress(BrowserError, DocumentGone):
            await self._pipe.send("Runtime.runIfWaitingForDebugger", session=session)

    def _later(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(lambda done: done.cancelled() or done.exception())

    def _on_end(self) -> None:
        for page in self._pages.values():
            page.gone()


def _read_jar(jar: Path | None) -> list[dict[str, Any]]:
    try:
        found = [] if jar is None else json.loads(jar.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return []
    return found if isinstance(found, list) else []


def _write_jar(jar: Path, cookies: list[dict[str, Any]]) -> None:
    ending = [
        {name: each[name] for name in _COOKIE_MEMBERS if name in each}
        for each in cookies
        if each.get("session")
    ]
    jar.write_text(json.dumps(ending), encoding="utf-8")


@contextlib.asynccontextmanager
async def open_browser(choice: BrowserChoice) -> AsyncIterator[Browser]:
    """Start a browser, and end it with everything in it.

    Raises:
        BrowserMissingError: there is none to start; the advice says what to do.
        BrowserError: it did not start.
    """
    async with run_chromium(choice) as pipe:
        version = await pipe.send("Browser.getVersion")
        browser = Browser(pipe, choice, user_agent=str(version["userAgent"]))
        await browser.start()
        jar = None if choice.profile is None else choice.profile / SESSION_COOKIES
        await browser.take_cookies(jar)
        try:
            yield browser
        finally:
            await browser.give_cookies(jar)
