"""Templates and static files, both shipped in this package."""

from __future__ import annotations

from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from clisk.dashboard.shipped import PLACE
from clisk.terminal import printable
from clisk.times import date_and_time

# Characters of a value on its own page, and of a name in a list or a sentence.
_LONG, _SHORT = 20_000, 120
_TONES = 6
# Autoescape for all of them: what comes from items, konnectors and other devices
# is text. StrictUndefined: a misspelt name is an error and not a gap.
_ENVIRONMENT = Environment(
    loader=PackageLoader("clisk.dashboard", "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_ENVIRONMENT.globals["static"] = PLACE
_ENVIRONMENT.filters["moment"] = date_and_time


def _plain(value: object, limit: int = _LONG) -> str:
    """Return a text that others wrote, as it may stand in a page.

    Direction marks in a title could make it read as another; and a value of a
    megabyte would make the page of no use, so what goes on is cut.
    """
    text = str(value)
    return printable(text if len(text) <= limit else f"{text[:limit]}…")


def _tone(title: str) -> int:
    """Return which colour goes with a title, the same each time."""
    return sum(title[:_SHORT].encode(errors="replace")) % _TONES


_ENVIRONMENT.filters["tone"] = _tone
_ENVIRONMENT.filters["plain"] = _plain
_ENVIRONMENT.filters["short"] = lambda value: _plain(value, _SHORT)


def render(template: str, values: dict[str, Any]) -> str:
    """Return a page or a part of one."""
    return _ENVIRONMENT.get_template(template).render(values)
