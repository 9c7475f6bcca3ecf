"""Which tab the worker is in, and as what it appears: setUserAgent, setIncognito.

Spec: protocol/konnector-bridge.md §4.4.
"""

from __future__ import annotations

from collections.abc import Callable

from konnector_runner.arguments import Method, argument, text_argument
from konnector_runner.bridge import NOTHING, Nothing
from konnector_runner.browser import Browser, Cookie
from konnector_runner.link import Link
from konnector_runner.method_error import MethodError
from konnector_runner.strict_json import Json

_MAX_AGENT = 512


class WorkerPage:
    """Opens the worker's tab, and another one where the konnector asks for it."""

    def __init__(self, worker: Link, make_scripts: Callable[[str], list[str]]) -> None:
        self._worker = worker
        self._make_scripts = make_scripts
        self._browser: Browser | None = None
        self._private: str | None = None
        self._user_agent: str | None = None

    def methods(self) -> dict[str, Method]:
        """Return the methods of the pilot's that are answered here."""
        return {
            "setIncognito": self.set_incognito,
            "setUserAgent": self._set_user_agent,
        }

    async def open(self, browser: Browser) -> None:
        """Open the tab."""
        self._browser = browser
        await self._open()

    async def cookies(self) -> list[Cookie]:
        """Return the cookies that the worker's pages have."""
        if self._browser is None:
            return []
        return await self._browser.cookies(self._private)

    async def _open(self) -> None:
        assert self._browser is not None, "open() comes first"
        self._worker.page = await self._browser.open_page(
            self._worker,
            self._make_scripts,
            context=self._private,
            user_agent=self._user_agent,
        )

    async def _set_user_agent(self, args: list[Json]) -> Nothing:
        agent = text_argument(args, 0, "setUserAgent", longest=_MAX_AGENT)
        self._user_agent = agent
        await self._worker.page.front.set_user_agent(agent)
        return NOTHING

    async def set_incognito(self, args: list[Json]) -> Nothing:
        """Answer the pilot's call of that name."""
        wanted = argument(args, 0)
        if not isinstance(wanted, bool):
            raise MethodError("setIncognito: argument 1 is not true or false")
        if wanted is (self._private is not None) or self._browser is None:
            return NOTHING
        before = self._worker.page
        self._private = await self._browser.private_context() if wanted else None
        # The old tab's code is not to be called any more, whatever comes first.
        self._worker.expect_reload()
        await before.close()
        await self._open()
        await self._worker.ready()
        return NOTHING
