"""The method autofill: a konnector borrows the launcher's eyes and hands.

Spec: protocol/konnector-bridge.md §4.8.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from konnector_runner.events import RunReport
from konnector_runner.launcher import NOT_GRANTED
from konnector_runner.strict_json import Json
from tests.runner.harness import LOGIN, SECRET, MemorySource, konnector, run
from tests.runner.site import SPY, Site, page, serve

pytestmark = pytest.mark.browser
_FORM = (
    "<h1>Log in</h1><form action=/in><input name=user autocomplete=username>"
    "<input name=word type=password><button>Log in</button></form><p id=here>"
)
_JOIN = (
    "<h1>Create an account</h1><form><input name=user><input type=password name=word"
    " autocomplete=new-password><button>Sign up</button></form><p id=here>"
)
_ASK = """
    async ensureAuthenticated() {
        const told = []
        for (const [target, options] of ASKED) {
            await this.goto(target)
            let outcome
            try { outcome = await this.bridge.call('autofill', options) }
            catch (err) { outcome = err.message }
            const seen = await this.evaluateInWorker(() =>
                [...document.querySelectorAll('input')].map(e => e.value))
            told.push({ outcome, seen })
        }
        await this.saveIdentity({ told })
    }
"""


def _ask_each(
    site: Site, tmp_path: Path, source: MemorySource, *asked: tuple[str, str]
) -> tuple[list[Any], RunReport]:
    """Ask on each of several pages, in one run: address and options, as JavaScript."""
    pairs = ", ".join(f"[{target}, {options}]" for target, options in asked)
    methods = _ASK.replace("ASKED", f"[{pairs}]")
    report = run(konnector(site, methods), source, tmp_path)
    assert report.error is None, report.error
    assert isinstance(report.identity, dict)
    told = report.identity["told"]
    assert isinstance(told, list)
    return told, report


def _ask(
    site: Site, tmp_path: Path, source: MemorySource, options: str = "{}"
) -> tuple[dict[str, Json], RunReport]:
    (told,), report = _ask_each(site, tmp_path, source, ("BANK + '/'", options))
    return told, report


def test_the_login_of_a_granted_page_is_filled(tmp_path: Path) -> None:
    """Each value is recorded for the origin; the site's scripts hear no message with
    it, and the pilot, which reads the form, gets the handle back.
    """
    with serve({"/": page(SPY, _FORM)}) as site:
        source = MemorySource(site.bank)
        told, report = _ask(site, tmp_path, source)

        heard = "\n".join(site.seen)
    assert told["outcome"] == {
        "kind": "login",
        "filled": ["username", "current-password"],
        "altered": [],
        "submitted": False,
        "refusal": None,
    }
    assert source.asked == [("login", site.bank), ("password", site.bank)]
    assert all(r.purpose == "filled in by autofill" for r in report.releases)
    seen = told["seen"]
    assert isinstance(seen, list)
    assert seen[0] == LOGIN
    assert str(seen[1]).startswith("clisk-handle-")
    assert SECRET not in heard
    assert SECRET not in repr(report)


def test_a_form_can_be_sent(tmp_path: Path) -> None:
    """With submit the button is pressed, and the worker goes where that leads."""
    with serve({"/": page("", _FORM), "/in": page("", "<p id=in>")}) as site:
        told, _ = _ask(site, tmp_path, MemorySource(site.bank), options="{submit:true}")

        assert "/in" in site.hits
    assert told["outcome"] is False or told["outcome"]["submitted"] is True  # type: ignore[index,call-overload]


def test_it_sends_a_form_while_the_persons_keys_are_kept_off(tmp_path: Path) -> None:
    """What is kept off the page is people; our own click gets through."""
    with serve({"/": page("", _FORM), "/in": page("", "<p id=in>")}) as site:
        methods = _ASK.replace("ASKED", "[[BANK + '/', {submit: true}]]").replace(
            "try {", "await this.blockWorkerInteractions(); try {"
        )
        tested = konnector(site, methods)
        report = run(tested, MemorySource(site.bank), tmp_path)

        assert "/in" in site.hits, report.identity


def test_a_page_that_is_not_granted_gets_nothing_of_autofill(tmp_path: Path) -> None:
    """The refusal is fillText's; the control is the same page where it is granted."""
    with serve({"/": page(SPY, _FORM)}) as site:
        (evil, bank), report = _ask_each(
            *(site, tmp_path, MemorySource(site.bank)),
            *(("EVIL + '/'", "{}"), ("BANK + '/'", "{}")),
        )

    granted = [r.granted for r in report.releases if r.field == "password"]
    assert granted == [False, True]
    assert evil["outcome"] == NOT_GRANTED
    assert evil["seen"][1] == ""
    assert bank["outcome"]["filled"] == ["username", "current-password"]
    assert bank["seen"][1]


# page, refusal; None: the name alone is filled
_REFUSED: dict[str, str | None] = {
    _JOIN: "sign-up",
    "<p id=here>": "no-field",
    _FORM.replace("/in", "https://thief.example/in"): "sent-elsewhere",
    _FORM + "<div style='position:fixed;inset:0;background:#fff'></div>": "covered",
    _FORM.replace("type=password", "type=password style=display:none"): None,
}


def test_what_clisk_fill_refuses_is_refused_here_too(tmp_path: Path) -> None:
    """The engine is the same: no password is asked for, and none is in the page."""
    pages = {f"/{n}": page("", body) for n, body in enumerate(_REFUSED)}
    with serve(pages) as site:
        source = MemorySource(site.bank)
        asked = [(f"BANK + '{path}'", "{timeout: 1}") for path in pages]
        told, _ = _ask_each(site, tmp_path, source, *asked)

    for each, (body, refusal) in zip(told, _REFUSED.items(), strict=True):
        if refusal is not None:
            assert each["outcome"]["refusal"] == refusal, body
    assert ("password", site.bank) not in source.asked


def test_it_waits_for_a_form_that_comes_later(tmp_path: Path) -> None:
    """As clisk fill does, and no longer than it is told."""
    later = f"setTimeout(() => {{ document.body.innerHTML = `{_FORM}` }}, 300)"
    with serve({"/": page(later, "<p>wait")}) as site:
        told, _ = _ask(site, tmp_path, MemorySource(site.bank))

    assert isinstance(told["outcome"], dict)
    assert told["outcome"]["filled"] == ["username", "current-password"]


@pytest.mark.parametrize("leave", [True, False])
def test_a_page_that_goes_while_it_is_filled_gets_no_password(
    tmp_path: Path, leave: bool
) -> None:
    """The bank's page is swapped for evil's between the release and the writing; the
    control is a page that stays.
    """
    with serve({"/trap": page(SPY + "tell('trapped')", _FORM)}) as site:
        go = f"location.href = '{site.evil}/trap'" if leave else "tell('stayed')"
        site.pages["/"] = page(SPY + f"fetch('/gate').then(() => {{ {go} }})", _FORM)
        until = "trapped" if leave else "stayed"

        async def let_it_go() -> None:
            site.gate.set()
            while await asyncio.to_thread(site.news.get, timeout=20) != until:
                pass

        source = MemorySource(site.bank, on_release=let_it_go)
        told, _ = _ask(site, tmp_path, source)

    seen = told["seen"]
    assert isinstance(seen, list)
    assert bool(seen[1]) is not leave, told
    if leave:
        assert ("password", site.evil) not in source.asked[:2]


def test_a_wrong_option_is_named(tmp_path: Path) -> None:
    """No misspelt option is taken in silence, and nothing is released."""
    options = ("3", "{submit: 1}", "{timeout: 'x'}", "{sbumit: true}")
    with serve({"/": page("", _FORM)}) as site:
        source = MemorySource(site.bank)
        asked = [("BANK + '/'", each) for each in options]
        told, _ = _ask_each(site, tmp_path, source, *asked)

    for each in told:
        assert str(each["outcome"]).startswith("autofill: "), each
    assert source.asked == []


def test_the_worker_can_not_ask_for_it(tmp_path: Path) -> None:
    """The site's own scripts speak there: for them there is no such method."""
    methods = """
    async ensureAuthenticated() {
        await this.goto(BANK + '/')
        await this.saveIdentity({ outcome: await this.runInWorker('workAsk') })
    },
    async workAsk() {
        try { return await this.bridge.call('autofill', {}) }
        catch (err) { return err.message }
    }
    """
    with serve({"/": page("", _FORM)}) as site:
        source = MemorySource(site.bank)
        report = run(konnector(site, methods), source, tmp_path)

    assert isinstance(report.identity, dict)
    says = 'The method "autofill" has not been implemented.'
    assert report.identity["outcome"] == says
    assert source.asked == []
