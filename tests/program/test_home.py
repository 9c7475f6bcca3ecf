"""The folder that holds a vault."""

from __future__ import annotations

import os
import socket
import stat
from pathlib import Path

import platformdirs
import pytest

from clisk.errors import HomeError
from clisk.home import Home, default_folder


def test_a_home_is_closed_to_others(tmp_path: Path) -> None:
    """A folder that stood open is closed, and a new one is made closed."""
    (tmp_path / "open").mkdir(mode=0o755)

    for name in ("open", "new/nested"):
        home = Home(str(tmp_path / name))
        home.make()
        assert stat.S_IMODE(Path(home.folder).stat().st_mode) == 0o700


def test_a_file_is_no_home(tmp_path: Path) -> None:
    """A path that is a file is refused with advice."""
    (tmp_path / "file").write_text("")

    with pytest.raises(HomeError, match="cannot be used") as caught:
        Home(str(tmp_path / "file")).make()
    assert "--home" in caught.value.advice


def test_a_home_of_somebody_else_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another user's folder may be opened again by that user at any time."""
    monkeypatch.setattr(os, "getuid", lambda: 4242)

    with pytest.raises(HomeError, match="another user"):
        Home(str(tmp_path)).make()


def test_the_default_folder_is_the_one_of_platformdirs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The short way gives what the library gives, with XDG_DATA_HOME and without."""
    monkeypatch.delenv("CLISK_HOME", raising=False)
    for base in ("/somewhere/else", "", None):
        if base is None:
            monkeypatch.delenv("XDG_DATA_HOME", raising=False)
        else:
            monkeypatch.setenv("XDG_DATA_HOME", base)
        expected = platformdirs.user_data_dir("clisk", appauthor=False)
        assert default_folder() == expected


def test_clisk_home_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    """CLISK_HOME names the folder."""
    monkeypatch.setenv("CLISK_HOME", "/a/vault")

    assert default_folder() == "/a/vault"


def test_a_deep_home_still_has_a_socket(tmp_path: Path) -> None:
    """A path longer than a socket address may be is reached all the same."""
    home = Home(str(tmp_path / ("deep" * 40)))
    home.make()
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(home.socket_address())
    listener.listen(1)

    with socket.socket(socket.AF_UNIX) as client:
        client.connect(home.socket_address())

    assert Path(home.socket).exists()
    listener.close()
