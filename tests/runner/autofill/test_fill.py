"""Filling in a real page: protocol/autofill.md §5. One browser a story."""

from __future__ import annotations

import asyncio

import pytest

from konnector_runner.autofill.fill import FillRequest, fill
from konnector_runner.autofill.follow import follow
from konnector_runner.autofill.matching import Site
from konnector_runner.autofill.plan import PageKind, Role
from konnector_runner.browser import PageListener, open_browser
from konnector_runner.browser_choice import BrowserChoice
from tests.runner.autofill.world import (
    BANK,
    CODE,
    FIELDS,
    LOGIN,
    NEW,
    SECRET,
    USER,
    Source,
    Tell,
    World,
    values,
)
from tests.runner.site import page as served
from tests.runner.site import serve

pytestmark = pytest.mark.browser

# What React does with a controlled input: a value that was set past its tracker is
# not seen, and the next rendering puts the old one back.
_CONTROLLED = """<script>
const real = Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, 'value')
for (const input of document.querySelectorAll('input')) {
  let tracked = '', state = ''
  Object.defineProperty(input, 'value', {
    get () { return real.get.call(this) },
    set (value) { tracked = String(value); real.set.call(this, value) } })
  input.addEventListener('input', () => {
    const now = real.get.call(input)
    if (now !== tracked) { tracked = now; state = now }
    Promise.resolve().then(() => { input.value = state }) })
}</script>"""
_BOXES = """<form><h2>Verification code</h2><div id=boxes></div></form><script>
for (let i = 0; i < 6; i++) boxes.innerHTML += '<input maxlength=1 type=tel size=1>'
document.addEventListener('input', e => e.target.nextElementSibling?.focus())
</script>"""
_KEYPAD = """<form><input id=u name=user><input id=p type=password readonly>
<div id=keys></div><button>Log in</button></form><script>
const draw = () => {
  const order = [...'0123456789'].sort(() => Math.random() - 0.5)
  keys.innerHTML = order.map(d => `<button type=button>${d}</button>`).join('')
}
keys.addEventListener('click', e => {
  if (!e.isTrusted) return
  p.value += e.target.textContent; draw() })
draw()</script>"""
_CHANGE = """<form><h1>Change password</h1>
<label>Current password <input id=a type=password></label>
<label>New password <input id=b type=password></label>
<label>Confirm new password <input id=c type=password></label></form>"""
_SHADOW = f"""<div id=host></div><script>
host.attachShadow({{ mode: 'MODE' }}).innerHTML = '{LOGIN}'</script>"""
_REPLACED = """<form id=f><input id=u name=user><input id=p type=password></form>
<script>u.addEventListener('change', () => {
  const old = document.querySelector('#p')
  old.replaceWith(old.cloneNode()) })</script>"""
_ON_FOCUS = LOGIN.replace(
    "type=password", 'type=password readonly onfocus="this.readOnly = false"'
)
_MATERIAL = (
    "<style>#p { opacity: 0; transition: opacity .1s } #p:focus { opacity: 1 }"
    "</style>" + LOGIN
)

_PAGES = {
    "plain": (LOGIN, [USER, SECRET]),
    "controlled inputs": (LOGIN + "</form>" + _CONTROLLED, [USER, SECRET]),
    "code in boxes": (_BOXES, list(CODE)),
    "change of a password": (_CHANGE, [SECRET, NEW, NEW]),
    "open shadow tree": (_SHADOW.replace("MODE", "open"), [USER, SECRET]),
    "closed shadow tree": (_SHADOW.replace("MODE", "closed"), [USER, SECRET]),
    "a field replaced when the one before is left": (_REPLACED, [USER, SECRET]),
    "read-only until it is focused": (_ON_FOCUS, [USER, SECRET]),
    "see-through until it is focused": (_MATERIAL, [USER, SECRET]),
    "other text in the fields": (
        LOGIN.replace("name=user", "name=user value=other"),
        [USER, SECRET],
    ),
    "fields named as what a script would call": (
        LOGIN.replace("<form>", "<form><input type=hidden name=matches>")
        + "<input type=hidden name=parentElement><input type=hidden name=id>",
        [USER, SECRET],
    ),
    "a policy against every script": (
        "<meta http-equiv=Content-Security-Policy content=\"default-src 'none'\">"
        + LOGIN,
        [USER, SECRET],
    ),
}


def test_pages_are_filled_as_a_person_would(tell: Tell) -> None:
    """Each kind of page ends with each value in its field, and in no other."""

    async def story(world: World) -> None:
        for name, (html, expected) in _PAGES.items():
            page = await world.visit(html)
            report = await world.fill(page)
            assert report.refusal is None, (name, report)
            assert await values(page) == expected, name

    tell(story)


def test_setting_the_value_does_not_do_for_a_controlled_input(tell: Tell) -> None:
    """The control: what a naive filler does is undone by the page."""

    async def story(world: World) -> None:
        page = await world.visit(LOGIN + "</form>" + _CONTROLLED)
        await page.evaluate(
            "u.value = 'x'; u.dispatchEvent(new Event('input'));"
            "p.value = 'y'; p.dispatchEvent(new Event('input'))"
        )
        assert await values(page) == []

    tell(story)


def test_the_page_sees_a_person_at_a_phone(tell: Tell) -> None:
    """Keys, one input for each character and a change, all trusted."""
    listen = """<script>window.seen = []
    for (const kind of ['keydown', 'keyup', 'input', 'change', 'focus'])
      u.addEventListener(kind, e => seen.push([kind, e.isTrusted, u.value]))</script>"""

    async def story(world: World) -> None:
        page = await world.visit(LOGIN + "</form>" + listen)
        await world.fill(page)
        seen = await page.evaluate("window.seen")
        kinds = [kind for kind, _, _ in seen]
        assert all(trusted for _, trusted, _ in seen)
        assert kinds[:2] == ["focus", "keydown"]
        assert kinds.count("input") == len(USER)
        assert kinds[-2:] == ["keyup", "change"]
        typed = [text for kind, _, text in seen if kind == "input"]
        assert typed == [USER[: i + 1] for i in range(len(USER))]

    tell(story)


def test_a_keypad_is_pressed_by_what_it_shows(tell: Tell) -> None:
    """Keys that change places after each press are found anew."""

    class Pin(Source):
        def __init__(self) -> None:
            super().__init__()
            self._values = {**self._values, "password": "907164"}

    async def story(world: World) -> None:
        page = await world.visit(_KEYPAD)
        report = await world.fill(page, Pin())
        assert report.filled == (Role.USERNAME, Role.CURRENT_PASSWORD)
        assert await values(page) == [USER, "907164"]
        lacking = await world.visit(_KEYPAD)
        refused = await world.fill(lacking)
        assert refused.refusal is not None
        assert refused.refusal.name == "NO_KEY"
        assert await values(lacking) == [USER]

    tell(story)


def test_a_login_in_a_frame_of_the_same_site_is_filled(tell: Tell) -> None:
    """A frame of the page's own origin is part of the page."""

    async def story(world: World) -> None:
        world.pages[BANK + "/frame"] = (LOGIN, {})
        page = await world.visit("<iframe width=600 height=300 src=/frame>")
        await page.frames[1].wait_for_selector("#p")
        report = await world.fill(page)
        assert report.origin == BANK
        assert await values(page) == [USER, SECRET]

    tell(story)


def test_a_login_in_two_steps_is_followed(tell: Tell) -> None:
    """The name, then, when the person went on, the password: no timer decides."""
    steps = """<form id=f><h1>Sign in</h1><input id=u name=user><button type=button
      id=next onclick="f.innerHTML = '<input type=password id=p>'">Next</button>"""

    async def story(world: World) -> None:
        page = await world.visit(steps)
        fields = {role: FIELDS[role] for role in (Role.USERNAME, Role.CURRENT_PASSWORD)}
        request = FillRequest(sites=[Site(BANK)], fields=fields)
        kinds = []
        async for report in follow(
            await world.tab(page), request, Source(), seconds=30
        ):
            kinds.append(report.kind)
            if report.kind is PageKind.IDENTIFIER_FIRST:
                assert await values(page) == [USER]
                await page.click("#next")
        assert kinds == [PageKind.IDENTIFIER_FIRST, PageKind.LOGIN]
        assert await values(page) == [SECRET]

    tell(story)


def test_a_window_left_open_gets_a_new_password_once(tell: Tell) -> None:
    """A page that goes on moving is looked at again, and what a person typed stays."""
    moving = "<p id=clock></p><script>setInterval(() => clock.append('.'), 20)</script>"

    async def story(world: World) -> None:
        page = await world.visit(_CHANGE + moving)
        request = FillRequest(sites=[Site(BANK)], fields=FIELDS)
        source, looks = Source(), iter(range(4))
        reports = []
        async for report in follow(
            *(await world.tab(page), request, source),
            seconds=60,
            gone=lambda: next(looks, None) is None,
        ):
            reports.append(report)
            await page.fill("#b", "a person's own")
        assert [each.filled for each in reports] == [
            (Role.CURRENT_PASSWORD, Role.NEW_PASSWORD)
        ]
        assert next(looks, None) is None, "it was looked at again"
        # One read serves both fields.
        assert source.released == [("password", BANK), ("new", BANK)]
        assert await values(page) == [SECRET, "a person's own", NEW]

    tell(story)


def test_the_runners_own_page_can_be_filled() -> None:
    """What konnectors run in takes the same commands."""

    async def story(bank: str) -> None:
        async with open_browser(BrowserChoice()) as browser:
            opened = await browser.open_page(PageListener(), lambda _: [])
            await opened.navigate(bank + "/")
            loaded = "new Promise(r => document.readyState === 'complete' ? r()"
            await opened.command(
                "Runtime.evaluate",
                expression=loaded + ": addEventListener('load', r))",
                awaitPromise=True,
            )
            source = Source()
            request = FillRequest(sites=[Site(bank)], fields=FIELDS)
            report = await fill(opened, request, source)
            assert report.refusal is None
            assert source.released == [("login", bank), ("password", bank)]

    with serve({"/": served(body=LOGIN)}) as site:
        asyncio.run(story(site.bank))
