"""Inputs of real libraries: React's controlled ones, and those of Material Web.

Each page is built from npm by scripts/setup_konnectors.sh: tests/pages.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from konnector_runner.autofill.plan import Role
from tests.runner.autofill.world import SECRET, USER, Tell, World, values

pytestmark = pytest.mark.browser

_PAGES = Path(__file__).parents[2] / "pages"
_MATERIAL = """<h1>Log in</h1><form>
<md-KIND-text-field label="E-mail" type="email" name="mail"></md-KIND-text-field>
<md-KIND-text-field label="Password" type="password" name="word"></md-KIND-text-field>
<md-filled-button>Log in</md-filled-button></form><script>SCRIPT</script>"""


def _script(name: str) -> str:
    path = _PAGES / f"{name}.bundle.js"
    if not path.is_file():
        pytest.fail("run scripts/setup_konnectors.sh (make setup does)")
    return path.read_text(encoding="utf-8").replace("</script", "<\\/script")


async def _state(world: World, steps: str) -> dict[str, str]:
    """Fill a login of React's, step by step; return what its state is then."""
    html = f"<div id=root data-steps={steps}></div><script>{_script('react')}</script>"
    page = await world.visit(html)
    await page.wait_for_selector("form")
    await world.fill(page)
    if steps == "2":
        await page.click("button")
        await page.wait_for_selector("input[type=password]")
        await world.fill(page)
    shown = await page.text_content("output")
    assert not await page.is_disabled("button")
    state: dict[str, str] = json.loads(shown or "")
    return state


@pytest.mark.parametrize("steps", ["1", "2"])
def test_the_state_of_a_react_form_is_what_was_filled(tell: Tell, steps: str) -> None:
    """Not only the field: what React would send, in one step and in two."""

    async def story(world: World) -> None:
        assert await _state(world, steps) == {"login": USER, "password": SECRET}

    tell(story)


def test_setting_the_value_leaves_the_state_of_a_react_form_empty(tell: Tell) -> None:
    """The control: a filler that only sets `value` would have sent nothing."""

    async def story(world: World) -> None:
        html = f"<div id=root></div><script>{_script('react')}</script>"
        page = await world.visit(html)
        await page.wait_for_selector("form")
        await page.evaluate(
            "for (const e of document.querySelectorAll('input')) {"
            " e.value = 'x'; e.dispatchEvent(new Event('input', {bubbles: true})) }"
        )
        shown = await page.text_content("output")
        assert json.loads(shown or "") == {"login": "", "password": ""}

    tell(story)


@pytest.mark.parametrize("kind", ["outlined", "filled"])
def test_text_fields_of_material_web_are_filled(tell: Tell, kind: str) -> None:
    """Inputs in shadow trees, see-through until they are focused."""

    async def story(world: World) -> None:
        html = _MATERIAL.replace("KIND", kind)
        page = await world.visit(html.replace("SCRIPT", _script("material")))
        await page.wait_for_function(
            "document.querySelector('[name=word]').shadowRoot?.querySelector('input')"
        )
        report = await world.fill(page)
        assert report.filled == (Role.USERNAME, Role.CURRENT_PASSWORD), report
        # The element has it too: that is what its form sends.
        sent = await page.evaluate(
            "Object.fromEntries(new FormData(document.forms[0]))"
        )
        assert sent == {"mail": USER, "word": SECRET}
        assert SECRET in await values(page)

    tell(story)
