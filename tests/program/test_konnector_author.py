"""`clisk konnector new | lint | test`: the way of docs/konnectors.md, step by step."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.program.world import Device, device

_MODULES = Path(__file__).parents[2] / "demo" / "konnector" / "node_modules"


@pytest.fixture(name="laptop")
def _laptop(tmp_path: Path) -> Iterator[Device]:
    with device(tmp_path / "laptop") as laptop:
        yield laptop


@pytest.mark.browser
@pytest.mark.slow
def test_the_tutorial_works_as_written(laptop: Device, tmp_path: Path) -> None:
    """New, build, lint and test, without a vault, and with nothing left to say.

    Then the same with a page that lacks what the konnector waits for fails.
    """
    folder = tmp_path / "my-energy"
    assert laptop.ok("konnector", "new", "My Energy", str(folder)).strip() == str(
        folder
    )
    (folder / "node_modules").symlink_to(_MODULES)
    subprocess.run(
        ["npm", "run", "build", "--silent", "--offline"],
        cwd=folder,
        check=True,
        capture_output=True,
        timeout=120,
    )

    linted = laptop.run("konnector", "lint", str(folder))
    assert (linted.code, linted.out) == (0, "")
    trace = tmp_path / "trace"
    tried = laptop.ask("konnector", "test", str(folder), "--trace", str(trace))
    assert tried["passed"], tried
    assert tried["unanswered"] == []
    said = (trace / "protocol.jsonl").read_text()
    assert "getUserDataFromWebsite" in said
    assert "not a real password" not in said
    assert "https://my-energy.example" in (trace / "pages.jsonl").read_text()
    assert not laptop.home.exists()

    site = folder / "mock" / "site.json"
    site.write_text(site.read_text().replace('"bills": 2', '"bills": 3'))
    failed = laptop.run("konnector", "test", str(folder))
    assert failed.code == 1
    assert "fault: bills: 2 where 3 was expected" in failed.out


def test_lint_fails_for_errors_only(laptop: Device, tmp_path: Path) -> None:
    """The exit code is for scripts; JSON has the rule of each finding."""
    folder = tmp_path / "broken"
    laptop.ok("konnector", "new", "Broken", str(folder))

    unbuilt = laptop.run("konnector", "lint", str(folder))
    assert unbuilt.code == 1
    assert "hint: build the konnector first: npm run build" in unbuilt.err

    (folder / "main.js").write_text("import x from 'y'")
    said = laptop.run("konnector", "lint", str(folder), "--json")
    assert said.code == 1
    rules = [each["rule"] for each in json.loads(said.out)["findings"]]
    assert rules[0] == "bundle"


def test_a_project_is_not_written_over_another(laptop: Device, tmp_path: Path) -> None:
    """A second new in the same folder changes nothing, and says so."""
    folder = tmp_path / "mine"
    laptop.ok("konnector", "new", "Mine", str(folder))
    before = (folder / "manifest.konnector").read_text()

    said = laptop.run("konnector", "new", "Other", str(folder))

    assert said.code == 1
    assert "nothing in it was changed" in said.err
    assert (folder / "manifest.konnector").read_text() == before


def test_a_folder_without_a_site_is_said(laptop: Device, tmp_path: Path) -> None:
    """`test` needs a mock site, and says where one is described."""
    folder = tmp_path / "mine"
    laptop.ok("konnector", "new", "Mine", str(folder))
    (folder / "main.js").write_text("// nothing")
    (folder / "mock" / "site.json").write_text("{")

    said = laptop.run("konnector", "test", str(folder))

    assert said.code == 1
    assert "hint: docs/" in said.err
