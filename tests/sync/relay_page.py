"""The table of protocol/relay-api.md §2, read: what a relay serves, row by row."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_PROTOCOL = Path(__file__).parents[2] / "protocol"
SCHEMA = json.loads((_PROTOCOL / "schemas" / "relay-api.json").read_text())
_ROW = re.compile(
    r"^\| `(GET|POST|PUT) (/[^?`]*)(?:\?([^`]*))?` \|(.*)\|$", re.MULTILINE
)


@dataclass(frozen=True, slots=True)
class Listed:
    """One row of the page."""

    method: str
    path: str
    query: tuple[str, ...]
    body: str  # what is sent, in words, or empty
    statuses: frozenset[int]
    model: str  # of a JSON answer, or empty

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


def _rows() -> Iterator[Listed]:
    page = (_PROTOCOL / "relay-api.md").read_text()
    for method, path, query, rest in _ROW.findall(page):
        _needs, body, said = rest.split("|")
        statuses = frozenset(map(int, re.findall(r"\b20\d\b", said)))
        models = [name for name in SCHEMA["$defs"] if re.search(rf"\b{name}\b", said)]
        names = tuple(part.partition("=")[0] for part in query.split("&") if part)
        yield Listed(method, path, names, body.strip(), statuses, "".join(models))


LISTED = list(_rows())
