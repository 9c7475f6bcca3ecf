"""Names of the tiles that hold a log's tree (C2SP tlog-tiles): access-log.md §3.4.

Paths and sizes only; what a tile holds is Tree.hashes().
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from clisk_vault.errors import FormatError

TILE_WIDTH = 256
_TILE_BITS = 8
MAX_LEVEL = 63 // _TILE_BITS

_PATH = re.compile(
    r"tile/(entries|0|[1-9][0-9]?)/((?:x[0-9]{3}/)*[0-9]{3})(?:\.p/([1-9][0-9]{0,2}))?",
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class Tile:
    """One tile: *width* hashes of *level*, from number index * 256 on.

    Level None is the bundle of entries beside level 0.
    """

    level: int | None
    index: int
    width: int = TILE_WIDTH

    def __post_init__(self) -> None:
        level_ok = self.level is None or 0 <= self.level <= MAX_LEVEL
        if not level_ok or self.index < 0 or not 0 < self.width <= TILE_WIDTH:
            raise FormatError("tile: level, index or width out of range")

    @property
    def path(self) -> str:
        """The one spelling of this tile's path."""
        level = "entries" if self.level is None else str(self.level)
        groups = [f"{self.index % 1000:03}"]
        rest = self.index // 1000
        while rest:
            groups.insert(0, f"x{rest % 1000:03}")
            rest //= 1000
        partial = "" if self.width == TILE_WIDTH else f".p/{self.width}"
        return f"tile/{level}/{'/'.join(groups)}{partial}"

    @classmethod
    def parse(cls, path: str) -> Tile:
        """Return the tile that *path* names.

        Raises:
            FormatError: not the one spelling of a tile's path.
        """
        match = _PATH.fullmatch(path)
        if match is None:
            raise FormatError("tile path: not tile/<level>/<index>[.p/<width>]")
        level, groups, width = match.groups()
        tile = cls(
            None if level == "entries" else int(level),
            int(groups.replace("/", "").replace("x", "")),
            TILE_WIDTH if width is None else int(width),
        )
        if tile.path != path:
            raise FormatError("tile path: not its one spelling")
        return tile


def tiles_of(size: int) -> Iterator[Tile]:
    """Yield the hash tiles of a tree of *size* leaves, level by level."""
    level = 0
    while size:
        full, rest = divmod(size, TILE_WIDTH)
        yield from (Tile(level, index) for index in range(full))
        if rest:
            yield Tile(level, full, rest)
        size, level = full, level + 1
