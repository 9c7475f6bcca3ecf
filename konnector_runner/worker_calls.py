"""runInWorker: the pilot's calls to the worker page, with secrets filled in.

Spec: protocol/konnector-bridge.md §4.5 and §5.2.
"""

from __future__ import annotations

from konnector_runner.arguments import Method, argument, text_argument
from konnector_runner.bridge import NOTHING, Nothing
from konnector_runner.credential_desk import CredentialDesk
from konnector_runner.errors import FormatError
from konnector_runner.handles import Handles
from konnector_runner.link import CallFailed, Link
from konnector_runner.page import Document
from konnector_runner.strict_json import Json
from konnector_runner.waiting import RELOADED, Outcome

_EVALUATE = "evaluate"


class WorkerCalls:
    """What the pilot does in the site's page."""

    def __init__(self, worker: Link, desk: CredentialDesk, handles: Handles) -> None:
        self._worker = worker
        self._desk = desk
        self._handles = handles

    def methods(self) -> dict[str, Method]:
        """Return the methods of the pilot's that are answered here."""
        return {
            "blockWorkerInteractions": self._block,
            "runInWorker": self._run_in_worker,
            "unblockWorkerInteractions": self._unblock,
        }

    async def download(self, entry: dict[str, Json]) -> str:
        """Let the worker fetch a file: with the site's cookies, under its rules.

        Raises:
            FormatError: it could not be had; the file is left out.
        """
        try:
            outcome = await self._worker.call("downloadFileInWorker", [entry])
        except CallFailed:
            outcome = None
        if not isinstance(outcome, str):
            raise FormatError("file that could not be downloaded")
        return outcome

    async def _run_in_worker(self, args: list[Json]) -> Json:
        method = text_argument(args, 0, "runInWorker", longest=128)
        rest = args[1:]
        if not self._handles.fields_in(rest):
            outcome = await self._call(method, rest)
        else:
            await self._worker.ready()
            document = self._worker.document
            origin = None if document is None else document.origin
            # The reads are on record from here on, whatever becomes of the call.
            filled = await self._desk.fill(rest, origin=origin, method=method)
            outcome = await self._call(method, filled, document)
        return False if outcome is RELOADED else self._handles.hide(outcome)

    async def _call(
        self, method: str, args: list[Json], document: Document | None = None
    ) -> Outcome:
        if method != _EVALUATE:
            return await self._worker.call(method, args, document=document)
        function = argument(args, 0)
        if not isinstance(function, str):
            raise CallFailed("evaluate: no text of a function")
        return await self._worker.evaluate(function, args[1:], document=document)

    async def _block(self, _args: list[Json]) -> Nothing:
        await self._worker.page.front.block_input(blocked=True)
        return NOTHING

    async def _unblock(self, _args: list[Json]) -> Nothing:
        await self._worker.page.front.block_input(blocked=False)
        return NOTHING
