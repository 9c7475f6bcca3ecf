"""Tab in real shells: commands, options, and names while the vault is open."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from clisk.completing import fits_quote, quote_for_bash
from tests.program.world import Device, device

_TOKEN = ("token", "create", "--item", "GitHub", "--uses", "1", "--expires", "1h")
_HOSTILE = "$(touch planted) `touch planted`; 'a' \"b\" *"


@pytest.fixture(scope="module", name="laptop")
def _laptop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Device]:
    with device(tmp_path_factory.mktemp("tab") / "home") as made:
        made.init("--name", "my laptop")
        for title in ("GitHub", "GitLab: work", "Gmail, private", f"Z{_HOSTILE}"):
            made.add_login(title, "planted-password")
        for title in ("Exclaims!", "Ex-wife's"):
            made.add_login(title, "planted-password")
        for title in ("Q\x1b]0;taken\x07", "Q\nplain\nmade up\n_"):
            made.add_login(title, "planted-password")
        made.add_login("Gone", "x")
        made.ok("rm", "Gone")
        made.ok("edit", "GitHub", "-u", "alice", "--tag", "work", "--folder", "Job/Web")
        made.ok("edit", "GitHub", "--custom", "Pet name=Rex")
        made.ok("attach", "add", "GitHub", "-", "--name", "codes, old.txt", given="x")
        made.ok("attach", "add", "GitHub", "-", "--name", "contract.pdf", given="x")
        made.ok("folder", "add", "Junk")
        made.ok(*_TOKEN, "nightly")
        made.ok(*_TOKEN, "ended")
        made.ok("token", "revoke", "ended")
        pin = made.home / "konnectors" / "edf" / "installed.json"
        pin.parent.mkdir(parents=True)
        pin.touch()
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


def _zsh(programs: Path, home: Path, *lines: str) -> list[str]:
    """Return what *lines* become in zsh, on a terminal, when Tab ends them."""
    script = r"""
        zmodload zsh/zpty
        zpty shell zsh -f -i
        zpty -w shell 'PS1=; autoload -Uz compinit; compinit -u -D'
        zpty -w shell 'eval "$(clisk completion zsh)"; unsetopt beep'
        zpty -w shell 'shown() { print -rn -- "<<$BUFFER>>"; zle kill-buffer }'
        zpty -w shell 'zle -N shown; bindkey "^X^P" shown; print rea""dy'
        zpty -r shell said '*ready*'
    """
    for line in lines:
        script += f"zpty -w -n shell {shlex.quote(line)}$'\\t\\x18\\x10'\n"
        script += "zpty -r shell said '*<<*>>*'\nprint -r -- \"$said\"\n"
    said = "\n".join(_shell(["zsh", "-f"], programs, home, script))
    return re.findall("<<(.*?)>>", said)


def test_zsh_completes_what_was_begun(laptop: Device, programs: Path) -> None:
    """In a real zsh with its own completion: quoted as the line needs it."""
    found = _zsh(
        programs,
        laptop.home,
        "clisk get GitL",
        "clisk get 'GitL",
        "clisk get Z",
        "clisk doct",
        "clisk copy --cl",
        "clisk get GitHub -f us",
        "clisk get GitHub --field Pet",
        "clisk trash restore G",
        "clisk attach get GitHub con",
        "clisk list --tag w",
        "clisk list --folder J",
        "clisk list --type ss",
        "clisk token revoke n",
        "clisk devices revoke m",
        "clisk konnector show e",
    )

    assert [shlex.split(line)[2:] for line in found[:3]] == [
        ["GitLab: work"],
        ["GitLab: work"],
        [f"Z{_HOSTILE}"],
    ]
    assert not (programs / "planted").exists()
    assert found[3:] == [
        "clisk doctor ",
        "clisk copy --clear-after ",
        "clisk get GitHub -f username ",
        "clisk get GitHub --field Pet\\ name ",
        "clisk trash restore Gone ",
        "clisk attach get GitHub contract.pdf ",
        "clisk list --tag work ",
        "clisk list --folder J",  # Job, Job/Web and Junk
        "clisk list --type ssh-key ",
        "clisk token revoke nightly ",
        "clisk devices revoke my\\ laptop ",
        "clisk konnector show edf ",
    ]


_NAMES = [
    ("get GitHub -f us", ["username"]),
    ("get GitHub --field Pet", ["Pet name"]),
    ("get -f us", []),  # nobody knows of which item
    ("get Nobody -f us", []),
    ("totp GitHub -f pass", ["password"]),
    ("edit GitHub --clear us", ["username"]),
    ("conflicts --settle GitHub --field us", ["username"]),
    ("list --tag w", ["work"]),
    ("list --folder J", ["Job", "Job/Web", "Junk"]),
    ("list --type ss", ["ssh-key"]),
    ("add login New --folder Ju", ["Junk"]),
    ("tag rm w", ["work"]),
    ("trash restore G", ["Gone"]),
    ("trash empty G", ["Gone"]),
    ("rm --restore G", ["Gone"]),
    ("token revoke ", ["nightly"]),
    ("folder move J", ["Job", "Job/Web", "Junk"]),
    ("folder rename Ju", ["Junk"]),
    ("folder rm Job/", ["Job/Web"]),
    ("attach get GitHub co", ["codes, old.txt", "contract.pdf"]),
    ("attach rm GitHub con", ["contract.pdf"]),
    ("devices revoke ", ["my laptop"]),
    ("devices exposed ", []),
    ("konnector show e", ["edf"]),
    ("konnector forget ", ["edf"]),
    ("log list --konnector e", ["edf"]),
]


def test_a_name_cannot_speak_to_the_terminal_or_make_another(
    laptop: Device, programs: Path
) -> None:
    """Attack: a title with an escape sequence, and one with lines of an answer."""
    fish = "clisk completion fish | source\ncomplete -C 'clisk get Q'\n"

    assert _bash(programs, laptop.home, "clisk\tget\tQ") == [[]]
    assert _zsh(programs, laptop.home, "clisk get Q") == ["clisk get Q"]
    assert _shell(["fish", "--no-config"], programs, laptop.home, fish) == []


def test_bash_offers_names_of_every_kind(laptop: Device, programs: Path) -> None:
    """What stands where a field, a tag, a folder, a token, a device is wanted."""
    lines = ["clisk\t" + line.replace(" ", "\t") for line, _ in _NAMES]

    found = _bash(programs, laptop.home, *lines)

    # A bare Python reads back what bash would.
    read = [[" ".join(shlex.split(each)) for each in offer] for offer in found]
    assert read == [offer for _, offer in _NAMES]


def test_fish_offers_names_of_every_kind(laptop: Device, programs: Path) -> None:
    """As bash does; fish has its own way of spelling them."""
    script = "clisk completion fish | source\n"
    for line, _ in _NAMES:
        script += f"complete -C 'clisk {line}'\necho --end--\n"

    said = _shell(["fish", "--no-config"], programs, laptop.home, script)

    parts = "\n".join(["", *said]).split("\n--end--")
    found = [part.replace("\\", "").split("\n")[1:] for part in parts[:-1]]
    assert [sorted(each) for each in found] == [offer for _, offer in _NAMES]


def test_a_completion_reads_no_secret(laptop: Device, programs: Path) -> None:
    """No record is written for a name; a read of the password writes one."""
    before = laptop.ask("log", "list")["records"]

    _bash(programs, laptop.home, "clisk\tget\tGitHub\t-f\t", "clisk\tget\tG")

    assert laptop.ask("log", "list")["records"] == before
    laptop.ok("get", "GitHub", "-f", "password")
    assert len(laptop.ask("log", "list")["records"]) > len(before)


def test_a_locked_vault_offers_no_titles_and_no_error(
    laptop: Device, programs: Path, tmp_path: Path
) -> None:
    """Nor does one without an agent, and Tab starts none."""
    laptop.ok("lock")
    try:
        lines = ["clisk\t" + line.replace(" ", "\t") for line, _ in _NAMES]
        # What no vault has to be opened for: types, and konnectors by their folders.
        offered = [*filter(None, _bash(programs, laptop.home, *lines))]
        assert offered == [["ssh-key"], ["edf"], ["edf"], ["edf"]]
    finally:
        laptop.unlock()

    assert _bash(programs, tmp_path / "none", "clisk\tget\tG") == [[]]
    assert not (tmp_path / "none").exists()


def test_tab_does_not_keep_the_vault_open() -> None:
    """It is no use of the vault: the idle timer runs on."""
    from clisk.agent import operations
    from clisk.agent.registry import OPERATIONS

    operations.load()

    assert not OPERATIONS["names"].counts_as_use
