"""The launcher protocol in Chromium: protocol/konnector-bridge.md §4 and §8."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from clisk_vault.errors import LockedError
from konnector_runner.browser_choice import BrowserChoice
from konnector_runner.errors import BrowserMissingError, KonnectorError
from konnector_runner.events import EventKind, RunEvent, RunOutcome
from konnector_runner.limits import RunLimits
from konnector_runner.run import run_konnector
from konnector_runner.strict_json import Json
from tests.runner.harness import (
    SECRET,
    MemorySource,
    konnector,
    raw_konnector,
    run,
)
from tests.runner.site import Served, page, serve

pytestmark = pytest.mark.browser

_TOUR = """
    async ensureAuthenticated({ account, trigger }) {
        const said = { account, trigger, events: [] }
        this.bridge.addEventListener('workerEvent', e => said.events.push(e))
        const attempt = async (name, ask) => {
            try { said[name] = await ask() ?? 'void' }
            catch (err) { said[name] = err.message ?? 'plain ' + err }
        }
        await attempt('unknown', () => this.bridge.call('queryEverything', {}))
        await attempt('visible', () => this.setWorkerState({ visible: true }))
        await attempt('early', () => this.saveFiles([], { fileIdAttributes: ['a'] }))
        for (let i = 0; i < 3; i++) await this.goto(BANK + '/?' + i)
        await attempt('throws', () => this.runInWorker('workThrow'))
        await attempt('nobody', () => this.runInWorker('noSuchMethod'))
        // The click leaves the page while the second call waits in it.
        const waiting = this.runInWorker('workWait')
        await this.runInWorker('click', '#go')
        await attempt('reloaded', () => waiting)
        await attempt('address', () => this.runInWorker('workAddress'))
        await attempt('fragment', () => this.goto(BANK + '/next#part'))
        await attempt('stayed', () => this.runInWorker('workAddress'))
        await attempt('download', () => this.goto(BANK + '/file'))
        await attempt('alive', () => this.runInWorker('workAddress'))
        await this.goto(BANK + '/')
        await this.runInWorker('click', '#popup')
        for (let i = 0; i < 100 && !String(said.popup).startsWith('/popped'); i++) {
            await attempt('popup', () => this.runInWorker('workAddress'))
        }
        await attempt('agent', () => this.bridge.call('setUserAgent', 'Tester/1'))
        await attempt('blocked', () => this.blockWorkerInteractions())
        await attempt('unblocked', () => this.unblockWorkerInteractions())
        await attempt('down', () => this.goto('http://127.0.0.1:9/'))
        await attempt('slow', () =>
            this.setWorkerState({ url: BANK + '/gate', timeout: 1200 }))
        await this.saveIdentity(said)
    },
    onWorkerReady() {
        document.addEventListener('DOMContentLoaded', () => {
            const payload = location.search
            this.bridge.emit('workerEvent', { event: 'loaded', payload })
        })
    },
    async workThrow() { throw new Error('VENDOR_DOWN.BANK_DOWN') },
    async workWait() { window.waited = true; await new Promise(() => {}) },
    async workAddress() { return location.pathname + location.hash }
"""


@pytest.fixture(scope="module")
def tour(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Json]:
    """What one run through most of the protocol got for answers."""
    pages = {
        "/": page(
            body='<a id="go" href="/next">next</a>'
            '<a id="popup" href="/popped" target="_blank">popup</a>'
        ),
        "/popped": page(),
        "/next": page(),
        "/file": Served("x", {"Content-Disposition": "attachment"}),
    }
    with serve(pages) as site:
        report = run(
            konnector(site, _TOUR), MemorySource(), tmp_path_factory.mktemp("tour")
        )
        hits = site.hits.count("/next")
    assert report.error is None, report.error
    assert isinstance(report.identity, dict)
    return {**report.identity, "hits": hits}


def test_the_first_run_has_no_account(tour: dict[str, Json]) -> None:
    """Konnectors log out first when there is none."""
    assert tour["account"] is None
    assert tour["trigger"] == {}


def test_an_unknown_method_is_refused_in_the_protocols_own_words(
    tour: dict[str, Json],
) -> None:
    """The same on both sides of the bridge."""
    assert tour["unknown"] == 'The method "queryEverything" has not been implemented.'
    assert tour["nobody"] == 'The method "noSuchMethod" has not been implemented.'


def test_a_page_that_must_be_seen_needs_a_screen(tour: dict[str, Json]) -> None:
    """Headless, the person is told to do it."""
    assert tour["visible"] == "USER_ACTION_NEEDED"


def test_nothing_is_saved_before_the_account_is_known(tour: dict[str, Json]) -> None:
    """A call of saveFiles in ensureAuthenticated has no folder to save into."""
    assert "only from fetch()" in str(tour["early"])


def test_the_worker_is_ready_before_its_page_has_loaded(tour: dict[str, Json]) -> None:
    """Its onWorkerReady can listen for DOMContentLoaded, on an instant page too."""
    events = tour["events"]
    assert isinstance(events, list)
    searches = [event["payload"] for event in events if isinstance(event, dict)]
    assert searches[:3] == ["?0", "?1", "?2"]


def test_an_error_of_the_workers_reaches_the_pilot(tour: dict[str, Json]) -> None:
    """With its message."""
    assert tour["throws"] == "VENDOR_DOWN.BANK_DOWN"


def test_a_call_that_a_navigation_ended_is_false_and_not_made_again(
    tour: dict[str, Json],
) -> None:
    """It resolves when the next page can be called; the click happened once."""
    assert tour["reloaded"] is False
    assert tour["address"] == "/next"
    assert tour["hits"] == 1


def test_a_fragment_or_a_download_is_no_new_page(tour: dict[str, Json]) -> None:
    """The same document goes on being called."""
    assert tour["fragment"] == tour["download"] == "void"
    assert tour["stayed"] == tour["alive"] == "/next#part"


def test_a_new_window_opens_in_the_worker(tour: dict[str, Json]) -> None:
    """A konnector has one page of the site, as in a phone's web view."""
    assert tour["popup"] == "/popped"


def test_small_methods_answer(tour: dict[str, Json]) -> None:
    """With nothing."""
    assert tour["agent"] == tour["blocked"] == tour["unblocked"] == "void"


def test_a_site_that_cannot_be_reached_is_vendor_down(tour: dict[str, Json]) -> None:
    """Or, when it does not answer in time, the launcher's plain string."""
    assert tour["down"] == "VENDOR_DOWN"
    said = "plain ReactNativeLauncher.setWorkerState took more than 1200 ms"
    assert tour["slow"] == said


def test_new_credentials_are_only_proposed(tmp_path: Path) -> None:
    """What differs goes to the source; what was given out is nothing new."""
    methods = """
    async fetch() {
        const known = await this.getCredentials()
        await this.saveCredentials(known)
        const typed = { password: 'typed by hand', more: { a: 1 } }
        await this.saveCredentials({ ...known, ...typed })
        await this.saveCredentials(null)
        throw new Error('typed by hand, ' + known.login + ', ' + known.email)
    }
    """
    source = MemorySource()
    events: list[RunEvent] = []
    report = run(konnector(None, methods), source, tmp_path, events=events)

    assert source.proposed == [
        {
            "password": "typed by hand",
            "more": '{"a":1}',
        }
    ]
    assert [event.kind for event in events].count(EventKind.PROPOSED) == 1
    assert report.error is not None
    assert report.error.message == "[redacted], [redacted], [redacted]"


def test_without_an_account_there_are_no_credentials(tmp_path: Path) -> None:
    """What getCredentials returns is null, as on a first run anywhere."""
    methods = (
        "async fetch() { throw new Error(JSON.stringify(await this.getCredentials())) }"
    )
    report = run(konnector(None, methods), MemorySource(values={}), tmp_path)

    assert report.error is not None
    assert report.error.message == "null"


def test_a_source_that_fails_ends_the_run_with_its_own_error(tmp_path: Path) -> None:
    """The vault was locked meanwhile: the konnector must not wait for ever."""

    async def locked() -> None:
        raise LockedError

    methods = """
    async ensureAuthenticated() {
        await this.goto(BANK + '/')
        const { password } = await this.getCredentials()
        await this.runInWorker('fillText', '#password', password)
    }
    """
    with serve({"/": page()}) as site:
        source = MemorySource(site.bank, on_release=locked)
        with pytest.raises(LockedError):
            run(konnector(site, methods), source, tmp_path)


def test_the_wrong_account_is_logged_out_once(tmp_path: Path) -> None:
    """Then tried again, then given up; nothing is collected for it."""
    methods = """
    async ensureAuthenticated({ account }) {
        this.log('info', account.auth.accountName)
    },
    async ensureNotAuthenticated() { this.log('info', 'out'); return true },
    async fetch() { this.log('info', 'fetched') }
    """
    tested = konnector(None, methods)
    report = run(tested, MemorySource(), tmp_path, account="other")

    said = [line.removeprefix("info: pilot: ") for line in report.log]
    assert [s for s in said if s in {"other", "out", "fetched"}] == [
        "other",
        "out",
        "other",
    ]
    assert report.error is not None
    assert report.error.code == "WRONG_ACCOUNT_IDENTIFIER"
    assert list(tmp_path.iterdir()) == []


def test_a_run_needs_to_know_whose_account_it_is(tmp_path: Path) -> None:
    """Without a sourceAccountIdentifier it ends with the protocol's own text."""
    methods = "async getUserDataFromWebsite() { return {} }"
    report = run(konnector(None, methods), MemorySource(), tmp_path)

    assert report.error is not None
    assert report.error.message == (
        "getUserDataFromWebsite did not return any sourceAccountIdentifier."
        " Cannot continue the execution."
    )


def test_fetch_gets_its_context(tmp_path: Path) -> None:
    """All of what shouldFullSync and saveFiles read."""
    methods = """
    async fetch(context) {
        const sync = await this.shouldFullSync(context)
        await this.saveIdentity({ ...context, sync })
    }
    """
    tested = konnector(None, methods, locales={"en": {}})
    report = run(tested, MemorySource(), tmp_path)

    assert report.error is None, report.error
    identity = report.identity
    assert isinstance(identity, dict)
    assert identity["manifest"] == tested.manifest.raw
    assert identity["sourceAccountIdentifier"] == "someone"
    assert identity["existingFilesIndex"] == {}
    assert identity["sync"] == {"forceFullSync": True, "distanceInDays": 0}


@pytest.mark.parametrize("bundle", ["function (", "} alert(1); {", "import 'x'"])
def test_a_bundle_that_is_no_script_is_refused(tmp_path: Path, bundle: str) -> None:
    """One that closes the guard around it would run in every frame."""
    with pytest.raises(KonnectorError, match=r"main\.js is not a script"):
        run(raw_konnector(bundle), MemorySource(), tmp_path)


def test_a_bundle_that_says_nothing_fails_the_handshake(tmp_path: Path) -> None:
    """With the protocol's code and a hint for its author."""
    limits = RunLimits(run_seconds=60, handshake_seconds=1)
    report = run(raw_konnector("1 + 1"), MemorySource(), tmp_path, limits=limits)

    assert report.outcome is RunOutcome.FAILED
    assert report.error is not None
    assert report.error.code == "UNKNOWN_ERROR.HANDSHAKE_FAILED"
    assert "init()" in report.error.advice


def test_a_bundle_that_listens_late_is_asked_again(tmp_path: Path) -> None:
    """It gets its type once, however late it is."""
    methods = """
    setContentScriptType(type) {
        this.times = (this.times || 0) + 1
        return ContentScript.prototype.setContentScriptType.call(this, type)
    },
    async fetch() { throw new Error('TYPED_' + this.times) }
    """
    on_time = konnector(None, methods)
    late = on_time.bundle.replace(
        "runKonnector(METHODS", "const go = () => runKonnector(METHODS"
    )
    late_by = "; setTimeout(go, 350)"
    assert late != on_time.bundle
    for bundle in (on_time.bundle, late + late_by):
        report = run(raw_konnector(bundle), MemorySource(), tmp_path)

        assert report.error is not None
        assert report.error.code == "TYPED_1"


def test_a_run_that_is_cancelled_leaves_no_half_file(tmp_path: Path) -> None:
    """It ends at once, browser and all."""
    methods = """
    async fetch(context) {
        const file = { filename: 'a.txt', dataUri: 'data:,a' }
        await this.saveFiles([file], { context, fileIdAttributes: ['filename'] })
        await new Promise(() => {})
    }
    """

    async def cancelled() -> None:
        saved = asyncio.Event()

        def on_event(event: RunEvent) -> None:
            if event.kind is EventKind.FILE_SAVED:
                saved.set()

        task = asyncio.ensure_future(
            run_konnector(
                konnector(None, methods),
                MemorySource(),
                folder=tmp_path,
                on_event=on_event,
            )
        )
        await saved.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancelled())
    names = sorted(path.name for path in (tmp_path / "someone").iterdir())
    assert names == [".clisk-files.json", "a.txt"]


def test_a_browser_that_is_not_there_is_told_with_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Named wrongly, or none at all."""
    tested = konnector(None, "")

    def attempt(choice: BrowserChoice) -> None:
        asyncio.run(
            run_konnector(tested, MemorySource(), folder=tmp_path, browser=choice)
        )

    with pytest.raises(BrowserMissingError) as named:
        attempt(BrowserChoice(executable=tmp_path / "no-browser"))
    monkeypatch.setenv("CLISK_BROWSER", "no-such-browser")
    with pytest.raises(BrowserMissingError, match="CLISK_BROWSER"):
        attempt(BrowserChoice())
    monkeypatch.delenv("CLISK_BROWSER")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("PLAYWRIGHT_BROWSERS_PATH", str(tmp_path))
    with pytest.raises(BrowserMissingError) as none:
        attempt(BrowserChoice())

    for caught in (named, none):
        assert "install Chromium" in caught.value.advice
        assert "CLISK_BROWSER" in caught.value.advice


def test_a_konnector_may_save_what_the_site_shows_of_a_file(tmp_path: Path) -> None:
    """Files are fetched by the page, with its cookies and under its rules."""
    methods = """
    async ensureAuthenticated() { await this.goto(BANK + '/') },
    async fetch(context) {
        const files = [
            { filename: 'ok.txt', fileurl: BANK + '/file' },
            { filename: 'gone.txt', fileurl: 'http://127.0.0.1:9/file' }
        ]
        await this.saveFiles(files, { context, fileIdAttributes: ['filename'] })
    }
    """
    with serve({"/": page(), "/file": Served("hello")}) as site:
        report = run(konnector(site, methods), MemorySource(), tmp_path)

    assert [saved.path for saved in report.saved] == ["ok.txt"]
    assert SECRET not in repr(report)
