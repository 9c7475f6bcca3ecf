"""A page that a person looks at: a tab with nothing of ours in it.

Unlike a konnector's page it has no script, no binding and no listener, and its
pop-ups stay open. It can be steered at the level of the DevTools protocol.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

from konnector_runner.devtools_pipe import DevToolsPipe
from konnector_runner.errors import BrowserError

_LOAD_SECONDS = 30


class Window:
    """One tab, from its opening until the person closes it."""

    def __init__(self, pipe: DevToolsPipe, session: str, target: str) -> None:
        self._pipe = pipe
        self._session = session
        self._target = target
        self._read = asyncio.Event()
        # How many documents have been read so far.
        self.documents = 0
        self.url = "about:blank"
        self.closed = asyncio.Event()
        pipe.listen(session, self._on_event)
        pipe.at_end(self.closed.set)

    async def start(self, *, user_agent: str, locale: str) -> None:
        """Let the tab begin."""
        await asyncio.gather(
            self.command("Page.enable"),
            self.command(
                "Emulation.setUserAgentOverride",
                userAgent=user_agent,
                acceptLanguage=f"{locale},{locale.partition('-')[0]}",
            ),
            self.command("Runtime.runIfWaitingForDebugger"),
        )

    async def visit(self, url: str) -> None:
        """Go to *url* and return when its document has been read.

        Raises:
            BrowserError: there is nothing at that address.
        """
        self._read.clear()
        try:
            async with asyncio.timeout(_LOAD_SECONDS):
                answer = await self.command("Page.navigate", url=url)
                if not answer.get("errorText"):
                    await self._read.wait()
                    return
        except (BrowserError, TimeoutError):
            pass
        raise BrowserError(
            "the page could not be opened",
            advice="look at the address, and whether the site can be reached",
        )

    async def wait_for_document(self, *, after: int, seconds: float) -> None:
        """Return when more than *after* documents have been read, or time is up."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self.documents <= after:
                    self._read.clear()
                    await self._read.wait()

    async def command(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Send one command of the DevTools protocol; see autofill.devtools."""
        return await self._pipe.send(method, parameters, session=self._session)

    async def show(self) -> None:
        """Bring the tab before the person."""
        await self.command("Page.bringToFront")

    def _on_event(self, method: str, event: dict[str, Any]) -> None:
        match method:
            case "Page.frameNavigated" if event["frame"]["id"] == self._target:
                self.url = event["frame"]["url"] + event["frame"].get("urlFragment", "")
            case "Page.navigatedWithinDocument" if event["frameId"] == self._target:
                self.url = event["url"]
            case "Page.domContentEventFired":
                self.documents += 1
                self._read.set()
            case "Inspector.targetCrashed" | "Inspector.detached":
                self.closed.set()
