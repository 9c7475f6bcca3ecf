"""Tile paths: one spelling each, and the tiles that a size has."""

from __future__ import annotations

import json
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clisk_vault.errors import FormatError
from clisk_vault.tiles import Tile, tiles_of
from tests.vectors import PROTOCOL

CASE = json.loads((PROTOCOL / "vectors" / "tlog" / "tlog-tiles.json").read_text())
TILES = st.builds(
    Tile,
    st.none() | st.integers(0, 7),
    st.integers(0, 1 << 56),
    st.integers(1, 256),
)


def test_the_published_path() -> None:
    """Tile 1,234,067 of level 0 has the path that C2SP gives."""
    named = CASE["c2sp_tile_path"]
    assert Tile(named["level"], named["index"]).path == named["path"]
    assert Tile(None, 1234067, 3).path == "tile/entries/x001/x234/067.p/3"


def test_the_published_tiles_of_a_tree() -> None:
    """A tree of 70,000 leaves has the full and partial tiles that C2SP counts."""
    tiles = list(tiles_of(70_000))
    full = Counter(tile.level for tile in tiles if tile.width == 256)
    partial = {tile.level: tile.width for tile in tiles if tile.width < 256}
    want = CASE["c2sp_70000"]

    assert full == {0: want["full_level0"], 1: want["full_level1"]}
    assert partial == {
        0: want["partial_level0_width"],
        1: want["partial_level1_width"],
        2: want["partial_level2_width"],
    }


def test_a_full_tile_has_no_partial_one_beside_it() -> None:
    """256 leaves are one full tile and one hash above; no leaves are no tiles."""
    want = CASE["c2sp_256"]
    assert want["full_level0"] == 1
    assert list(tiles_of(256)) == [Tile(0, 0), Tile(1, 0, want["partial_level1_width"])]
    assert list(tiles_of(0)) == []


@given(TILES)
def test_a_path_names_its_tile(tile: Tile) -> None:
    """Every tile's path parses to that tile."""
    assert Tile.parse(tile.path) == tile


@given(st.text(alphabet="tile/nrsx0123456789.p", max_size=40))
def test_a_path_parses_to_itself_or_is_refused(path: str) -> None:
    """No second spelling of a path is accepted."""
    try:
        tile = Tile.parse(path)
    except FormatError:
        return
    assert tile.path == path


@pytest.mark.parametrize(
    "path",
    [
        "tile/0/1",
        "tile/0/x000/067",
        "tile/00/067",
        "tile/8/067",
        "tile/0/067.p/0",
        "tile/0/067.p/256",
        "tile/0/067.p/01",
        "tile/8/0/067",
        "tile/0/067/",
        "tile/0/٠٦٧",
        "tile/entry/067",
        "tile/0/067\n",
    ],
)
def test_other_spellings_are_refused(path: str) -> None:
    """Short, padded, out of range, or another system's paths are refused."""
    with pytest.raises(FormatError):
        Tile.parse(path)
