"""Guards of git's and docker's helpers, by the harm that each keeps away."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator

import pytest

from tests.program.test_processes import Terminal
from tests.program.world import Device, device


@pytest.fixture(scope="module", name="home")
def _home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Device]:
    with device(tmp_path_factory.mktemp("guards") / "home") as made:
        made.init()
        made.add_login(
            "Forge", "right", "-u", "alice", "--uri", "https://forge.example"
        )
        yield made


def _request(host: str, password: str) -> str:
    return f"protocol=https\nhost={host}\nusername=mallory\npassword={password}\n\n"


def _items(home: Device) -> int:
    return len(home.ask("list")["items"])


def test_a_refused_password_is_not_stored_as_a_new_login(home: Device) -> None:
    """Attack: a server says no to what was mistyped, and git has it erased."""
    before = _items(home)
    said = home.run("git-credential", "erase", given=_request("new.example", "typo"))
    assert (said.code, _items(home)) == (0, before)
    assert "left as it is" in said.err


def test_an_action_that_git_may_have_one_day_does_nothing(home: Device) -> None:
    """Its manual says that a helper ignores what it does not know."""
    before = _items(home)
    said = home.run("git-credential", "recheck", given=_request("new.example", "pw"))
    assert (said.code, said.out, said.err) == (0, "", "")
    assert _items(home) == before
    stored = home.run("git-credential", "store", given=_request("new.example", "pw"))
    assert (stored.code, _items(home)) == (0, before + 1), "the control"


def _known(password: str) -> str:
    request = _request("forge.example", password)
    return request.replace("mallory", "alice")


def test_the_password_that_is_known_already_asks_nothing(home: Device) -> None:
    """Git stores after each login: a question each time would be answered blindly."""
    same = home.run("git-credential", "store", given=_known("right"))
    assert (same.code, same.err) == (0, "")
    other = home.run("git-credential", "store", given=_known("other"))
    assert "no terminal to ask on" in other.err, "the control"
    assert home.ok("get", "Forge", "-f", "password") == "right\n"


@pytest.mark.parametrize(("typed", "then"), [("n", "right"), ("", "right"), ("y", "b")])
def test_only_a_yes_changes_a_password(home: Device, typed: str, then: str) -> None:
    """Asked on the terminal; a no, and Enter alone, leave it as it is."""
    command = shlex.join(home.argv("git-credential", "store"))
    given = shlex.quote(_known("b"))
    screen = Terminal(["sh", "-c", f"printf %s {given} | {command}"])
    screen.wait_for("change the password of Forge? [y/N]")
    screen.type(typed)
    screen.end()
    assert home.ok("get", "Forge", "-f", "password") == f"{then}\n"


def test_a_title_in_the_question_is_text(home: Device) -> None:
    """Attack: an item that was brought along draws another question over this one."""
    title = "Evil\x1b[2Jno"
    home.add_login(title, "old", "-u", "alice", "--uri", "https://evil.example")
    request = _known("new").replace("forge.example", "evil.example")
    command = shlex.join(home.argv("git-credential", "store"))
    screen = Terminal(["sh", "-c", f"printf %s {shlex.quote(request)} | {command}"])
    screen.wait_for("? [y/N]")
    screen.type("n")
    screen.end()
    assert r"Evil\x1b[2Jno" in screen.shown
    assert "\x1b[2J" not in screen.shown


def test_half_a_login_is_not_stored(home: Device) -> None:
    """Git may know a name and no password; that is nothing to keep, and no fault."""
    before = _items(home)
    for line in ("username=bob", "password=pw"):
        request = f"protocol=https\nhost=half.example\n{line}\n\n"
        said = home.run("git-credential", "store", given=request)
        assert (said.code, said.out, said.err) == (0, "", ""), line
    assert _items(home) == before


def test_what_git_says_of_itself_is_no_attribute_twice(home: Device) -> None:
    """Its lists come as several lines of one name; others may come once."""
    lists = "capability[]=authtype\ncapability[]=state\nwwwauth[]=Basic\n"
    asked = f"{lists}protocol=https\nhost=forge.example\n\n"
    assert "username=alice" in home.run("git-credential", "get", given=asked).out
    twice = home.run("git-credential", "get", given=f"host=a.example\n{asked}")
    assert "an attribute twice" in twice.err, "the control"


def test_a_smuggled_line_is_said_to_be_gits(home: Device) -> None:
    """Not the item's: nobody would find anything wrong there."""
    asked = "protocol=https\nhost=forge.example\rhost=evil.example\n\n"
    said = home.run("git-credential", "get", given=asked)
    assert "git's request holds control characters" in said.err
    assert said.out == ""


def test_docker_is_told_in_its_words_when_there_is_none(home: Device) -> None:
    """For get and for erase: anything else would be an error to docker."""
    for action in ("get", "erase"):
        said = home.run("docker-credential", action, given="nowhere.example")
        assert said.out == "credentials not found in native keychain\n", action
        assert said.code == 1


_ENTRY = {"ServerURL": "https://r.example", "Username": "a", "Secret": "planted"}


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ("{planted", "not JSON"),
        ("[" * 60_000, "not JSON"),
        (json.dumps([_ENTRY]), "other members"),
        (json.dumps({**_ENTRY, "More": "x"}), "other members"),
        (json.dumps({"ServerURL": "https://r.example"}), "other members"),
        (json.dumps({**_ENTRY, "Username": 7}), "no text, or empty"),
        (json.dumps({**_ENTRY, "Secret": ""}), "no text, or empty"),
    ],
)
def test_docker_store_takes_what_docker_writes_alone(
    home: Device, given: str, says: str
) -> None:
    """A named error where docker shows it, nothing stored, and no value repeated."""
    before = _items(home)
    said = home.run("docker-credential", "store", given=given)
    assert (said.code, _items(home)) == (1, before)
    assert says in said.out
    assert "planted" not in said.out + said.err


def test_docker_stands_in_the_record_of_its_read(home: Device) -> None:
    """And an action that is none is refused by name."""
    said = home.run("docker-credential", "get", given="https://forge.example")
    assert json.loads(said.out)["Username"] == "alice"
    (record,) = home.ask("log", "list", "--limit", "1")["records"]
    assert record["name"] == "docker"
    unknown = home.run("docker-credential", "version", given="")
    assert (unknown.code, unknown.out) == (1, "")
    assert "an action that is not known" in unknown.err


def test_docker_does_not_bring_a_name_of_two_lines(home: Device) -> None:
    """Attack: a registry's name for a user would begin a line of its own elsewhere."""
    before = _items(home)
    entry = {"ServerURL": "https://r.example", "Username": "a\nb", "Secret": "s"}
    said = home.run("docker-credential", "store", given=json.dumps(entry))
    assert (said.code, _items(home)) == (1, before)
    assert "control characters" in said.out
