"""Fill the page that a judge has open: `judge_command.py CDP URL CREDENTIALS`.

Connects over the DevTools protocol to CDP, finds the page at URL and fills it with
CREDENTIALS, a JSON object with username, password and otp. The item's one site is
where the page is: the judge serves saved pages, whose forms still name the sites
that they were saved from, so forms sent elsewhere are filled here.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from playwright.async_api import CDPSession, async_playwright
from playwright.async_api import Error as PlaywrightError

from clisk_vault.keys import SecretText
from konnector_runner.autofill.fill import FillReport, FillRequest, fill
from konnector_runner.autofill.matching import MatchMode, Site
from konnector_runner.autofill.plan import Role
from konnector_runner.credentials import CredentialField
from konnector_runner.errors import BrowserError, DocumentGone

FIELDS = {
    Role.USERNAME: "username",
    Role.CURRENT_PASSWORD: "password",
    Role.ONE_TIME_CODE: "otp",
}


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


class Given:
    """Gives what it was given, and remembers what it gave."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = values
        self.released: list[tuple[str, str | None]] = []

    async def fields(self) -> Sequence[CredentialField]:
        return [CredentialField(name, secret=True) for name in self._values]

    async def release(
        self, field: str, *, origin: str | None, purpose: str
    ) -> SecretText:
        self.released.append((field, origin))
        return SecretText(self._values[field])

    async def propose(self, values: Mapping[str, SecretText]) -> None:
        raise AssertionError("nothing is proposed here")


async def _fill(cdp: str, url: str, credentials: Mapping[str, str]) -> FillReport:
    request = FillRequest(
        sites=[Site(url, MatchMode.HOST)], fields=FIELDS, sent_elsewhere=True
    )
    async with async_playwright() as playwright:
        browser = await playwright.chromium.connect_over_cdp(cdp)
        for context in browser.contexts:
            for page in context.pages:
                if page.url == url:
                    tab = Tab(await context.new_cdp_session(page))
                    return await fill(tab, request, Given(credentials))
    raise SystemExit("no page has that address")


def main(arguments: Sequence[str]) -> None:
    """Fill, and say what was done on standard error."""
    cdp, url, credentials = arguments
    report = asyncio.run(_fill(cdp, url, json.loads(credentials)))
    print(report, file=sys.stderr)  # noqa: T201 - the command's answer


if __name__ == "__main__":
    main(sys.argv[1:])
