"""The man pages say what the program says, in a form that every reader takes."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import click
import pytest

from clisk.root import COMMANDS, clisk
from scripts.man_pages import pages
from scripts.program_pages import MAN_PAGES, write_man_pages

_PAGES = pages()


def _read(name: str) -> str:
    """Return a page as it is read: without its macros and escapes."""
    text = re.sub(r"^\.[A-Z]+ ?", "", _PAGES[name], flags=re.MULTILINE)
    return text.replace("\\-", "-").replace("\\(aq", "'").replace('"', "")


def test_the_man_pages_are_made_from_the_program() -> None:
    """`make vectors` has been run since a command changed; no page is left over."""
    kept = {path.name: path.read_text(encoding="utf-8") for path in MAN_PAGES.iterdir()}

    assert kept == _PAGES


def test_there_is_a_page_for_the_program_and_each_command() -> None:
    """clisk(1) names each of the others."""
    assert set(_PAGES) == {"clisk.1", *(f"clisk-{name}.1" for name in COMMANDS)}
    for name in COMMANDS:
        assert f"clisk-{name} (1)" in _read("clisk.1")


@pytest.mark.parametrize("name", COMMANDS)
def test_a_page_has_each_option_of_its_command_and_of_those_in_it(name: str) -> None:
    """Nothing that `--help` knows is missing."""
    page = _read(f"clisk-{name}.1")

    def check(command: click.Command, path: str) -> None:
        assert path in page
        for each in command.params:
            if isinstance(each, click.Option) and not each.hidden:
                assert all(option in page for option in each.opts), each.opts
        if isinstance(command, click.Group):
            context = click.Context(command)
            for inner_name in command.list_commands(context):
                inner = command.get_command(context, inner_name)
                assert inner is not None
                check(inner, f"{path} {inner_name}")

    command = clisk.get_command(click.Context(clisk), name)
    assert command is not None
    check(command, f"clisk {name}")


def test_groff_has_nothing_to_say_against_them() -> None:
    """All warnings on: no unknown macro, no bad escape, no line that is lost."""
    done = subprocess.run(
        [
            "groff",
            "-man",
            "-ww",
            "-z",
            "-Kutf8",
            *sorted(map(str, MAN_PAGES.iterdir())),
        ],
        capture_output=True,
        check=True,
        text=True,
    )

    assert (done.stdout, done.stderr) == ("", "")


def test_what_looks_like_a_macro_is_text(tmp_path: Path) -> None:
    """A line of help that begins with a full stop or holds a backslash is shown."""
    from scripts.man_pages import _plain, _text

    page = tmp_path / "page.1"
    lines = ['.TH X 1 "" "" ""', ".SH NAME", "x \\- y", ".nf"]
    lines += [_plain(".so /etc/passwd"), _text("a\\fBb --long-option 'c'"), ".fi"]
    page.write_text("\n".join(lines) + "\n")
    shown = subprocess.run(
        ["groff", "-man", "-ww", "-Tascii", "-P-c", str(page)],
        capture_output=True,
        check=True,
        text=True,
    )

    assert ".so /etc/passwd" in shown.stdout
    assert "a\\fBb --long-option 'c'" in shown.stdout
    assert shown.stderr == ""


def test_a_page_of_a_command_that_is_gone_is_taken_away(tmp_path: Path) -> None:
    """The folder holds what the program has, and nothing else."""
    (tmp_path / "clisk-gone.1").write_text("")

    write_man_pages(tmp_path)

    assert {path.name for path in tmp_path.iterdir()} == set(_PAGES)
