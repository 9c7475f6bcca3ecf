"""One run of one konnector, from the browser's start to the report.

Spec: protocol/konnector-bridge.md §8.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from clisk_vault.errors import ReadRefused
from konnector_runner.browser import open_browser
from konnector_runner.browser_choice import BrowserChoice, Screen
from konnector_runner.collect import Collector
from konnector_runner.credential_desk import CredentialDesk
from konnector_runner.credentials import KonnectorSource
from konnector_runner.errors import (
    BrowserMissingError,
    CollectError,
    KonnectorError,
    NeedsScreen,
    RunFailed,
    RunnerError,
)
from konnector_runner.events import (
    OnEvent,
    RunError,
    RunEvent,
    RunOutcome,
    RunReport,
)
from konnector_runner.handles import Handles
from konnector_runner.journal import Journal
from konnector_runner.konnector import Konnector
from konnector_runner.launcher import Launcher
from konnector_runner.lifecycle import Lifecycle, Past
from konnector_runner.limits import RunLimits
from konnector_runner.link import CallFailed
from konnector_runner.method_error import MethodError
from konnector_runner.redaction import Redactor
from konnector_runner.saving import ACCOUNT_DATA
from konnector_runner.trace import Trace

_CODE = re.compile(r"[A-Z][A-Z0-9_]*(\.[A-Z0-9_]+)*")


def _silent(_event: RunEvent) -> None:
    return


async def run_konnector(
    konnector: Konnector,
    source: KonnectorSource,
    *,
    folder: Path,
    browser: BrowserChoice | None = None,
    account: str | None = None,
    past: Past | None = None,
    on_event: OnEvent = _silent,
    limits: RunLimits | None = None,
    trace: Path | None = None,
    clock: Callable[[], float] = time.monotonic,
    random: Callable[[int], bytes] = os.urandom,
) -> RunReport:
    """Run *konnector* once and return what came of it.

    What is collected lands in *folder*, in a folder named after the account.
    *account* is what getUserDataFromWebsite said in an earlier run, or None on
    the first. A run that fails is a report too; only what keeps it from
    beginning is raised. Cancel it at any time: no half file stays behind.

    It starts without a window. Where the konnector wants the person to see the
    site, and there is a screen, it begins once more with one, and with the same
    profile. With *trace*, what was said is written into that folder, redacted.

    Raises:
        CollectError: the trace could not be written.
        BrowserMissingError: install a browser; the advice says how.
        KonnectorError: main.js is not a script.
        VaultError: whatever *source* raised, but for ReadRefused, which the
            konnector is told of.
    """
    limits = limits or RunLimits()
    redactor = Redactor()
    started = clock()
    journal = Journal(
        redactor,
        on_event=on_event,
        limits=limits,
        trace=None if trace is None else Trace(trace, lambda: clock() - started),
    )
    run = _Run(
        konnector,
        source,
        folder=folder,
        account=account,
        past=past or Past(),
        journal=journal,
        redactor=redactor,
        limits=limits,
        random=random,
    )
    try:
        with _with_profile(browser or BrowserChoice()) as choice:
            error = await run.attempt(choice)
    finally:
        journal.write_trace()
    return run.report(error, duration_seconds=clock() - started)


@contextlib.contextmanager
def _with_profile(choice: BrowserChoice) -> Iterator[BrowserChoice]:
    """Give a run without a profile one that ends with it: both attempts share it."""
    if choice.profile is not None:
        yield choice
        return
    folder = Path(tempfile.mkdtemp(prefix="clisk-run-"))
    try:
        yield replace(choice, profile=folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class _Run:
    def __init__(
        self,
        konnector: Konnector,
        source: KonnectorSource,
        *,
        folder: Path,
        account: str | None,
        past: Past,
        journal: Journal,
        redactor: Redactor,
        limits: RunLimits,
        random: Callable[[int], bytes],
    ) -> None:
        self._konnector = konnector
        self._folder = folder
        self._known_account = account
        self._account: str | None = None
        self._past = past
        self._limits = limits
        self._journal = journal
        self._handles = Handles(random)
        self._desk = CredentialDesk(
            source, self._handles, redactor, note=journal.release
        )
        self._launchers: list[Launcher] = []

    async def attempt(self, choice: BrowserChoice) -> RunError | None:
        """Run to the end; return why it failed, or None."""
        try:
            async with asyncio.timeout(self._limits.run_seconds):
                try:
                    await self._run(choice)
                except NeedsScreen:
                    if not choice.headless or choice.screen is not Screen.REAL:
                        raise
                    await self._run(replace(choice, headless=False))
        except (BrowserMissingError, KonnectorError):
            raise
        except TimeoutError:
            return RunError("UNKNOWN_ERROR", "context deadline exceeded")
        except CallFailed as err:
            return self._error(err.text)
        except RunFailed as err:
            return RunError(err.code, self._journal.clean(str(err)), err.advice)
        except CollectError as err:
            return self._error(str(err), advice=err.advice)
        except ReadRefused as err:
            return RunError("USER_ACTION_NEEDED", self._journal.clean(str(err)))
        except RunnerError as err:
            return RunError("UNKNOWN_ERROR", self._journal.clean(str(err)), err.advice)
        return None

    def report(self, error: RunError | None, *, duration_seconds: float) -> RunReport:
        """Return the report, and tell that the run is over."""
        outcome = RunOutcome.DONE if error is None else RunOutcome.FAILED
        self._journal.finished(outcome.value if error is None else error.code)
        saving = [launcher.saving for launcher in self._launchers]
        collectors = [each.collector for each in saving if each.collector is not None]
        return RunReport(
            konnector=self._konnector.manifest.slug,
            digest=self._konnector.digest,
            outcome=outcome,
            error=error,
            account=self._account,
            saved=tuple(file for each in collectors for file in each.saved),
            already_there=collectors[-1].already_there if collectors else 0,
            bills=tuple(bill for each in collectors for bill in each.bills),
            releases=tuple(self._journal.releases),
            log=tuple(self._journal.lines),
            duration_seconds=duration_seconds,
            identity=saving[-1].identity if saving else None,
        )

    async def _run(self, choice: BrowserChoice) -> None:
        launcher = Launcher(
            self._konnector,
            desk=self._desk,
            handles=self._handles,
            journal=self._journal,
            limits=self._limits,
            on_visible=lambda: self._on_visible(choice),
        )
        self._launchers.append(launcher)
        self._journal.step("starting the browser")
        async with open_browser(choice) as browser:
            try:
                await launcher.start(browser)
                await self._lifecycle(launcher)
            finally:
                launcher.close()

    async def _lifecycle(self, launcher: Launcher) -> None:
        lifecycle = Lifecycle(
            self._konnector,
            launcher,
            self._journal,
            account=self._known_account,
            account_data=await self._account_data(),
            past=self._past,
        )
        login = await lifecycle.log_in()
        self._account = login.account
        collector = Collector(
            self._folder,
            login.account,
            konnector=self._konnector.manifest.slug,
            limits=self._limits,
            warn=lambda text: self._journal.log("warn", text),
        )
        launcher.saving.collector = collector
        self._journal.step("collecting")
        await lifecycle.fetch(login, collector.existing())

    async def _account_data(self) -> str | None:
        if self._known_account is None:
            return None
        return await self._desk.kept(ACCOUNT_DATA)

    def _on_visible(self, choice: BrowserChoice) -> None:
        if choice.screen is Screen.STAND_IN:
            return
        if not choice.headless:
            self._journal.attention(
                "the site needs you: go on in the browser's window"
                " (a code, a captcha); close it to stop the run"
            )
        elif choice.screen is Screen.REAL:
            self._journal.attention("the site needs you: opening a window")
            raise NeedsScreen(
                "the konnector wants you to see the site",
                advice="run it from a desktop, without --headless",
            )
        else:
            self._journal.attention(
                "the site needs you (a code, a captcha), and there is no screen"
                " here: run it where there is one"
            )
            raise MethodError("USER_ACTION_NEEDED")

    def _error(self, text: str, *, advice: str = "") -> RunError:
        """A run's error is the text that was thrown; most are not a code."""
        text = self._journal.clean(text)
        return RunError(
            text if _CODE.fullmatch(text) else "UNKNOWN_ERROR", text, advice
        )
