"""Imports go down only, and each foreign library has one home: CONTRIBUTING.md §2.

Read with `ast`, TYPE_CHECKING blocks and imports inside functions included: a
cycle for the type checker is a cycle for the reader. What it cannot see is a
module name computed at run time.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from fnmatch import fnmatch
from functools import cache
from pathlib import Path

import pytest

_ROOT = Path(__file__).parents[1]
_MAY_USE: dict[str, set[str]] = {
    "clisk_vault": set(),
    "clisk_sync": {"clisk_vault"},
    "konnector_runner": {"clisk_vault"},
    "clisk": {"clisk_vault", "clisk_sync", "konnector_runner"},
}
_HOMES: dict[str, tuple[str, ...]] = {
    "PIL": ("clisk_sync/qr.py", "clisk_sync/kit_page.py"),
    "alembic": ("clisk_sync/relay/store*",),
    "argon2": (
        "clisk_vault/passphrase.py",
        "clisk_vault/transfer/bitwarden_crypto.py",
    ),
    "aiohttp": ("clisk_sync/http_transport.py",),
    "asyncpg": ("clisk_sync/relay/store*.py",),
    "automerge": ("clisk_vault/document.py",),
    "cbor2": ("clisk_vault/cbor.py",),
    "certifi": ("clisk_sync/http_transport.py",),
    "click": ("clisk/*",),
    "cryptography": (
        "clisk_vault/primitives.py",
        "clisk_vault/ssh_key.py",
        "clisk_vault/transfer/bitwarden_crypto.py",
        "clisk_vault/wrapping.py",
    ),
    "httptools": ("clisk_sync/relay/patience.py",),
    "httpx": ("clisk/breach_service.py",),
    "idna": ("konnector_runner/origin.py",),
    "jeepney": ("clisk/agent/session_watch.py",),
    "keyring": ("clisk/keychain.py",),
    "mnemonic": ("clisk_sync/recovery_words.py",),
    "lxml": ("clisk_vault/transfer/keepass.py",),
    "nacl": ("clisk_vault/primitives.py", "clisk_vault/wrapping.py"),
    "platformdirs": ("clisk/home.py",),
    "publicsuffixlist": ("konnector_runner/autofill/suffixes.py",),
    "prometheus_client": ("clisk_sync/relay/metrics.py",),
    "pydantic": (
        "clisk/*",
        "clisk_sync/relay/*",
        "clisk_sync/relay_answers.py",
        "clisk_vault/transfer/*",
        "konnector_runner/*",
    ),
    "pykeepass": ("clisk_vault/transfer/keepass.py",),
    "rapidfuzz": ("clisk_vault/search.py",),
    "pyrage": ("clisk_vault/transfer/age.py",),
    "rich": ("clisk/*",),
    "segno": ("clisk_sync/qr.py",),
    "sqlalchemy": ("clisk_sync/relay/store*.py",),
    "jinja2": ("clisk/dashboard/render.py",),
    "textual": ("clisk/terminal_ui/*",),
    "starlette": ("clisk/dashboard/*", "clisk_sync/relay/*"),
    "uvicorn": ("clisk/dashboard/serve.py", "clisk_sync/relay/*"),
    "zxcvbn": ("clisk_vault/strength.py",),
    "zxingcpp": ("clisk_sync/qr.py",),
}
_FOLDER_BESIDE_US = "shared"


def _module_name(path: Path, root: Path) -> str:
    parts = path.relative_to(root).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def _nodes(path: Path) -> list[ast.AST]:
    return list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))


def _imports(path: Path, root: Path) -> Iterator[str]:
    """Yield every dotted name that the file at *path* imports, made absolute."""
    package = list(path.relative_to(root).parts[:-1])
    for node in _nodes(path):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            up = package[: len(package) - node.level + 1] if node.level else []
            base = ".".join([*up, *([node.module] if node.module else [])])
            # "from clisk_vault import _x" must show its underscore.
            yield from (f"{base}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call) and _is_import_call(node):
            yield from (
                argument.value
                for argument in node.args[:1]
                if isinstance(argument, ast.Constant)
                and isinstance(argument.value, str)
            )


def _is_import_call(node: ast.Call) -> bool:
    called = node.func
    name = called.attr if isinstance(called, ast.Attribute) else None
    name = called.id if isinstance(called, ast.Name) else name
    return name in {"import_module", "__import__"}


def _fault(package: str, name: str, module: str) -> str | None:
    """Say what is wrong with *module* being imported by the file *name*."""
    top, *rest = module.split(".")
    if top == package or top in sys.stdlib_module_names:
        return None
    if top in _MAY_USE:
        if top not in _MAY_USE[package]:
            return f"{name} imports {module}, which does not lie below"
        if any(part.startswith("_") for part in rest):
            return f"{name} imports {module}, which is private"
        return None
    if top not in _HOMES:
        return f"{name} imports {module}, which has no home in the table"
    if not any(fnmatch(name, home) for home in _HOMES[top]):
        return f"{name} imports {module}, whose home is {_HOMES[top][0]}"
    return None


def faults(root: Path) -> list[str]:
    """Return a line for each import under *root* that breaks a rule."""
    found = (
        _fault(package, path.relative_to(root).as_posix(), module)
        for package in _MAY_USE
        for path in sorted((root / package).rglob("*.py"))
        for module in _imports(path, root)
    )
    return [fault for fault in found if fault]


def cycles(root: Path) -> list[str]:
    """Return each set of modules of one package that import each other in a ring."""
    graph: dict[str, set[str]] = {}
    for package in _MAY_USE:
        for path in (root / package).rglob("*.py"):
            graph[_module_name(path, root)] = set(_imports(path, root))
    for name, imported in graph.items():
        # "from a.b import c" is a module a.b.c, or a name in the module a.b.
        modules = {m if m in graph else m.rpartition(".")[0] for m in imported}
        graph[name] = (modules & graph.keys()) - {name}
    while removable := {name for name in graph if not graph[name] & graph.keys()}:
        for name in removable:
            del graph[name]
    return sorted(graph)


def reads_beside_us(root: Path) -> list[str]:
    """Return the places that name the folder beside this repository."""
    found = []
    for path in sorted(root.rglob("*.py")):
        parts = path.relative_to(root).parts
        if parts[0].startswith(".") or "node_modules" in parts:
            continue
        for node in _nodes(path):
            if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
                beside = _text(node.right).split("/")[0] == _FOLDER_BESIDE_US
            else:
                beside = f"../{_FOLDER_BESIDE_US}" in _text(node)
            if beside:
                line = getattr(node, "lineno", 0)
                found.append(f"{'/'.join(parts)}:{line}")
    return [place for place in found if not place.startswith("tests/test_layering.py")]


def _text(node: ast.AST) -> str:
    """Return the string that *node* is, or the empty one."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    return ""


def test_packages_import_only_what_lies_below() -> None:
    """No package names one above or beside it, nor a foreign library away from home."""
    assert faults(_ROOT) == []


def test_modules_do_not_import_each_other_in_a_ring() -> None:
    """Inside the packages, too, imports go one way."""
    assert cycles(_ROOT) == []


def test_nothing_reads_outside_the_repository() -> None:
    """A clone works alone: no file reads the folder beside it."""
    assert reads_beside_us(_ROOT) == []


def test_each_library_of_the_table_is_used() -> None:
    """A dependency that nobody imports any more is not carried along."""
    used = {
        module.split(".")[0]
        for package in _MAY_USE
        for path in (_ROOT / package).rglob("*.py")
        for module in _imports(path, _ROOT)
    }

    assert _HOMES.keys() - used == set()


@pytest.mark.parametrize("package", sorted(_MAY_USE))
def test_each_package_is_there_and_typed(package: str) -> None:
    """The rules above look at real packages, each marked as typed."""
    assert (_ROOT / package / "__init__.py").is_file()
    assert (_ROOT / package / "py.typed").is_file()


@pytest.mark.parametrize(
    ("file", "source"),
    [
        ("clisk_vault/a.py", "import clisk_sync"),
        ("clisk_vault/a.py", "from clisk import agent"),
        ("clisk_sync/a.py", "import konnector_runner.run"),
        ("konnector_runner/a.py", "from clisk_sync.engine import Engine"),
        ("konnector_runner/a.py", "from clisk.agent import Agent"),
        ("clisk_sync/a.py", "from clisk_vault import _x"),
        ("clisk/a.py", "import clisk_vault._x"),
        ("clisk_sync/a.py", "from clisk_vault.vault import _x"),
        ("clisk_vault/item.py", "import automerge"),
        ("clisk_vault/item.py", "def f():\n    from automerge import core"),
        ("clisk_sync/a.py", "if TYPE_CHECKING:\n    import aiohttp"),
        ("clisk_sync/relay/app.py", "from sqlalchemy.ext import asyncio"),
        ("clisk_vault/a.py", "import requests"),
        ("clisk_vault/a.py", "from .. import clisk_sync"),
        ("clisk_vault/a.py", "import importlib\nimportlib.import_module('clisk')"),
        ("clisk_vault/a.py", "import protocol.build.common"),
    ],
)
def test_a_planted_fault_is_found(tmp_path: Path, file: str, source: str) -> None:
    """Each way to break a rule is seen."""
    planted = tmp_path / file
    planted.parent.mkdir(parents=True)
    planted.write_text(source)

    assert len(faults(tmp_path)) == 1


@pytest.mark.parametrize(
    ("file", "source"),
    [
        ("clisk_vault/document.py", "import automerge"),
        ("clisk_vault/a.py", "from clisk_vault import _x\nfrom . import _y"),
        ("clisk_sync/a.py", "import clisk_vault.vault\nimport asyncio"),
        ("clisk/commands/a.py", "import click, konnector_runner"),
    ],
)
def test_what_is_allowed_is_left_alone(tmp_path: Path, file: str, source: str) -> None:
    """The rules do not refuse what the layers allow."""
    allowed = tmp_path / file
    allowed.parent.mkdir(parents=True)
    allowed.write_text(source)

    assert faults(tmp_path) == []


def test_a_planted_ring_is_found(tmp_path: Path) -> None:
    """Three modules in a ring are named, and what only leads to them is too."""
    package = tmp_path / "clisk_vault"
    package.mkdir()
    (package / "a.py").write_text("from clisk_vault.b import x")
    (package / "b.py").write_text("def f():\n    from clisk_vault import c")
    (package / "c.py").write_text("import clisk_vault.a")
    (package / "leaf.py").write_text("import os")

    ring = ["clisk_vault.a", "clisk_vault.b", "clisk_vault.c"]

    assert cycles(tmp_path) == ring


def test_a_planted_read_outside_is_found(tmp_path: Path) -> None:
    """Both ways to spell the folder beside us are seen."""
    (tmp_path / "a.py").write_text("open('../shared/data.json')")
    (tmp_path / "b.py").write_text("x = root / 'shared' / 'data.json'")

    assert reads_beside_us(tmp_path) == ["a.py:1", "b.py:1"]
