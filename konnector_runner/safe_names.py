"""File names that a konnector or a site chose, made harmless.

A name is one path component: no separator, no dot to begin with, nothing that
a file system of another kind reads as a device, a stream or a parent. Two names
that differ may become one; the collector never overwrites what it did not write.

Spec: protocol/konnector-bridge.md §7.2.
"""

from __future__ import annotations

import re
import unicodedata

MAX_BYTES = 180
# Our own files in the folder.
RESERVED = frozenset({"bills.json"})
_FORBIDDEN = re.compile(r'[/\\?<>:*|"]')
_DEVICES = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)


def safe_name(name: str, *, fallback: str) -> str:
    """Return *name* as a harmless file name, or *fallback* if nothing is left."""
    plain = unicodedata.normalize("NFC", name)
    # Controls, surrogates, and marks that reorder text ("exe.pdf" backwards).
    plain = "".join(c for c in plain if c.isprintable())
    plain = _FORBIDDEN.sub("", plain)
    # A dot or space in front hides the file; at the end Windows drops it.
    plain = plain.lstrip(". ").rstrip(". ")
    plain = _shorten(plain) or fallback
    if _DEVICES.fullmatch(plain) or plain.casefold() in RESERVED:
        return f"_{plain}"
    return plain


def safe_parts(path: str) -> tuple[str, ...]:
    """Return the components of a folder *path*, each harmless; empty ones fall out.

    "../../etc" becomes ("etc",): there is no way up.
    """
    names = (safe_name(part, fallback="") for part in re.split(r"[/\\]", path))
    return tuple(name for name in names if name)[:8]


def numbered(name: str, number: int) -> str:
    """Return "bill (2).pdf" for "bill.pdf": another name for another file."""
    stem, dot, ending = name.rpartition(".")
    if not stem or len(ending) > 10:
        stem, dot, ending = name, "", ""
    return f"{stem} ({number}){dot}{ending}"


def _shorten(name: str) -> str:
    """Cut the stem, not the ending, to MAX_BYTES bytes of UTF-8."""
    if len(name.encode()) <= MAX_BYTES:
        return name
    stem, dot, ending = name.rpartition(".")
    if not stem or len(ending.encode()) > 20:
        stem, dot, ending = name, "", ""
    room = MAX_BYTES - len((dot + ending).encode())
    return stem.encode()[:room].decode(errors="ignore").rstrip(". ") + dot + ending
