"""A link with a page that is not there: documents, sessions and reloads."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any, cast

import pytest

from konnector_runner.browser import Document, Page
from konnector_runner.errors import DocumentGone, FormatError, RunFailed, RunnerError
from konnector_runner.limits import RunLimits
from konnector_runner.link import CallFailed, Link, LinkOwner
from konnector_runner.session import Asked, Told
from konnector_runner.strict_json import Json
from konnector_runner.waiting import RELOADED

_BANK, _EVIL = "https://bank.example", "https://evil.example"


class FakePage:
    """Keeps what is posted, with the document and the origin it is for."""

    def __init__(self) -> None:
        self.posted: list[tuple[Document, dict[str, Any], str | None]] = []
        self.gone = False
        self.held: asyncio.Event | None = None

    async def post(self, document: Document, text: str, *, origin: str | None) -> None:
        if self.held is not None:
            await self.held.wait()
            raise DocumentGone("the page has moved on")
        if self.gone:
            raise DocumentGone("the page has moved on")
        self.posted.append((document, json.loads(text), origin))


class Owner(LinkOwner):
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.told: list[Told] = []
        self.faults: list[RunnerError] = []

    def on_asked(self, link: Link, asked: Asked) -> None:
        self.asked.append(asked)

    def on_told(self, link: Link, told: Told) -> None:
        self.told.append(told)

    def on_fault(self, link: Link, fault: RunnerError) -> None:
        self.faults.append(fault)


class Rig:
    """A link, its page and its owner, and the konnector's side of the talk."""

    def __init__(self, *, handshake_seconds: float = 10) -> None:
        self.page, self.owner = FakePage(), Owner()
        self.link = Link(
            "worker",
            self.owner,
            methods=frozenset({"sendToPilot"}),
            limits=RunLimits(handshake_seconds=handshake_seconds),
        )
        self.link.page = cast("Page", self.page)
        self.contexts = 0

    def open(self, origin: str | None = _BANK) -> Document:
        self.contexts += 1
        document = Document(self.contexts, str(self.contexts), origin)
        self.link.on_document(document)
        return document

    def say(self, document: Document, session: Json, action: str, **more: Json) -> None:
        message = {"type": "@post-me", "action": action, "sessionId": session, **more}
        self.link.on_text(document, json.dumps(message))

    def shake(self, document: Document, session: int) -> None:
        self.say(document, session, "handshake-response")
        self.say(document, session, "response", requestId=0)

    def ready(self, session: int, origin: str | None = _BANK) -> Document:
        document = self.open(origin)
        self.shake(document, session)
        return document


def _run(story: Callable[[Rig], Awaitable[None]], **options: float) -> None:
    async def told() -> None:
        await story(Rig(**options))

    asyncio.run(told())


async def _settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def test_a_call_is_posted_for_the_documents_own_origin() -> None:
    """So the browser drops it if another site's page gets it."""

    async def story(rig: Rig) -> None:
        document = rig.ready(1)
        call = asyncio.ensure_future(rig.link.call("click", ["#go"]))
        await _settle()
        rig.say(document, 1, "response", requestId=1, result="done")

        assert await call == "done"
        ((posted_to, message, origin),) = rig.page.posted
        assert (posted_to, origin) == (document, _BANK)
        assert message["methodName"] == "click"

    _run(story)


def test_a_call_meant_for_a_document_is_not_sent_to_the_next() -> None:
    """Checked on the bank's page, it must not reach the one that came after."""

    async def story(rig: Rig) -> None:
        checked = rig.ready(1)
        rig.ready(2, _EVIL)

        outcome = await rig.link.call("fillText", ["s3cret"], document=checked)

        assert outcome is RELOADED
        assert rig.page.posted == []

    _run(story)


def test_a_call_that_finds_its_document_gone_is_reloaded() -> None:
    """The browser says so before the news of the next document comes."""

    async def story(rig: Rig) -> None:
        rig.ready(1)
        rig.page.gone = True
        call = asyncio.ensure_future(rig.link.call("click", []))
        await _settle()
        assert not call.done()
        rig.ready(2)

        assert await call is RELOADED

    _run(story)


def test_waiting_calls_end_only_when_the_next_document_is_ready() -> None:
    """And are not posted again."""

    async def story(rig: Rig) -> None:
        rig.ready(1)
        call = asyncio.ensure_future(rig.link.call("click", []))
        await _settle()
        document = rig.open()
        rig.say(document, 2, "handshake-response")
        await _settle()
        assert not call.done()
        rig.say(document, 2, "response", requestId=0)

        assert await call is RELOADED
        assert len(rig.page.posted) == 1

    _run(story)


def test_waiting_calls_fail_when_the_next_document_has_no_konnector() -> None:
    """A picture or a broken page would let them wait for ever."""

    async def story(rig: Rig) -> None:
        rig.ready(1)
        call = asyncio.ensure_future(rig.link.call("click", []))
        await _settle()
        rig.open()

        with pytest.raises(CallFailed) as caught:
            await call
        assert caught.value.text == "UNKNOWN_ERROR.HANDSHAKE_FAILED"

    _run(story, handshake_seconds=0.01)


def test_a_page_that_left_can_not_speak_for_the_next() -> None:
    """Its texts, and a second handshake of the current one's, count for nothing."""

    async def story(rig: Rig) -> None:
        old = rig.ready(1)
        new = rig.open()
        rig.say(old, 9, "handshake-response")
        rig.say(old, 1, "call", requestId=0, methodName="sendToPilot", args=[])
        rig.shake(new, 2)
        rig.shake(new, 3)
        rig.say(new, 3, "call", requestId=0, methodName="sendToPilot", args=[])
        assert rig.owner.asked == []

        rig.say(new, 2, "call", requestId=0, methodName="sendToPilot", args=[])
        assert [asked.method for asked in rig.owner.asked] == ["sendToPilot"]

    _run(story)


def test_what_a_page_tells_while_it_is_left_is_heard_but_makes_nothing_ready() -> None:
    """From setWorkerState on it is not called any more, ready or not."""

    async def story(rig: Rig) -> None:
        old = rig.open()
        rig.link.expect_reload()
        rig.shake(old, 1)
        rig.say(old, 1, "event", eventName="workerEvent", payload=1)
        assert rig.owner.told == [Told("workerEvent", 1)]
        with pytest.raises(RunFailed, match="did not answer"):
            await rig.link.ready()

        rig.link.reload_averted()
        await rig.link.ready()

    _run(story, handshake_seconds=0.01)


def test_nonsense_is_a_fault_and_changes_nothing() -> None:
    """The owner decides what a fault means; the talk goes on."""

    async def story(rig: Rig) -> None:
        document = rig.ready(1)
        rig.link.on_text(document, "{")
        rig.link.on_text(document, '{"message":"NEW_WORKER_INITIALIZING"}')
        call = asyncio.ensure_future(rig.link.call("click", []))
        await _settle()
        rig.say(document, 1, "response", requestId=1)

        assert await call is None
        assert [type(fault) for fault in rig.owner.faults] == [FormatError]

    _run(story)


def test_a_late_end_of_an_old_call_leaves_a_new_one_alone() -> None:
    """Each document's calls are numbered from 1 again."""

    async def story(rig: Rig) -> None:
        rig.ready(1)
        rig.page.held = asyncio.Event()
        old = asyncio.ensure_future(rig.link.call("click", []))
        await _settle()
        held, rig.page.held = rig.page.held, None
        document = rig.ready(2)
        new = asyncio.ensure_future(rig.link.call("click", []))
        await _settle()
        held.set()
        assert await old is RELOADED
        rig.say(document, 2, "response", requestId=1, result="done")

        assert await new == "done"

    _run(story)


def test_closing_lets_everybody_go() -> None:
    """With an error, not for ever."""

    async def story(rig: Rig) -> None:
        rig.ready(1)
        call = asyncio.ensure_future(rig.link.call("click", []))
        await _settle()

        rig.link.close()

        with pytest.raises(RunnerError, match="closed"):
            await call

    _run(story)
