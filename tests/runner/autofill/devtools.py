"""A tab of Playwright's as autofill wants one, for the judge and the tests."""

from __future__ import annotations

from typing import Any

from playwright.async_api import CDPSession
from playwright.async_api import Error as PlaywrightError

from konnector_runner.errors import BrowserError, DocumentGone

_GONE = ("Cannot find context", "context was destroyed", "navigated or closed")


class Tab:
    """Sends commands over a session of the DevTools protocol."""

    def __init__(self, session: CDPSession) -> None:
        self._session = session

    async def command(self, method: str, **parameters: Any) -> dict[str, Any]:
        try:
            answer: dict[str, Any] = await self._session.send(method, parameters)
        except PlaywrightError as err:
            if any(sign in err.message for sign in _GONE):
                raise DocumentGone("the page has moved on") from None
            raise BrowserError("the browser refused a command") from None
        return answer
