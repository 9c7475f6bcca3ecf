"""Autofill as a judge calls it: in its own browser, with its own credentials.

    python benchmarks/autofill_judge.py CDP URL CREDENTIALS
    a judge's plugin: benchmarks/autofill_judge.py:fill

CREDENTIALS is a JSON object with username, password and otp. As a command it connects
over the DevTools protocol at CDP and fills the page that is open at URL; `fill(page,
credentials)` does so with a page of Playwright's synchronous interface. Both fill with
the engine that `clisk fill` uses, and say on standard error what was done.

The item's one address is where the page is: a judge serves saved pages, whose forms
still name the sites that they were saved from, so forms sent elsewhere are filled here.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Coroutine, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

from playwright.async_api import CDPSession, async_playwright
from playwright.async_api import Error as PlaywrightError

from clisk_vault.keys import SecretText
from konnector_runner.autofill.fill import FillReport, FillRequest
from konnector_runner.autofill.fill import fill as fill_tab
from konnector_runner.autofill.matching import MatchMode, Site
from konnector_runner.autofill.plan import Role
from konnector_runner.credentials import CredentialField
from konnector_runner.devtools_pipe import refusal

_FIELDS = {
    Role.USERNAME: "username",
    Role.CURRENT_PASSWORD: "password",
    Role.ONE_TIME_CODE: "otp",
}


@contextmanager
def our_errors() -> Iterator[None]:
    """Turn the driver's errors into the ones that the engine knows."""
    try:
        yield
    except PlaywrightError as err:
        raise refusal(err.message) from None


class Tab:
    """Sends commands over a session of the DevTools protocol."""

    def __init__(self, session: CDPSession) -> None:
        self._session = session

    async def command(self, method: str, **parameters: Any) -> dict[str, Any]:
        with our_errors():
            answer: dict[str, Any] = await self._session.send(method, parameters)
        return answer


class _SyncSession(Protocol):
    def send(self, method: str, params: dict[str, Any], /) -> dict[str, Any]: ...

    def detach(self) -> None: ...


class _SyncTab:
    """The same, over a session whose calls block: nothing here ever waits."""

    def __init__(self, session: _SyncSession) -> None:
        self._session = session

    async def command(self, method: str, **parameters: Any) -> dict[str, Any]:
        with our_errors():
            return self._session.send(method, parameters)


class Given:
    """Gives what it was given, and remembers what it gave."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = values
        self.released: list[tuple[str, str | None]] = []

    async def fields(self) -> Sequence[CredentialField]:
        return [CredentialField(name, secret=True) for name in self._values]

    async def release(
        self,
        field: str,
        *,
        origin: str | None,
        purpose: str,  # noqa: ARG002 - the interface
    ) -> SecretText:
        self.released.append((field, origin))
        return SecretText(self._values[field])

    async def propose(
        self,
        values: Mapping[str, SecretText],  # noqa: ARG002 - the interface
    ) -> None:
        raise AssertionError("nothing is proposed here")


def _request(url: str, credentials: Mapping[str, Any]) -> FillRequest:
    fields = {role: name for role, name in _FIELDS.items() if credentials.get(name)}
    return FillRequest(
        sites=[Site(url, MatchMode.HOST)], fields=fields, sent_elsewhere=True
    )


def fill(page: Any, credentials: Mapping[str, Any]) -> None:
    """Fill *page*, one of Playwright's synchronous interface."""
    session = page.context.new_cdp_session(page)
    request = _request(page.url, credentials)
    try:
        report = _finish(fill_tab(_SyncTab(session), request, Given(credentials)))
    finally:
        session.detach()
    _tell(report)


def _finish(work: Coroutine[Any, Any, FillReport]) -> FillReport:
    """Return what *work* returns, which waits for nothing."""
    try:
        work.send(None)
    except StopIteration as end:
        report: FillReport = end.value
        return report
    raise AssertionError("a blocking tab does not wait")


def _tell(report: FillReport) -> None:
    print(report, file=sys.stderr)


async def _fill_over_cdp(
    cdp: str, url: str, credentials: Mapping[str, Any]
) -> FillReport:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.connect_over_cdp(cdp)
        for context in browser.contexts:
            for page in context.pages:
                if page.url == url:
                    tab = Tab(await context.new_cdp_session(page))
                    request = _request(url, credentials)
                    return await fill_tab(tab, request, Given(credentials))
    raise SystemExit("no page has that address")


def main(arguments: Sequence[str]) -> None:
    """Fill, and say what was done on standard error."""
    if len(arguments) != 3:
        raise SystemExit("usage: autofill_judge.py CDP URL CREDENTIALS")
    cdp, url, credentials = arguments
    try:
        report = asyncio.run(_fill_over_cdp(cdp, url, json.loads(credentials)))
    except PlaywrightError:
        raise SystemExit("the browser at that address did not answer") from None
    _tell(report)


if __name__ == "__main__":
    main(sys.argv[1:])
