"""Templates and static files, both shipped in this package."""

from __future__ import annotations

from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from clisk.terminal import printable
from clisk.times import date_and_time

# Autoescape for all of them: what comes from items, konnectors and other devices
# is text. StrictUndefined: a misspelt name is an error and not a gap.
_ENVIRONMENT = Environment(
    loader=PackageLoader("clisk.dashboard", "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_ENVIRONMENT.filters["moment"] = date_and_time
# Direction marks in a title could make it read as another.
_ENVIRONMENT.filters["plain"] = lambda value: printable(str(value))


def render(template: str, values: dict[str, Any]) -> str:
    """Return a page or a part of one."""
    return _ENVIRONMENT.get_template(template).render(values)
