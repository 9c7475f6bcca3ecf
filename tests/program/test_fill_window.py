"""`clisk fill` with somebody at the keyboard: in a window, and where it asks."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from konnector_runner.browser_choice import find_browser
from tests.program.fill_site import FillSite, serve_pages
from tests.program.test_processes import Terminal
from tests.program.world import PASSPHRASE, Device, descriptor, device
from tests.screen import unseen_screen

pytestmark = [pytest.mark.browser, pytest.mark.slow]

_SECRET = "planted-Zq7!"
_SECONDS = 60


class _Window:
    """The browser that a command opens, and the corner that closes it."""

    def __init__(self, folder: Path) -> None:
        self._told = folder / "pid"
        self.program = folder / "browser"
        self.program.write_text(
            f"#!/bin/sh\necho $$ > {self._told}\nexec {find_browser()} "
            # Nothing but this device has a name here.
            '--host-resolver-rules="MAP * ~NOTFOUND, EXCLUDE 127.0.0.1" "$@"\n'
        )
        self.program.chmod(0o755)

    def close(self) -> None:
        os.kill(int(self._told.read_text()), signal.SIGTERM)


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


@pytest.fixture(name="window")
def _window(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[_Window]:
    window = _Window(tmp_path)
    with unseen_screen() as name:
        monkeypatch.setenv("DISPLAY", name)
        monkeypatch.setenv("CLISK_BROWSER", str(window.program))
        yield window


def _posted(site: FillSite) -> dict[str, str]:
    end = time.monotonic() + _SECONDS
    while not site.posted:
        assert time.monotonic() < end, "nothing was posted"
        time.sleep(0.02)
    return site.posted[0]


def test_a_window_stays_until_the_person_closes_it(
    laptop: Device, site: FillSite, window: _Window
) -> None:
    """The login is filled in it; closing it ends the command, and that is no fault."""
    site.posted.clear()
    screen = Terminal(laptop.argv("fill", site.url, "--submit"))

    assert _posted(site) == {"user": "alice", "pass": _SECRET}
    screen.wait_for("filled username, current-password on")
    window.close()

    assert screen.end() == 0, screen.shown
    assert _SECRET not in screen.shown


def test_a_new_password_is_the_items_and_no_brings_the_old_one_back(
    laptop: Device, site: FillSite, window: _Window
) -> None:
    """What the page got is what is stored; no: as before, whatever came meanwhile."""
    site.posted.clear()
    screen = Terminal(laptop.argv("fill", f"{site.url}/change", "--renew"))

    posted = _posted(site)
    made = laptop.ok("get", "Shop", "-f", "password").strip()
    assert posted == {"old": _SECRET, "new": made, "again": made}
    assert made != _SECRET
    screen.wait_for("filled current-password, new-password on")
    laptop.ok("edit", "Shop", "--read", "password=0", given="planted-meanwhile")
    window.close()
    screen.wait_for("Has the site taken it?")
    screen.type("no")

    assert screen.end() == 0, screen.shown
    assert "the earlier password is back" in screen.shown
    assert made not in screen.shown
    assert laptop.ok("get", "Shop", "-f", "password").strip() == _SECRET


def test_a_new_password_needs_a_person(laptop: Device, site: FillSite) -> None:
    """A form to change a password is never sent, so nobody would know."""
    said = laptop.run("fill", site.url, "--headless", "--renew")

    assert said.code == 2
    assert "hint: leave --headless out" in said.err


def test_a_yes_gives_the_item_the_siblings_address(
    laptop: Device, window: _Window
) -> None:
    """Asked once; anything but yes leaves the item as it is."""
    laptop.add_login("Flights", "planted-3", "--uri", "https://airfrance.com")
    words = ("fill", "https://klm.com", "--headless", "--siblings", "--wait", "1")
    for typed, after in (("no", 1), ("yes", 2)):
        screen = Terminal(laptop.argv(*words))
        screen.wait_for("Fill it there from now on? Type yes:")
        screen.type(typed)
        screen.end()
        uris = laptop.ask("list", "Flights")["items"][0]["uris"]
        assert len(uris) == after, screen.shown

    said = laptop.run("fill", "https://klm.com", "--headless")
    assert "the page could not be opened" in said.err, "the item is for it now"


def test_a_login_that_asks_again_is_filled_after_the_passphrase(
    laptop: Device, site: FillSite
) -> None:
    """On a terminal it asks; for a script there is a descriptor; a wrong one fails."""
    other = laptop.add_login("Safe", "planted-5", "-u", "bob", "--uri", site.url)
    laptop.ok("edit", other, "--set", "reprompt=true")
    words = ("fill", site.url, "--headless", "--item", other)

    unasked = laptop.run(*words)
    assert (unasked.code, "no terminal" in unasked.err) == (1, True)
    for typed, code in ((PASSPHRASE, 0), ("wrong", 1)):
        with descriptor(typed) as given:
            said = laptop.run(*words, "--passphrase-fd", str(given), fds=(given,))
        assert said.code == code, said

    screen = Terminal(laptop.argv(*words))
    screen.wait_for("asks for your passphrase again. Passphrase:")
    screen.type(PASSPHRASE)
    assert screen.end() == 0
    assert "horse" not in screen.shown


def test_no_to_the_first_password_of_an_item_says_that_there_was_none(
    laptop: Device, site: FillSite, window: _Window
) -> None:
    """Nothing can be brought back: it says so, and how the new one is taken out."""
    bare = laptop.ask(*("add", "login", "Bare", "-u", "bob", "--uri", site.url))["item"]
    words = ("fill", f"{site.url}/change", "--renew", "--item", bare)
    screen = Terminal(laptop.argv(*words))

    screen.wait_for("filled new-password on")
    window.close()
    screen.wait_for("Has the site taken it?")
    screen.type("no")

    assert screen.end() == 0, screen.shown
    assert "there was no earlier password" in screen.shown
    assert f"clisk edit {bare[:8]} --clear password" in screen.shown
    assert "in its history" not in screen.shown
