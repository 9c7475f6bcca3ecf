"""Texts into a real page: protocol/konnector-bridge.md §5.2 and §6."""

from __future__ import annotations

import asyncio

import pytest

from konnector_runner.browser import Document, PageListener, open_browser
from konnector_runner.browser_choice import BrowserChoice
from konnector_runner.errors import DocumentGone
from tests.runner.site import SPY, page, serve

pytestmark = pytest.mark.browser


class Listener(PageListener):
    """Waits for a page's word."""

    def __init__(self) -> None:
        self.texts: asyncio.Queue[str] = asyncio.Queue()

    def on_text(self, document: Document, text: str) -> None:
        self.texts.put_nowait(text)


def test_a_text_reaches_one_document_of_one_origin() -> None:
    """For another origin, or for a document that has gone, it is dropped.

    The control is the same text for the right origin, in the same page.
    """

    async def story(bank: str, evil: str, seen: list[str]) -> None:
        listener = Listener()
        async with open_browser(BrowserChoice()) as browser:
            opened = await browser.open_page(
                listener, lambda name: [f"{name}('at ' + location.host)"]
            )
            before = opened.document
            assert before is not None
            await opened.navigate(bank + "/")
            while bank.removeprefix("http://") not in await listener.texts.get():
                pass
            document = opened.document
            assert document is not None
            assert document.origin == bank

            await opened.post(document, '"for another"', origin=evil)
            await opened.post(document, '"for the bank"', origin=bank)
            with pytest.raises(DocumentGone):
                await opened.post(before, '"too late"', origin=None)
            # The page tells its site in its own time.
            while not seen:  # noqa: ASYNC110 - the site runs in a thread
                await asyncio.sleep(0.01)

    with serve({"/": page(SPY)}) as site:
        asyncio.run(story(site.bank, site.evil, site.seen))

        assert site.seen == ['heard "for the bank"']


def test_a_text_for_a_document_whose_end_is_news_to_come_is_dropped() -> None:
    """The browser knows before we do: the text is bound to the context."""

    async def story(bank: str) -> None:
        listener = Listener()
        async with open_browser(BrowserChoice()) as browser:
            opened = await browser.open_page(
                listener, lambda name: [f"{name}('at ' + location.href)"]
            )
            await opened.navigate(bank + "/")
            while "/" not in (await listener.texts.get()).removeprefix(
                "at about:blank"
            ):
                pass
            old, world = opened.document, opened._world
            assert old is not None
            await opened.navigate(bank + "/?next")
            while "?next" not in await listener.texts.get():
                pass
            opened.document, opened._world = old, world
            with pytest.raises(DocumentGone):
                await opened.post(old, '"late"', origin=bank)

    with serve({"/": page(SPY)}) as site:
        asyncio.run(story(site.bank))

        assert site.seen == []
