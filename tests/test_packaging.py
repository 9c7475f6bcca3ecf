"""What an installer gets: the right automerge, four typed packages, one command."""

from __future__ import annotations

import importlib
import importlib.metadata
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from types import ModuleType

import pytest

_ROOT = Path(__file__).parents[1]
_PACKAGES = ("clisk", "clisk_sync", "clisk_vault", "konnector_runner")
_PINNED = re.compile(r"^([a-z0-9.-]+)(?:\[[a-z,]+\])?==(\S+)", re.MULTILINE)


def test_the_automerge_is_upstreams() -> None:
    """The newest final release on the index is another author's package."""
    assert importlib.metadata.version("automerge") == "1.0.0rc1"
    assert importlib.import_module("automerge.core").Message is not None


def _lock() -> str:
    return (_ROOT / "requirements.lock").read_text(encoding="utf-8")


def test_the_lock_names_every_direct_dependency() -> None:
    """Set-up installs nothing whose version the lock does not name."""
    project = tomllib.loads((_ROOT / "pyproject.toml").read_text())["project"]
    wanted = [*project["dependencies"]]
    for extra in project["optional-dependencies"].values():
        wanted += [line for line in extra if not line.startswith("clisk-vault")]
    names = {re.split(r"[\[<>=]", line)[0].lower() for line in wanted}

    assert names <= dict(_PINNED.findall(_lock())).keys()


def test_the_lock_holds_hashes_and_no_address() -> None:
    """Each version carries hashes, and the lock fits any mirror of the index."""
    entries = re.split(r"\n(?=[a-z0-9])", _lock())

    assert len(entries) > 40
    assert [entry for entry in entries if "--hash=sha256:" not in entry] == []
    assert "://" not in _lock()


def test_what_is_installed_is_what_the_lock_says() -> None:
    """The tests run against the versions that users of the lock get."""
    locked = dict(_PINNED.findall(_lock()))
    installed = {
        name: importlib.metadata.version(name)
        for name in ("automerge", "cbor2", "cryptography", "pynacl", "argon2-cffi")
    }

    assert installed == {name: locked[name] for name in installed}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel with the backend that the lock pins."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=_ROOT,
        check=True,
        capture_output=True,
    )
    (built,) = folder.glob("*.whl")
    return built


def test_the_wheel_holds_the_packages_and_nothing_else(wheel: Path) -> None:
    """Four typed packages and the man pages; no test, lock or demo is installed."""
    names = zipfile.ZipFile(wheel).namelist()
    code = [name for name in names if ".dist-info/" not in name]
    pages = [name for name in code if ".data/" in name]
    tops = {name.split("/")[0] for name in code if name not in pages}

    assert tops == set(_PACKAGES)
    assert {name.split(".data/data/")[1] for name in pages} == {
        f"share/man/man1/{page.name}" for page in (_ROOT / "docs/man").iterdir()
    }
    assert {f"{package}/py.typed" for package in _PACKAGES} <= set(names)
    assert any(name.endswith("licenses/LICENSE") for name in names)


def test_the_wheel_works_away_from_the_source(wheel: Path, tmp_path: Path) -> None:
    """The packages import from the wheel, not by luck from the source tree."""
    zipfile.ZipFile(wheel).extractall(tmp_path)
    code = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n"
        f"import {', '.join(_PACKAGES)}\n"
        "print(*(sys.modules[name].__file__ for name in "
        f"{_PACKAGES!r}), sep='\\n')"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-c", code],
        cwd=tmp_path,
        check=True,
        capture_output=True,
        text=True,
    )

    assert done.stdout.splitlines() == [
        str(tmp_path / package / "__init__.py") for package in _PACKAGES
    ]


def _public_names(module: ModuleType) -> set[str]:
    return {
        name
        for name, value in vars(module).items()
        if not name.startswith("_")
        and name != "annotations"
        and not isinstance(value, ModuleType)
    }


@pytest.mark.parametrize("package", _PACKAGES)
def test_all_is_sorted_and_complete(package: str) -> None:
    """A package's `__all__` is just what its `__init__` re-exports, in order."""
    module = importlib.import_module(package)
    exported: list[str] = getattr(module, "__all__", [])

    assert exported == sorted(set(exported))
    assert set(exported) == _public_names(module)


def test_the_command_is_declared() -> None:
    """`clisk` on the PATH and `python -m clisk` are one program."""
    (entry,) = importlib.metadata.entry_points(group="console_scripts", name="clisk")

    assert entry.value == "clisk.__main__:main"
    assert callable(entry.load())
