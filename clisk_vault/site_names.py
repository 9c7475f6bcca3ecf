"""Under which names a table of sites may know the site of an address."""

from __future__ import annotations

import re
from collections.abc import Iterator

_HOST = re.compile(r"(?:[a-z][a-z0-9+.-]*://)?([^/:?#]+)", re.IGNORECASE)


def site_names(address: str) -> Iterator[str]:
    """Yield the host of *address* and those above it, but no top level alone.

    So a table's `example.org` holds for `www.example.org`, and for no other name
    that only ends alike.
    """
    found = _HOST.match(address)
    labels = found[1].lower().rstrip(".").split(".") if found else []
    for begin in range(len(labels) - 1):
        yield ".".join(labels[begin:])
