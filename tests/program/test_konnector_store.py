"""`clisk konnector install | list | show | update | remove`, as a person types them."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.program.test_konnector_command import place
from tests.program.world import Device, device


@pytest.fixture(name="laptop")
def _laptop(tmp_path: Path) -> Iterator[Device]:
    with device(tmp_path / "laptop") as laptop:
        yield laptop


def _packed(folder: Path) -> Path:
    path = folder.with_suffix(".zip")
    with zipfile.ZipFile(path, "w") as archive:
        for file in folder.iterdir():
            archive.write(file, file.name)
    return path


def test_the_life_of_an_installed_konnector(laptop: Device, tmp_path: Path) -> None:
    """Installed, shown, updated with what changes in sight, and removed."""
    folder = place(tmp_path / "shop")
    asked = laptop.run("konnector", "install", str(_packed(folder)))
    assert asked.code == 1
    assert "site: https://vendor.example" in asked.err
    assert "hint: answer yes beforehand: --yes" in asked.err
    assert laptop.ask("konnector", "list")["konnectors"] == []

    laptop.ok("konnector", "install", str(_packed(folder)), "--yes")
    shown = laptop.ask("konnector", "show", "shop")
    assert (shown["version"], shown["site"]) == ("1.2.3", "https://vendor.example")
    again = laptop.run("konnector", "install", str(folder), "--yes")
    assert f"hint: clisk konnector update {folder}" in again.err

    newer = place(
        tmp_path / "newer",
        version="1.3.0",
        permissions={"files": {"type": "io.cozy.files"}},
    )
    refused = laptop.run("konnector", "update", str(newer))
    assert refused.code == 1
    assert "version: 1.2.3 → 1.3.0" in refused.err
    assert "permissions: none → io.cozy.files  (asks for more!)" in refused.err
    assert laptop.ask("konnector", "show", "shop")["version"] == "1.2.3"
    laptop.ok("konnector", "update", str(newer), "--yes")
    listed = laptop.ok("konnector", "list").split("\t")
    assert listed[:2] == ["shop", "1.3.0"]

    laptop.ok("konnector", "remove", "shop")
    assert laptop.run("konnector", "show", "shop").code == 1


def test_what_changed_on_disk_is_not_shown_as_fit(
    laptop: Device, tmp_path: Path
) -> None:
    """A list names it, and says that it is not what was installed."""
    laptop.ok("konnector", "install", str(place(tmp_path / "shop")), "--yes")
    (bundle,) = laptop.home.glob("konnectors/shop/*/main.js")
    bundle.write_text("// something else")

    assert "not as installed!" in laptop.ok("konnector", "list")
    said = laptop.run("konnector", "show", "shop")
    assert said.code == 1
    assert "hint: do not run it; install it again" in said.err


def test_json_says_what_was_installed(laptop: Device, tmp_path: Path) -> None:
    """A script learns name and digest, and which error it was."""
    folder = place(tmp_path / "shop")
    done = laptop.ask("konnector", "install", str(folder), "--yes")
    assert done["konnector"] == "shop"
    assert len(done["digest"]) == 64

    bad = tmp_path / "bad.zip"
    bad.write_bytes(b"PK nothing")
    said = laptop.run("konnector", "update", str(bad), "--json")
    assert json.loads(said.err)["error"] == "ArchiveError"
