"""How a refusal looks."""

from __future__ import annotations

import json

import click
import pytest

from clisk import faults
from clisk.__main__ import run
from clisk.errors import AgentRefusal, CliskError, UsageError
from clisk_vault.errors import PassphraseError


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
