"""What a person does in `clisk tui`, against a real agent."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from clisk.terminal_ui.desk import Desk
from tests.program.world import (
    PASSPHRASE,
    Device,
    device,
    edit_offline,
    pair,
    relay,
)
from tests.terminal.world import Person, terminal

SEED = "JBSWY3DPEHPK3PXP"
Scene = Callable[[Person], Any]


@pytest.fixture(scope="module", name="laptop")
def _laptop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Device]:
    with device(tmp_path_factory.mktemp("terminal") / "laptop") as laptop:
        laptop.init()
        laptop.add_login("GitHub", "planted-1", "-u", "alice", "--tag", "work")
        laptop.ok("edit", "GitHub", "--read", "totp=0", given=SEED)
        laptop.add_login("Bank", "planted-2", "-u", "bob")
        laptop.add_login("Old", "planted-3")
        laptop.add_login("Gone", "planted-4")
        laptop.ok("add", "note", "Diary", "--read", "notes=0", given="one\ntwo [b]")
        laptop.ok("favourite", "Bank")
        laptop.ok("folder", "move", "Money", "Bank")
        laptop.ok("archive", "Old")
        laptop.ok("rm", "Gone")
        yield laptop


def _records(laptop: Device) -> list[dict[str, Any]]:
    return list(laptop.ask("log", "list")["records"])


def _index(record: dict[str, Any]) -> int:
    return int(record["index"])


def play(device: Device, scene: Scene, **options: float) -> None:
    async def whole() -> None:
        async with terminal(device, **options) as person:
            await scene(person)

    asyncio.run(whole())


def test_items_are_found_as_one_types(laptop: Device) -> None:
    """Each letter narrows the list; a slip of the fingers is forgiven."""

    async def scene(person: Person) -> None:
        await person.sees("GitHub", "alice", "Bank", "Diary", "3 items")
        await person.press("slash")
        await person.type("gihtub")
        await person.sees("GitHub", "1 item")
        await person.misses("Bank")
        await person.press("escape", "escape")
        await person.sees("3 items", "Bank")

    play(laptop, scene)


@pytest.mark.parametrize(
    ("keys", "sees", "misses"),
    [
        (["f"], ["Bank", "favourites"], ["GitHub", "Diary"]),
        (["a"], ["Old", "archive"], ["GitHub", "Bank"]),
        (["t"], ["Gone", "trash"], ["GitHub", "Bank", "Old"]),
        (["g", "down", "enter"], ["GitHub", "tag work"], ["Bank"]),
        (["o", "down", "enter"], ["Bank", "folder Money"], ["GitHub"]),
        (["y", "down", "down", "enter"], ["Diary", "type note"], ["GitHub"]),
        (["f", "f"], ["GitHub", "3 items"], ["favourites"]),
        (["t", "x"], ["GitHub", "3 items"], ["trash"]),
    ],
)
def test_items_are_filtered(
    laptop: Device, keys: list[str], sees: list[str], misses: list[str]
) -> None:
    """By favourites, archive, trash, tag, folder and type; x shows all again."""

    async def scene(person: Person) -> None:
        await person.sees("3 items")
        for key in keys:
            await person.press(key)
            if key in {"g", "o", "y"}:
                await person.sees("Only of which")
        await person.sees(*sees)
        await person.misses(*misses)

    play(laptop, scene)


def test_a_secret_is_masked_shown_recorded_and_hidden(laptop: Device) -> None:
    """Enter shows it, after a record in the terminal's name; Enter hides it."""

    async def scene(person: Person) -> None:
        await person.open("Bank")
        await person.sees("username", "bob", "password", "••••••••")
        assert "planted" not in person.screen
        await person.stand_on("password")
        before = _records(laptop)
        await person.press("enter")
        await person.sees("planted-2")
        (new,) = [each for each in _records(laptop) if each not in before]
        assert (new["title"], new["field"], new["use"]) == ("Bank", "password", "show")
        assert new["name"] == "terminal"
        await person.press("enter")
        await person.misses("planted-2")

    play(laptop, scene)


def test_a_shown_secret_is_hidden_by_itself(laptop: Device) -> None:
    """After the time (30 seconds; here a moment) nobody needs to press a key."""

    async def scene(person: Person) -> None:
        await person.open("Bank")
        await person.stand_on("password")
        await person.press("r")
        await person.sees("planted-2")
        await person.misses("planted-2")

    play(laptop, scene, show=0.8)


def test_leaving_a_page_hides_its_secret(laptop: Device) -> None:
    """What was shown is not there when one comes back, nor under another page."""

    async def scene(person: Person) -> None:
        await person.open("Bank")
        await person.stand_on("password")
        await person.press("r")
        await person.sees("planted-2")
        await person.press("question_mark")
        await person.sees("Keys", "Show/hide", "ctrl+l")
        await person.misses("planted-2")
        await person.press("escape")
        await person.sees("••••••••")
        assert "planted-2" not in person.screen

    play(laptop, scene)


def test_a_text_of_several_lines_keeps_them(laptop: Device) -> None:
    """A note is shown line by line, and nothing in it is markup."""

    async def scene(person: Person) -> None:
        await person.open("Diary")
        await person.stand_on("notes")
        await person.press("enter")
        await person.sees("one", "two [b]")

    play(laptop, scene)


def test_what_is_copied_is_recorded_and_cleared(laptop: Device) -> None:
    """C copies, with a record that says so; after a while the clipboard is cleared."""

    async def scene(person: Person) -> None:
        await person.open("Bank")
        await person.stand_on("password")
        await person.press("c")
        await person.until(lambda: person.copied[:1] == ["planted-2"])
        assert max(_records(laptop), key=_index)["use"] == "copy"
        assert "planted-2" not in person.screen
        await person.until(lambda: person.copied == ["planted-2", ""])

    play(laptop, scene, clipboard=0.5)


def test_a_later_copy_is_not_cleared_by_an_earlier_one(laptop: Device) -> None:
    """The time of the first does not end the second, and leaving ends both."""

    async def scene(person: Person) -> None:
        await person.sees("3 items")
        later: list[Callable[[], None]] = []
        person.app.copier._later = lambda _seconds, what: later.append(what)
        await person.app.copier.copy("first")
        await person.app.copier.copy("second")
        later[0]()
        assert person.copied == ["first", "second"]
        later[1]()
        assert person.copied == ["first", "second", ""]
        await person.app.copier.copy("third")
        await person.press("ctrl+c")
        assert person.copied[-2:] == ["third", ""]

    play(laptop, scene)


def test_the_list_copies_user_name_and_password(laptop: Device) -> None:
    """Without opening an item: b for the user name, c for the password."""

    async def scene(person: Person) -> None:
        await person.sees("3 items")
        await person.stand_on("GitHub")
        await person.press("b", "c")
        await person.until(lambda: person.copied == ["alice", "planted-1"])
        await person.stand_on("Diary")
        await person.press("c")
        await person.sees("the item has no such field", "look at: clisk get")

    play(laptop, scene)


def test_codes_count_down(laptop: Device) -> None:
    """O shows the code with the seconds left, never the seed; c copies the code."""

    async def scene(person: Person) -> None:
        await person.open("GitHub")
        await person.press("o")
        await person.sees(" s")
        shown = person.screen
        assert SEED not in shown
        await person.until(lambda: person.screen != shown)  # a second less
        await person.press("o")
        await person.stand_on("totp")
        await person.press("c")
        await person.until(lambda: len(person.copied) == 1)
        assert person.copied[0].isdigit()
        assert len(person.copied[0]) == 6

    play(laptop, scene)


def test_the_next_code_follows_and_ends_by_itself(laptop: Device) -> None:
    """When one code ends the next is asked for, quietly; after two minutes none."""

    async def scene(person: Person) -> None:
        from clisk.terminal_ui.item_page import ItemPage

        await person.open("GitHub")
        await person.press("o")
        await person.sees(" s")
        page = person.app.screen
        assert isinstance(page, ItemPage)
        page._code = {"code": "stale-code", "left_seconds": 30}
        page._code_ends = 0
        await person.until(
            lambda: page._code is not None and page._code["code"] != "stale-code"
        )
        page._codes_end = 0
        await person.until(lambda: "totp" not in page.rows.revealed)

    play(laptop, scene)


def test_a_field_is_brought_back_from_its_history(laptop: Device) -> None:
    """H lists what a field was; one of them becomes current again, by a key."""
    laptop.add_login("Changed", "planted-first")
    laptop.ok("edit", "Changed", "--read", "password=0", given="planted-second")

    async def scene(person: Person) -> None:
        await person.open("Changed")
        await person.stand_on("password")
        await person.press("h")
        await person.sees("2 versions", "current", "••••••••")
        assert "planted" not in person.screen
        await person.press("down", "r")
        await person.sees("planted-first")
        await person.press("k")
        await person.sees("3 versions", "stands now")

    play(laptop, scene)
    assert laptop.ok("get", "Changed", "-f", "password") == "planted-first\n"
    laptop.ok("rm", "Changed")


def test_what_asks_for_the_passphrase_is_read_once_it_was_typed(
    laptop: Device,
) -> None:
    """From the list, of a code, of the history, and to make a version current."""
    laptop.add_login("Safe", "planted-first")
    laptop.ok("edit", "Safe", "--read", "password=0", given="planted-second")
    laptop.ok("edit", "Safe", "--read", "totp=0", given=SEED)
    laptop.ok("edit", "Safe", "--set", "reprompt=true")

    async def answer(person: Person) -> None:
        await person.sees("asks for your passphrase again")
        await person.type(PASSPHRASE)
        await person.press("enter")
        await person.misses("asks for your passphrase again")

    async def scene(person: Person) -> None:
        await person.press("slash")
        await person.type("Safe")
        await person.press("enter", "c")
        await answer(person)
        await person.until(lambda: person.copied == ["planted-second"])
        await person.press("escape")
        await person.open("Safe")
        await person.press("o")
        await answer(person)
        await person.until(lambda: bool(re.search(r"\b\d{6}\b", person.screen)))
        await person.stand_on("password")
        await person.press("h")
        await person.sees("2 versions")
        await person.press("down", "r")
        await answer(person)
        await person.sees("planted-first")
        await person.press("escape")
        await person.stand_on("reprompt")
        await person.press("h")
        await person.sees("1 version")

    play(laptop, scene)
    laptop.ok("rm", "Safe")


def test_an_item_is_put_in_order(laptop: Device) -> None:
    """f, a, d and u: favourite, archive, trash and back."""
    item = laptop.add_login("Ordered", "x")

    async def scene(person: Person) -> None:
        await person.open("Ordered")
        await person.press("f")
        await person.sees("favourite")
        await person.press("a")
        await person.sees("archived")
        await person.press("d")
        await person.sees("in the trash")
        await person.press("u")
        await person.sees("taken out")

    play(laptop, scene)
    (line,) = laptop.ask("list", "Ordered", "--archived")["items"]
    assert (line["item"], line["favourite"], line["trashed"]) == (item, True, False)
    laptop.ok("rm", item)


def test_what_changes_elsewhere_is_seen(laptop: Device) -> None:
    """An item that another program adds is on the list without a key."""

    async def scene(person: Person) -> None:
        await person.sees("3 items")
        await asyncio.to_thread(laptop.add_login, "Newcomer", "x")
        await person.sees("Newcomer", "4 items")

    play(laptop, scene)
    laptop.ok("rm", "Newcomer")


def test_a_refresh_does_not_keep_the_vault_open(
    laptop: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the terminal asks by itself is quiet; what a key asks is not."""
    asked: list[tuple[str, bool]] = []
    real = Desk.ask

    async def ask(
        self: Desk, operation: str, *, quiet: bool = False, **rest: Any
    ) -> Any:
        asked.append((operation, quiet))
        return await real(self, operation, quiet=quiet, **rest)

    monkeypatch.setattr(Desk, "ask", ask)

    async def scene(person: Person) -> None:
        await person.sees("3 items")
        await asyncio.to_thread(laptop.add_login, "Newcomer", "x")
        await person.sees("Newcomer")
        assert ("list", True) in asked
        assert {quiet for _, quiet in asked} == {True}
        await person.press("f")
        assert asked[-1] == ("list", False)

    play(laptop, scene)
    laptop.ok("rm", "Newcomer")


def test_the_vault_is_locked_and_unlocked(laptop: Device) -> None:
    """ctrl+l closes it; a wrong passphrase is refused with words, a right one opens."""

    async def scene(person: Person) -> None:
        await person.sees("3 items")
        await person.press("ctrl+l")
        await person.sees("The vault is locked")
        assert laptop.ask("status")["state"] == "locked"
        await person.type("wrong")
        assert "wrong" not in person.screen
        await person.press("enter")
        await person.sees("wrong passphrase", "The vault is locked")
        await person.type(PASSPHRASE)
        await person.press("enter")
        await person.sees("3 items", "GitHub")

    try:
        play(laptop, scene)
    finally:
        laptop.unlock()


def test_a_folder_without_a_vault_says_so(tmp_path: Path) -> None:
    """The door tells what to do first."""

    async def scene(person: Person) -> None:
        await person.sees("no vault", "clisk init")

    with device(tmp_path / "nowhere") as nowhere:
        nowhere.ok("agent", "start")
        play(nowhere, scene)


@pytest.mark.slow
def test_conflicts_are_compared_and_settled(tmp_path: Path) -> None:
    """Both values are shown, each recorded; k keeps one and the list is empty."""
    with (
        relay(tmp_path / "relay") as url,
        device(tmp_path / "laptop") as one,
        device(tmp_path / "phone") as other,
    ):
        one.init("--relay", url)
        item = one.add_login("Shared", "first")
        pair(one, other, tmp_path)
        one.ok("sync")
        other.ok("sync")
        edit_offline(one, "Shared", "by-laptop")
        edit_offline(other, "Shared", "by-phone")
        other.unlock()
        other.ok("sync")
        one.unlock()
        one.ok("sync")

        async def scene(person: Person) -> None:
            await person.sees("conflict")
            await person.press("k")
            await person.sees("1 conflict", "••••••••")
            await person.press("r", "down", "r")
            await person.sees("by-laptop", "by-phone")
            await person.press("k")
            await person.sees("no conflicts")

        play(one, scene)
        assert one.ask("conflicts")["conflicts"] == []
        kept = one.ok("get", item, "-f", "password").strip()
        assert kept in {"by-laptop", "by-phone"}
