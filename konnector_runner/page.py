"""One tab: its current document, and texts in and out of it.

It works at the level of the DevTools protocol, because that names documents: a
text from a page comes with the execution context that sent it, and a text to a
page is bound to one document and one origin, so that it can not reach whatever
page came in between.

It knows nothing of konnectors. Spec: protocol/konnector-bridge.md §4 and §6.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Coroutine
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

from konnector_runner.devtools_pipe import DevToolsPipe
from konnector_runner.errors import BrowserError, DocumentGone, FormatError
from konnector_runner.origin import parse_origin
from konnector_runner.page_front import PageFront

# A world of our own in each document: its postMessage is the browser's, whatever
# the page made of the one that its scripts see.
_WORLD = "clisk-runner"
_POST = "(text, origin) => { window.postMessage(JSON.parse(text), origin) }"


@dataclass(frozen=True, slots=True, eq=False)
class Document:
    """One document of a page's main frame. Two are never equal."""

    context: int
    unique: str
    # None: a page without an origin of its own (about:, data:, sandboxed).
    origin: str | None


class Arrival(Enum):
    """What came of a navigation."""

    DOCUMENT = auto()  # a new document is there or about to be
    STAYED = auto()  # none: another fragment, a download, an empty answer
    NOWHERE = auto()  # the site could not be reached; an error page is shown


class PageListener:
    """What a page tells whoever opened it; each call must return at once."""

    def on_document(self, document: Document) -> None: ...

    def on_text(self, document: Document, text: str) -> None: ...

    def on_popup(self, url: str) -> None: ...

    def on_closed(self) -> None: ...


class Thrown(Exception):
    """A function that was evaluated threw; the text is the page's."""


class Page:
    """One tab, from when it is open."""

    def __init__(
        self,
        pipe: DevToolsPipe,
        session: str,
        target: str,
        *,
        binding: str,
        listener: PageListener,
    ) -> None:
        self._pipe = pipe
        self._session = session
        self.target = target
        self._binding = binding
        self.listener = listener
        # The main frame of a target has the target's id.
        self._frame = target
        self._world: str | None = None
        self._closing = False
        self._loader = ""
        self._read = asyncio.Event()
        self._news = asyncio.Event()
        self._tasks: set[asyncio.Task[Any]] = set()
        self.url = "about:blank"
        self.opened: asyncio.Queue[str] = asyncio.Queue()
        self.front = PageFront(pipe, session, target)
        self.document: Document | None = None

    async def start(self, scripts: list[str]) -> None:
        """Put *scripts* into every document from now on, and open a first one."""
        self._pipe.listen(self._session, self._on_event)
        add = "Page.addScriptToEvaluateOnNewDocument"
        # In one go: the browser answers in the order of the questions.
        await asyncio.gather(
            self.command("Page.enable"),
            self.command("Runtime.addBinding", name=self._binding),
            self.command(add, source="", worldName=_WORLD),
            *(self.command(add, source=script) for script in scripts),
            self.command("Runtime.enable"),
            self.command("Runtime.runIfWaitingForDebugger"),
        )
        answer = await self.command("Page.navigate", url="about:blank")
        # The answer and the news of the document come in either order.
        while self._loader != answer.get("loaderId") or self.document is None:
            self._news.clear()
            await self._news.wait()
            if self._closing:
                raise BrowserError("the page was closed")

    async def navigate(self, url: str) -> Arrival:
        """Go to *url*; return when the new document begins, or will not."""
        answer = await self.command("Page.navigate", url=url)
        match answer.get("errorText"):
            case None | "":
                return Arrival.DOCUMENT if "loaderId" in answer else Arrival.STAYED
            case "net::ERR_ABORTED":  # a download, or an answer without content
                return Arrival.STAYED
            case _:
                return Arrival.NOWHERE

    async def read(self, *, seconds: float) -> None:
        """Wait until the document is read to its end, but not for ever."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._read.wait(), seconds)

    async def post(self, document: Document, text: str, *, origin: str | None) -> None:
        """Post the JSON *text* to *document* as a message for *origin*.

        Raises:
            DocumentGone: the page has left *document*: nothing was sent.
        """
        if document is not self.document or self._world is None:
            raise DocumentGone("the page has moved on")
        await self.command(
            "Runtime.callFunctionOn",
            functionDeclaration=_POST,
            arguments=[{"value": text}, {"value": origin or "*"}],
            uniqueContextId=self._world,
        )

    async def evaluate(
        self, document: Document, function: str, arguments: list[Any]
    ) -> Any:
        """Call *function*, JavaScript text, in *document*; return its JSON result.

        By the debugger and not by eval, so the page's own policy on scripts (CSP)
        neither forbids it nor has to be taken from the page.

        Raises:
            DocumentGone: the page has left *document*.
            Thrown: the function threw, or is no function.
        """
        if document is not self.document:
            raise DocumentGone("the page has moved on")
        answer = await self.command(
            "Runtime.callFunctionOn",
            functionDeclaration=function,
            arguments=[{"value": value} for value in arguments],
            uniqueContextId=document.unique,
            awaitPromise=True,
            returnByValue=True,
        )
        if "exceptionDetails" in answer:
            raise Thrown(_thrown(answer["exceptionDetails"]))
        return answer["result"].get("value")

    async def compile(self, source: str) -> str | None:
        """Return why *source* is no script, or None when it is one."""
        answer = await self.command(
            "Runtime.compileScript",
            expression=source,
            sourceURL="main.js",
            persistScript=False,
        )
        details = answer.get("exceptionDetails")
        return None if details is None else f"line {details['lineNumber'] + 1}"

    async def close(self) -> None:
        """Close the tab; its listener is not told."""
        self._closing = True
        with contextlib.suppress(BrowserError, DocumentGone):
            await self._pipe.send("Target.closeTarget", {"targetId": self.target})

    async def command(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Send one command of the DevTools protocol: what autofill looks and acts by.

        Raises:
            DocumentGone: the document that it was for has gone.
            BrowserError: the browser refused it.
        """
        return await self._pipe.send(method, parameters, session=self._session)

    def gone(self) -> None:
        """Take the tab for closed: its browser or its person closed it."""
        self._news.set()
        if not self._closing:
            self._closing = True
            self.listener.on_closed()

    def _on_event(self, method: str, event: dict[str, Any]) -> None:
        match method:
            case "Runtime.executionContextCreated":
                self._on_created(event["context"])
            case "Runtime.executionContextsCleared":
                self.document = None
                self._world = None
            case "Runtime.bindingCalled":
                self._on_binding(event)
            case "Page.frameNavigated" if event["frame"]["id"] == self._frame:
                frame = event["frame"]
                self._loader = frame["loaderId"]
                self._news.set()
                self.url = frame["url"] + frame.get("urlFragment", "")
            case "Page.navigatedWithinDocument" if event["frameId"] == self._frame:
                self.url = event["url"]
            case "Page.domContentEventFired":
                self._read.set()
            case "Page.windowOpen":
                self.opened.put_nowait(event["url"])
            case "Page.javascriptDialogOpening":
                # A page may not keep the konnector from leaving; no other answer.
                leave = event["type"] == "beforeunload"
                self._later(self.command("Page.handleJavaScriptDialog", accept=leave))
            case "Inspector.targetCrashed" | "Inspector.detached":
                self.gone()

    def _on_created(self, context: dict[str, Any]) -> None:
        about = context["auxData"]
        if about["frameId"] != self._frame:
            return
        if context["name"] == _WORLD:
            self._world = context["uniqueId"]
        elif about["isDefault"]:
            # The context's origin is the browser's word, and opaque for a
            # sandboxed document, where the frame's URL still names a site.
            self.document = Document(
                context["id"], context["uniqueId"], _origin(context["origin"])
            )
            self._news.set()
            self._read.clear()
            self.listener.on_document(self.document)

    def _on_binding(self, event: dict[str, Any]) -> None:
        # A frame inside the page has the binding too: only the main frame counts.
        document = self.document
        if document is None or event["executionContextId"] != document.context:
            return
        if event["name"] == self._binding:
            self.listener.on_text(document, event["payload"])

    def _later(self, work: Coroutine[Any, Any, Any]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(lambda done: done.cancelled() or done.exception())


def _thrown(details: dict[str, Any]) -> str:
    """Return what was thrown, as an Error's message where it is one."""
    exception = details.get("exception", {})
    if "value" in exception:
        return str(exception["value"])
    properties = exception.get("preview", {}).get("properties", [])
    for each in properties:
        if each.get("name") == "message":
            return str(each.get("value", ""))
    text = str(exception.get("description") or details.get("text", ""))
    # "TypeError: what happened\n    at …": the message alone, as in the page.
    return text.partition("\n")[0].partition(": ")[2] or text.partition("\n")[0]


def _origin(text: str) -> str | None:
    try:
        return parse_origin(text)
    except FormatError:
        return None
