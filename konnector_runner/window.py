"""A page that a person looks at: a tab with nothing of ours in it.

Unlike a konnector's page it has no script, no binding and no listener, and its
pop-ups stay open. It can be steered at the level of the DevTools protocol.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from typing import Any

from playwright.async_api import CDPSession
from playwright.async_api import Error as PlaywrightError
from playwright.async_api import Page as _Tab

from konnector_runner.errors import BrowserError, DocumentGone

_GONE = (
    "uniqueContextId not found",
    "Cannot find context",
    "context was destroyed",
    "navigated or closed",
    "has been closed",
)
_LOAD_SECONDS = 30


class Window:
    """One tab, from its opening until the person closes it."""

    def __init__(self, tab: _Tab, cdp: CDPSession) -> None:
        self._tab = tab
        self._cdp = cdp
        self.closed = asyncio.Event()
        for sign in ("close", "crash"):
            tab.on(sign, lambda _: self.closed.set())

    @property
    def url(self) -> str:
        """The address that the page has now."""
        return self._tab.url

    async def visit(self, url: str) -> None:
        """Go to *url* and return when its document has been read.

        Raises:
            BrowserError: there is nothing at that address.
        """
        try:
            await self._tab.goto(
                url, wait_until="domcontentloaded", timeout=_LOAD_SECONDS * 1000
            )
        except PlaywrightError:
            raise BrowserError(
                "the page could not be opened",
                advice="look at the address, and whether the site can be reached",
            ) from None

    async def command(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Send one command of the DevTools protocol; see autofill.devtools."""
        with our_errors():
            answer: dict[str, Any] = await self._cdp.send(method, parameters)
        return answer

    async def show(self) -> None:
        """Bring the tab before the person."""
        with our_errors():
            await self._tab.bring_to_front()


@contextlib.contextmanager
def our_errors() -> Iterator[None]:
    """Turn the driver's errors into ours, without their text."""
    try:
        yield
    except PlaywrightError as err:
        # "from None": Playwright's text quotes what was sent, secrets too.
        if any(sign in err.message for sign in _GONE):
            raise DocumentGone("the page has moved on") from None
        raise BrowserError("the browser refused a command") from None
