"""The pages, schemas and vectors hang together, whatever each of them is about."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pycddl
import pytest

from protocol.build import __main__ as builders
from protocol.build import common
from tests.vectors import PROTOCOL, RESULTS, load_vector

_VECTORS = PROTOCOL / "vectors"
# Published by others and carried unchanged, in their own shape.
_FOREIGN = {"tlog"}
_FILES = sorted(
    path
    for path in _VECTORS.rglob("*.json")
    if path.relative_to(_VECTORS).parts[0] not in _FOREIGN
)
_BUILDERS = sorted(_VECTORS.parent.glob("build/*.py"))
_OURS = {"clisk", "clisk_sync", "clisk_vault", "konnector_runner"}


def _page_of(path: Path) -> str:
    return path.relative_to(_VECTORS).parts[0]


def test_there_are_vectors() -> None:
    """The checks below look at something."""
    assert _FILES
    assert builders.page_modules()


@pytest.mark.parametrize(
    "path", _FILES, ids=lambda path: f"{path.parent.name}/{path.stem}"
)
def test_a_vector_says_what_it_is(path: Path) -> None:
    """Each case names its page and section, says a sentence, and has a result."""
    vector = load_vector(path, page=_page_of(path))

    page = re.match(r"([a-z0-9-]+)\.md §\S", vector.spec)
    assert page, "spec must read `page.md §n`"
    assert (PROTOCOL / f"{page[1]}.md").is_file()
    assert len(vector.says.split()) > 1
    assert vector.result in RESULTS
    assert vector.fields, "a vector without input checks nothing"


@pytest.mark.parametrize("page", sorted({_page_of(path) for path in _FILES}))
def test_bad_cases_outnumber_the_good(page: str) -> None:
    """A format is known by what it refuses."""
    files = (_VECTORS / page).rglob("*.json")
    results = [load_vector(path, page=page).result for path in files]

    assert results.count("ok") < len(results) / 2


def test_vectors_rebuild_to_the_same_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Building all pages anew gives just the files that are published."""
    monkeypatch.setattr(common, "VECTORS", tmp_path)

    assert builders.main([]) == 0

    rebuilt = {path.relative_to(tmp_path): path for path in tmp_path.rglob("*.json")}
    assert sorted(rebuilt) == [path.relative_to(_VECTORS) for path in _FILES]
    for name, path in rebuilt.items():
        assert path.read_bytes() == (_VECTORS / name).read_bytes(), name


@pytest.mark.parametrize("path", _BUILDERS, ids=lambda path: path.stem)
def test_a_builder_knows_nothing_of_our_code(path: Path) -> None:
    """A vector is a second opinion: its builder imports none of our packages."""
    imported = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            imported |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, "relative imports hide where a name comes from"
            imported.add((node.module or "").split(".")[0])

    assert imported & _OURS == set()


@pytest.mark.parametrize(
    "path", sorted((PROTOCOL / "cddl").glob("*.cddl")), ids=lambda path: path.stem
)
def test_a_cddl_file_parses_and_has_its_page(path: Path) -> None:
    """Every schema is well-formed RFC 8610, all its names are defined."""
    pycddl.Schema(path.read_text(encoding="utf-8"))

    assert (PROTOCOL / f"{path.stem}.md").is_file()


@pytest.mark.parametrize("folder", sorted(_FOREIGN))
def test_foreign_vectors_name_their_source_and_licence(folder: str) -> None:
    """What others published is here under their terms."""
    text = (_VECTORS / folder / "README.md").read_text(encoding="utf-8")

    for path in (_VECTORS / folder).glob("*.json"):
        assert path.name in text
    assert "Apache-2.0" in text
