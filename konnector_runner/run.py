"""One run of one konnector, from the browser's start to the report.

Spec: protocol/konnector-bridge.md §8.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import time
from collections.abc import Callable
from pathlib import Path

from clisk_vault.errors import ReadRefused
from konnector_runner.browser import open_browser
from konnector_runner.browser_choice import BrowserChoice
from konnector_runner.collect import Collector
from konnector_runner.credential_desk import CredentialDesk
from konnector_runner.credentials import CredentialSource
from konnector_runner.errors import (
    BrowserMissingError,
    CollectError,
    KonnectorError,
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
from konnector_runner.limits import RunLimits
from konnector_runner.link import CallFailed
from konnector_runner.redaction import Redactor
from konnector_runner.strict_json import Json

_CODE = re.compile(r"[A-Z][A-Z0-9_]*(\.[A-Z0-9_]+)*")
_MAX_ACCOUNT = 256
_NO_ACCOUNT = (
    "getUserDataFromWebsite did not return any sourceAccountIdentifier."
    " Cannot continue the execution."
)


def _silent(_event: RunEvent) -> None:
    return


async def run_konnector(
    konnector: Konnector,
    source: CredentialSource,
    *,
    folder: Path,
    browser: BrowserChoice | None = None,
    account: str | None = None,
    on_event: OnEvent = _silent,
    limits: RunLimits | None = None,
    clock: Callable[[], float] = time.monotonic,
    random: Callable[[int], bytes] = os.urandom,
) -> RunReport:
    """Run *konnector* once and return what came of it.

    What is collected lands in *folder*, in a folder named after the account.
    *account* is what getUserDataFromWebsite said in an earlier run, or None on
    the first. A run that fails is a report too; only what keeps it from
    beginning is raised. Cancel it at any time: no half file stays behind.

    Raises:
        BrowserMissingError: install a browser; the advice says how.
        KonnectorError: main.js is not a script.
        VaultError: whatever *source* raised, but for ReadRefused, which the
            konnector is told of.
    """
    run = _Run(
        konnector,
        source,
        folder=folder,
        choice=browser or BrowserChoice(),
        account=account,
        on_event=on_event,
        limits=limits or RunLimits(),
        random=random,
    )
    started = clock()
    error = await run.attempt()
    return run.report(error, duration_seconds=clock() - started)


class _Run:
    def __init__(
        self,
        konnector: Konnector,
        source: CredentialSource,
        *,
        folder: Path,
        choice: BrowserChoice,
        account: str | None,
        on_event: OnEvent,
        limits: RunLimits,
        random: Callable[[int], bytes],
    ) -> None:
        self._konnector = konnector
        self._folder = folder
        self._choice = choice
        self._known_account = account
        self._account: str | None = None
        self._limits = limits
        redactor = Redactor()
        self._journal = Journal(redactor, on_event=on_event, limits=limits)
        handles = Handles(random)
        self._launcher = Launcher(
            konnector,
            desk=CredentialDesk(source, handles, redactor, note=self._journal.release),
            handles=handles,
            journal=self._journal,
            limits=limits,
            headless=choice.headless,
        )

    async def attempt(self) -> RunError | None:
        """Run to the end; return why it failed, or None."""
        try:
            async with asyncio.timeout(self._limits.run_seconds):
                await self._run()
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
        collector = self._launcher.collector
        return RunReport(
            konnector=self._konnector.manifest.slug,
            digest=self._konnector.digest,
            outcome=outcome,
            error=error,
            account=self._account,
            saved=tuple(collector.saved) if collector else (),
            already_there=collector.already_there if collector else 0,
            bills=tuple(collector.bills) if collector else (),
            releases=tuple(self._journal.releases),
            log=tuple(self._journal.lines),
            duration_seconds=duration_seconds,
            identity=self._launcher.identity,
        )

    async def _run(self) -> None:
        self._journal.step("starting the browser")
        async with open_browser(self._choice) as browser:
            try:
                await self._launcher.start(browser)
                await self._lifecycle()
            finally:
                self._launcher.close()

    async def _lifecycle(self) -> None:
        user = await self._log_in()
        if self._known_account not in {None, self._account}:
            # Somebody else is logged in on the site: out, and once again.
            self._journal.step("another account is logged in; logging out")
            await self._launcher.ask_pilot("ensureNotAuthenticated")
            user = await self._log_in()
            if self._account != self._known_account:
                raise RunFailed(
                    "WRONG_ACCOUNT_IDENTIFIER",
                    "the site is logged in to another account than this one",
                    advice="log out on the site, or run for that account",
                )
        self._journal.step("collecting")
        await self._launcher.ask_pilot("fetch", self._context(user))

    async def _log_in(self) -> dict[str, Json]:
        self._journal.step("logging in")
        ask = self._launcher.ask_pilot
        await ask(
            "ensureAuthenticated",
            {"account": self._account_document(self._known_account), "trigger": {}},
        )
        user = await ask("getUserDataFromWebsite")
        found = user.get("sourceAccountIdentifier") if isinstance(user, dict) else None
        if not isinstance(user, dict) or not isinstance(found, str) or not found:
            raise CallFailed(_NO_ACCOUNT)
        if len(found) > _MAX_ACCOUNT:
            raise CallFailed("sourceAccountIdentifier is too long")
        self._account = found
        return user

    def _context(self, user: dict[str, Json]) -> dict[str, Json]:
        """Return what fetch() is given; konnectors hand it back in options."""
        account = user["sourceAccountIdentifier"]
        assert isinstance(account, str)
        slug = self._konnector.manifest.slug
        collector = Collector(
            self._folder,
            account,
            konnector=slug,
            limits=self._limits,
            warn=lambda text: self._journal.log("warn", text),
        )
        self._launcher.collector = collector
        context: dict[str, Json] = {
            "manifest": self._konnector.manifest.raw,
            "account": self._account_document(account),
            # shouldFullSync reads current_state and flags, and throws without.
            "trigger": {"current_state": {}},
            "job": {},
            "flags": {},
            "sourceAccountIdentifier": account,
        }
        if "io.cozy.files" in self._konnector.manifest.permissions:
            context["existingFilesIndex"] = collector.existing()
        return context

    def _account_document(self, account: str | None) -> Json:
        if account is None:
            return None
        slug = self._konnector.manifest.slug
        return {
            "_id": hashlib.sha256(f"{slug}\n{account}".encode()).hexdigest()[:32],
            "_type": "io.cozy.accounts",
            "account_type": slug,
            "auth": {"accountName": account},
        }

    def _error(self, text: str, *, advice: str = "") -> RunError:
        """A run's error is the text that was thrown; most are not a code."""
        text = self._journal.clean(text)
        return RunError(
            text if _CODE.fullmatch(text) else "UNKNOWN_ERROR", text, advice
        )
