"""How a refusal looks."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import click
import pytest

from clisk import faults
from clisk.__main__ import run
from clisk.errors import AgentRefusal, CliskError, UsageError
from clisk_vault.errors import PassphraseError

_UNBUFFERED = "PYTHONUNBUFFERED"


def _fault_with_a_secret() -> Exception:
    try:
        raise RuntimeError("planted-secret")
    except RuntimeError as err:
        return err


@pytest.mark.parametrize(
    ("err", "code", "shown"),
    [
        (
            CliskError("the thing was refused", advice="do it so"),
            1,
            "error: the thing was refused\nhint: do it so\n",
        ),
        (CliskError("no way"), 1, "error: no way\n"),
        (UsageError("not so"), 2, "error: not so\n"),
        (
            AgentRefusal("LockedError", "the vault is locked", advice="clisk unlock"),
            1,
            "error: the vault is locked\nhint: clisk unlock\n",
        ),
        (PassphraseError(), 1, "error: wrong passphrase\nhint: check the keyboard"),
        (click.UsageError("No such option"), 2, "error: no such option\nhint: clisk"),
        (click.ClickException("Refused."), 1, "error: refused\n"),
        (KeyboardInterrupt(), 130, "error: stopped; what was done stays done\n"),
    ],
)
def test_a_refusal_is_two_lines(
    err: BaseException, code: int, shown: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """What was refused and what to do next, on standard error, with its code."""
    assert faults.report(err, as_json=False) == code

    out, said = capsys.readouterr()
    assert out == ""
    assert said.startswith(shown)


def test_a_fault_of_the_program_shows_its_place_only(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """An unforeseen exception's text may hold a secret, so it is not printed."""
    assert faults.report(_fault_with_a_secret(), as_json=False) == 1

    said = capsys.readouterr().err
    assert "RuntimeError at test_faults.py:" in said
    assert "planted" not in said
    assert "Traceback" not in said


def test_an_error_cannot_speak_to_the_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Escape sequences in a message are spelt out."""
    faults.report(CliskError("bad \x1b[2J name"), as_json=False)

    assert capsys.readouterr().err == "error: bad \\x1b[2J name\n"


def test_json_errors_are_json(capsys: pytest.CaptureFixture[str]) -> None:
    """With --json a refusal is one object on standard error."""
    faults.report(CliskError("no", advice="yes"), as_json=True)

    assert json.loads(capsys.readouterr().err) == {
        "error": "CliskError",
        "message": "no",
        "advice": "yes",
    }


def test_a_misspelt_command_is_a_usage_error(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Exit code 2 and where to look."""
    assert run(["liist"]) == 2

    assert capsys.readouterr().err.startswith("error: no such command 'liist'")


@pytest.mark.parametrize("words", [[], ["log"], ["grants"], ["agent"]])
def test_a_command_alone_shows_its_help(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """In lines, as --help does; not as an error with its line feeds spelt out."""
    assert run(words) == 2

    said = capsys.readouterr().err
    assert said.startswith("Usage: clisk")
    assert "\\x0a" not in said
    assert "\nCommands:\n" in said


def _in_shell(line: str, tmp_path: Path) -> subprocess.CompletedProcess[str]:
    """Run *line*, in which $CLISK is the program, as a person's shell does."""
    # Buffered, as it is by default: what is left is written at the end.
    env = {name: value for name, value in os.environ.items() if name != _UNBUFFERED}
    program = f"{sys.executable} -m clisk --home {tmp_path}"
    return subprocess.run(
        ["/bin/bash", "-c", line],
        env={**env, "CLISK": program},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("to", ["/dev/full", "&-"])
@pytest.mark.parametrize("words", ["status", "status --json", "generate", "--help"])
def test_output_that_cannot_be_written_is_a_refusal(
    words: str, to: str, tmp_path: Path
) -> None:
    """A full disk or a closed output: said in words, code 1, nothing of Python's."""
    done = _in_shell(f"$CLISK {words} >{to}", tmp_path)

    assert done.returncode == 1, done
    assert "standard output cannot be written: " in done.stderr
    assert "failed inside" not in done.stderr
    assert "Exception" not in done.stderr


@pytest.mark.parametrize("words", ["status", "generate"])
def test_a_reader_that_left_is_no_noise(words: str, tmp_path: Path) -> None:
    """`clisk ... | head` says nothing, however late the reader's end is noticed."""
    done = _in_shell(f"$CLISK {words} | true; exit ${{PIPESTATUS[0]}}", tmp_path)

    assert done.returncode in (0, 1), done
    assert done.stderr == ""


@pytest.mark.parametrize("words", ["import -", "add login X --read password=0"])
def test_a_closed_input_is_empty(words: str, tmp_path: Path) -> None:
    """Without a standard input there is nothing to read: a refusal, no fault."""
    done = _in_shell(f"$CLISK {words} <&-", tmp_path)

    assert done.returncode == 1, done
    assert "failed inside" not in done.stderr
