"""Guards of `clisk tui` that only show where something goes on at the same time."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from clisk.errors import AgentRefusal, CliskError
from clisk.terminal_ui.page import RowsPage
from tests.program.world import Device, device
from tests.terminal.world import terminal

_SECRET = "planted-guarded"


@pytest.fixture(scope="module", name="laptop")
def _laptop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Device]:
    with device(tmp_path_factory.mktemp("guards") / "laptop") as laptop:
        laptop.init()
        laptop.add_login("Bank", _SECRET, "-u", "bob")
        yield laptop


def test_a_page_under_another_keeps_no_secret(laptop: Device) -> None:
    """Nobody reads it, and Escape would bring the secret back to the screen."""

    async def scene() -> None:
        async with terminal(laptop) as person:
            await person.open("Bank")
            await person.stand_on("password")
            page = person.app.screen
            assert isinstance(page, RowsPage)
            await person.press("r")
            await person.sees(_SECRET)

            await person.press("h")
            await person.sees("1 version")

            assert page.rows.revealed == frozenset()
            await person.press("escape")
            await person.sees("changed")
            assert _SECRET not in person.screen

    asyncio.run(scene())


def test_a_refusal_that_comes_too_late_is_not_shown(
    laptop: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page that asked is gone: what another one shows is not about it."""

    async def refuse(*_: object, **__: object) -> dict[str, object]:
        raise CliskError("planted refusal")

    async def scene() -> None:
        async with terminal(laptop) as person:
            await person.open("Bank")
            page = person.app.screen
            assert isinstance(page, RowsPage)
            monkeypatch.setattr(page.desk, "ask", refuse)
            await page.ask("reveal")
            await person.sees("planted refusal")
            person.app.clear_notifications()
            monkeypatch.setattr(type(page), "gone", True)

            assert await page.ask("reveal") is None

            await person.pilot.pause()
            assert "planted refusal" not in person.screen
            monkeypatch.undo()

    asyncio.run(scene())


def test_what_was_said_goes_when_the_vault_locks(laptop: Device) -> None:
    """A message may name an item, and stands in a corner of its own."""

    async def scene() -> None:
        async with terminal(laptop) as person:
            await person.open("Bank")
            page = person.app.screen
            assert isinstance(page, RowsPage)
            page.say("planted message")
            await person.sees("planted message")
            await person.press("ctrl+l")
            await person.sees("The vault is locked")
            await person.misses("planted message")

    try:
        asyncio.run(scene())
    finally:
        laptop.unlock()


def test_a_secret_is_hidden_before_the_agent_is_asked_to_lock(
    laptop: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An agent that is busy, or gone, does not keep it on the screen."""

    async def scene() -> None:
        async with terminal(laptop) as person:
            await person.open("Bank")
            await person.stand_on("password")
            page = person.app.screen
            assert isinstance(page, RowsPage)
            await page.action_reveal()
            seen = [page.rows.revealed]

            async def late(*_: object, **__: object) -> dict[str, object]:
                seen.append(page.rows.revealed)
                return {}

            monkeypatch.setattr(page.desk, "ask", late)
            await person.app.action_lock()
            monkeypatch.undo()
            assert seen == [{"password"}, frozenset()]

    asyncio.run(scene())


def test_a_page_that_finds_the_vault_locked_makes_way(
    laptop: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before the news of it comes, or where none will: the agent is gone."""

    async def locked(*_: object, **__: object) -> dict[str, object]:
        raise AgentRefusal("LockedError", "the vault is locked", advice="")

    async def scene() -> None:
        async with terminal(laptop) as person:
            await person.open("Bank")
            page = person.app.screen
            assert isinstance(page, RowsPage)
            monkeypatch.setattr(page.desk, "ask", locked)
            await page.ask("reveal")
            await person.sees("The vault is locked. Passphrase")
            assert "bob" not in person.screen
            monkeypatch.undo()

    asyncio.run(scene())


def test_the_hint_of_an_error_is_text(laptop: Device) -> None:
    """As the error is: an agent's advice may hold what a file was called."""

    async def scene() -> None:
        async with terminal(laptop) as person:
            page = person.app.screen
            assert isinstance(page, RowsPage)
            page.refuse(CliskError("no", advice="look at \x1b[31mthis"))
            await person.sees(r"\x1b[31mthis")

    asyncio.run(scene())
