"""Set-up finds a browser where there is one, and otherwise says what to do."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from scripts import setup_browser

_ROOT = Path(__file__).parents[1]


def _program(folder: Path, name: str) -> Path:
    path = folder / name
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


def test_the_named_browser_comes_first(tmp_path: Path) -> None:
    """CLISK_BROWSER is taken before anything on the PATH."""
    mine = _program(tmp_path, "mine")
    _program(tmp_path, "chromium")

    environ = {"CLISK_BROWSER": str(mine), "PATH": str(tmp_path)}

    assert setup_browser.find(environ) == mine


def test_a_wrong_name_is_an_error_and_not_another_browser(tmp_path: Path) -> None:
    """A mistake in CLISK_BROWSER is told, though a browser is on the PATH."""
    _program(tmp_path, "chromium")
    environ = {"CLISK_BROWSER": str(tmp_path / "gone"), "PATH": str(tmp_path)}

    with pytest.raises(setup_browser.BrowserMissingError):
        setup_browser.find(environ)


@pytest.mark.parametrize("name", ["chromium", "google-chrome", "microsoft-edge"])
def test_a_browser_on_the_path_is_found(tmp_path: Path, name: str) -> None:
    """Chromium, Chrome and Edge will do."""
    browser = _program(tmp_path, name)

    assert setup_browser.find({"PATH": str(tmp_path)}) == browser


def test_what_is_not_a_program_is_not_a_browser(tmp_path: Path) -> None:
    """A file that cannot be run is passed over."""
    (tmp_path / "chromium").write_text("")

    assert setup_browser.from_path({"PATH": str(tmp_path)}) is None


def test_without_a_browser_the_person_is_told_what_to_do(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 1, and a hint that names packages; nobody but root installs."""
    monkeypatch.setattr(setup_browser, "find", lambda _environ: None)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)

    assert setup_browser.main() == 1

    said = capsys.readouterr().err
    assert "error: no Chromium browser was found" in said
    assert "apt-get install chromium" in said


def test_the_commands_of_the_makefile_exist() -> None:
    """Every target that README and CONTRIBUTING name is one."""
    pages = [
        (_ROOT / name).read_text(encoding="utf-8")
        for name in ("README.md", "CONTRIBUTING.md")
    ]
    named = {target for page in pages for target in re.findall(r"`make (\w+)`", page)}
    targets = set(
        re.findall(r"^(\w+):", (_ROOT / "Makefile").read_text(), re.MULTILINE)
    )

    assert {"demo", "test", "check"} <= named <= targets


def test_ci_runs_make_test() -> None:
    """CI and a person run the same line."""
    text = (_ROOT / ".ci" / "run").read_text()

    assert "set -euo pipefail" in text
    assert "make test" in text


def test_links_between_pages_lead_somewhere() -> None:
    """No page points to a file that is not there."""
    tracked = subprocess.run(
        ["git", "ls-files", "*.md"],
        cwd=_ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.split()
    broken = [
        f"{page}: {target}"
        for page in tracked
        for target in re.findall(
            r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", (_ROOT / page).read_text(encoding="utf-8")
        )
        if not ((_ROOT / page).parent / target).exists()
    ]

    assert broken == []
