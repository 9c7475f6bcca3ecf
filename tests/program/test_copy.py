"""`clisk copy`: what reaches the clipboard, and when it leaves again."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from clisk import clipboard
from clisk.clipboard_keeper import keep
from tests.program.world import Device, device

PASSWORD = "a-copied-password §"
_HELP = {"plain": "", "modern": "  -s, --sensitive  keep out of history"}


class Desktop:
    """A folder of programs that act as a Wayland clipboard, in a file."""

    def __init__(self, folder: Path, *, kind: str = "plain") -> None:
        self.board = folder / "board"
        self.calls = folder / "calls"
        programs = folder / "bin"
        programs.mkdir()
        self.env = {
            "PATH": f"{programs}:{os.environ['PATH']}",
            "WAYLAND_DISPLAY": "wayland-test",
            "DISPLAY": "",
        }
        self._write(
            programs / "wl-copy",
            f'echo "$*" >> {self.calls}\n'
            f'case "$*" in *--help*) echo "{_HELP[kind]}";;'
            f" *--clear*) : > {self.board};; *) cat > {self.board};; esac",
        )
        self._write(programs / "wl-paste", f"cat {self.board}")

    @staticmethod
    def _write(path: Path, text: str) -> None:
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o700)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Device]:
    with device(tmp_path_factory.mktemp("copy") / "home") as made:
        made.init()
        made.add_login("GitHub", PASSWORD)
        yield made


def _until(holds: Path, content: bytes) -> None:
    end = time.monotonic() + 30
    while holds.read_bytes() != content:
        assert time.monotonic() < end
        time.sleep(0.02)


def test_a_value_is_copied_recorded_and_taken_out(home: Device, tmp_path: Path) -> None:
    """By way of standard input; the log says copy; a second later it is empty."""
    desktop = Desktop(tmp_path)

    said = home.run("copy", "GitHub", "--clear-after", "1", env=desktop.env)

    assert (said.code, said.out) == (0, "")
    assert "a clipboard manager may keep it" in said.err
    assert PASSWORD not in desktop.calls.read_text() + said.err
    assert "'copy'" in str(home.ask("log", "list", "--limit", "1")["records"][0])
    _until(desktop.board, b"")


def test_a_clipboard_that_can_is_told_that_it_is_sensitive(
    home: Device, tmp_path: Path
) -> None:
    """The hint goes along where wl-copy knows it."""
    desktop = Desktop(tmp_path, kind="modern")

    said = home.run("copy", "GitHub", "--json", "--clear-after", "1", env=desktop.env)

    assert said.json == {"by": "wl-copy", "sensitive": True, "cleared_after": 1}
    assert "--type text/plain --sensitive" in desktop.calls.read_text()
    _until(desktop.board, b"")


@pytest.mark.parametrize(
    ("meanwhile", "left"),
    [(None, b""), (b"of the person's own", b"of the person's own")],
)
def test_what_somebody_else_copied_stays(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    meanwhile: bytes | None,
    left: bytes,
) -> None:
    """Only what is still ours is taken out; told by a mark, not by the value."""
    desktop = Desktop(tmp_path)
    for name, value in desktop.env.items():
        monkeypatch.setenv(name, value)
    tool = clipboard.find_tool()
    assert tool is not None
    mark = clipboard.Mark.of(PASSWORD.encode())
    clipboard.copy(tool, PASSWORD)
    assert desktop.board.read_bytes() == PASSWORD.encode()
    waited: list[float] = []

    def wait(seconds: float) -> None:
        waited.append(seconds)
        if meanwhile is not None:
            desktop.board.write_bytes(meanwhile)

    order = {
        "seconds": 45,
        "mark": [mark.salt, mark.digest],
        "tool": [tool.copy, tool.paste, tool.clear],
    }
    emptied = keep(json.dumps(order), wait=wait)

    assert waited == [45]
    assert emptied == (meanwhile is None)
    assert desktop.board.read_bytes() == left
    assert PASSWORD not in json.dumps(order)


def test_without_a_clipboard_or_a_terminal_nothing_is_pretended(home: Device) -> None:
    """A server without either: a named error with the next step."""
    nothing = {"WAYLAND_DISPLAY": "", "DISPLAY": ""}

    said = home.run("copy", "GitHub", env=nothing)

    assert said.code == 1
    assert "no clipboard" in said.err
    assert "wl-clipboard" in said.err


def test_a_clipboard_that_refuses_is_an_error(home: Device, tmp_path: Path) -> None:
    """What the program says no to is not called copied."""
    desktop = Desktop(tmp_path)
    (tmp_path / "bin" / "wl-copy").write_text("#!/bin/sh\nexit 1\n")

    said = home.run("copy", "GitHub", env=desktop.env)

    assert said.code == 1
    assert "wl-copy refused" in said.err
