"""Tab in real shells: commands, options, and titles while the vault is open."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from clisk.completing import fits_quote, quote_for_bash
from tests.program.world import Device, device

_HOSTILE = "$(touch planted) `touch planted`; 'a' \"b\" *"


@pytest.fixture(scope="module", name="laptop")
def _laptop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Device]:
    with device(tmp_path_factory.mktemp("tab") / "home") as made:
        made.init()
        for title in ("GitHub", "GitLab: work", "Gmail, private", f"Z{_HOSTILE}"):
            made.add_login(title, "planted-password")
        for title in ("Exclaims!", "Ex-wife's"):
            made.add_login(title, "planted-password")
        made.add_login("Gone", "x")
        made.ok("rm", "Gone")
        yield made


@pytest.fixture(scope="module", name="programs")
def _programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with `clisk` in it, for a PATH."""
    folder = tmp_path_factory.mktemp("bin")
    program = folder / "clisk"
    program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m clisk "$@"\n')
    program.chmod(0o755)
    return folder


def _shell(argv: list[str], programs: Path, home: Path, script: str) -> list[str]:
    done = subprocess.run(
        argv,
        input=script,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
        cwd=programs,
        env={
            **os.environ,
            "PATH": f"{programs}:{os.environ['PATH']}",
            "PYTHONPATH": str(Path(__file__).parents[2]),
            "CLISK_HOME": str(home),
            "HOME": str(programs),
            "XDG_CONFIG_HOME": str(programs),
        },
    )
    assert done.stderr == ""
    return done.stdout.splitlines()


def _bash(programs: Path, home: Path, *lines: str) -> list[list[str]]:
    """Return what bash would offer at the end of each of *lines*."""
    script = 'eval "$(clisk completion bash)"\n'
    for line in lines:
        words = line.split("\t")
        quoted = " ".join(map(shlex.quote, words))
        script += (
            f"COMP_WORDS=({quoted}); COMP_CWORD={len(words) - 1}; COMPREPLY=()\n"
            "_clisk_completion clisk\n"
            'for each in "${COMPREPLY[@]}"; do echo " $each"; done; echo --end--\n'
        )
    found: list[list[str]] = [[]]
    for said in _shell(["bash", "--norc"], programs, home, script):
        if said == "--end--":
            found.append([])
        else:
            found[-1].append(said.removeprefix(" "))
    return found[:-1]


def test_bash_offers_titles_commands_and_options(
    laptop: Device, programs: Path
) -> None:
    """Titles as they have to stand on the line; nothing of what is in the trash."""
    found = _bash(
        programs,
        laptop.home,
        "clisk\tget\tgi",
        "clisk\tget\tGitLab\\:\\ ",
        'clisk\tget\t"GitL',
        "clisk\tget\tZ",
        "clisk\tdoc",
        "clisk\tcopy\t--cl",
        "clisk\tlog\tlist\t--item\tGm",
        "clisk\tget\tGon",
        "clisk\tlog\tsummary\t--item\tGm",
    )

    assert found[0] == ["GitHub", "GitLab\\:\\ work"]
    assert found[1] == ["GitLab\\:\\ work"]
    assert found[2] == ["GitLab: work"]
    assert [shlex.split(word) for word in found[3]] == [[f"Z{_HOSTILE}"]]
    assert set(found[4]) == {"doctor", "docker-credential"}
    assert found[5] == ["--clear-after"]
    assert found[6] == ["Gmail,\\ private"]
    assert found[7] == []
    assert found[8] == found[6]


def test_a_title_cannot_make_bash_do_anything(laptop: Device, programs: Path) -> None:
    """What was offered, run as the shell runs a line, is one word and no command."""
    ((word,),) = _bash(programs, laptop.home, "clisk\tget\tZ")

    said = _shell(["bash", "--norc"], programs, laptop.home, f"printf '<%s>' {word}\n")

    assert said == [f"<Z{_HOSTILE}>"]
    assert not (programs / "planted").exists()


@pytest.mark.parametrize(("quote", "typed"), [("", "{}"), ('"', '"{}"'), ("'", "'{}'")])
@pytest.mark.parametrize(
    "title", [_HOSTILE, "a!b", "~root", "#x", "é ñ", "\\n", "{a,b}"]
)
def test_a_quoted_title_is_itself(title: str, quote: str, typed: str) -> None:
    """Bare, or within quotes that the person has opened, if it can stand there."""
    if (quote, title) in {('"', "a!b"), ("'", _HOSTILE)}:
        assert not fits_quote(title, quote)
        return
    assert fits_quote(title, quote)
    line = typed.format(quote_for_bash(title, quote))

    done = subprocess.run(
        ["bash", "--norc", "-c", f"printf %s {line}"],
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout == title


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("Ex", ["Exclaims\\!", "Ex-wife\\'s"]),
        ('"Ex', ["Ex-wife's"]),
        ("'Ex", ["Exclaims!"]),
    ],
)
def test_a_title_that_quotes_would_alter_is_not_offered_within_them(
    laptop: Device, programs: Path, typed: str, offered: list[str]
) -> None:
    r"""Bash keeps the backslash of "\!": Tab would give a title that is not there."""
    found = _bash(programs, laptop.home, f"clisk\tget\t{typed}")

    assert sorted(found[0]) == sorted(offered)


def test_fish_offers_titles(laptop: Device, programs: Path) -> None:
    """A comma in a title is part of it; fish itself quotes what it takes."""
    script = "clisk completion fish | source\n"
    script += "complete -C 'clisk get G'\necho +\ncomplete -C 'clisk doct'\n"

    said = _shell(["fish", "--no-config"], programs, laptop.home, script)

    titles, _, commands = "\n".join(said).partition("\n+\n")
    # fish orders and escapes by itself, and that has changed from version to version.
    assert {each.replace("\\", "") for each in titles.split("\n")} == {
        *("GitHub", "GitLab: work", "Gmail, private"),
    }
    assert commands.split("\t")[0] == "doctor"


def test_zsh_is_offered_titles(laptop: Device, programs: Path) -> None:
    """The script is zsh, and what it asks for has three lines a title."""
    script = "clisk completion zsh > completion.zsh && zsh -n completion.zsh\n"
    script += "export _CLISK_COMPLETE=zsh_complete COMP_CWORD=2\n"
    script += "COMP_WORDS='clisk get GitL' clisk\n"

    said = _shell(["zsh", "-f"], programs, laptop.home, script)

    assert said == ["plain", "GitLab: work", "_"]


def test_a_locked_vault_offers_no_titles_and_no_error(
    laptop: Device, programs: Path, tmp_path: Path
) -> None:
    """Nor does one without an agent, and Tab starts none."""
    laptop.ok("lock")
    try:
        assert _bash(programs, laptop.home, "clisk\tget\tG") == [[]]
    finally:
        laptop.unlock()

    assert _bash(programs, tmp_path / "none", "clisk\tget\tG") == [[]]
    assert not (tmp_path / "none").exists()


def test_tab_does_not_keep_the_vault_open() -> None:
    """It is no use of the vault: the idle timer runs on."""
    from clisk.agent import operations
    from clisk.agent.registry import OPERATIONS

    operations.load()

    assert not OPERATIONS["titles"].counts_as_use
