"""Scripts, styles and pictures of the pages, as they were shipped in this package.

Read once, by a list made here: no name in a request becomes a path. What they are is
in their address, so that a browser may keep them: they hold nothing of the vault's.
"""

from __future__ import annotations

import hashlib
from importlib.resources import files

KINDS = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
KEEPING = "private, max-age=86400, immutable"
SHIPPED = {
    each.name: each.read_bytes()
    for each in (files("clisk.dashboard") / "static").iterdir()
    if each.name[each.name.rfind(".") :] in KINDS
}
VERSION = hashlib.sha256(
    b"".join(SHIPPED[name] for name in sorted(SHIPPED))
).hexdigest()[:16]
PLACE = f"/static/{VERSION}/"
"""Below it are all of them."""


def kind_of(name: str) -> str:
    """Return the media type of one of SHIPPED."""
    return KINDS[name[name.rfind(".") :]]
