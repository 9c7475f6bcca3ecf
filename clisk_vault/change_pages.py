"""Where sites have their passwords changed: published addresses (data/README.md).

They are told to a person, who decides; nothing here or above opens one by itself.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import cache
from importlib import resources

from clisk_vault.site_names import site_names


def change_page(addresses: Iterable[str]) -> str | None:
    """Return the page of the first of the sites that is known, or None."""
    for address in addresses:
        for site in site_names(address):
            if site in _published():
                return _published()[site]
    return None


@cache
def _published() -> dict[str, str]:
    file = resources.files("clisk_vault") / "data" / "change-password-URLs.json"
    pages: dict[str, str] = json.loads(file.read_text(encoding="utf-8"))
    return pages
