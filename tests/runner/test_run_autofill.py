"""The method autofill: a konnector borrows the launcher's eyes and hands.

Spec: protocol/konnector-bridge.md §4.8.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

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
        await this.goto(TARGET)
        let outcome
        try { outcome = await this.bridge.call('autofill', OPTIONS) }
        catch (err) { outcome = err.message }
        const seen = await this.evaluateInWorker(() =>
            [...document.querySelectorAll('input')].map(e => e.value))
        await this.saveIdentity({ outcome, seen, url: await this.evaluateInWorker(
            () => location.pathname) })
    }
"""


def _ask(
    site: Site,
    tmp_path: Path,
    source: MemorySource,
    target: str = "BANK + '/'",
    options: str = "{}",
) -> tuple[dict[str, Json], RunReport]:
    methods = _ASK.replace("TARGET", target).replace("OPTIONS", options)
    report = run(konnector(site, methods), source, tmp_path)
    assert report.error is None, report.error
    assert isinstance(report.identity, dict)
    return report.identity, report


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
        methods = _ASK.replace("TARGET", "BANK + '/'").replace(
            "try {", "await this.blockWorkerInteractions(); try {"
        )
        tested = konnector(site, methods.replace("OPTIONS", "{submit: true}"))
        report = run(tested, MemorySource(site.bank), tmp_path)

        assert "/in" in site.hits, report.identity


@pytest.mark.parametrize("target", ["EVIL", "BANK"])
def test_a_page_that_is_not_granted_gets_nothing_of_autofill(
    tmp_path: Path, target: str
) -> None:
    """The refusal is fillText's; the control is the same page where it is granted."""
    with serve({"/": page(SPY, _FORM)}) as site:
        source = MemorySource(site.bank)
        told, report = _ask(site, tmp_path, source, f"{target} + '/'")

    granted = [r.granted for r in report.releases if r.field == "password"]
    assert granted == [target == "BANK"]
    assert (told["outcome"] == NOT_GRANTED) is (target == "EVIL")
    seen = told["seen"]
    assert isinstance(seen, list)
    assert bool(seen[1]) is (target == "BANK")


@pytest.mark.parametrize(
    ("body", "refusal"),
    [
        (_JOIN, "sign-up"),
        ("<p id=here>", "no-field"),
        (_FORM.replace("/in", "https://thief.example/in"), "sent-elsewhere"),
        (
            _FORM + "<div style='position:fixed;inset:0;background:#fff'></div>",
            "covered",
        ),
        (_FORM.replace("type=password", "type=password style=display:none"), None),
    ],
)
def test_what_clisk_fill_refuses_is_refused_here_too(
    tmp_path: Path, body: str, refusal: str | None
) -> None:
    """The engine is the same: no password is asked for, and none is in the page."""
    with serve({"/": page("", body)}) as site:
        source = MemorySource(site.bank)
        told, _ = _ask(site, tmp_path, source, options="{timeout: 1}")

    assert isinstance(told["outcome"], dict)
    if refusal is not None:
        assert told["outcome"]["refusal"] == refusal
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


@pytest.mark.parametrize(
    "options", ["3", "{submit: 1}", "{timeout: 'x'}", "{sbumit: true}"]
)
def test_a_wrong_option_is_named(tmp_path: Path, options: str) -> None:
    """No misspelt option is taken in silence, and nothing is released."""
    with serve({"/": page("", _FORM)}) as site:
        source = MemorySource(site.bank)
        told, _ = _ask(site, tmp_path, source, options=options)

    assert str(told["outcome"]).startswith("autofill: ")
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
