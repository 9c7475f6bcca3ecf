"""`clisk copy` and `clisk tui` on a real X11 screen, with the real programs."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from clisk import clipboard, clipping
from tests.program.screen import x11_screen
from tests.program.world import Device, device
from tests.terminal.world import terminal

PASSWORD = "a-copied-password §"
_PROGRAMS = {each.copy[0]: each for each in clipboard._X11}
pytestmark = pytest.mark.skipif(
    sys.platform == "darwin", reason="has another clipboard"
)


@pytest.fixture(scope="module", name="screen")
def _screen() -> Iterator[str]:
    with x11_screen() as screen:
        yield screen


@pytest.fixture(name="session")
def _session(
    screen: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Mapping[str, str]]:
    """Be in a session with that screen; the clipboard is empty before and after."""
    env = {"DISPLAY": screen, "WAYLAND_DISPLAY": ""}
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    _set("")
    yield env
    _set("")


@pytest.fixture(scope="module", name="home")
def _home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Device]:
    with device(tmp_path_factory.mktemp("x11") / "home") as made:
        made.init()
        made.add_login("GitHub", PASSWORD)
        yield made


def _set(text: str, program: str = "xsel") -> None:
    clipboard.copy(_PROGRAMS[program], text)


def _get(program: str = "xsel") -> bytes:
    """Return what another program of the session pastes."""
    done = subprocess.run(
        _PROGRAMS[program].paste,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        check=False,
        timeout=30,
    )
    return done.stdout


def _until(content: bytes) -> None:
    ends = time.monotonic() + 60
    while _get() != content:
        assert time.monotonic() < ends
        time.sleep(0.02)


@pytest.mark.parametrize(("program", "other"), [("xclip", "xsel"), ("xsel", "xclip")])
def test_a_value_is_there_for_a_while_and_then_gone(
    session: Mapping[str, str],
    monkeypatch: pytest.MonkeyPatch,
    program: str,
    other: str,
) -> None:
    """Put in by one program, pasted by the other, taken out again by our keeper."""
    monkeypatch.setattr(clipboard, "_X11", (_PROGRAMS[program],))

    clip = clipping.put(PASSWORD, 1)

    assert clip.tool is _PROGRAMS[program]
    pasted = _get(other)
    # On a crowded machine the second may be over before anybody pastes.
    assert pasted in (PASSWORD.encode(), b"")
    _until(b"")


def test_the_command_copies_and_its_value_can_be_pasted(
    home: Device, session: Mapping[str, str]
) -> None:
    """The whole way: a vault, an agent, the command, the screen, another program."""
    said = home.run("copy", "GitHub", "--json", "--clear-after", "3600", env=session)

    assert said.json["by"] == "xclip"
    assert _get() == PASSWORD.encode()


def test_what_the_person_copied_since_stays(session: Mapping[str, str]) -> None:
    """Neither the keeper nor leaving takes out what is not ours."""
    clip = clipping.put(PASSWORD, 1)
    _set("of the person's own", "xclip")

    clip.take_out()
    assert clip.tool is not None
    assert clip.mark is not None
    assert not clipboard.clear_if_ours(clip.tool, clip.mark)

    assert _get() == b"of the person's own"


def test_the_terminals_program_copies_to_the_same_clipboard(
    home: Device, session: Mapping[str, str], tmp_path: Path
) -> None:
    """`clisk tui` uses what `clisk copy` uses, and leaving it empties that."""

    async def scene() -> None:
        async with terminal(home) as person:
            await person.open("GitHub")
            await person.stand_on("password")
            await person.press("c")
            await person.until(lambda: _get() == PASSWORD.encode())
            assert person.copied == []
            await person.press("ctrl+c")

    asyncio.run(scene())
    _until(b"")
