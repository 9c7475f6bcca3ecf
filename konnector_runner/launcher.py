"""The launcher: what a konnector's code may ask for, and what it gets.

Two pages: the pilot, blank, runs the konnector's scenario; the worker shows the
site. The site's own scripts can read and forge what crosses in the worker, so
everything from there is untrusted: it may call almost nothing, and whatever it
says is passed to the pilot as data.

Spec: protocol/konnector-bridge.md §4 and §5.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeAlias

from clisk_vault.errors import ReadRefused
from konnector_runner.bridge import NOTHING, Nothing
from konnector_runner.browser import Browser
from konnector_runner.collect import Collector
from konnector_runner.credential_desk import CredentialDesk
from konnector_runner.errors import (
    BrowserError,
    FormatError,
    KonnectorError,
    RunFailed,
    RunnerError,
)
from konnector_runner.handles import Handles
from konnector_runner.journal import Journal
from konnector_runner.konnector import Konnector
from konnector_runner.limits import RunLimits
from konnector_runner.link import RELOADED, CallFailed, Link, LinkOwner
from konnector_runner.method_error import MethodError
from konnector_runner.page_script import page_script
from konnector_runner.session import Asked, Told
from konnector_runner.strict_json import Json
from konnector_runner.worker_state import WorkerState

NOT_GRANTED = "USER_ACTION_NEEDED.PERMISSIONS_CHANGED"
WORKER_METHODS = frozenset({"sendToPilot"})
_Method: TypeAlias = "Callable[[list[Json]], Awaitable[Json | Nothing]]"


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
        headless: bool,
    ) -> None:
        self._konnector = konnector
        self._desk = desk
        self._handles = handles
        self._journal = journal
        self._limits = limits
        self._methods: dict[str, _Method] = {
            "blockWorkerInteractions": self._block,
            "getCredentials": self._get_credentials,
            "runInWorker": self._run_in_worker,
            "saveBills": self._save_bills,
            "saveCredentials": self._save_credentials,
            "saveFiles": self._save_files,
            "saveIdentity": self._save_identity,
            "setUserAgent": self._set_user_agent,
            "setWorkerState": self._set_worker_state,
            "unblockWorkerInteractions": self._unblock,
        }
        self.pilot = self._link("pilot", frozenset(self._methods))
        self.worker = self._link("worker", WORKER_METHODS)
        self._state = WorkerState(
            self.worker,
            headless=headless,
            timeout_seconds=limits.set_worker_state_seconds,
            visit=journal.visit,
        )
        self._pilot_at_home = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._broken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        # Both are known only once the site has said whose account it is.
        self.collector: Collector | None = None
        self.identity: Json = None

    async def start(self, browser: Browser) -> None:
        """Open both pages and shake hands.

        Raises:
            KonnectorError: main.js is not a script.
            RunFailed: it does not speak the protocol.
        """
        self.pilot.page, self.worker.page = await asyncio.gather(
            browser.open_page(self.pilot, self._scripts("pilot")),
            browser.open_page(self.worker, self._scripts("worker")),
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
            self.pilot.tell("workerEvent", self._handles.hide(told.payload))

    def on_document(self, link: Link) -> None:
        if link is self.pilot and self._pilot_at_home:
            self._break(RunFailed("UNKNOWN_ERROR", "the pilot left its page"))

    def on_fault(self, link: Link, fault: RunnerError) -> None:
        if isinstance(fault, CallFailed):
            self._journal.log("error", f"{link.role}: {fault.text}")
        elif isinstance(fault, FormatError) and link is self.worker:
            # Any script of the site's can write nonsense there.
            self._journal.log("warn", f"worker: ignored a {fault}")
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

    def _link(self, role: str, methods: frozenset[str]) -> Link:
        return Link(
            role,
            self,
            methods=methods,
            limits=self._limits,
        )

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
        try:
            link.answer(asked, await self._do(link, asked))
        except MethodError as err:
            link.refuse(asked, str(err), plain=err.plain)
        except CallFailed as err:
            link.refuse(asked, self._hidden(err.text))
        except ReadRefused as err:
            self._journal.log("warn", f"refused to fill in: {err}")
            link.refuse(asked, NOT_GRANTED)
        except RunnerError as err:
            link.refuse(asked, str(err))
            if isinstance(err, BrowserError):
                self._break(err)

    async def _do(self, link: Link, asked: Asked) -> Json | Nothing:
        if link is self.pilot:
            return await self._methods[asked.method](asked.args)
        # sendToPilot: the worker has no other method.
        shown = self._handles.hide(_argument(asked.args, 0))
        await self.ask_pilot("storeFromWorker", shown)
        return NOTHING

    def _hidden(self, text: str) -> str:
        hidden = self._handles.hide(text)
        return hidden if isinstance(hidden, str) else ""

    # The pilot's methods, in the protocol's order.

    async def _set_worker_state(self, args: list[Json]) -> Nothing:
        await self._state.apply(_object(args, 0, "setWorkerState"))
        return NOTHING

    async def _run_in_worker(self, args: list[Json]) -> Json:
        method = _argument(args, 0)
        if not isinstance(method, str) or not 0 < len(method) <= 128:
            raise MethodError("runInWorker: no name of a method")
        rest = args[1:]
        if not self._handles.fields_in(rest):
            outcome = await self.worker.call(method, rest)
        else:
            await self.worker.ready()
            document = self.worker.document
            origin = None if document is None else document.origin
            # The reads are on record from here on, whatever becomes of the call.
            filled = await self._desk.fill(rest, origin=origin, method=method)
            outcome = await self.worker.call(method, filled, document=document)
        return False if outcome is RELOADED else self._handles.hide(outcome)

    async def _block(self, _args: list[Json]) -> Nothing:
        await self.worker.page.block_input(blocked=True)
        return NOTHING

    async def _unblock(self, _args: list[Json]) -> Nothing:
        await self.worker.page.block_input(blocked=False)
        return NOTHING

    async def _get_credentials(self, _args: list[Json]) -> Json:
        return await self._desk.hand_out()

    async def _save_credentials(self, args: list[Json]) -> Nothing:
        if _argument(args, 0) is None:
            return NOTHING
        if await self._desk.propose(_object(args, 0, "saveCredentials")):
            self._journal.proposed()
        return NOTHING

    async def _save_files(self, args: list[Json]) -> Json:
        collector = self._collector("saveFiles")
        before = len(collector.saved)
        try:
            return await collector.save_files(
                _list(args, 0, "saveFiles"),
                _object(args, 1, "saveFiles"),
                self._download,
            )
        finally:
            self._journal.saved(collector.saved[before:])

    async def _save_bills(self, args: list[Json]) -> Json:
        return self._collector("saveBills").save_bills(_list(args, 0, "saveBills"))

    async def _save_identity(self, args: list[Json]) -> Nothing:
        self.identity = _object(args, 0, "saveIdentity")
        return NOTHING

    async def _set_user_agent(self, args: list[Json]) -> Nothing:
        user_agent = _argument(args, 0)
        if not isinstance(user_agent, str) or not user_agent.isprintable():
            raise MethodError("setUserAgent: not a text")
        await self.worker.page.set_user_agent(user_agent[:512])
        return NOTHING

    def _collector(self, method: str) -> Collector:
        if self.collector is None:
            raise MethodError(f"{method}: only from fetch(), when the account is known")
        return self.collector

    async def _download(self, entry: dict[str, Json]) -> str:
        """Let the worker fetch a file: with the site's cookies, under its rules."""
        outcome = await self.worker.call("downloadFileInWorker", [entry])
        if not isinstance(outcome, str):
            raise FormatError("file that could not be downloaded")
        return outcome

    async def _follow_popup(self, url: str) -> None:
        """Open in the worker what the site wanted in a window of its own."""
        try:
            await self._state.apply({"url": url})
        except RunnerError as err:
            self._journal.log("warn", f"worker: a window was not opened: {err}")


def _argument(args: list[Json], at: int) -> Json:
    return args[at] if at < len(args) else None


def _object(args: list[Json], at: int, method: str) -> dict[str, Json]:
    value = _argument(args, at)
    if not isinstance(value, dict):
        raise MethodError(f"{method}: argument {at + 1} is not an object")
    return value


def _list(args: list[Json], at: int, method: str) -> list[Json]:
    value = _argument(args, at)
    if not isinstance(value, list):
        raise MethodError(f"{method}: argument {at + 1} is not a list")
    return value
