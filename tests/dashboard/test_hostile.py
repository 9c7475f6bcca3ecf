"""What an import, a konnector, a program or another device wrote, on every page.

None of it runs, and none of it keeps the person from using the page.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from clisk.client import AgentClient
from clisk.home import Home
from tests.dashboard.browsing import PAGES, opened
from tests.dashboard.lying_relay import lying_relay
from tests.dashboard.world import Shown, Visitor, dashboard
from tests.program.world import Device, device, pair, relay

pytestmark = pytest.mark.browser

# What runs if any of it reaches a page as markup; each also ends what it may stand in.
SCRIPT = "\"'></script></title></textarea><img src=x onerror=hacked()><script>hacked()"
# As much of it as a device's name may hold.
_NAME = "\"'><img src=x onerror=hacked()>"
# Nearly as long as a field can be.
_LONG = "x" * 48_000


@pytest.fixture(scope="module")
def world(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[Shown, Device]]:
    """Give a dashboard over a vault that hostile hands have written to, by sync too."""
    folder = tmp_path_factory.mktemp("hostile")
    with (
        relay(folder / "relay") as url,
        device(folder / "laptop") as laptop,
        device(folder / "phone") as phone,
    ):
        laptop.init("--relay", url)
        pair(laptop, phone, folder)
        phone.ok("devices", "rename", _NAME)
        words = ["--username", SCRIPT, "--uri", f"https://example.org/{SCRIPT}"]
        words += ["--uri", "javascript:hacked()", "--tag", SCRIPT]
        item = phone.add_login(SCRIPT, SCRIPT, *words)
        (folder / "file").write_text("x")
        phone.ok("attach", "add", item, str(folder / "file"), "--name", f"{_NAME}.pdf")
        phone.ok("sync")
        laptop.ok("sync")
        (folder / "import.json").write_text(json.dumps(_import()))
        laptop.ok("import", str(folder / "import.json"))
        for at in range(4):
            uris = [f"https://{at}.{n}.example.org" for n in range(200)]
            _ask(laptop, "edit", item="Many", changes={"uris": uris})
        _ask(laptop, "reveal", item=item, field="password", purpose=SCRIPT)
        _ask(
            laptop,
            "grants.add",
            konnector="shop",
            digest="ab" * 32,
            item=item,
            fields=["password"],
            origins=["https://example.org"],
        )
        with dashboard(laptop) as shown:
            yield shown, phone


def _import() -> dict[str, Any]:
    """Return a file of another program's with a huge item, and one of many fields."""
    login = {
        "username": _LONG,
        "password": "p",
        "uris": [{"uri": _LONG, "match": None}],
    }
    fields = [
        {"name": f"field {at}", "value": "v" * 40, "type": 0} for at in range(250)
    ]
    return {
        "encrypted": False,
        "folders": [{"id": "f", "name": SCRIPT}],
        "items": [
            {"type": 1, "name": f"Huge {_LONG}", "login": login, "notes": _LONG},
            {"type": 1, "name": "Many", "login": {"password": "p"}, "fields": fields},
            {"type": 1, "name": SCRIPT, "login": {"password": "p"}, "folderId": "f"},
        ],
    }


def _ask(laptop: Device, operation: str, **params: object) -> dict[str, Any]:
    with AgentClient.connect(Home(str(laptop.home))) as agent:
        answer: dict[str, Any] = agent.call(operation, params)
        return answer


def _paths(laptop: Device) -> list[str]:
    """Return every page, those of each item and of each device among them."""
    paths = [*PAGES.values(), "access/summary", "items?q=Huge", "items?in=trash"]
    for each in laptop.ask("list")["items"]:
        where = f"items/{each['item']}"
        paths += [where, f"{where}/edit", f"{where}/history"]
    paths += [f"devices/{d['device']}/revoke" for d in laptop.ask("devices")["devices"]]
    newest = laptop.ask("log", "list")["records"][-1]["index"]
    return [*paths, f"access/{newest}"]


def _is_harmless(page: Page, path: str) -> None:
    assert page.locator("img[src=x]").count() == 0, path
    assert page.locator("main script").count() == 0, path
    assert page.locator("a[href^='javascript']").count() == 0, path
    assert page.evaluate("window.wasHacked") is None, path


def test_a_stored_script_is_shown_as_text(
    browser: Browser, world: tuple[Shown, Device]
) -> None:
    """From an import, another device, its name, its files, and a reason for a read."""
    shown, _ = world
    seen = set()
    with opened(browser, shown) as page:
        page.add_init_script("window.hacked = () => { window.wasHacked = true }")
        for path in _paths(shown.device):
            page.goto(f"{shown.url}{path}")
            _is_harmless(page, path)
            if page.get_by_text("onerror=hacked()").count():
                seen.add(path.partition("/")[0])
        assert {"items", "devices", "access"} <= seen, "the positive control"

        item = shown.device.ask("list", "img src")["items"][0]["item"]
        page.goto(f"{shown.url}items/{item}")
        page.get_by_role("button", name="Show password").click()
        expect(page.locator("[data-secret]")).to_have_text(SCRIPT)
        _is_harmless(page, "a shown secret")


def test_a_stored_script_survives_no_news_and_no_refusal(
    browser: Browser, world: tuple[Shown, Device]
) -> None:
    """What htmx puts in place is escaped as the whole page is: the verdict, news."""
    shown, phone = world
    with opened(browser, shown) as page:
        page.add_init_script("window.hacked = () => { window.wasHacked = true }")
        page.goto(f"{shown.url}access")
        page.get_by_role("button", name="Verify now").click()
        expect(page.get_by_text("Nothing is wrong with the log").first).to_be_visible()
        _is_harmless(page, "verdict")
        page.goto(f"{shown.url}devices")
        found = next(
            each
            for each in shown.device.ask("devices")["devices"]
            if "hacked" in each["name"]
        )
        page.goto(f"{shown.url}devices/{found['device']}/revoke")
        page.locator("button.danger").click()
        expect(page.get_by_text("was revoked").first).to_be_visible()
        _is_harmless(page, "revoked")
        assert page.get_by_text("hacked()").count() > 0
        page.goto(f"{shown.url}items")
        phone.run("sync")
        shown.device.ok("edit", "Many", "--username", f"{SCRIPT}2")
        expect(page.get_by_text("hacked()2").first).to_be_visible()
        _is_harmless(page, "news")


def test_huge_values_leave_each_page_small_and_usable(
    browser: Browser, world: tuple[Shown, Device]
) -> None:
    """A title of 48,000 signs, 1,050 fields: cut, said so, and still to be edited."""
    shown, _ = world
    huge = shown.device.ask("list", "Huge")["items"][0]["item"]
    many = shown.device.ask("list", "Many")["items"][0]["item"]
    with opened(browser, shown) as page:
        for path, most_bytes in (
            ("items", 60_000),
            ("items?q=Huge", 60_000),
            (f"items/{huge}", 120_000),
            (f"items/{many}", 400_000),
        ):
            answer = page.goto(f"{shown.url}{path}")
            assert answer is not None
            assert len(answer.body()) < most_bytes, path
            narrow = page.evaluate(
                "document.documentElement.scrollWidth"
                " <= document.documentElement.clientWidth"
            )
            assert narrow, path
        page.goto(f"{shown.url}items/{many}")
        expect(page.get_by_text("more fields")).to_be_visible()
        page.goto(f"{shown.url}items/{huge}/edit")
        page.get_by_label("Title").fill("Small")
        page.get_by_role("button", name="Store").click()
        expect(page.get_by_role("heading", name="Small", exact=True)).to_be_visible()


def test_an_item_whose_form_is_longer_than_a_form_may_be_is_refused_whole(
    world: tuple[Shown, Device],
) -> None:
    """The refusal comes before anything is stored, and the page goes on working."""
    shown, _ = world
    item = shown.device.ask("list", "Many")["items"][0]["item"]
    before = shown.device.ask("get", item)
    who = Visitor(shown)
    assert shown.state is not None
    who.cookie = shown.state["cookies"][0]["value"]
    who.learn()

    answer = who.post(f"/items/{item}/edit", {"title": "y" * (1 << 20)})

    assert answer.status_code == 413
    assert shown.device.ask("get", item) == before
    assert who.get("/items").status_code == 200


def test_a_relay_of_lies_writes_nothing_of_its_own_into_the_page(
    browser: Browser, world: tuple[Shown, Device]
) -> None:
    """Its answer is markup and a script; what is shown is our own sentence about it."""
    shown, _ = world
    lie = "<img src=x onerror=hacked()>a relay's own words"
    with lying_relay(lie) as url, opened(browser, shown) as page:
        page.add_init_script("window.hacked = () => { window.wasHacked = true }")
        page.goto(f"{shown.url}sync")
        page.get_by_label("Its address").fill(url)
        page.get_by_role("button", name="Use it").click()
        expect(page.locator(".refusal").first).to_be_visible()
        said = page.content()

        assert "own words" not in said
        _is_harmless(page, "sync")
