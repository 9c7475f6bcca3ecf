"""What asks for the passphrase again, in the dashboard: protocol/agent.md §6."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from tests.dashboard.browsing import barriers, opened
from tests.dashboard.world import Shown, Visitor, dashboard, visitor
from tests.program.world import PASSPHRASE, Device, device

_SEED = "JBSWY3DPEHPK3PXP"
_SECRET = "planted-safe"


@pytest.fixture(scope="module", name="guarded")
def _guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shown]:
    with device(tmp_path_factory.mktemp("again") / "laptop") as laptop:
        laptop.init()
        laptop.add_login("Safe", "planted-first")
        laptop.ok("edit", "Safe", "--read", "password=0", given=_SECRET)
        laptop.ok("edit", "Safe", "--read", "totp=0", given=_SEED)
        laptop.ok("attach", "add", "Safe", "-", "--name", "scan", given="planted file")
        laptop.ok("edit", "Safe", "--set", "reprompt=true")
        laptop.add_login("Open", "planted-open")
        with dashboard(laptop) as running:
            yield running


@pytest.fixture(scope="module", name="person")
def _person(guarded: Shown) -> Visitor:
    return visitor(guarded)


def _item(laptop: Device) -> str:
    return str(laptop.ask("get", "Safe")["item"])


def _forms(laptop: Device) -> dict[str, dict[str, str]]:
    """Return every form that gives a secret of the item, and what it sends."""
    item = _item(laptop)
    (field,) = laptop.ask("history", item, "--field", "password")["fields"]
    earlier = {"field": "password", "version": field["versions"][-1]["version"]}
    (file,) = laptop.ask("attach", "list", item)["attachments"]
    return {
        f"/items/{item}/reveal": {"field": "password"},
        f"/items/{item}/copy": {"field": "password"},
        f"/items/{item}/code": {},
        f"/items/{item}/code/copy": {},
        f"/items/{item}/history/reveal": earlier,
        f"/conflicts/{item}/compare": earlier,
        f"/items/{item}/attachment": {"id": file["id"]},
    }


def test_no_form_gives_what_asks_for_the_passphrase(
    guarded: Shown, person: Visitor
) -> None:
    """Each answers with a form for it; with it, and only then, comes the secret."""
    for path, form in _forms(guarded.device).items():
        refused = person.post(path, form)
        assert refused.status_code == 422, path
        assert 'name="passphrase"' in refused.text
        assert "planted" not in refused.text
        wrong = person.post(path, {**form, "passphrase": "wrong"})
        assert (wrong.status_code, "planted" in wrong.text) == (422, False), path
        # A right one ends the row of wrong ones, which would have to wait.
        given = person.post(path, {**form, "passphrase": PASSPHRASE})
        assert given.status_code == 200, path
        if "code" not in path:
            assert "planted" in given.text, path
        assert person.post(path, form).status_code == 422, "it is asked each time"


def test_the_mark_is_taken_off_with_the_passphrase_alone(
    guarded: Shown, person: Visitor
) -> None:
    """The page for editing has a place for it; without it everything stays."""
    laptop = guarded.device
    path = f"/items/{_item(laptop)}/edit"
    assert 'name="passphrase"' in person.get(path).text
    form = {"title": "Safe", "passphrase": ""}

    refused = person.post(path, form)

    assert refused.status_code == 422
    assert "asks for the passphrase" in refused.text
    assert person.post(path, {**form, "passphrase": PASSPHRASE}).status_code == 303
    assert person.post(
        f"/items/{_item(laptop)}/reveal", {"field": "password"}
    ).text.count(_SECRET)
    assert person.post(path, {"title": "Safe", "reprompt": "1"}).status_code == 303
    assert laptop.run("get", "Safe", "-f", "password").code == 1, "it asks again"


def test_a_form_that_is_sent_again_is_escaped(guarded: Shown, person: Visitor) -> None:
    """Attack: what was asked for comes back as a form, and stays text there."""
    hostile = '"><script>x</script>'
    item = _item(guarded.device)
    answer = person.post(
        f"/items/{item}/reveal",
        {"field": "password", hostile: hostile},
        HX_Request="true",
        HX_Target=hostile,
    )
    assert answer.status_code == 422
    assert "<script>x" not in answer.text
    assert "&lt;script&gt;" in answer.text


@pytest.mark.browser
def test_a_person_types_it_where_it_is_asked(browser: Browser, guarded: Shown) -> None:
    """Show and copy: the form comes, is filled in by keys, and goes with its work."""
    with dashboard(guarded.device) as running, opened(browser, running) as page:
        page.get_by_role("link", name="Safe").click()
        page.get_by_role("button", name="Show password").click()
        field = page.get_by_label("Passphrase of this device")
        expect(field).to_be_focused()
        assert barriers(page) == []
        page.keyboard.type(PASSPHRASE)
        page.keyboard.press("Enter")
        expect(page.get_by_text(_SECRET)).to_be_visible()
        expect(field).to_have_count(0)

        page.get_by_role("button", name="Copy password").click()
        expect(field).to_be_focused()
        page.keyboard.type(PASSPHRASE)
        page.keyboard.press("Enter")
        expect(page.get_by_text("Copied;")).to_be_visible()
        assert page.evaluate("navigator.clipboard.readText()") == _SECRET

        page.get_by_role("button", name="Show one-time code", exact=True).click()
        expect(field).to_be_focused()
        page.keyboard.type(PASSPHRASE)
        page.keyboard.press("Enter")
        expect(page.locator("#code")).to_have_text(re.compile(r"\d{3} ?\d{3}"))
        assert PASSPHRASE not in page.content()
