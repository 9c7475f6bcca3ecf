"""The geometry of plots, in units of an SVG; templates draw them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

_LEVELS = 4


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar: where it stands, and what it is called."""

    x: float
    y: float
    width: float
    height: float
    label: str
    value: float


def bars(
    rows: Sequence[tuple[str, float]], *, width: float, height: float
) -> list[Bar]:
    """Return a bar for each row; the highest fills *height*."""
    top = max((value for _, value in rows), default=0) or 1
    step = width / max(1, len(rows))
    return [
        Bar(
            x=round(at * step + step * 0.1, 2),
            y=round(height - height * max(0, value) / top, 2),
            width=round(step * 0.8, 2),
            height=round(height * max(0, value) / top, 2),
            label=label,
            value=value,
        )
        for at, (label, value) in enumerate(rows)
    ]


def heat(rows: Iterable[Sequence[int]]) -> list[list[tuple[int, int]]]:
    """Return each count with its level, 0 for none up to 4 for the most."""
    counted = [list(row) for row in rows]
    top = max((value for row in counted for value in row), default=0)
    return [[(value, _level(value, top)) for value in row] for row in counted]


def _level(value: int, top: int) -> int:
    # Rounded up: a single read is never drawn as none.
    return -(-value * _LEVELS // top) if value else 0
