"""Every refusal that a person can meet says what to do next."""

from __future__ import annotations

import ast
import importlib
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

_ROOT = Path(__file__).parents[1]
_PACKAGES = ("clisk", "clisk_vault", "clisk_sync", "konnector_runner")
# Answers to a konnector's own code, in the words that such code looks for. What a
# person is told of a run that ended is a RunFailed.
_FOR_PROGRAMS = {"MethodError", "CallFailed", "DocumentGone"}


def _modules(root: Path) -> Iterator[tuple[str, ast.Module, str]]:
    for package in _PACKAGES:
        for path in sorted((root / package).rglob("*.py")):
            if path.name == "__main__.py" or path.is_relative_to(
                root / "clisk_sync" / "relay" / "migrations"
            ):
                continue
            name = ".".join(path.relative_to(root).with_suffix("").parts)
            tree = ast.parse(path.read_text(encoding="utf-8"))
            yield name.removesuffix(".__init__"), tree, path.name


def _raised(tree: ast.Module) -> Iterator[tuple[str, ast.Call]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
            called = node.exc.func
            if isinstance(called, ast.Name):
                yield called.id, node.exc


def without_advice(
    name: str, tree: ast.Module, known: Mapping[str, object]
) -> list[str]:
    """Return the places where an error of ours is raised with no next step."""
    found = []
    for error, call in _raised(tree):
        default = getattr(known.get(error), "default_advice", None)
        if default is None or error in _FOR_PROGRAMS:
            continue
        given = [each.value for each in call.keywords if each.arg == "advice"]
        empty = (
            bool(given) and isinstance(given[0], ast.Constant) and not given[0].value
        )
        if empty or not (given or default):
            found.append(f"{name}:{call.lineno} {error}")
    return found


@pytest.mark.parametrize("package", _PACKAGES)
def test_every_error_has_a_hint(package: str) -> None:
    """Each `raise` of an error of ours gives advice, or its class does."""
    found = []
    for name, tree, _ in _modules(_ROOT):
        if name.split(".")[0] == package and any(True for _ in _raised(tree)):
            module = importlib.import_module(name)
            found += without_advice(name, tree, vars(module))

    assert found == []


@pytest.mark.parametrize(
    ("source", "faults"),
    [
        ("raise Bare('x')", 1),
        ("raise Bare('x', advice='')", 1),
        ("raise Bare('x', advice='do this')", 0),
        ("raise Bare('x', advice=said)", 0),
        ("raise Kind('x')", 0),
        ("raise Kind('x', advice='')", 1),
        ("raise ValueError('x')", 0),
    ],
)
def test_a_planted_error_without_a_hint_is_found(source: str, faults: int) -> None:
    """Control: each way to leave advice out is seen, and no other."""

    class Bare(Exception):
        default_advice = ""

    class Kind(Bare):
        default_advice = "do that"

    known = {"Bare": Bare, "Kind": Kind, "ValueError": ValueError}

    assert len(without_advice("m", ast.parse(source), known)) == faults
