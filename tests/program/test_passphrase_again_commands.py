"""What asks for the passphrase again, as a person and a script meet it on the shell."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.program.leaks import leaks
from tests.program.test_processes import Terminal
from tests.program.world import (
    PASSPHRASE,
    Device,
    Said,
    descriptor,
    device,
)

_SECRET = "planted-safe"
_SEED = "JBSWY3DPEHPK3PXP"
_URL = "https://git.example.com"
_NOBODY = "there is no terminal to ask on"


@pytest.fixture(scope="module", name="laptop")
def _laptop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Device]:
    with device(tmp_path_factory.mktemp("again") / "laptop") as laptop:
        laptop.init()
        laptop.add_login("Safe", "planted-first", "-u", "alice", "--uri", _URL)
        laptop.ok("edit", "Safe", "--read", "password=0", given=_SECRET)
        laptop.ok("edit", "Safe", "--read", "totp=0", given=_SEED)
        laptop.ok("attach", "add", "Safe", "-", "--name", "scan", given="planted file")
        laptop.ok("edit", "Safe", "--set", "reprompt=true")
        yield laptop


_COMMANDS: dict[str, tuple[tuple[str, ...], str]] = {
    "get": (("get", "Safe", "-f", "password"), _SECRET),
    "get as JSON": (("get", "Safe", "-f", "password", "--json"), _SECRET),
    "get without a line feed": (
        ("get", "Safe", "-f", "password", "--no-newline"),
        _SECRET,
    ),
    "totp": (("totp", "Safe"), r"\d{6}"),
    "history": (
        ("history", "Safe", "--field", "password", "--show", "2"),
        "planted-first",
    ),
    "attach get": (("attach", "get", "Safe", "scan"), "planted file"),
    "read": (("read", "clisk://Safe/password"), _SECRET),
    "read a code": (("read", "clisk://Safe/totp?code"), r"\d{6}"),
    "exec": (
        ("exec", "--quiet", "-e", "X=clisk://Safe/password", "--", "printenv", "X"),
        _SECRET,
    ),
}


def _with(words: tuple[str, ...], number: int) -> tuple[str, ...]:
    """Put the option where the command's own options end."""
    at = words.index("--") if "--" in words else len(words)
    return (*words[:at], "--passphrase-fd", str(number), *words[at:])


@pytest.mark.parametrize(("words", "shown"), _COMMANDS.values(), ids=_COMMANDS)
def test_a_command_gives_it_for_the_passphrase_alone(
    laptop: Device, words: tuple[str, ...], shown: str
) -> None:
    """With nobody to type: refused by name, with a hint. A wrong one: refused."""
    refused = laptop.run(*words)
    assert (refused.code, refused.out) == (1, "")
    assert "asks for the passphrase again, and " + _NOBODY in refused.err
    assert "type it when you are asked" in refused.err
    for given, code in (("wrong", 1), (PASSPHRASE, 0)):
        with descriptor(given) as number:
            said = laptop.run(*_with(words, number), fds=(number,))
        assert said.code == code, said
        assert bool(re.search(shown, said.out)) is (code == 0)
        assert leaks((said.out + said.err).encode(), [PASSPHRASE]) == []


def test_a_person_is_asked_on_the_terminal(laptop: Device) -> None:
    """Unseen as it is typed; the short way of `clisk get` asks as well."""
    screen = Terminal(laptop.argv("get", "Safe", "-f", "password"))
    screen.wait_for("asks for your passphrase again. Passphrase:")
    screen.type(PASSPHRASE)
    assert screen.end() == 0
    assert _SECRET in screen.shown
    assert PASSPHRASE not in screen.shown


def test_a_template_asks_once(laptop: Device, tmp_path: Path) -> None:
    """Every value of one command comes by one typing of it."""
    template = tmp_path / "template"
    spelt = "{{ clisk://Safe/password }} {{ clisk://Safe/totp?code }}"
    template.write_text(f"{spelt} {spelt}")
    with descriptor(PASSPHRASE) as number:
        said = laptop.run(
            *("inject", str(template), "--passphrase-fd", str(number)), fds=(number,)
        )
    assert said.out.count(_SECRET) == 2
    assert laptop.run("inject", str(template)).code == 1


def test_the_mark_comes_off_for_the_passphrase_alone(laptop: Device) -> None:
    """Cleared, set to false, or brought back from the history."""
    ways = (
        ("edit", "Safe", "--clear", "reprompt"),
        ("edit", "Safe", "--set", "reprompt=false"),
    )
    for words in ways:
        assert _NOBODY in laptop.run(*words).err
        with descriptor(PASSPHRASE) as number:
            said = laptop.run(*words, "--passphrase-fd", str(number), fds=(number,))
        assert said.code == 0, said
        assert laptop.ok("get", "Safe", "-f", "password") == f"{_SECRET}\n"
        laptop.ok("edit", "Safe", "--set", "reprompt=true")
    back = ("history", "Safe", "--field", "reprompt", "--restore", "2")
    assert _NOBODY in laptop.run(*back).err
    assert laptop.run("get", "Safe", "-f", "password").code == 1


def _git(laptop: Device) -> Said:
    """Have the real git ask, without a terminal."""
    helper = "!" + shlex.join(laptop.argv("git-credential"))
    done = subprocess.run(
        [
            *("git", "-c", "credential.helper=", "-c", f"credential.helper={helper}"),
            *("credential", "fill"),
        ],
        input=f"url={_URL}\n\n",
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        start_new_session=True,
        env={
            **os.environ,
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_ASKPASS": "true",
            "GIT_CONFIG_GLOBAL": "/dev/null",
            "GIT_CONFIG_NOSYSTEM": "1",
        },
    )
    return Said(done.returncode, done.stdout, done.stderr)


def test_git_without_a_terminal_gets_nothing(laptop: Device) -> None:
    """It is told why, and asks the person itself, as it does without a helper."""
    said = _git(laptop)
    assert _SECRET not in said.out
    assert _NOBODY in said.err


def test_git_on_a_terminal_has_the_person_asked(laptop: Device) -> None:
    """Its pipes are its own; the question goes to the terminal."""
    helper = "!" + shlex.join(laptop.argv("git-credential"))
    script = f"printf 'url={_URL}\\n\\n' | git -c credential.helper= -c"
    script += f" {shlex.quote('credential.helper=' + helper)} credential fill"
    screen = Terminal(["sh", "-c", script])
    screen.wait_for("asks for your passphrase again. Passphrase:")
    screen.type(PASSPHRASE)
    assert screen.end() == 0
    assert f"password={_SECRET}" in screen.shown


def test_docker_is_told_that_it_asks(laptop: Device) -> None:
    """On standard output, which is all that docker shows; and no secret."""
    said = laptop.run("docker-credential", "get", given=_URL)
    assert said.code == 1
    assert _NOBODY in said.out
    assert _SECRET not in said.out + said.err


def test_a_signature_asks_for_it_whatever_was_allowed(
    laptop: Device, tmp_path: Path
) -> None:
    """SSH_ASKPASS gives it, each time; with a wrong one, or none, nothing is signed."""
    key = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-N", "", "-f", key], check=True)
    public = key.with_suffix(".pub").read_text().strip()
    laptop.ok(
        *("add", "ssh-key", "work", "--read", "ssh.private_key=0"),
        *("--set", f"ssh.public_key={public}", "--set", "reprompt=true"),
        given=key.read_text(),
    )
    key.unlink()
    asked = tmp_path / "asked"
    for words, answer, signs in (
        ((), f"echo '{PASSPHRASE}'", 0),
        (("--once",), f"echo '{PASSPHRASE}'", 0),
        (("--allow",), f"echo '{PASSPHRASE}'", 0),
        (("--allow",), "echo wrong", 255),
        (("--allow",), "false", 255),
    ):
        program = tmp_path / "askpass"
        program.write_text(f'#!/bin/sh\necho "$1" >> {asked}\n{answer}\n')
        program.chmod(0o700)
        asked.write_text("")
        codes = _sign_twice(laptop, words, program, key)
        assert codes == [signs, signs], (words, answer)
        question = "sign with work: signature for git? Your passphrase: "
        assert asked.read_text() == f"{question}\n" * 2


def _sign_twice(
    laptop: Device, words: tuple[str, ...], askpass: Path, key: Path
) -> list[int]:
    where = str(laptop.home / "s")
    running = subprocess.Popen(
        laptop.argv("ssh-agent", "--socket", where, *words),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "SSH_ASKPASS": str(askpass)},
        start_new_session=True,
    )
    assert running.stdout is not None
    assert running.stdout.readline().startswith("SSH_AUTH_SOCK=")
    command = ("ssh-keygen", "-Y", "sign", "-n", "git", "-f", f"{key}.pub")
    try:
        return [
            subprocess.run(
                command,
                input=b"text",
                env={**os.environ, "SSH_AUTH_SOCK": where},
                capture_output=True,
                timeout=60,
                check=False,
            ).returncode
            for _ in range(2)
        ]
    finally:
        running.terminate()
        _, said = running.communicate(timeout=60)
        assert PASSPHRASE not in said
