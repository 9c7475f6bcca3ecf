"""Keeps released values out of everything that a run says about itself.

Log lines, errors, events and reports go through one Redactor. It knows each
value that was released in the run and the spellings in which it is likely to
turn up again. It is a net under the handles, not the reason why nothing leaks.
"""

from __future__ import annotations

import base64
import html
import json
import re
from urllib.parse import quote, quote_plus

from clisk_vault.keys import SecretText

REDACTED = "[redacted]"
_LONG_ENOUGH = 6


class Redactor:
    """Replaces released values, in every spelling known, by [redacted]."""

    def __init__(self) -> None:
        self._spellings: set[str] = set()
        self._split: set[str] = set()
        self._pattern: re.Pattern[str] | None = None

    def add(self, value: SecretText) -> None:
        """Redact *value* from now on."""
        plain = value.expose()
        if not plain:
            return
        self._spellings |= _spellings(plain)
        self._split |= _split(plain)
        # Longest first: a spelling may hold a shorter one.
        ordered = sorted(self._spellings, key=len, reverse=True)
        patterns = [*map(re.escape, ordered), *sorted(self._split)]
        self._pattern = re.compile("|".join(patterns))

    def clean(self, text: str) -> str:
        """Return *text* without any released value."""
        return text if self._pattern is None else self._pattern.sub(REDACTED, text)

    def __repr__(self) -> str:
        return f"<Redactor of {len(self._spellings)} spellings>"


def _split(plain: str) -> set[str]:
    """Return the pattern of *plain* taken apart: letter by letter, or in a list.

    A short value would be found in too much that is none of it.
    """
    if len(plain) < _LONG_ENOUGH:
        return set()
    return {r"[\s\"',;:|+\\-]{0,8}".join(map(re.escape, plain))}


def _in_json(plain: str) -> set[str]:
    """Return *plain* as it stands in JSON, in JSON within JSON, and once more."""
    found = {plain}
    for ascii_only in (True, False):
        text = plain
        for _ in range(3):
            text = json.dumps(text, ensure_ascii=ascii_only)[1:-1]
            found.add(text)
    return found


def _inside_base64(plain: str) -> set[str]:
    """Return what base64 makes of *plain* inside a longer text, at each alignment."""
    raw = plain.encode()
    found = set()
    for before in range(3):
        text = base64.b64encode(bytes(before) + raw).decode()
        core = text[(before * 8 + 5) // 6 : (before + len(raw)) * 8 // 6]
        if len(core) >= _LONG_ENOUGH:
            found |= {core, core.replace("+", "-").replace("/", "_")}
    return found


def _spellings(plain: str) -> set[str]:
    encoded = base64.b64encode(plain.encode()).decode()
    return {
        *_in_json(plain),
        *_in_json(plain[::-1]),
        quote(plain, safe=""),
        quote(plain),
        quote_plus(plain),
        html.escape(plain),
        encoded,
        encoded.rstrip("="),
        encoded.rstrip("=").replace("+", "-").replace("/", "_"),
        plain.encode().hex(),
        plain.encode().hex().upper(),
        *_inside_base64(plain),
    }
