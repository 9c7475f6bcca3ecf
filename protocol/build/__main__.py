"""Rebuild the vectors of all pages, or of those named: python -m protocol.build.

Each page's module has `build()`, which writes every case of the page anew.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

# A module that has this line builds a page; the others help.
_BUILDS = "\ndef build() -> None:"


def page_modules() -> list[str]:
    """Return the names of the modules that build a page, sorted."""
    return sorted(
        path.stem
        for path in Path(__file__).parent.glob("*.py")
        if _BUILDS in path.read_text(encoding="utf-8")
    )


def main(wanted: list[str]) -> int:
    """Build the pages *wanted* (module names), or all of them."""
    pages = page_modules()
    if unknown := sorted(set(wanted) - set(pages)):
        print(f"error: no such page: {', '.join(unknown)}", file=sys.stderr)
        print(f"hint: one of {', '.join(pages)}", file=sys.stderr)
        return 2
    for name in wanted or pages:
        importlib.import_module(f"protocol.build.{name}").build()
        print(f"built {name}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
