"""What reaches a terminal."""

from __future__ import annotations

import io
import sys

import pytest

from clisk.errors import InputError
from clisk.terminal import printable, write_value


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Zürich – naïve 東京", "Zürich – naïve 東京"),
        ("a\x1b]0;owned\x07b", "a\\x1b]0;owned\\x07b"),
        ("a\nb\tc\x7f\x9b", "a\\x0ab\\x09c\\x7f\\x9b"),
        ("moc.\u202eelgoog", "moc.\\u202eelgoog"),
    ],
)
def test_control_characters_are_spelt_out(text: str, shown: str) -> None:
    """Letters of every script pass; what a terminal would obey does not."""
    assert printable(text) == shown


def test_a_value_with_controls_is_kept_from_a_terminal(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A stored secret cannot drive the terminal, yet a pipe gets it whole."""
    terminal, pipe = _Terminal(), io.StringIO()

    monkeypatch.setattr(sys, "stdout", terminal)
    with pytest.raises(InputError, match="control characters"):
        write_value("x\x1b[31m")
    monkeypatch.setattr(sys, "stdout", pipe)
    write_value("x\x1b[31m", newline=False)

    assert terminal.getvalue() == ""
    assert pipe.getvalue() == "x\x1b[31m"


def test_a_private_key_may_be_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines and tabs are no danger."""
    terminal = _Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)

    write_value("-----BEGIN\n\tx")

    assert terminal.getvalue() == "-----BEGIN\n\tx\n"
