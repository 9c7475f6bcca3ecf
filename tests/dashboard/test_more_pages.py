"""Health, duplicates, files, the history's hints and proofs, what to change, French."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.dashboard.browsing import barriers, opened, picture
from tests.dashboard.world import Shown, dashboard
from tests.program.world import device, pair, relay

pytestmark = pytest.mark.browser

_PASSWORD = "planted-secret-1"


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shown]:
    """Give a dashboard over a vault with two devices and items that look alike."""
    folder = tmp_path_factory.mktemp("more")
    with (
        relay(folder / "relay") as url,
        device(folder / "laptop") as laptop,
        device(folder / "phone") as phone,
    ):
        laptop.init("--relay", url)
        words = ("--username", "alice", "--uri", "https://github.com")
        laptop.add_login("GitHub", _PASSWORD, *words)
        laptop.add_login("GitHub old", _PASSWORD, *words)
        laptop.add_login("Bakery", "planted-secret-2")
        pair(laptop, phone, folder)
        phone.ok("get", "Bakery", "--field", "password")
        phone.ok("sync")
        laptop.ok("sync")
        with dashboard(laptop) as running:
            yield running


@pytest.fixture
def page(browser: Browser, shown: Shown) -> Iterator[Page]:
    with opened(browser, shown) as running:
        yield running


def test_passwords_known_from_breaches_are_found_in_a_file_of_the_persons(
    page: Page, shown: Shown, tmp_path: Path
) -> None:
    """On this device; the reads are recorded, and nothing shows a password."""
    digest = hashlib.sha1(_PASSWORD.encode()).hexdigest().upper()  # noqa: S324 - as HIBP has it
    (tmp_path / "pwned.txt").write_text(f"{digest}:42\n")
    before = len(shown.device.ask("log", "list")["records"])

    page.goto(f"{shown.url}health")
    page.get_by_text("Known from breaches").click()
    page.get_by_label("A file or folder").fill(str(tmp_path / "pwned.txt"))
    page.get_by_role("button", name="Examine all passwords").click()

    expect(page.get_by_text("seen 42 times in breaches")).to_have_count(2)
    expect(page.get_by_text("Nothing left this device.")).to_be_visible()
    expect(page.get_by_text("also in GitHub old").first).to_be_visible()
    assert _PASSWORD not in page.content()
    assert len(shown.device.ask("log", "list")["records"]) == before + 3
    picture(page, "health-breached")
    assert barriers(page) == []


def test_a_file_of_breaches_that_is_not_there_is_refused_with_advice(
    page: Page, shown: Shown
) -> None:
    """By the agent, in words; the page goes on."""
    page.goto(f"{shown.url}health")
    page.get_by_text("Known from breaches").click()
    for path, says in (
        ("/no/such/file", "no such file or folder of breached passwords"),
        ("passwords.txt", "not a whole path"),
    ):
        page.get_by_label("A file or folder").fill(path)
        page.get_by_role("button", name="Examine all passwords").click()
        expect(page.get_by_text(says)).to_be_visible()


def test_a_service_is_asked_only_when_the_person_says_so(
    page: Page, shown: Shown
) -> None:
    """Unticked at first; what would leave this device is said beside it."""
    page.goto(f"{shown.url}health")
    page.get_by_text("Known from breaches").click()

    expect(page.get_by_label("Ask Have I Been Pwned")).not_to_be_checked()
    expect(page.get_by_text("first five digits")).to_be_visible()


def test_a_file_is_attached_downloaded_recorded_and_removed(
    page: Page, shown: Shown, tmp_path: Path
) -> None:
    """Handed out as it was, as a download; two megabytes leave no temporary file."""
    data = b"<script>hacked()</script>" + bytes(2 << 20)
    (tmp_path / "scan.html").write_bytes(data)
    page.get_by_role("link", name="Bakery").click()
    page.get_by_label("A file, at most 10 MB").set_input_files(tmp_path / "scan.html")
    page.get_by_role("button", name="Attach").click()
    expect(page.get_by_text("scan.html")).to_be_visible()

    with page.expect_download() as download:
        page.get_by_role("button", name="Download scan.html").click()
    assert download.value.path().read_bytes() == data
    assert download.value.suggested_filename == "scan.html"
    assert shown.device.ask("log", "list")["records"][-1]["use"] == "attachment"

    page.on("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Remove scan.html").click()
    expect(page.get_by_text("No files are attached.")).to_be_visible()


def test_a_read_that_stands_out_is_named_and_marked_in_the_list(
    page: Page, shown: Shown
) -> None:
    """A refused read is one; its entry says what it is vouched for with."""
    shown.device.run("get", "GitHub", "--field", "no-such-field")
    page.goto(f"{shown.url}access")

    expect(page.get_by_role("heading", name="Reads that stand out")).to_be_visible()
    row = page.locator("#records tr.stands-out").first
    expect(row).to_contain_text("not granted")
    picture(page, "access-unusual")
    assert barriers(page) == []
    row.get_by_role("link").first.click()
    expect(page.get_by_text("Its leaf leads to the newest signed head")).to_be_visible()
    expect(page.get_by_text("What it says is what its leaf commits to")).to_be_visible()
    expect(page.locator(".tag.level")).to_have_text(re.compile("sealed|witnessed"))


def test_the_history_of_another_device_is_filtered_and_shown(
    page: Page, shown: Shown
) -> None:
    """Its log is here: the list, the glance and an entry of it."""
    page.goto(f"{shown.url}access")
    page.get_by_label("Device").select_option(label="phone")

    expect(page.locator("#records tbody tr")).to_have_count(1)
    expect(page.locator("#records")).to_contain_text("Bakery")
    expect(page.locator("#glance .figures strong")).to_have_text("1")
    page.locator("#records tbody a").first.click()
    expect(page.get_by_text("Its leaf leads to the newest signed head")).to_be_visible()
    expect(page.get_by_role("link", name="Bakery")).to_be_visible()


def test_duplicates_are_merged_into_the_one_that_stays(
    page: Page, shown: Shown
) -> None:
    """The other is in the trash; nothing chosen is refused with advice."""
    page.get_by_role("link", name="Duplicates").click()
    for box in page.get_by_role("checkbox").all():
        box.uncheck()
    page.get_by_role("button", name="Merge").click()
    expect(page.get_by_text("a merge needs one item that stays")).to_be_visible()
    page.goto(f"{shown.url}duplicates")
    picture(page, "duplicates")
    page.get_by_role("radio", name="keep GitHub (1)", exact=True).check()
    page.get_by_role("button", name="Merge").click()

    expect(page.get_by_role("heading", name="GitHub")).to_be_visible()
    titles = [each["title"] for each in shown.device.ask("list")["items"]]
    assert sorted(titles) == ["Bakery", "GitHub"]


def test_what_a_revoked_device_read_stays_to_be_looked_up(
    page: Page, shown: Shown
) -> None:
    """What it had read comes first; what was changed since says so."""
    shown.device.ok("devices", "revoke", "phone", "--yes")
    shown.device.ok("edit", "Bakery", "--generate", "password")
    shown.device.ok("favourite", "GitHub")
    shown.device.ok("tag", "add", "work", "GitHub")
    page.goto(f"{shown.url}devices")
    page.get_by_role("link", name="Passwords to change").click()

    rows = page.locator("tbody tr")
    expect(rows.first).to_contain_text("Bakery")
    expect(rows.first).to_contain_text("changed since")
    expect(rows.nth(1)).to_contain_text("GitHub")
    expect(rows.nth(1)).not_to_contain_text("changed since")
    expect(rows.nth(1).get_by_role("link", name="Change it")).to_be_visible()
    picture(page, "exposed")
    assert barriers(page) == []
    said = shown.device.ok("devices", "exposed", "phone")
    assert re.search(r"Bakery.*yes", said)


def test_the_agents_refusals_are_french_on_the_french_page(
    browser: Browser, shown: Shown
) -> None:
    """By their code; and the language of the whole page is said to be French."""
    with opened(browser, shown, locale="fr-FR") as page:
        page.goto(f"{shown.url}items/nothing-like-it")

        expect(page.get_by_role("alert")).to_contain_text("aucun élément ne correspond")
        assert page.locator("html").get_attribute("lang") == "fr"
