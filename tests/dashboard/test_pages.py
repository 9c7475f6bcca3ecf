"""What a person does in the dashboard, in a real Chromium."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.dashboard.browsing import (
    barriers,
    opened,
    picture,
    tab_to,
)
from tests.dashboard.world import Shown, dashboard
from tests.program.world import (
    PASSPHRASE,
    Device,
    device,
    edit_offline,
    pair,
    relay,
)

pytestmark = pytest.mark.browser

_DIGITS = re.compile(r"into the other device: (\d{3} \d{3})")


@contextmanager
def a_vault(folder: Path, *words: str) -> Iterator[Shown]:
    with device(folder / "laptop") as laptop:
        laptop.init(*words)
        laptop.add_login("GitHub", "planted-secret-1", "--username", "alice")
        with dashboard(laptop) as running:
            yield running


def _reads(laptop: Device) -> list[dict[str, str]]:
    found: list[dict[str, str]] = laptop.ask("log", "list")["records"]
    return found


def test_a_secret_is_shown_by_a_click_and_recorded(
    browser: Browser, shown: Shown
) -> None:
    """Masked before, in the access history after, with a link to it."""
    with opened(browser, shown) as page:
        page.get_by_role("link", name="GitHub").click()
        expect(page.get_by_text("alice")).to_be_visible()
        assert "planted-secret-1" not in page.content()
        assert _reads(shown.device) == []

        page.get_by_role("button", name="Show password").click()
        expect(page.get_by_text("planted-secret-1")).to_be_visible()

        read = _reads(shown.device)[-1]
        assert (read["field"], read["outcome"]) == ("password", "granted")
        page.get_by_role("link", name="Who read this item").click()
        cell = page.get_by_role("cell", name="GitHub Password")
        expect(cell.first).to_be_visible()


def test_a_secret_is_copied_and_recorded(browser: Browser, shown: Shown) -> None:
    """It goes to the clipboard and is not shown on the page."""
    before = len(_reads(shown.device))
    with opened(browser, shown) as page:
        page.get_by_role("link", name="GitHub").click()
        page.get_by_role("button", name="Copy password").click()
        expect(page.get_by_text("Copied;")).to_be_visible()

        assert page.evaluate("navigator.clipboard.readText()") == "planted-secret-1"
        assert "planted-secret-1" not in page.content()
    assert len(_reads(shown.device)) == before + 1


def test_the_clipboard_is_cleared_only_while_it_is_ours(
    browser: Browser, shown: Shown
) -> None:
    """What the person copied since stays."""
    with opened(browser, shown) as page:
        page.clock.install()
        page.get_by_role("link", name="GitHub").click()
        page.get_by_role("button", name="Copy password").click()
        expect(page.get_by_text("Copied;")).to_be_visible()
        page.clock.run_for(31_000)
        expect(page.get_by_text("The clipboard was cleared.")).to_be_visible()
        assert page.evaluate("navigator.clipboard.readText()") == ""

        page.get_by_role("button", name="Copy password").click()
        expect(page.get_by_text("Copied;")).to_be_visible()
        page.evaluate("navigator.clipboard.writeText('something else')")
        page.clock.run_for(31_000)

        assert page.evaluate("navigator.clipboard.readText()") == "something else"


def test_an_item_is_made_changed_found_and_trashed(
    browser: Browser, shown: Shown
) -> None:
    """By forms that work without a script too; the old password is history."""
    with opened(browser, shown) as page:
        page.get_by_role("link", name="New item").click()
        page.get_by_label("Title").fill("Bakery")
        page.get_by_label("User name").fill("bob")
        page.get_by_label("make one for me").check()
        page.get_by_role("button", name="Store").click()
        expect(page.get_by_role("heading", name="Bakery")).to_be_visible()

        page.get_by_role("link", name="Edit").click()
        page.get_by_label("User name").fill("carol")
        page.get_by_label("Password", exact=True).fill("planted-secret-2")
        page.get_by_role("button", name="Store").click()
        expect(page.get_by_text("carol")).to_be_visible()

        page.get_by_role("link", name="Items", exact=True).first.click()
        page.get_by_role("searchbox").press_sequentially("bak")
        expect(page.get_by_role("link", name="GitHub")).to_have_count(0)
        page.get_by_role("link", name="Bakery").click()
        page.on("dialog", lambda dialog: dialog.accept())
        page.get_by_role("button", name="Move to the trash").click()
        page.wait_for_url(f"{shown.url}items")
        expect(page.get_by_role("link", name="Bakery")).to_have_count(0)

    shown.device.ok("rm", "--restore", "Bakery")
    secret = shown.device.ok("get", "Bakery", "--field", "password")
    assert secret == "planted-secret-2\n"


def test_a_change_from_elsewhere_appears_without_reloading(
    browser: Browser, shown: Shown
) -> None:
    """The page says nothing; the stream tells it that there is news."""
    with opened(browser, shown) as page:
        page.evaluate("window.notReloaded = true")

        shown.device.add_login("Library", "planted-secret-3")

        expect(page.get_by_role("link", name="Library")).to_be_visible()
        assert page.evaluate("window.notReloaded")


def test_locking_elsewhere_shows_the_lock_screen(
    browser: Browser, alone: Shown
) -> None:
    """At once, and the passphrase there opens the vault again."""
    with opened(browser, alone) as page:
        alone.device.ok("lock")
        expect(page.get_by_label("Passphrase of this device")).to_be_visible()
        picture(page, "locked")
        assert barriers(page) == []

        page.get_by_label("Passphrase of this device").fill(PASSPHRASE)
        page.get_by_role("button", name="Unlock").click()

        expect(page.get_by_role("link", name="GitHub")).to_be_visible()


def test_a_phone_is_paired_and_revoked_in_the_page(
    browser: Browser, tmp_path: Path
) -> None:
    """The code's pixels, the phone's name when it knocks, its digits, and the end."""
    with (
        relay(tmp_path / "relay") as url,
        a_vault(tmp_path, "--relay", url) as shown,
        device(tmp_path / "phone") as phone,
        opened(browser, shown) as page,
    ):
        # By keyboard alone, up to the end of the pairing.
        for name, path in (("Devices", "devices"), ("Pair a device", "pair")):
            tab_to(page, name)
            page.keyboard.press("Enter")
            page.wait_for_url(f"{shown.url}{path}")
        tab_to(page, "Show the code")
        page.keyboard.press("Enter")
        code = page.get_by_role("img", name="pairing code")
        expect(code).to_be_visible()
        picture(page, "pairing-code")
        code.screenshot(path=tmp_path / "code.png")
        scanning = phone.start(
            *("join", str(tmp_path / "code.png"), "--name", "phone"),
            *("--unlock-seconds", "0", "--passphrase-fd", "0"),
        )
        assert scanning.stdin is not None
        assert scanning.stderr is not None
        scanning.stdin.write(PASSPHRASE)
        scanning.stdin.close()
        scanning.stdin = None
        said = []
        for line in scanning.stderr:
            said.append(line)
            if found := _DIGITS.search(line):
                digits = found[1]
                break
        else:
            raise AssertionError(said)

        expect(page.get_by_text("that calls itself “phone”")).to_be_visible()
        picture(page, "pairing-knock")
        assert barriers(page) == []
        wrong = "000000" if digits != "000 000" else "111111"
        expect(page.get_by_label("Six digits")).to_be_focused()
        page.keyboard.type(wrong)
        page.keyboard.press("Enter")
        expect(page.get_by_role("alert")).to_be_visible()
        page.goto(f"{shown.url}pair")
        expect(page.get_by_label("Six digits")).to_be_focused()
        page.keyboard.type(digits)
        page.keyboard.press("Enter")
        expect(page.get_by_text("phone is a member of this vault now")).to_be_visible()
        scanning.communicate(timeout=60)
        assert scanning.returncode == 0

        page.get_by_role("link", name="Devices").first.click()
        picture(page, "devices-two")
        phone_card = page.get_by_role("listitem").filter(has_text="phone")
        phone_card.get_by_role("link", name="Revoke").click()
        page.get_by_role("button", name="Revoke phone").click()
        expect(page.get_by_text("phone was revoked")).to_be_visible()
        expect(page.get_by_role("rowheader", name="GitHub")).to_be_visible()
        picture(page, "revoked")
        assert barriers(page) == []


def test_a_conflict_is_compared_and_settled(browser: Browser, tmp_path: Path) -> None:
    """Both passwords are shown by a click, and one is chosen."""
    with (
        relay(tmp_path / "relay") as url,
        a_vault(tmp_path, "--relay", url) as shown,
        device(tmp_path / "phone") as phone,
    ):
        laptop = shown.device
        pair(laptop, phone, tmp_path)
        for each in (laptop, phone):
            each.ok("agent", "stop")
        for each in (laptop, phone):
            edit_offline(each, "GitHub", each.home.name)
        for each in (laptop, phone):
            each.unlock()
        for each in (laptop, phone, laptop):
            each.ok("sync")

        with opened(browser, shown) as page:
            page.goto(f"{shown.url}conflicts")
            for button in page.get_by_role("button", name="Show").all():
                button.click()
            for name in ("laptop", "phone"):
                expect(page.locator("[data-secret]", has_text=name)).to_be_visible()
            picture(page, "conflict")
            assert barriers(page) == []
            row = page.get_by_role("row").filter(has_text="phone")
            row.get_by_role("button", name="This one counts").first.click()
            expect(page.get_by_text("No conflicts.")).to_be_visible()

        assert laptop.ask("conflicts")["conflicts"] == []


def test_a_whole_log_is_verified_and_a_tampered_one_is_found(
    browser: Browser, alone: Shown
) -> None:
    """The page says which entry, and nothing like a bare yes."""
    laptop = alone.device
    laptop.ok("get", "GitHub", "--field", "password")
    with opened(browser, alone) as page:
        page.get_by_role("link", name="Access history").click()
        page.get_by_role("button", name="Verify now").click()
        expect(page.get_by_text("Nothing is wrong with the log")).to_be_visible()
        picture(page, "verdict-whole")

    laptop.ok("agent", "stop")
    entry = _flip_one_bit(laptop.home / "vault.sqlite")
    laptop.ok("agent", "start")
    laptop.unlock()
    with dashboard(laptop) as after, opened(browser, after) as page:
        page.goto(f"{after.url}access")
        page.get_by_role("button", name="Verify now").click()
        expect(page.get_by_text("not as it was written")).to_be_visible()
        expect(page.locator(".verdict li").first).to_contain_text(str(entry))
        picture(page, "verdict-faulty")


def _flip_one_bit(vault: Path) -> int:
    """Flip a bit of the newest entry's content on the disk; return its number."""
    with closing(sqlite3.connect(vault)) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        entry, content = database.execute(
            "SELECT position & 4294967295, ciphertext FROM log_entry"
            " ORDER BY position DESC LIMIT 1"
        ).fetchone()
    data = bytearray(vault.read_bytes())
    data[data.index(content[:64]) + 32] ^= 1
    vault.write_bytes(data)
    return int(entry)


def test_the_page_policy_stops_a_script_that_got_in(
    browser: Browser, shown: Shown
) -> None:
    """The second wall behind escaping: markup that is put in runs nothing."""
    with opened(browser, shown) as page:
        page.evaluate(
            "document.body.insertAdjacentHTML('beforeend',"
            " '<img src=x onerror=\"window.wasHacked = true\">')"
        )
        page.evaluate(
            "() => { const s = document.createElement('script');"
            " s.textContent = 'window.wasHacked = true'; document.body.append(s); }"
        )

        assert page.evaluate("window.wasHacked") is None


def test_another_site_cannot_frame_the_page(browser: Browser, shown: Shown) -> None:
    """A page in a frame can be clicked without being seen."""
    with opened(browser, shown) as page:
        framed = page.context.new_page()
        framed.route(
            "http://evil.example/",
            lambda route: route.fulfill(
                content_type="text/html",
                body=f'<iframe src="{shown.url}items"></iframe>',
            ),
        )
        framed.goto("http://evil.example/")

        assert all("GitHub" not in frame.content() for frame in framed.frames)
