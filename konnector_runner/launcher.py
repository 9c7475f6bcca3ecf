"""The launcher: what a konnector's code may ask for, and what it gets.

Two pages: the pilot, blank, runs the konnector's scenario; the worker shows the
site. The site's own scripts can read and forge what crosses in the worker, so
everything from there is untrusted: it may call almost nothing, and whatever it
says is passed to the pilot as data.

Spec: protocol/konnector-bridge.md §4 and §5.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from clisk_vault.errors import ReadRefused
from konnector_runner.arguments import Method, argument
from konnector_runner.autofill_call import AutofillCall
from konnector_runner.bridge import NOTHING, Nothing
from konnector_runner.browser import Browser
from konnector_runner.cookie_desk import CookieDesk
from konnector_runner.credential_desk import CredentialDesk
from konnector_runner.errors import (
    BrowserError,
    FormatError,
    KonnectorError,
    NeedsScreen,
    RunFailed,
    RunnerError,
)
from konnector_runner.handles import Handles
from konnector_runner.journal import Journal
from konnector_runner.konnector import Konnector
from konnector_runner.limits import RunLimits
from konnector_runner.link import CallFailed, Link, LinkOwner
from konnector_runner.method_error import MethodError
from konnector_runner.page_script import page_script
from konnector_runner.saving import Saving
from konnector_runner.session import Asked, Told
from konnector_runner.strict_json import Json
from konnector_runner.waiting import RELOADED
from konnector_runner.worker_calls import WorkerCalls
from konnector_runner.worker_page import WorkerPage
from konnector_runner.worker_state import WorkerState

NOT_GRANTED = "USER_ACTION_NEEDED.PERMISSIONS_CHANGED"
NO_SERVER = (
    "runServerJob: there is no server here; this konnector's server half needs a Cozy"
)


class Launcher(LinkOwner):
    """Answers one run's pilot and worker."""

    def __init__(
        self,
        konnector: Konnector,
        *,
        desk: CredentialDesk,
        handles: Handles,
        journal: Journal,
        limits: RunLimits,
        on_visible: Callable[[], None],
    ) -> None:
        """Prepare a run; *on_visible* is told when the person is to see the worker.

        Raises:
            NeedsScreen: from *on_visible*, where nobody could see it.
        """
        self._konnector = konnector
        self._handles = handles
        self._journal = journal
        self._limits = limits
        self.worker = Link("worker", self, limits=limits)
        calls = WorkerCalls(self.worker, desk, handles)
        self.saving = Saving(desk, journal, calls.download)
        self._worker_page = WorkerPage(self.worker, self._scripts("worker"))
        cookies = CookieDesk(
            konnector.manifest.cookie_domains, self._worker_page.cookies, desk
        )
        self._state = WorkerState(
            self.worker,
            on_visible=on_visible,
            set_incognito=self._worker_page.set_incognito,
            timeout_seconds=limits.set_worker_state_seconds,
            visit=journal.visit,
        )
        self._pilot_methods: dict[str, Method] = {
            **AutofillCall(self.worker, desk).methods(),
            **calls.methods(),
            **self.saving.methods(),
            **cookies.methods(),
            **cookies.pilot_methods(),
            **self._worker_page.methods(),
            "runServerJob": _run_server_job,
            "setWorkerState": self._state.set_worker_state,
        }
        self._worker_methods: dict[str, Method] = {
            **cookies.methods(),
            "sendToPilot": self._send_to_pilot,
        }
        self.pilot = Link("pilot", self, limits=limits)
        self.pilot.methods = frozenset(self._pilot_methods)
        self.worker.methods = frozenset(self._worker_methods)
        self._pilot_at_home = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._broken: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def start(self, browser: Browser) -> None:
        """Open both pages and shake hands.

        Raises:
            KonnectorError: main.js is not a script.
            RunFailed: it does not speak the protocol.
        """
        self.pilot.page, _ = await asyncio.gather(
            browser.open_page(self.pilot, self._scripts("pilot")),
            self._worker_page.open(browser),
        )
        fault = await self.pilot.page.compile(self._konnector.bundle)
        if fault is not None:
            raise KonnectorError(f"main.js is not a script: {fault}")
        await self.pilot.ready()
        self._pilot_at_home = True
        await self.worker.ready()

    async def ask_pilot(self, method: str, *args: Json) -> Json:
        """Call a method of the pilot's and return its result.

        Raises:
            CallFailed: it threw.
            RunnerError: the run can not go on.
        """
        call = asyncio.ensure_future(self.pilot.call(method, list(args)))
        try:
            either: set[asyncio.Future[Any]] = {call, self._broken}
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            if self._broken.done():
                self._broken.result()
            outcome = await call
        finally:
            call.cancel()
        return None if outcome is RELOADED else outcome

    def stop(self, reason: RunnerError) -> None:
        """End the run with *reason*, whatever the konnector is at."""
        self._break(reason)

    def close(self) -> None:
        """Stop whatever is still being done for the konnector."""
        for task in self._tasks:
            task.cancel()
        self.pilot.close()
        self.worker.close()
        # The pages are about to close, and that is no fault any more.
        if not self._broken.cancel() and not self._broken.cancelled():
            self._broken.exception()

    # What the links tell.

    def on_asked(self, link: Link, asked: Asked) -> None:
        self._spawn(self._answer(link, asked))

    def on_told(self, link: Link, told: Told) -> None:
        if told.name == "log":
            self._journal.konnector_log(link.role, told.payload)
        elif told.name == "workerEvent" and link is self.worker:
            # What a person typed may stand in it: passed on, never logged.
            self.pilot.tell("workerEvent", self._handles.hide(told.payload))

    def on_wire(self, link: Link, text: str, *, sent: bool) -> None:
        self._journal.wire(link.role, text, sent=sent)

    def on_document(self, link: Link) -> None:
        document = link.document
        self._journal.document(link.role, document.origin if document else None)
        if link is self.pilot and self._pilot_at_home:
            self._break(RunFailed("UNKNOWN_ERROR", "the pilot left its page"))

    def on_fault(self, link: Link, fault: RunnerError) -> None:
        if isinstance(fault, CallFailed):
            self._journal.log("error", f"{link.role}: {fault.text}")
        elif isinstance(fault, FormatError) and link is self.worker:
            # Any script of the site's can write nonsense there.
            self._journal.log("warn", f"worker: ignored a {fault}")
        elif isinstance(fault, BrowserError) and self._state.visible:
            self._break(
                RunFailed("USER_ACTION_NEEDED", "stopped by the user", advice="")
            )
        else:
            self._break(fault)

    def on_popup(self, link: Link, url: str) -> None:
        if link is self.worker:
            self._spawn(self._follow_popup(url))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (fault := task.exception()) is not None:
            # A locked vault, say: nobody would ever answer the konnector.
            self._break(fault)

    def _break(self, fault: BaseException) -> None:
        if not self._broken.done():
            self._broken.set_exception(fault)

    def _scripts(self, role: str) -> Callable[[str], list[str]]:
        def scripts(binding: str) -> list[str]:
            script = page_script(
                self._konnector.bundle,
                role=role,
                binding=binding,
                max_message=self._limits.message_characters,
            )
            return [script]

        return scripts

    async def _answer(self, link: Link, asked: Asked) -> None:
        methods = self._pilot_methods if link is self.pilot else self._worker_methods
        try:
            link.answer(asked, await methods[asked.method](asked.args))
        except MethodError as err:
            link.refuse(asked, str(err), plain=err.plain)
        except CallFailed as err:
            link.refuse(asked, self._hidden(err.text))
        except ReadRefused as err:
            self._journal.log("warn", f"refused to fill in: {err}")
            link.refuse(asked, NOT_GRANTED)
        except NeedsScreen as err:
            self._break(err)
        except RunnerError as err:
            link.refuse(asked, str(err))
            if isinstance(err, BrowserError):
                self._break(err)

    def _hidden(self, text: str) -> str:
        hidden = self._handles.hide(text)
        return hidden if isinstance(hidden, str) else ""

    async def _send_to_pilot(self, args: list[Json]) -> Nothing:
        shown = self._handles.hide(argument(args, 0))
        await self.ask_pilot("storeFromWorker", shown)
        return NOTHING

    async def _follow_popup(self, url: str) -> None:
        """Open in the worker what the site wanted in a window of its own."""
        try:
            await self._state.apply({"url": url})
        except RunnerError as err:
            self._journal.log("warn", f"worker: a window was not opened: {err}")


async def _run_server_job(_args: list[Json]) -> Nothing:
    raise MethodError(NO_SERVER)
