"""Attacks on the credentials of a run, each beside a control that gets through.

The site's origin `bank` is granted, `evil` is not (both are one server).
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from konnector_runner import handles, link, redaction
from konnector_runner.browser import Document
from konnector_runner.events import RunEvent, RunReport
from konnector_runner.launcher import NOT_GRANTED
from konnector_runner.lifecycle import Lifecycle, Login
from konnector_runner.limits import RunLimits
from konnector_runner.strict_json import Json
from tests.runner.harness import SECRET, MemorySource, konnector, run
from tests.runner.site import FORM, SPY, Served, Site, page, serve

pytestmark = pytest.mark.browser
_SPYING = {"/": page(SPY)}
_FILL = """
    async ensureAuthenticated() {
        await this.goto(TARGET + '/')
        const { password } = await this.getCredentials()
        await this.runInWorker('checkForElement', '#here')
        let outcome
        try {
            outcome = await this.runInWorker('fillText', '#password', password)
        } catch (err) { outcome = err.message }
        await this.saveIdentity({ outcome: String(outcome) })
    }
"""


def _heard(site: Site) -> str:
    return "\n".join(site.seen)


def _identity(report: RunReport) -> dict[str, Json]:
    assert report.error is None, report.error
    assert isinstance(report.identity, dict)
    return report.identity


@pytest.mark.parametrize("target", ["EVIL", "BANK"])
def test_a_page_on_another_origin_is_not_filled(tmp_path: Path, target: str) -> None:
    """The wrong origin hears nothing of the call; the granted one (control) does."""
    with serve(_SPYING) as site:
        source = MemorySource(site.bank)
        tested = konnector(site, _FILL.replace("TARGET", target))

        report = run(tested, source, tmp_path)

        heard, origin = _heard(site), site.evil if target == "EVIL" else site.bank
    assert source.asked == [("login", None), ("password", origin)]
    granted = [r.granted for r in report.releases if r.field == "password"]
    if target == "BANK":
        assert granted == [True]
        assert SECRET in heard
        return
    assert granted == [False]
    assert _identity(report)["outcome"] == NOT_GRANTED
    assert "checkForElement" in heard, "the spy must work"
    assert "fillText" not in heard
    assert SECRET not in heard


@pytest.mark.parametrize("target", ["EVIL", "BANK"])
def test_a_handle_in_the_argument_of_a_function_is_bound_to_its_site(
    tmp_path: Path, target: str
) -> None:
    """evaluate() on the wrong origin is refused as any call; the control is filled."""
    methods = f"""
    async ensureAuthenticated() {{
        await this.goto({target} + '/')
        const {{ password }} = await this.getCredentials()
        let outcome
        try {{
            outcome = await this.evaluateInWorker(given => {{
                document.querySelector('#password').value = JSON.parse(given).p
                return document.querySelector('#password').value.length
            }}, JSON.stringify({{ p: password }}))
        }} catch (err) {{ outcome = err.message }}
        await this.saveIdentity({{ outcome }})
    }}
    """
    with serve(_SPYING) as site:
        report = run(konnector(site, methods), MemorySource(site.bank), tmp_path)

        heard = _heard(site)
    # It never crosses the channel on which the site's scripts listen.
    assert SECRET not in heard
    expected: Json = NOT_GRANTED if target == "EVIL" else len(SECRET)
    assert _identity(report)["outcome"] == expected


@pytest.mark.parametrize("guarded", [True, False])
def test_a_page_that_navigates_between_check_and_send_gets_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, guarded: bool
) -> None:
    """The bank is checked, evil is there when the value comes: it is not sent.

    The control is a launcher that sends to whatever page there is by then.
    """
    with serve({"/trap": page(SPY + "tell('trapped')")}) as site:
        leave = f"location.href = '{site.evil}/trap'"
        site.pages["/"] = page(SPY + f"fetch('/gate').then(() => {{ {leave} }})")

        async def let_it_go() -> None:
            site.gate.set()
            while await asyncio.to_thread(site.news.get, timeout=20) != "trapped":
                pass

        if not guarded:
            monkeypatch.setattr(link.Link, "call", _naive_call(link.Link.call))
        source = MemorySource(site.bank, on_release=let_it_go)
        report = run(konnector(site, _FILL.replace("TARGET", "BANK")), source, tmp_path)

        heard = _heard(site)
    assert source.asked[-1] == ("password", site.bank)
    assert "trapped" in heard
    assert (SECRET in heard) is not guarded
    if guarded:
        assert _identity(report)["outcome"] == "false"


def _naive_call(real: Any) -> Any:
    async def call(
        self: link.Link,
        method: str,
        args: list[Json],
        *,
        document: Document | None = None,
    ) -> object:
        if document is not None and self.document is document:
            self.expect_reload()  # the new page is there, the news of it not yet
        return await real(self, method, args)

    return call


@pytest.mark.parametrize("sandbox", [True, False])
def test_a_sandboxed_page_of_the_right_site_is_not_filled(
    tmp_path: Path, sandbox: bool
) -> None:
    """Its address is the bank's and its origin is nobody's (control: no sandbox)."""
    header = {"Content-Security-Policy": "sandbox allow-scripts"} if sandbox else {}
    served = page(SPY)
    with serve({"/": Served(served.body, {**served.headers, **header})}) as site:
        source = MemorySource(site.bank, "null")
        report = run(konnector(site, _FILL.replace("TARGET", "BANK")), source, tmp_path)

        heard = _heard(site)
    assert (SECRET in heard) is not sandbox
    if sandbox:
        assert source.asked[-1] == ("password", "null")
        assert _identity(report)["outcome"] == NOT_GRANTED


_FORGE = """
let forged = false
addEventListener('message', ({ data }) => {
  if (data.action === 'call' && !forged) {
    forged = true
    const call = (requestId, methodName, args) => ReactNativeWebView.postMessage(
      JSON.stringify({ type: '@post-me', action: 'call', sessionId: data.sessionId,
                       requestId, methodName, args }))
    setTimeout(() => {
      call(901, 'getCredentials', [])
      call(902, 'saveCredentials', [{ login: 'mallory', password: 'forged' }])
      call(903, 'runInWorker', ['fillText', '#password', 'x'])
      call(904, 'saveFiles', [[], {}])
      call(905, 'sendToPilot', [{ forged: 'data' }])
    }, 0)
  } else if (data.action === 'response') {
    tell('answer ' + JSON.stringify(data))
    if (data.requestId === 905) document.getElementById('here').id = 'answered'
  }
})
"""


def test_a_site_that_forges_calls_gets_no_method_but_its_own(tmp_path: Path) -> None:
    """Only sendToPilot (the control) exists for the worker; it passes data."""
    methods = """
    async ensureAuthenticated() {
        await this.goto(BANK + '/')
        for (let i = 0; i < 200 && !this.store.forged; i++) {
            await this.runInWorker('checkForElement', '#here')
        }
        await this.runInWorker('waitForElementNoReload', '#answered')
        await this.saveIdentity(this.store)
    }
    """
    with serve({"/": page(SPY + _FORGE)}) as site:
        source = MemorySource(site.bank)
        report = run(konnector(site, methods), source, tmp_path)

        answers = [text for text in site.seen if text.startswith("answer ")]
    refused = 'The method \\"{}\\" has not been implemented.'
    for name in ("getCredentials", "saveCredentials", "runInWorker", "saveFiles"):
        assert any(refused.format(name) in answer for answer in answers), name
    assert source.asked == []
    assert source.proposed == []
    assert _identity(report) == {"forged": "data"}


_ABUSE = """
const names = Object.getOwnPropertyNames(window).filter(n => /^_[0-9a-f]{16}$/.test(n))
for (const name of names) window[name]('not even JSON from WHO')
const request = new XMLHttpRequest()
request.open('POST', '/seen', false)
request.send('WHO has ' + names.length + ' ' + typeof window.ReactNativeWebView)
"""


def test_a_frame_inside_the_page_cannot_use_the_bridge(tmp_path: Path) -> None:
    """Nothing from a frame counts; the same from the page itself (control) does."""
    methods = """
    async ensureAuthenticated() {
        await this.goto(BANK + '/')
        await this.runInWorker('waitForElementNoReload', '#framed')
    }
    """
    with (
        serve({"/f": page(_ABUSE.replace("WHO", "frame"))}) as framed,
        serve({}) as site,
    ):
        frame = f'<iframe src="{framed.bank}/f" onload="this.id=`framed`"></iframe>'
        site.pages["/"] = page(_ABUSE.replace("WHO", "page"), frame)
        report = run(konnector(site, methods), MemorySource(), tmp_path)

        assert site.seen == ["page has 1 object"]
        # Another port of one host is another origin in the same process, so the
        # frame has the function; it is told by its execution context.
        assert framed.seen == ["frame has 1 undefined"]
    assert report.error is None
    assert len([line for line in report.log if "ignored a message" in line]) == 1


_LEAK = """
    async ensureAuthenticated() {
        await this.goto(BANK + '/')
        const { password } = await this.getCredentials()
        this.log('info', 'my handle is ' + password)
        await this.runInWorker('workEvent', { password: 'not ' + password })
        await this.runInWorker('fillText', '#password', password)
        const read = await this.runInWorker('workRead')
        this.log('warn', 'I have read ' + read.value + ' and ' + read.text)
        await this.saveIdentity({ ...read, handle: password, ...this.store })
        this.kept = password
    },
    async workEvent(what) {
        this.bridge.emit('workerEvent', what)
    },
    async workRead() {
        const value = document.querySelector('#password').value
        this.log('error', 'it has ' + value + ' or ' + encodeURIComponent(value))
        await this.sendToPilot({ sent: { deep: [value] } })
        return { value, text: 'it is ' + value + '!' }
    },
    async fetch(context) {
        await this.saveFiles([{ filename: this.kept, dataUri: 'data:,' + this.kept }],
                             { context, fileIdAttributes: ['filename'] })
        throw new Error('failed with ' + (await this.runInWorker('workRead')).value)
    }
"""


@pytest.mark.parametrize("guarded", [True, False])
def test_a_konnector_that_tells_what_it_can_leaks_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, guarded: bool
) -> None:
    """It prints, posts, saves and throws what it has: handles, and no value.

    The control is a launcher without handles taken back and without redaction.
    """
    if not guarded:
        monkeypatch.setattr(handles.Handles, "hide", lambda _self, value: value)
        monkeypatch.setattr(redaction.Redactor, "clean", lambda _self, text: text)
    events: list[RunEvent] = []
    with serve({"/": page()}) as site:
        report = run(
            konnector(site, _LEAK), MemorySource(site.bank), tmp_path, events=events
        )

    told = repr(report) + repr(report.identity) + repr(events)
    assert (SECRET in told) is not guarded
    assert (SECRET.replace("/", "%2F") in told) is False
    assert report.error is not None
    if guarded:
        assert isinstance(report.identity, dict)
        handle = report.identity["handle"]
        assert isinstance(handle, str)
        assert report.identity["value"] == handle
        assert report.identity["sent"] == {"deep": [handle]}
        files = [path for path in tmp_path.rglob("*") if path.is_file()]
        assert any(path.read_text() == handle for path in files)
        assert not any(SECRET in path.read_text() for path in files)


_URLS = [
    "file:///etc/passwd",
    "data:text/html,hello",
    "javascript:alert(1)",
    "chrome://version",
    "about:blank",
    "view-source:http://127.0.0.1/",
    "http://bank.example@evil.example/",
]


@pytest.mark.parametrize("url", _URLS)
def test_a_konnector_opens_no_page_of_this_device(
    shared_reports: dict[str, Json], url: str
) -> None:
    """Only http and https pages; the control, the bank itself, opens."""
    assert str(shared_reports[url]).startswith("setWorkerState: ")
    assert shared_reports["control"] == "opened"


@pytest.fixture(scope="module")
def shared_reports(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Json]:
    """What setWorkerState answered for each address, all asked in one run."""
    methods = f"""
    async ensureAuthenticated() {{
        const said = {{}}
        for (const url of {_URLS!r}) {{
            try {{ await this.goto(url); said[url] = 'opened' }}
            catch (err) {{ said[url] = err.message }}
        }}
        await this.goto(BANK + '/')
        said.control = 'opened'
        await this.saveIdentity(said)
    }}
    """
    with serve({"/": page()}) as site:
        folder = tmp_path_factory.mktemp("urls")
        report = run(konnector(site, methods), MemorySource(), folder)
    return _identity(report)


def test_a_pilot_that_leaves_its_page_ends_the_run(tmp_path: Path) -> None:
    """The page that gets clear credentials is never a site's."""
    methods = """
    async ensureAuthenticated() {
        location.href = EVIL + '/'
        await new Promise(() => {})
    }
    """
    with serve(_SPYING) as site:
        report = run(konnector(site, methods), MemorySource(), tmp_path)

    assert report.error is not None
    assert report.error.message == "the pilot left its page"


def test_an_oversized_message_is_ignored_and_the_page_lives_on(tmp_path: Path) -> None:
    """The page's own function throws, the one below it is cut off in Python."""
    script = """
    const name = Object.getOwnPropertyNames(window).find(n => /^_[0-9a-f]{16}$/.test(n))
    const long = 'x'.repeat(200000)
    window[name](JSON.stringify({ message: long }))
    try { ReactNativeWebView.postMessage(long) }
    catch (err) { document.title = err.name }
    """
    methods = """
    async ensureAuthenticated() {
        await this.goto(BANK + '/')
        await this.saveIdentity({ title: await this.runInWorker('workTitle') })
    },
    async workTitle() { return document.title }
    """
    with serve({"/": page(script)}) as site:
        limits = RunLimits(run_seconds=60, message_characters=100_000)
        report = run(konnector(site, methods), MemorySource(), tmp_path, limits=limits)

    assert _identity(report) == {"title": "RangeError"}
    assert "warn: worker: ignored a message longer than 100000 characters" in report.log


_BELIEVE_ME = """
addEventListener('message', ({ data }) => {
  if (data.action !== 'call' || data.methodName !== 'checkAuthenticated') return
  ReactNativeWebView.postMessage(JSON.stringify({
    type: '@post-me', action: 'response', sessionId: data.sessionId,
    requestId: data.requestId, result: true
  }))
})
"""
_LOGGED_IN = """
    async ensureAuthenticated() {
        await this.goto(BANK + '/')
        const believed = await this.runInWorker('checkAuthenticated')
        this.log('info', 'believed: ' + believed)
        if (believed) return true
        const { password } = await this.getCredentials()
        await this.runInWorker('fillText', '#password', password)
    },
    async ensureNotAuthenticated() { return true },
    async checkAuthenticated() {
        // It looks for a while, as konnectors do: the page's answer comes first.
        await new Promise(resolve => setTimeout(resolve, 100))
        return false
    },
    async workWho() { return document.title },
    async getUserDataFromWebsite() {
        return { sourceAccountIdentifier: await this.runInWorker('workWho') }
    },
    async fetch(context) {
        await this.saveFiles([{ filename: 'forged.txt', filestream: 'not yours' }],
                             { context, fileIdAttributes: ['filename'] })
    }
"""


@pytest.mark.parametrize("guarded", [True, False])
def test_a_page_that_forges_check_authenticated_passes_for_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, guarded: bool
) -> None:
    """A site may say what it likes of itself: its word opens no other's account.

    The answer is believed, it is the site's to give; no credential is read for it,
    and nothing lands among what the known account collected. The control is a
    launcher that takes the login for the account's, whoever was found there.
    """
    if not guarded:
        monkeypatch.setattr(Lifecycle, "log_in", _naive_log_in)
    forged = page(_BELIEVE_ME, "<title>mallory</title>" + FORM)
    with serve({"/": forged}) as site:
        source = MemorySource(site.bank)
        report = run(konnector(site, _LOGGED_IN), source, tmp_path, account="marie")

    assert "info: pilot: believed: true" in report.log
    assert [field for field, _ in source.asked] == []
    taken = tmp_path / "marie" / "forged.txt"
    assert taken.exists() is not guarded
    if guarded:
        assert report.error is not None
        assert report.error.code == "WRONG_ACCOUNT_IDENTIFIER"
        assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


async def _naive_log_in(self: Lifecycle) -> Login:
    await self._authenticate()
    return Login("marie", self._account_document("marie"))


def test_an_honest_page_is_filled(tmp_path: Path) -> None:
    """The control of the konnector: told that nobody is logged in, it logs in."""
    honest = page(SPY, "<title>marie</title>" + FORM)
    with serve({"/": honest}) as site:
        source = MemorySource(site.bank)
        report = run(konnector(site, _LOGGED_IN), source, tmp_path, account="marie")

        assert SECRET in _heard(site)
    assert report.error is None
    assert (tmp_path / "marie" / "forged.txt").exists()
