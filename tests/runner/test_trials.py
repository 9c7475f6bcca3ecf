"""Konnectors against mock sites: docs/test-konnectors.md."""

from __future__ import annotations

import asyncio
import json
import shutil
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from konnector_runner.errors import MockSiteError, RunnerError
from konnector_runner.events import RunEvent
from konnector_runner.mock_exchange import MockRequest
from konnector_runner.mock_site import load_mock_site
from konnector_runner.trial import load_trial, try_konnector
from scripts.test_konnectors import main
from tests.runner.harness import konnector

_OURS = Path(__file__).parents[1] / "konnectors"


@pytest.mark.browser
def test_our_konnectors_come_to_what_they_should(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Each step that does not hold throws; the passwords have every awkward sign."""
    assert main([str(_OURS)]) == 0
    assert capsys.readouterr().out.count("passed") == 4


@pytest.mark.browser
def test_what_a_person_typed_is_proposed_and_never_told() -> None:
    """It comes through a `workerEvent` in clear; no line, event or trace has it."""
    typed = "typed by a person 1"
    energy, site = load_trial(_OURS / "energy")
    events: list[RunEvent] = []

    trial = asyncio.run(try_konnector(energy, site, on_event=events.append))

    assert trial.passed, trial.faults
    assert trial.proposed == ("login", "password")
    told = repr(events) + repr(trial)
    assert "saveCredentials" in told, "the log must be there"
    assert typed not in told


@pytest.mark.browser
def test_a_page_that_only_a_server_has_is_answered_by_it(tmp_path: Path) -> None:
    """Any program may be the mock site: hosts by `Host`, cookies and bodies as sent."""
    seen: list[tuple[str, str, str, str]] = []

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            length = int(self.headers["Content-Length"] or 0)
            sent = self.rfile.read(length).decode()
            cookie = self.headers["Cookie"] or ""
            seen.append((self.headers["Host"], self.path, cookie, sent))
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Set-Cookie", "a=1; Secure")
            self.send_header("Set-Cookie", "b=2; Secure")
            self.end_headers()
            self.wfile.write(b"<form method=post action=/in?x=1><input name=n><p id=p>")

        do_POST = do_GET  # noqa: N815 - the library's name

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        forward = f"http://127.0.0.1:{server.server_port}"
        (tmp_path / "site.json").write_text(json.dumps({"forward": forward}))
        tested = konnector(
            None,
            """
            async ensureAuthenticated() {
                await this.goto('https://www.vendor.example/')
                await this.evaluateInWorker(() => { document.forms[0].n.value = 'é' })
                await this.runInWorker('workSend')
                await this.waitForElementInWorker('#p')
            },
            workSend() { document.forms[0].submit() }
            """,
        )
        trial = asyncio.run(try_konnector(tested, load_mock_site(tmp_path)))
        server.shutdown()

    assert trial.passed, trial.faults
    # Cookies of one instant come in either order: RFC 6265 §5.4.
    asked = [
        (host, path, sorted(cookies.split("; ")), body)
        for host, path, cookies, body in seen
        if path != "/favicon.ico"
    ]
    assert asked == [
        ("www.vendor.example", "/", [""], ""),
        ("www.vendor.example", "/in?x=1", ["a=1", "b=2"], "n=%C3%A9"),
    ]


@pytest.mark.parametrize(
    "forward", ["https://127.0.0.1:1", "http://10.0.0.1:1", "http://vendor.example", ""]
)
def test_nothing_is_forwarded_to_another_device(tmp_path: Path, forward: str) -> None:
    """A mock site is of this device: another address is refused as it is loaded."""
    (tmp_path / "site.json").write_text(json.dumps({"forward": forward}))

    with pytest.raises(MockSiteError, match="forward: not an address"):
        load_mock_site(tmp_path)


def test_a_server_that_does_not_answer_is_named(tmp_path: Path) -> None:
    """With what to do: the notes of a run do not leave the author to guess."""
    (tmp_path / "site.json").write_text('{"forward": "http://127.0.0.1:9"}')
    site = load_mock_site(tmp_path)

    with pytest.raises(MockSiteError, match="does not answer") as caught:
        site.answer(MockRequest("GET", "https://a.example/"))
    assert "start it" in caught.value.advice


@pytest.mark.parametrize("place", [".", "build", "dist", "konnector"])
@pytest.mark.parametrize("manifest", [True, False])
def test_a_konnector_is_found_where_it_is_built(
    tmp_path: Path, place: str, manifest: bool
) -> None:
    """The bundle in any usual folder, its manifest beside it or at the top."""
    (tmp_path / place).mkdir(exist_ok=True)
    (tmp_path / "mock" / "www.a.example").mkdir(parents=True)
    where = tmp_path / place if manifest else tmp_path
    shutil.copy(_OURS / "library" / "manifest.konnector", where)
    (tmp_path / place / "main.js").write_text("run()")

    found, site = load_trial(tmp_path)

    assert found.bundle == "run()"
    assert site.origins == ("https://www.a.example",)


@pytest.mark.parametrize(
    ("names", "says"),
    [
        (["manifest.konnector", "mock/a.example/x"], "there is no main.js in"),
        (["main.js", "mock/a.example/x"], "readable manifest.konnector"),
        (["manifest.konnector", "main.js"], "there is no folder mock/"),
        (["manifest.konnector", "main.js", "mock/x"], "neither a site.json nor"),
    ],
)
def test_an_odd_layout_is_told_in_words(
    tmp_path: Path, names: list[str], says: str
) -> None:
    """Which part is missing, and what it should be."""
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        if name == "manifest.konnector":
            shutil.copy(_OURS / "library" / name, tmp_path)
        else:
            (tmp_path / name).write_text("run()")

    with pytest.raises(RunnerError, match=says) as caught:
        load_trial(tmp_path)
    assert caught.value.advice


def test_the_account_is_filled_into_pages_and_not_into_scripts(tmp_path: Path) -> None:
    """`{login}` in a script takes a value out of an object; in a page it is ours."""
    host = tmp_path / "a.example"
    host.mkdir()
    for name in ("x.html", "x.js", "x.json", "x.css"):
        (host / name).write_text("{login}")
    (tmp_path / "site.json").write_text('{"account": {"login": "me"}}')
    site = load_mock_site(tmp_path)

    def get(name: str) -> bytes:
        return site.answer(MockRequest("GET", f"https://a.example/{name}")).body

    assert get("x.html") == get("x.json") == b"me"
    assert get("x.js") == get("x.css") == b"{login}"


@pytest.mark.browser
def test_a_wrong_password_fails_the_table(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What came instead is told, and the exit code is 1: the control of the above."""
    shutil.copytree(_OURS / "library", tmp_path / "library")
    path = tmp_path / "library" / "mock" / "site.json"
    site = json.loads(path.read_text())
    site["routes"][1]["form"]["word"] = "something else"
    site["expect"] = {"outcome": "failed", "saved": []}
    path.write_text(json.dumps(site))
    bundle = tmp_path / "library" / "main.js"
    # The page for a wrong password has no shelf: do not wait a minute for it.
    text = bundle.read_text()
    bundle.write_text(text.replace('"#shelf")', '"#shelf", { timeout: 1 })'))

    assert main([str(tmp_path)]) == 0

    site["expect"] = {"outcome": "done"}
    path.write_text(json.dumps(site))
    assert main([str(tmp_path)]) == 1
    said = capsys.readouterr().out
    assert "FAILED" in said
    assert "outcome: 'failed' where 'done' was expected" in said


@pytest.mark.parametrize("content", [None, "a file", "empty"])
def test_a_folder_without_konnectors_is_told_so(
    tmp_path: Path, content: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    """With what to do, and exit code 2; a broken konnector is a failure of its own."""
    if content == "a file":
        (tmp_path / "file").write_text("x")
        assert main([str(tmp_path / "file")]) == 2
    elif content == "empty":
        (tmp_path / "broken").mkdir()
        assert main([str(tmp_path)]) == 1
        assert "manifest.konnector" in capsys.readouterr().out
        return
    else:
        assert main([str(tmp_path)]) == 2
    assert "hint: " in capsys.readouterr().err


def test_plain_files_answer_by_host_and_never_from_outside(tmp_path: Path) -> None:
    """index.html, the file itself, or .html; a path that climbs is no file."""
    folder = tmp_path / "mock"
    (folder / "a.example" / "deep").mkdir(parents=True)
    (folder / "site.json").write_text('{"account": {"login": "me"}}')
    (folder / "a.example" / "deep" / "index.html").write_text("<p>{login}")
    (folder / "a.example" / "page.html").write_text("page")
    (tmp_path / "secret.html").write_text("outside")
    site = load_mock_site(folder)

    def get(path: str) -> tuple[int, bytes]:
        answer = site.answer(MockRequest("GET", f"https://a.example/{path}"))
        return answer.status, answer.body

    assert site.origins == ("https://a.example",)
    assert get("deep/") == (200, b"<p>me")
    assert get("page?x=1") == (200, b"page")
    assert get("page.html") == (200, b"page")
    assert get("nothing")[0] == 404
    for climbing in ("../../secret.html", "..%2f..%2fsecret", "%2e%2e/%2e%2e/secret"):
        assert site.answer(
            MockRequest("GET", f"https://a.example/{climbing}")
        ).body != (b"outside")
