"""Puts the demo konnector in a folder, with the site's address in it.

A real konnector knows its site by name. The demo site has another port at each
start, so its konnector is copied with the address of this one.
"""

from __future__ import annotations

from pathlib import Path

SOURCE = Path(__file__).parents[1] / "konnector"
_PLACEHOLDER = "http://demo-site.invalid"


def place_konnector(url: str, into: Path, *, source: Path = SOURCE) -> Path:
    """Copy the built konnector from *source* into the folder *into*; return that.

    Raises:
        FileNotFoundError: it was not built: scripts/setup_konnectors.sh does that.
    """
    into.mkdir(parents=True, exist_ok=True)
    for name in ("manifest.konnector", "main.js"):
        text = (source / name).read_text(encoding="utf-8")
        (into / name).write_text(text.replace(_PLACEHOLDER, url), encoding="utf-8")
    return into
