"""Installed konnectors: pinned by digest, replaced in one step."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from konnector_runner.atomic import replace
from konnector_runner.errors import KonnectorError, NotInstalledError
from konnector_runner.installed import InstalledKonnectors
from konnector_runner.konnector import Konnector, make_konnector
from konnector_runner.konnector_diff import asks_for, compare

_NOW = datetime(2026, 11, 26, tzinfo=UTC)


def _konnector(bundle: str = "// 1", **members: object) -> Konnector:
    manifest = {
        "type": "konnector",
        "slug": "shop",
        "name": "Shop",
        "version": "1.0.0",
        "clientSide": True,
        "vendor_link": "https://shop.example/start",
        "permissions": {"bills": {"type": "io.cozy.bills"}},
        **members,
    }
    # Two spaces: the digest is of these bytes, and not of some other spelling.
    return make_konnector(json.dumps(manifest, indent=2).encode(), bundle.encode())


@pytest.fixture(name="store")
def _store(tmp_path: Path) -> InstalledKonnectors:
    return InstalledKonnectors(tmp_path / "konnectors")


def test_what_is_installed_is_what_was_given(store: InstalledKonnectors) -> None:
    """Byte by byte: the digest, which grants know, stays."""
    konnector = _konnector()
    store.put(konnector, source="here", now=_NOW)

    found = store.load("shop")

    assert found.konnector.digest == konnector.digest
    assert found.source == "here"
    assert store.slugs() == ["shop"]


def test_an_update_leaves_only_the_new_code(
    store: InstalledKonnectors, tmp_path: Path
) -> None:
    """The old version is gone when the new one counts."""
    store.put(_konnector(), source="1", now=_NOW)
    store.put(_konnector("// 2"), source="2", now=_NOW)

    assert store.load("shop").konnector.bundle == "// 2"
    assert len(list((tmp_path / "konnectors" / "shop").glob("*/main.js"))) == 1


def test_an_interrupted_update_leaves_the_old_code(
    store: InstalledKonnectors, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until the pin is replaced, the old version is what runs."""
    store.put(_konnector(), source="1", now=_NOW)

    def fail_at_the_pin(path: Path, data: bytes) -> None:
        if path.name == "installed.json":
            raise OSError("power cut")
        replace(path, data)

    monkeypatch.setattr(f"{InstalledKonnectors.__module__}.replace", fail_at_the_pin)
    with pytest.raises(OSError, match="power cut"):
        store.put(_konnector("// 2"), source="2", now=_NOW)

    assert store.load("shop").konnector.bundle == "// 1"


@pytest.mark.parametrize("name", ["main.js", "manifest.konnector"])
def test_changed_code_is_not_run(
    store: InstalledKonnectors, tmp_path: Path, name: str
) -> None:
    """A byte changed on disk, in either file, is noticed before anything runs."""
    store.put(_konnector(), source="1", now=_NOW)
    (path,) = (tmp_path / "konnectors").glob(f"*/*/{name}")
    path.write_bytes(path.read_bytes() + b" ")

    with pytest.raises(KonnectorError, match="not those that were installed"):
        store.load("shop")


@pytest.mark.parametrize("pin", ["", "{}", '{"digest": "../../x"}', "[1]"])
def test_a_pin_that_is_none_is_refused(
    store: InstalledKonnectors, tmp_path: Path, pin: str
) -> None:
    """A pin can not lead to another folder, and a broken one is no pin."""
    store.put(_konnector(), source="1", now=_NOW)
    (tmp_path / "konnectors" / "shop" / "installed.json").write_text(pin)

    with pytest.raises(KonnectorError, match="not those that were installed"):
        store.load("shop")


def test_what_is_not_there_is_said(store: InstalledKonnectors) -> None:
    """Removing and loading name what is missing; a name is never a path."""
    store.put(_konnector(), source="1", now=_NOW)
    store.remove("shop")

    for name in ("shop", "../konnectors", "/etc"):
        with pytest.raises(NotInstalledError):
            store.load(name)
        with pytest.raises(NotInstalledError):
            store.remove(name)


def test_an_update_that_reaches_further_says_so() -> None:
    """More permissions, cookies or another site stand out; less does not."""
    old = _konnector()
    new = _konnector(
        "// 22",
        version="1.1.0",
        cookie_domains=["shop.example"],
        permissions={
            "bills": {"type": "io.cozy.bills"},
            "files": {"type": "io.cozy.files"},
        },
    )

    changes = {change.what: change for change in compare(old, new)}

    assert set(changes) == {
        "code",
        "version",
        "size",
        "permissions",
        "cookie domains",
    }
    assert {what for what, change in changes.items() if change.widens} == {
        "permissions",
        "cookie domains",
    }
    assert not any(change.widens for change in compare(new, old))
    assert compare(old, old) == []
    assert dict(asks_for(old.manifest))["site"] == "https://shop.example"
