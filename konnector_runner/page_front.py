"""What a person has before them of one tab, and what a site sees of its browser.

Shown or not, whose clicks and keys get through, and as what browser it appears.
Spec: protocol/konnector-bridge.md §4.4.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

from konnector_runner.devtools_pipe import DevToolsPipe
from konnector_runner.errors import BrowserError


class PageFront:
    """The outside of one tab."""

    def __init__(self, pipe: DevToolsPipe, session: str, target: str) -> None:
        self._pipe = pipe
        self._session = session
        self._target = target
        self._input_blocked = False
        self._languages = ""

    async def block_input(self, *, blocked: bool) -> None:
        """Let clicks and keys reach the page, or not: a person's, and our own."""
        await self._command("Input.setIgnoreInputEvents", ignore=blocked)
        self._input_blocked = blocked

    @contextlib.asynccontextmanager
    async def input_allowed(self) -> AsyncIterator[None]:
        """Let clicks and keys reach the page until the block ends."""
        if not self._input_blocked:
            yield
            return
        await self.block_input(blocked=False)
        try:
            yield
        finally:
            await self.block_input(blocked=True)

    async def set_user_agent(self, user_agent: str) -> None:
        """Appear to sites as *user_agent* from the next request on."""
        await self._command(
            "Emulation.setUserAgentOverride",
            userAgent=user_agent,
            acceptLanguage=self._languages,
        )

    async def appear(
        self, *, user_agent: str, locale: str, width: int, height: int
    ) -> None:
        """Appear to sites like this from the next request on."""
        self._languages = f"{locale},{locale.partition('-')[0]}"
        await asyncio.gather(
            self.set_user_agent(user_agent),
            self._command(
                "Emulation.setDeviceMetricsOverride",
                width=width,
                height=height,
                deviceScaleFactor=1,
                mobile=False,
            ),
        )
        # For a whole process: refused where a page that shares it has said so already.
        with contextlib.suppress(BrowserError):
            await self._command("Emulation.setLocaleOverride", locale=locale)

    async def show(self, *, visible: bool = True) -> None:
        """Bring the page's window before the person, or take it out of the way."""
        with contextlib.suppress(BrowserError):  # no window: headless
            window = await self._pipe.send(
                "Browser.getWindowForTarget", {"targetId": self._target}
            )
            await self._pipe.send(
                "Browser.setWindowBounds",
                {
                    "windowId": window["windowId"],
                    "bounds": {"windowState": "normal" if visible else "minimized"},
                },
            )
        if visible:
            await self._command("Page.bringToFront")

    async def _command(self, method: str, **parameters: Any) -> dict[str, Any]:
        return await self._pipe.send(method, parameters, session=self._session)
