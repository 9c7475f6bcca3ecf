"""`clisk fill`: a login finds its way into a real page, and nowhere else."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from clisk.commands import fill
from tests.program.fill_site import FillSite, serve_pages
from tests.program.world import Device, device

pytestmark = [pytest.mark.browser, pytest.mark.slow]

_SECRET = "planted-Zq7!"


@pytest.fixture(scope="module", name="site")
def _site() -> Iterator[FillSite]:
    with serve_pages() as site:
        yield site


@pytest.fixture(scope="module", name="laptop")
def _laptop(
    tmp_path_factory: pytest.TempPathFactory, site: FillSite
) -> Iterator[Device]:
    with device(tmp_path_factory.mktemp("laptop")) as laptop:
        laptop.init()
        laptop.add_login("Shop", _SECRET, "-u", "alice", "--uri", site.url)
        yield laptop


def test_a_login_is_filled_and_recorded(laptop: Device, site: FillSite) -> None:
    """The one login whose address fits is taken; each value has a record before it."""
    said = laptop.run("fill", site.url, "--headless", "--json")

    assert said.code == 0, said
    (step,) = said.json["steps"]
    assert step["kind"] == "login"
    assert step["filled"] == ["username", "current-password"]
    assert step["submitted"] is False
    assert _SECRET not in said.out + said.err
    assert site.posted == []
    records = laptop.ask("log", "list")["records"][-2:]
    assert {(r["field"], r["origin"]) for r in records} == {
        ("username", site.url),
        ("password", site.url),
    }


def test_steps_are_followed_when_sent(laptop: Device, site: FillSite) -> None:
    """With --submit each step is sent, and the next one filled."""
    site.posted.clear()
    said = laptop.run("fill", f"{site.url}/name", "--headless", "--submit", "--json")

    assert said.code == 0, said
    assert [step["filled"] for step in said.json["steps"]] == [
        ["username"],
        ["current-password"],
    ]
    assert site.posted == [{"user": "alice"}, {"pass": _SECRET}]
    assert said.json["left_at"] == f"{site.url}/home"


@pytest.mark.parametrize(
    ("path", "name", "reason"),
    [
        ("/join", "sign-up", "nothing was filled: the form opens a new account"),
        ("/empty", "no-field", "nothing was filled: no field asks for a credential"),
        (
            *("/elsewhere", "other-site"),
            "nothing was filled: the page is not of a site of the item",
        ),
    ],
)
def test_a_page_that_asks_for_no_login_is_left_alone(
    laptop: Device, site: FillSite, path: str, name: str, reason: str
) -> None:
    """The command says why, to scripts by a name, fails, and nothing was read."""
    before = laptop.ask("log", "list")["records"]

    words = ("--headless", "--wait", "1", "--json")
    said = laptop.run("fill", site.url + path, *words)

    assert said.code == 1
    assert said.json["steps"][-1]["refusal"] == name
    told = json.loads(said.err.splitlines()[-1])
    assert told["message"] == reason
    assert told["advice"]
    assert laptop.ask("log", "list")["records"] == before
    assert _SECRET not in said.out + said.err


def test_a_page_of_another_site_is_not_even_opened(
    laptop: Device, site: FillSite
) -> None:
    """Named or not, an item is refused for a page that its addresses do not cover."""
    for words in ((), ("--item", "Shop")):
        said = laptop.run("fill", site.evil, "--headless", *words)
        assert said.code == 1
        assert "the page is not of a site of the item" in said.err, said
        assert "hint: " in said.err


def test_several_logins_are_asked_about(laptop: Device, site: FillSite) -> None:
    """Without a terminal nothing is guessed: the logins are told apart, and refused."""
    other = laptop.add_login("Shop of Bob", "planted-2", "-u", "bob", "--uri", site.url)
    try:
        said = laptop.run("fill", site.url, "--headless")

        assert said.code == 1
        assert "Shop of Bob  bob" in said.err
        assert "hint: say which: --item" in said.err
        assert laptop.run("fill", site.url, "--headless", "--item", other).code == 0
    finally:
        laptop.ok("rm", other)


def test_a_window_needs_a_screen(laptop: Device, site: FillSite) -> None:
    """Where there is none, it says what to do instead."""
    env = {"DISPLAY": "", "WAYLAND_DISPLAY": ""}

    said = laptop.run("fill", site.url, env=env)

    assert said.code == 1
    assert "hint: to fill without one, for a script: --headless" in said.err


@pytest.mark.parametrize(
    "url", ["javascript:alert(1)", "file:///etc/passwd", "https://", "a b"]
)
def test_what_is_no_page_is_refused(laptop: Device, url: str) -> None:
    """Only pages over http and https can be filled."""
    said = laptop.run("fill", url, "--headless")

    assert said.code == 2
    assert "error: this is not the address of a page" in said.err


def test_a_sibling_is_asked_about_first(laptop: Device) -> None:
    """A published sibling is offered only where asked for, and only after a yes."""
    laptop.add_login("Flights", "planted-3", "--uri", "https://airfrance.com")
    found = laptop.ask("list", "Flights")["items"][0]["uris"]

    plain = laptop.run("fill", "https://klm.com", "--headless")
    offered = laptop.run("fill", "https://klm.com", "--headless", "--siblings")

    assert "no login is for this page" in plain.err
    assert offered.code == 1
    assert (
        "https://klm.com is published as a site with the same accounts" in offered.err
    )
    assert "hint: add the address yourself" in offered.err
    assert laptop.ask("list", "Flights")["items"][0]["uris"] == found


def test_a_browser_that_is_missing_is_said(laptop: Device, site: FillSite) -> None:
    """No traceback where the browser is not there, nor where the site is not."""
    env = {"CLISK_BROWSER": "/no/such"}
    said = laptop.run("fill", site.url, "--headless", env=env)
    assert said.code == 1
    assert "error: CLISK_BROWSER does not name a program" in said.err

    laptop.add_login("Gone", "planted-4", "--uri", "http://127.0.0.1:9")
    said = laptop.run("fill", "http://127.0.0.1:9", "--headless")
    assert "error: the page could not be opened" in said.err


def test_the_folder_is_no_argument(tmp_path: Path) -> None:
    """Without a vault the command says how to get one."""
    with device(tmp_path / "none") as nobody:
        assert "hint: " in nobody.run("fill", "https://a.example", "--headless").err


def test_a_renewal_says_where_the_site_has_passwords_changed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Where that is published, and not of the page that was named itself."""
    page = "https://www.netflix.com/password"

    for address in ("https://www.netflix.com/", page, "https://site.example/"):
        fill.tell_change_page(address)

    assert capsys.readouterr().err == f"this site has passwords changed at: {page}\n"
