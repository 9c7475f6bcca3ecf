"""The demo konnector, made with cozy-clisk, against the demo site in Chromium."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from demo.site.konnector import place_konnector
from demo.site.pages import BILLS
from demo.site.server import serve_demo_site
from konnector_runner.events import EventKind, RunEvent, RunOutcome
from konnector_runner.konnector import load_konnector
from tests.runner.harness import LOGIN, SECRET, MemorySource, run

pytestmark = pytest.mark.browser


def test_the_demo_konnector_logs_in_and_saves_its_bills_once(tmp_path: Path) -> None:
    """The first run logs in and saves each PDF; the second finds them there."""
    with serve_demo_site(LOGIN, SECRET) as site:
        tested = load_konnector(place_konnector(site.url, tmp_path / "konnector"))
        source = MemorySource(site.url)

        events: list[RunEvent] = []
        first = run(tested, source, tmp_path / "data", events=events)
        second = run(tested, source, tmp_path / "data", account=LOGIN)

        assert (site.logins, site.downloads) == (2, len(BILLS))
    assert (first.outcome, first.error) == (RunOutcome.DONE, None)
    assert (second.outcome, second.error) == (RunOutcome.DONE, None)
    assert len(first.saved) == len(first.bills) == len(BILLS)
    assert (second.saved, second.bills) == ((), ())
    assert second.already_there == len(BILLS)
    folder = tmp_path / "data" / LOGIN
    for saved in first.saved:
        assert (folder / saved.path).read_bytes().startswith(b"%PDF-1.4")
    book = json.loads((folder / "bills.json").read_text())
    assert [bill["amount"] for bill in book["bills"]] == [44.1, 58.75, 61.2]
    assert [(r.field, r.origin) for r in first.releases if r.field == "password"] == [
        ("password", site.url)
    ]
    # The password was never the konnector's: what it wants saved is nothing new.
    assert source.proposed == []
    assert EventKind.FILE_SAVED in {event.kind for event in events}
    told = repr(first) + repr(second) + repr(events)
    assert SECRET not in told
    assert LOGIN not in repr(events)


def test_a_wrong_password_is_login_failed(tmp_path: Path) -> None:
    """The error is the konnector's own code, and says not to try again alone."""
    with serve_demo_site(LOGIN, "another password") as site:
        tested = load_konnector(place_konnector(site.url, tmp_path / "konnector"))

        report = run(tested, MemorySource(site.url), tmp_path / "data")

    assert report.outcome is RunOutcome.FAILED
    assert report.error is not None
    assert report.error.code == "LOGIN_FAILED"
    assert report.error.needs_person
    assert not (tmp_path / "data").exists()
