"""Konnectors and what they fetched, seen and steered in the dashboard."""

from __future__ import annotations

import hashlib
import json
import re
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from demo.site.konnector import place_konnector
from demo.site.server import DemoSite, serve_demo_site
from konnector_runner.bills import Bill, BillBook
from konnector_runner.file_index import FileIndex, SavedFile
from tests.dashboard.browsing import barriers, opened, picture
from tests.dashboard.world import Shown, Visitor, dashboard, visitor
from tests.program.world import device

_EMAIL, _PASSWORD = "alice@example.org", "planted-secret-5"
_SCRIPT = "<img src=x onerror=hacked()>"


@contextmanager
def _installed(folder: Path, url: str) -> Iterator[Shown]:
    """Give a dashboard over a vault with a login for the site, and its konnector."""
    with device(folder / "laptop") as laptop:
        laptop.init()
        words = ("--username", _EMAIL, "--uri", f"{url}/login")
        laptop.add_login("Demo Energy", _PASSWORD, *words)
        konnector = place_konnector(url, folder / "konnector")
        laptop.ok("konnector", "install", str(konnector), "--yes")
        with dashboard(laptop, "--in", str(folder / "collected")) as shown:
            yield shown


@pytest.fixture
def site() -> Iterator[DemoSite]:
    with serve_demo_site(_EMAIL, _PASSWORD) as running:
        yield running


@pytest.mark.browser
def test_a_konnector_is_granted_run_and_revoked_in_the_page(
    browser: Browser, site: DemoSite, tmp_path: Path
) -> None:
    """What it would get is shown first; its words come as it runs; its bills after."""
    with _installed(tmp_path, site.url) as shown, opened(browser, shown) as page:
        page.get_by_role("link", name="Konnectors").click()
        page.get_by_role("heading", level=2).get_by_role("link").first.click()
        page.get_by_role("button", name="Run", exact=True).click()

        expect(page.get_by_role("heading", name="Grant this?")).to_be_visible()
        expect(page.get_by_text(site.url).first).to_be_visible()
        assert barriers(page) == []
        picture(page, "konnector-offer")
        assert shown.device.ask("grants", "list")["grants"] == []
        page.get_by_role("button", name="Grant and run").click()

        expect(page.get_by_text("It is done.")).to_be_visible(timeout=120_000)
        assert barriers(page) == []
        picture(page, "konnector-run")
        assert _PASSWORD not in page.content()
        page.get_by_role("link", name="Collected data").first.click()
        expect(page.get_by_role("img", name="By month")).to_be_visible()
        assert barriers(page) == []
        picture(page, "data")
        with page.expect_download() as download:
            page.get_by_role("link", name=re.compile("pdf")).first.click()
        assert download.value.path().read_bytes().startswith(b"%PDF")

        page.goto(f"{shown.url}grants")
        page.get_by_role("button", name="Revoke").click()
        expect(page.get_by_role("cell", name="revoked")).to_be_visible()
    assert site.logins == 1


@pytest.fixture(scope="module")
def collected(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shown]:
    """Give a dashboard over files that a hostile konnector might have left."""
    folder = tmp_path_factory.mktemp("collected")
    (folder / "secret.txt").write_text("planted-secret-6")
    account = folder / "data" / "shop" / "alice"
    account.mkdir(parents=True)
    (account / "bill.html").write_text("<script>hacked()</script>")
    (account / "link.txt").symlink_to(folder / "secret.txt")
    _write_index(account, ["bill.html", "link.txt"])
    with device(folder / "laptop") as laptop:
        laptop.init()
        with dashboard(laptop, "--in", str(folder / "data")) as shown:
            yield shown


@pytest.fixture(scope="module")
def somebody(collected: Shown) -> Visitor:
    """Return who opened its link."""
    return visitor(collected)


def _write_index(account: Path, names: list[str]) -> None:
    index = FileIndex(account)
    for at, name in enumerate(names):
        index.add(
            SavedFile(
                key=f"key-{at}",
                path=name,
                media_type="text/html",
                size=10,
                sha256=hashlib.sha256(b"").hexdigest(),
                metadata={"note": _SCRIPT},
            )
        )


@pytest.mark.browser
def test_a_stored_script_of_a_konnector_is_shown_as_text(
    browser: Browser, tmp_path: Path
) -> None:
    """In its manifest, in what it fetched, and in what a run says."""
    hostile = f"\"'>{_SCRIPT}"
    account = tmp_path / "data" / "shop" / "alice"
    account.mkdir(parents=True)
    name = "'>&lt;img src=x onerror=hacked()>.pdf"
    (account / name).write_bytes(b"%PDF")
    _write_index(account, [name])
    BillBook(account).add([Bill("2026-01-02", 3.5, hostile, hostile, name)])
    konnector = place_konnector("http://127.0.0.1:9", tmp_path / "konnector")
    manifest = json.loads((konnector / "manifest.konnector").read_text())
    manifest |= {"name": hostile, "editor": hostile, "version": "1.0.0"}
    (konnector / "manifest.konnector").write_text(json.dumps(manifest))
    with device(tmp_path / "laptop") as laptop:
        laptop.init()
        uri = "http://127.0.0.1:9/login"
        laptop.add_login(hostile, _PASSWORD, "--username", hostile, "--uri", uri)
        laptop.ok("konnector", "install", str(konnector), "--yes")
        words = ("--in", str(tmp_path / "data"))
        with dashboard(laptop, *words) as shown, opened(browser, shown) as page:
            page.add_init_script("window.hacked = () => { window.wasHacked = true }")
            seen = []
            for path in ("data", "konnectors", "konnectors/demo-energy"):
                page.goto(f"{shown.url}{path}")
                seen.append(page.get_by_text("onerror=hacked()").count())
            page.get_by_role("button", name="Run", exact=True).click()
            page.get_by_role("button", name="Grant and run").click()
            expect(page.get_by_text("It failed")).to_be_visible(timeout=120_000)

            assert all(seen), "the positive control: it stands there as text"
            assert page.locator("img[src=x]").count() == 0
            assert page.evaluate("window.wasHacked") is None


def test_a_fetched_page_is_handed_out_and_never_shown(somebody: Visitor) -> None:
    """As a download, of no kind that a browser would run as one of our pages."""
    links = re.findall(r'href="(/data/[0-9a-f]{32})"', somebody.get("/data").text)

    answers = [somebody.get(link) for link in links]

    page = next(each for each in answers if each.status_code == 200)
    assert page.headers["content-type"] == "application/octet-stream"
    assert page.headers["content-disposition"].startswith("attachment;")


def test_path_traversal_in_collected_files_finds_nothing(somebody: Visitor) -> None:
    """Neither a link, nor a path in an address; an index holds no path with dots."""
    listed = somebody.get("/data").text
    links = re.findall(r'href="(/data/[0-9a-f]{32})"', listed)
    others = ["/data/..%2f..%2fsecret.txt", "/data/%2e%2e", "/data/" + "0" * 32]

    texts = [somebody.get(link).text for link in [*links, *others]]

    assert links, "the positive control: something is listed"
    assert not any("planted-secret-6" in text for text in texts)


def test_an_export_is_what_the_command_gives(somebody: Visitor) -> None:
    """The same rows, in a file to be saved."""
    answer = somebody.post("/data/export", {"format": "json"})

    assert answer.headers["content-disposition"].startswith("attachment;")
    assert isinstance(json.loads(answer.text), list)


def test_a_run_of_something_that_is_not_installed_is_refused(somebody: Visitor) -> None:
    """A name from a form becomes neither a path nor an argument of its own."""
    for slug in ("nothing", "--help", "..%2f..", "%2fetc"):
        answer = somebody.post(f"/konnectors/{slug}/run", {"item": "x"})
        assert answer.status_code in {404, 422}, slug


def test_a_log_is_exported_and_checked_by_somebody_without_a_vault(
    collected: Shown, somebody: Visitor, tmp_path: Path
) -> None:
    """The zip file holds a bundle, and nothing stays in the home folder."""
    home = collected.device.home
    before = sorted(path.name for path in home.iterdir())
    answer = somebody.post("/access/export")
    (tmp_path / "bundle.zip").write_bytes(answer.content)
    with zipfile.ZipFile(tmp_path / "bundle.zip") as archive:
        archive.extractall(tmp_path)
    keys = collected.device.ok("log", "keys")
    (tmp_path / "keys").write_text(keys)

    said = collected.device.run(
        *("log", "verify-bundle", str(tmp_path / "log-bundle")),
        *("--keys", str(tmp_path / "keys")),
    )

    assert said.code == 0, said
    assert sorted(path.name for path in home.iterdir()) == before
