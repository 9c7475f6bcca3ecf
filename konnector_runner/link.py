"""One page and the konnector's code in it: calls, answers, and reloads.

A link outlives the documents of its page. Each new document means a new
session; calls that were waiting for the old one end as RELOADED, once the new
one is ready, and are never made again: a click must not happen twice.

Spec: protocol/konnector-bridge.md §4.
"""

from __future__ import annotations

import asyncio
from typing import Any

from konnector_runner.bridge import (
    NOTHING,
    HandshakeResponse,
    Message,
    Note,
    Nothing,
    encode_message,
    parse_message,
)
from konnector_runner.errors import (
    BrowserError,
    DocumentGone,
    FormatError,
    RunFailed,
    RunnerError,
)
from konnector_runner.limits import RunLimits
from konnector_runner.page import Document, Page, PageListener, Thrown
from konnector_runner.session import (
    SET_TYPE_REQUEST,
    Answered,
    Asked,
    Effect,
    Failed,
    Send,
    Session,
    Told,
)
from konnector_runner.strict_json import Json
from konnector_runner.waiting import RELOADED, Outcome, Waiting

_NO_HANDSHAKE = "UNKNOWN_ERROR.HANDSHAKE_FAILED"


class CallFailed(RunnerError):
    """The konnector's code threw; *text* is what it said, and is untrusted."""

    def __init__(self, text: str) -> None:
        super().__init__("the konnector reported an error")
        self.text = text


class LinkOwner:
    """What a link tells the launcher; each call must return at once."""

    def on_asked(self, link: Link, asked: Asked) -> None: ...

    def on_told(self, link: Link, told: Told) -> None: ...

    def on_document(self, link: Link) -> None: ...

    def on_fault(self, link: Link, fault: RunnerError) -> None: ...

    def on_popup(self, link: Link, url: str) -> None: ...

    def on_wire(self, link: Link, text: str, *, sent: bool) -> None: ...


class Link(PageListener):
    """The conversation with whatever document a page has now."""

    page: Page

    def __init__(
        self,
        role: str,
        owner: LinkOwner,
        *,
        methods: frozenset[str] = frozenset(),
        limits: RunLimits,
    ) -> None:
        """*methods* is all that this side may call; the rest does not exist."""
        self.role = role
        self._owner = owner
        self.methods = methods
        self._limits = limits
        self._document: Document | None = None
        self._lost: Document | None = None
        self._session: Session | None = None
        self._typed = False
        self._ready = asyncio.Event()
        self._waiting = Waiting()
        self._sending: set[asyncio.Task[None]] = set()

    @property
    def document(self) -> Document | None:
        """The document that a call would go to now."""
        return self._document

    async def ready(self) -> None:
        """Wait until the current document's code has its role.

        Raises:
            RunFailed: UNKNOWN_ERROR.HANDSHAKE_FAILED, it did not answer in time.
        """
        try:
            await asyncio.wait_for(self._ready.wait(), self._limits.handshake_seconds)
        except TimeoutError:
            raise RunFailed(
                _NO_HANDSHAKE,
                f"the konnector did not answer in the {self.role} page",
                advice="is main.js built with cozy-clisk, and does it call init()?",
            ) from None

    def expect_reload(self) -> None:
        """Take the current document for lost: wait for the next one's code."""
        # What it still tells is heard; it only can not be called any more, even
        # if its own handshake ends now.
        self._lost = self._document
        self._ready.clear()

    def reload_averted(self) -> None:
        """The document stayed after all."""
        self._lost = None
        if self._typed:
            self._ready.set()

    async def call(
        self,
        method: str,
        args: list[Json],
        *,
        document: Document | None = None,
    ) -> Outcome:
        """Call *method* and return its result, or RELOADED.

        With *document* the call is for that document and for its origin alone;
        when the page has another by now, nothing is sent.

        Raises:
            CallFailed: the method threw.
            RunFailed: there is nobody to call.
        """
        if document is None:
            await self.ready()
        session = self._session
        if session is None or document not in {None, self._document}:
            await self.ready()
            return RELOADED
        message = session.call(method, args)
        with self._waiting.call(message.request) as end:
            await self._post(message)
            return await end

    async def evaluate(
        self, function: str, args: list[Json], *, document: Document | None = None
    ) -> Outcome:
        """Call *function*, JavaScript text, in the current document, or RELOADED.

        *document* as with call().

        Raises:
            CallFailed: it threw, or is no function.
        """
        if document is None:
            await self.ready()
            document = self._document
        if document is None or document is not self._document:
            await self.ready()
            return RELOADED
        work = asyncio.ensure_future(self.page.evaluate(document, function, args))
        with self._waiting.call() as end:
            try:
                either: set[asyncio.Future[Any]] = {work, end}
                await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
                return await (self._evaluated(work, end) if work.done() else end)
            finally:
                work.cancel()

    async def _evaluated(
        self, work: asyncio.Future[Json], end: asyncio.Future[Outcome]
    ) -> Outcome:
        try:
            return work.result()
        except Thrown as thrown:
            raise CallFailed(str(thrown)) from None
        except (DocumentGone, BrowserError):
            # The next document is on its way, or the page is closed.
            try:
                return await asyncio.wait_for(end, self._limits.handshake_seconds)
            except TimeoutError:
                raise CallFailed(_NO_HANDSHAKE) from None

    def answer(self, asked: Asked, result: Json | Nothing = NOTHING) -> None:
        """Answer a call of the konnector's; no matter if its page has gone."""
        if self._session is not None:
            self._send(self._session.answer(asked.request, result))

    def refuse(self, asked: Asked, message: str, *, plain: bool = False) -> None:
        """Reject a call of the konnector's."""
        if self._session is not None:
            self._send(self._session.refuse(asked.request, message, plain=plain))

    def tell(self, name: str, payload: Json) -> None:
        """Send an event to the konnector."""
        if self._session is not None:
            self._send(self._session.event(name, payload))

    def close(self) -> None:
        """Let everybody who waits go, with an error."""
        self._waiting.end(BrowserError("the page was closed"))
        for task in self._sending:
            task.cancel()

    # What the page tells.

    def on_document(self, document: Document) -> None:
        self._ready.clear()
        self._document = document
        self._session = None
        self._typed = False
        self._waiting.document_gone()
        asyncio.get_running_loop().call_later(
            self._limits.handshake_seconds, self._give_up, document
        )
        self._owner.on_document(self)

    def on_text(self, document: Document, text: str) -> None:
        self._owner.on_wire(self, text, sent=False)
        try:
            message = parse_message(
                text, max_characters=self._limits.message_characters
            )
        except FormatError as fault:
            self._owner.on_fault(self, fault)
            return
        if isinstance(message, Note) or document is not self._document:
            return
        if isinstance(message, HandshakeResponse) and self._session is None:
            self._session = Session(message.session, methods=self.methods)
        elif self._session is not None:
            for effect in self._session.receive(message):
                self._do(effect)

    def on_popup(self, url: str) -> None:
        self._owner.on_popup(self, url)

    def on_closed(self) -> None:
        self._owner.on_fault(self, BrowserError(f"the {self.role} page was closed"))

    def _do(self, effect: Effect) -> None:
        match effect:
            case Send(message):
                self._send(message)
            case Asked():
                self._owner.on_asked(self, effect)
            case Told():
                self._owner.on_told(self, effect)
            case Answered(request) if request == SET_TYPE_REQUEST:
                self._become_ready()
            case Answered(request, value):
                self._waiting.answered(request, value)
            case Failed(request, error) if request == SET_TYPE_REQUEST:
                # A konnector whose onWorkerReady threw can still be called.
                self._owner.on_fault(self, CallFailed(error))
                self._become_ready()
            case Failed(request, error):
                self._waiting.failed(request, CallFailed(error))

    def _become_ready(self) -> None:
        self._typed = True
        if self._document is not self._lost:
            self._ready.set()
        self._waiting.document_ready()

    def _give_up(self, document: Document) -> None:
        # The new document has no code of ours (a picture, a broken bundle), so
        # nobody will ever end the calls that waited for the old one.
        if document is not self._document or self._typed:
            return
        self._waiting.document_dumb(CallFailed(_NO_HANDSHAKE))

    def _send(self, message: Message) -> None:
        task = asyncio.ensure_future(self._post(message))
        self._sending.add(task)
        task.add_done_callback(self._sent)

    def _sent(self, task: asyncio.Task[None]) -> None:
        self._sending.discard(task)
        if not task.cancelled() and (fault := task.exception()) is not None:
            self._owner.on_fault(
                self,
                fault if isinstance(fault, RunnerError) else BrowserError("not sent"),
            )

    async def _post(self, message: Message) -> None:
        document = self._document
        if document is None:
            return
        text = encode_message(message)
        self._owner.on_wire(self, text, sent=True)
        try:
            await self.page.post(document, text, origin=document.origin)
        except DocumentGone:
            # The next document will end whatever waited for this one.
            return
