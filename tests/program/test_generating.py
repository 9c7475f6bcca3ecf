"""New passwords: what they are like, where they go, and who is told what."""

from __future__ import annotations

import fcntl
import os
import re
import subprocess
import termios
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.program.test_copy import Desktop
from tests.program.world import Device, device

_SECONDS = 30


@pytest.fixture(scope="module", name="laptop")
def _laptop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Device]:
    with device(tmp_path_factory.mktemp("generating") / "laptop") as laptop:
        laptop.init("--name", "laptop")
        yield laptop


def _password(laptop: Device, title: str) -> str:
    return laptop.ok("get", title, "-f", "password").rstrip("\n")


def test_add_makes_a_password_as_it_is_told(laptop: Device) -> None:
    """Length, classes, characters left out, rules, words: as `clisk generate`."""
    made = ("add", "login")
    for number, (words, form) in enumerate(
        (
            (("--length", "12", "--no-symbols"), r"[A-Za-z0-9]{12}"),
            (("--exclude", "abcdefghijklmnopqrstuvwxy", "--no-symbols"), r"[A-Zz0-9]*"),
            (("--rules", "maxlength: 9; required: digit; allowed: [-]"), r"[-0-9]{9}"),
            (("--words", "4"), r"[a-z]+(-[a-z]+)*"),
            (("--site", "chase.com", "--length", "10"), r".{10}"),
        )
    ):
        said = laptop.run(*made, f"Made {number}", "--generate", "password", *words)

        assert said.code == 0, said
        assert re.fullmatch(form, _password(laptop, f"Made {number}")), words
        assert re.match(r"password: [0-9]+ bits", said.err)


def test_the_rules_of_the_item_s_own_site_are_heeded_and_named(laptop: Device) -> None:
    """In add and in edit; classes that a person names come before them."""
    url = ("--uri", "https://www.chase.com/login")
    made = laptop.run("add", "login", "Chase", *url, "--generate", "password")
    edited = laptop.run("edit", "Chase", "--generate", "password", "--length", "9")
    short = _password(laptop, "Chase")
    own = laptop.run("edit", "Chase", "--generate", "password", "--no-symbols")

    assert made.err.endswith(", by the rules of www.chase.com\n")
    assert ", by the rules of www.chase.com\n" in edited.err
    assert len(short) == 9
    assert "by the rules" not in own.err
    assert len(_password(laptop, "Chase")) == 20


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("--length", "12"), 2, "--generate password"),
        (("--generate", "password", "--words", "1"), 1, "1 words"),
        (("--generate", "password", "--words", "5", "--length", "9"), 1, "two ways"),
        (("--generate", "password", "--site", "a.example"), 1, "nothing is known"),
        (("--generate", "password", "--rules", "x", "--site", "y"), 1, "two ways"),
        (("--generate", "password", "--exclude", "0123456789"), 1, "nothing is left"),
        (("--generate", "password", "--length", "1"), 1, "out of range"),
        (("--generate", "password", "--rules", "planted"), 1, "not a property"),
    ],
)
def test_what_no_password_is_like_is_refused(
    laptop: Device, words: tuple[str, ...], code: int, says: str
) -> None:
    """With the next step; nothing is stored."""
    said = laptop.run("add", "login", "Refused", *words)

    assert (said.code, said.out) == (code, ""), said
    assert says in said.err
    assert "hint: " in said.err
    assert laptop.ask("list", "Refused")["items"] == []


def test_generate_copies_counts_and_leaves_out(tmp_path: Path) -> None:
    """The clipboard in place of the screen; several to choose from."""
    nowhere = Device(tmp_path / "none")
    desktop = Desktop(tmp_path)

    words = ("generate", "--copy", "--clear-after", "600")
    copied = nowhere.run(*words, "--no-symbols", env=desktop.env)
    several = nowhere.run("generate", "--count", "3", "--exclude", "abc")
    phrase = nowhere.run("generate", "passphrase", "--digit", "--capitalise")
    as_json = nowhere.ask("generate", "pin", "--count", "2")

    assert (copied.code, copied.out) == (0, "")
    assert re.fullmatch(r"[A-Za-z0-9]{20}", desktop.board.read_text())
    assert copied.err.startswith("copied; taken out again in 600 seconds")
    assert len(set(several.out.split())) == 3
    assert not set(several.out) & set("abc")
    assert several.err.endswith(" bits each\n")
    assert len(re.findall(r"[0-9]", phrase.out)) == 1
    assert len(as_json["pins"]) == 2
    both = nowhere.run("generate", "--copy", "--count", "2")
    assert (both.code, both.out) == (2, "")
    assert "--count" in both.err


class _Typist:
    """Answers the questions of a command on a terminal of its own."""

    def __init__(self, argv: list[str]) -> None:
        self._screen, keyboard = os.openpty()
        self._running = subprocess.Popen(
            argv,
            stdin=keyboard,
            stdout=keyboard,
            stderr=keyboard,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # noqa: PLW1509
            start_new_session=True,
        )
        os.close(keyboard)
        self.seen = ""

    def answer(self, question: str, text: str) -> None:
        until = time.monotonic() + _SECONDS
        while question not in self.seen:
            assert time.monotonic() < until, self.seen
            self.seen += os.read(self._screen, 4096).decode()
        self.seen = ""
        os.write(self._screen, text.encode() + b"\n")

    def end(self) -> int:
        code = self._running.wait(_SECONDS)
        os.close(self._screen)
        return code


@pytest.mark.parametrize(("answer", "length"), [("y", 20), ("", None)])
def test_an_empty_password_is_offered_to_be_made(
    laptop: Device, answer: str, length: int | None
) -> None:
    """Whoever says no, or nothing, gets an item without one, as before."""
    title = f"Typed {answer}"
    typist = _Typist(laptop.argv("add", "login", title))
    typist.answer("address (URL): ", "")
    typist.answer("user name: ", "alice")
    typist.answer("password (unseen): ", "")
    typist.answer("[y/N] ", answer)
    typist.answer("one-time code seed (unseen): ", "")
    typist.answer("notes (unseen): ", "")

    assert typist.end() == 0
    assert laptop.ok("get", title, "-f", "username") == "alice\n"
    if length is None:
        assert laptop.run("get", title, "-f", "password").code == 1
    else:
        assert len(_password(laptop, title)) == length
