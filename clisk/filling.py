"""One visit to a page with one login: a window is opened, and filled as it goes on."""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import cast

from clisk.client import AgentClient
from clisk.errors import CliskError
from clisk.fill_source import NEW_PASSWORD, FillSource, Renewed, sites_in
from clisk.passphrase_again import Again
from clisk_vault.errors import ReadRefused
from konnector_runner.autofill.fill import FillReport, FillRequest
from konnector_runner.autofill.follow import follow
from konnector_runner.autofill.plan import Role
from konnector_runner.browser import open_browser
from konnector_runner.browser_choice import BrowserChoice, find_browser
from konnector_runner.errors import BrowserError

_FIELDS = {
    "username": Role.USERNAME,
    "password": Role.CURRENT_PASSWORD,
    "totp": Role.ONE_TIME_CODE,
}
# How long after a step another one may take to come, where nobody is looking on.
_QUIET_SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class Visit:
    """What is visited with which login, and how."""

    url: str
    item: str
    headless: bool
    submit: bool
    wait_seconds: float
    # Where a form to change a password asks for a new one, make one.
    new_password: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was filled, step by step; *refused* ended it early."""

    item: str
    title: str
    reports: tuple[FillReport, ...]
    left_at: str
    refused: ReadRefused | None = None
    # The item has a new password, which the site may have taken or not.
    renewed: Renewed | None = None

    @property
    def filled(self) -> bool:
        """Whether anything was written."""
        return any(report.filled for report in self.reports)


def check_screen(environ: Mapping[str, str] = os.environ) -> None:
    """Raise CliskError when no window can be shown here."""
    if sys.platform == "linux" and not (
        environ.get("DISPLAY") or environ.get("WAYLAND_DISPLAY")
    ):
        raise CliskError(
            "there is no screen to open a window on",
            advice="to fill without one, for a script: --headless",
        )


async def fill_page(
    agent: AgentClient,
    visit: Visit,
    on_report: Callable[[FillReport], None],
    *,
    passphrase: Again,
    on_renewed: Callable[[Renewed], None],
) -> Outcome:
    """Open the page of *visit*, fill what it asks for, and tell what was done.

    A window stays open until the person closes it; each step of the login is filled
    as it comes. Without a window it ends when nothing more comes. *on_renewed* is
    called when the item has got a new password, before it is typed.

    Raises:
        BrowserMissingError, BrowserError: no browser, or no such page.
        AgentRefusal: the item is not for the page.
    """
    source = FillSource(agent, visit.item, passphrase=passphrase, on_renewed=on_renewed)
    # Before the browser is started: the page may not be the item's at all.
    opened = source.open(visit.url)
    fields = {_FIELDS[name]: name for name in cast(list[str], opened["fields"])}
    if visit.new_password:
        fields[Role.NEW_PASSWORD] = NEW_PASSWORD
    request = FillRequest(
        sites=sites_in(opened),
        fields=fields,
        submit=visit.submit,
    )
    reports: list[FillReport] = []
    refused: ReadRefused | None = None
    choice = BrowserChoice(
        executable=find_browser(),
        headless=visit.headless,
        width=1280,
        height=900,
        locale=_locale(),
    )
    async with open_browser(choice) as browser:
        window = await browser.open_window()
        documents = 0
        await window.visit(visit.url)
        source.follow(lambda: window.url)
        try:
            async for report in follow(
                window,
                request,
                source,
                seconds=visit.wait_seconds if visit.headless else math.inf,
                quiet_seconds=_quiet(visit),
                gone=window.closed.is_set,
            ):
                documents = window.documents
                reports.append(report)
                on_report(report)
        except ReadRefused as err:
            refused = err
        except BrowserError:
            # On the way somewhere a person closed the window: that is how it ends.
            if visit.headless or not window.closed.is_set():
                raise
        if not visit.headless:
            await window.closed.wait()
        elif reports and reports[-1].submitted:
            # What was sent must leave before the browser ends.
            await window.wait_for_document(after=documents, seconds=_QUIET_SECONDS)
    return Outcome(
        str(opened["item"]),
        str(opened["title"]),
        tuple(reports),
        window.url,
        refused,
        source.renewed,
    )


def _quiet(visit: Visit) -> float | None:
    if not visit.headless:
        return None
    return _QUIET_SECONDS if visit.submit else 0.0


def _locale(environ: Mapping[str, str] = os.environ) -> str:
    """Return the person's language, as browsers name it."""
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        language = environ.get(name, "").partition(".")[0]
        if language not in {"", "C", "POSIX"}:
            return language.replace("_", "-")
    return "en-US"
