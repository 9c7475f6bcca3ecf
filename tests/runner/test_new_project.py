"""A new konnector's project: it builds, and is sound, before its author began."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from konnector_runner.errors import KonnectorError
from konnector_runner.konnector import load_konnector
from konnector_runner.lint import lint
from konnector_runner.mock_exchange import MockRequest
from konnector_runner.mock_site import load_mock_site
from konnector_runner.new_project import new_project, slug_for

_MODULES = Path(__file__).parents[2] / "demo" / "konnector" / "node_modules"


def test_a_project_builds_offline_and_is_sound(tmp_path: Path) -> None:
    """With the modules there, npm run build needs nothing else; lint is content."""
    folder = tmp_path / "mine"
    new_project(folder, "Mein Énergie 2")
    (folder / "node_modules").symlink_to(_MODULES)

    subprocess.run(
        ["npm", "run", "build", "--silent", "--offline"],
        cwd=folder,
        check=True,
        capture_output=True,
        timeout=120,
    )

    konnector = load_konnector(folder / "build")
    assert konnector.manifest.slug == "mein-energie-2"
    assert konnector.manifest.name == "Mein Énergie 2"
    manifest = (folder / "build" / "manifest.konnector").read_text()
    assert lint(manifest, konnector.bundle) == []


def test_its_mock_site_lets_only_the_account_in(tmp_path: Path) -> None:
    """The site of a new project answers as a real one would: no cookie, no bills."""
    new_project(tmp_path / "mine", "Mine")
    site = load_mock_site(tmp_path / "mine" / "mock")
    bills = "https://mine.example/bills"
    form = b"email=alice%40example.org&password=not+a+real+password+1"
    login = MockRequest("POST", "https://mine.example/login", body=form)

    assert ("Location", "https://mine.example/login") in site.answer(
        MockRequest("GET", bills)
    ).headers
    assert ("Set-Cookie", "session=open; Path=/") in site.answer(login).headers
    open_session = MockRequest("GET", bills, {"Cookie": "session=open"})
    assert b"B1" in site.answer(open_session).body
    wrong = MockRequest("POST", login.url, body=form.replace(b"1", b"2"))
    assert b"not the password" in site.answer(wrong).body
    assert site.unknown == []


def test_names_that_a_project_can_not_have(tmp_path: Path) -> None:
    """A name goes into code and JSON, so what could end a text there is refused."""
    assert slug_for("L étoile") == "l-etoile"
    for name in ("", "…", 'a"b', "a`b", "${x}", "a\nb", "x" * 65, "日本"):
        with pytest.raises(KonnectorError):
            new_project(tmp_path / "mine", name)
    assert not (tmp_path / "mine").exists()


def test_a_folder_in_use_is_left_alone(tmp_path: Path) -> None:
    """Nothing of the person's own is overwritten."""
    (tmp_path / "package.json").write_text("mine")

    with pytest.raises(KonnectorError, match="not empty"):
        new_project(tmp_path, "Mine")

    assert (tmp_path / "package.json").read_text() == "mine"
    assert [path.name for path in tmp_path.iterdir()] == ["package.json"]
