"""Where the worker page is, and whether the person sees it: setWorkerState.

Spec: protocol/konnector-bridge.md §4.4.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from konnector_runner.arguments import Method, object_argument
from konnector_runner.bridge import NOTHING, Nothing
from konnector_runner.errors import FormatError, RunFailed
from konnector_runner.link import Link
from konnector_runner.method_error import MethodError
from konnector_runner.origin import origin_of
from konnector_runner.page import Arrival
from konnector_runner.strict_json import Json

_READ_SECONDS = 3.0
_MAX_MS = 10 * 60 * 1000


class WorkerState:
    """Moves the worker page; one move at a time."""

    def __init__(
        self,
        link: Link,
        *,
        on_visible: Callable[[], None],
        set_incognito: Method,
        timeout_seconds: float,
        visit: Callable[[str], None],
    ) -> None:
        self._link = link
        self._on_visible = on_visible
        self._set_incognito = set_incognito
        self._timeout_seconds = timeout_seconds
        self._visit = visit
        self._url: str | None = None
        self._moving = asyncio.Lock()
        self.visible = False

    async def set_worker_state(self, args: list[Json]) -> Nothing:
        """Answer the pilot's call of that name."""
        await self.apply(object_argument(args, 0, "setWorkerState"))
        return NOTHING

    async def apply(self, state: dict[str, Json]) -> None:
        """Do what setWorkerState's argument asks for.

        Raises:
            MethodError: not a page that a konnector may open, or it did not load.
            NeedsScreen: it is to be seen, and has to be opened on a screen first.
        """
        if (incognito := state.get("incognito")) is not None:
            await self._set_incognito([incognito])
        visible = state.get("visible")
        if isinstance(visible, bool) and visible is not self.visible:
            if visible:
                self._on_visible()
            self.visible = visible
            await self._link.page.front.show(visible=visible)
        url = state.get("url")
        if url is None:
            return
        if not isinstance(url, str):
            raise MethodError("setWorkerState: url is not a text")
        async with self._moving:
            if url == self._url and _same_page(url, self._link.page.url):
                return
            self._url = url
            await self._go(url, self._patience(state.get("timeout")))

    async def _go(self, url: str, seconds: float) -> None:
        try:
            # No file:, chrome: or data: page: the code would read this device.
            self._visit(origin_of(url))
        except FormatError as err:
            raise MethodError(f"setWorkerState: {err}") from None
        try:
            async with asyncio.timeout(seconds):
                await self._navigate(url)
        except TimeoutError:
            # Word for word what konnectors know, and a plain string there too.
            raise MethodError(
                "ReactNativeLauncher.setWorkerState took more than "
                f"{round(seconds * 1000)} ms",
                plain=True,
            ) from None
        except RunFailed as err:
            raise MethodError(err.code) from None

    async def _navigate(self, url: str) -> None:
        page = self._link.page
        if _only_fragment_differs(url, page.url):
            await page.navigate(url)
            return
        # From here on the old document is not to be spoken to any more, however
        # long it lives: what would be done in it would be lost.
        self._link.expect_reload()
        arrival = await page.navigate(url)
        if arrival is Arrival.NOWHERE:
            raise MethodError("VENDOR_DOWN")
        if arrival is Arrival.STAYED:
            self._link.reload_averted()
            return
        await self._link.ready()
        # Konnectors look at a page as soon as goto() returns. In the Cozy app its
        # round trips take so long that the page is there by then; ours do not.
        await page.read(seconds=_READ_SECONDS)

    def _patience(self, asked: Json) -> float:
        if isinstance(asked, bool) or not isinstance(asked, int | float):
            return self._timeout_seconds
        return min(max(asked, 0), _MAX_MS) / 1000 or self._timeout_seconds


def _only_fragment_differs(url: str, now: str) -> bool:
    target, hash_sign, _ = url.partition("#")
    return bool(hash_sign) and _same_page(target, now.partition("#")[0])


def _same_page(url: str, now: str) -> bool:
    """Compare as far as a missing "/" at the end goes: browsers add it."""
    return now in {url, f"{url}/"}
