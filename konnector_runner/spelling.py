"""How a value is spelt inside a longer text: in quotes, in JSON, in an address.

A konnector that had the value itself would have quoted or encoded it on the way
(JSON.stringify, encodeURIComponent); a handle comes out of either unchanged. So
what stands around a handle decides how its value has to be written there.

Spec: protocol/konnector-bridge.md §5.2.
"""

from __future__ import annotations

import json
import re
from urllib.parse import quote

# What encodeURIComponent leaves alone, beside letters and digits.
_URI_SAFE = "-_.!~*'()"
_FORM = re.compile(r"[^\s=&?\"'{}<>]+=[^\s\"'{}<>]*")
_ADDRESS = re.compile(r"https?://\S+", re.IGNORECASE)


def spell(text: str, found: re.Match[str], value: str) -> str:
    """Return *value* as it has to stand in place of *found* in *text*."""
    if found[0] == text:
        return value
    before = text[: found.start()]
    if _ADDRESS.fullmatch(text) or _FORM.fullmatch(text):
        return quote(value, safe=_URI_SAFE)
    # How deep in JSON.stringify() within JSON.stringify() it is, is told by the
    # backslashes before the quote that opened the text around it.
    quoted = re.search(r"(\\*)([\"'`])[^\"'`\\]*\Z", before)
    if quoted is None:
        return value
    layers = (len(quoted[1]) + 1).bit_length() if quoted[1] else 1
    for _ in range(layers):
        value = _in_quotes(value, quoted[2])
    return value


def spellings(value: str) -> set[str]:
    """Return the spellings of *value* that differ from itself."""
    return {json.dumps(value)[1:-1], quote(value, safe=_URI_SAFE)} - {value}


def _in_quotes(value: str, mark: str) -> str:
    inside = json.dumps(value, ensure_ascii=False)[1:-1]
    if mark == '"':
        return inside
    inside = inside.replace('\\"', '"').replace(mark, "\\" + mark)
    return inside.replace("${", "\\${") if mark == "`" else inside
