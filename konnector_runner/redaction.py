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


class Redactor:
    """Replaces released values, in every spelling known, by [redacted]."""

    def __init__(self) -> None:
        self._spellings: set[str] = set()
        self._pattern: re.Pattern[str] | None = None

    def add(self, value: SecretText) -> None:
        """Redact *value* from now on."""
        plain = value.expose()
        if not plain:
            return
        self._spellings |= _spellings(plain)
        # Longest first: a spelling may hold a shorter one.
        ordered = sorted(self._spellings, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, ordered)))

    def clean(self, text: str) -> str:
        """Return *text* without any released value."""
        return text if self._pattern is None else self._pattern.sub(REDACTED, text)

    def __repr__(self) -> str:
        return f"<Redactor of {len(self._spellings)} spellings>"


def _spellings(plain: str) -> set[str]:
    encoded = base64.b64encode(plain.encode()).decode()
    return {
        plain,
        json.dumps(plain)[1:-1],
        json.dumps(plain, ensure_ascii=False)[1:-1],
        quote(plain, safe=""),
        quote(plain),
        quote_plus(plain),
        html.escape(plain),
        encoded,
        encoded.rstrip("="),
        encoded.rstrip("=").replace("+", "-").replace("/", "_"),
        plain.encode().hex(),
        plain[::-1],
    }
