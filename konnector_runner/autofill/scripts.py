"""Host names that mix alphabets to look like others: protocol/autofill.md §4.3."""

from __future__ import annotations

import unicodedata

# What people do write together; anything else in one label is a disguise.
_TOGETHER = (
    frozenset({"LATIN", "CJK", "HIRAGANA", "KATAKANA"}),
    frozenset({"LATIN", "CJK", "BOPOMOFO"}),
    frozenset({"LATIN", "CJK", "HANGUL"}),
)
_OF_NO_SCRIPT = frozenset({"DIGIT", "HYPHEN-MINUS", "MIDDLE", "COMBINING"})
_PREFIX = "xn--"


def mixes_scripts(host: str) -> bool:
    """Say whether a label of *host*, in punycode, mixes what nobody mixes.

    A label that can not be read counts as one that does.
    """
    return any(
        _is_mixed(label) for label in host.split(".") if label.startswith(_PREFIX)
    )


def _is_mixed(label: str) -> bool:
    try:
        text = label.removeprefix(_PREFIX).encode("ascii").decode("punycode")
        scripts = {_script(character) for character in text} - _OF_NO_SCRIPT
    except (UnicodeError, ValueError):
        return True
    return len(scripts) > 1 and not any(scripts <= known for known in _TOGETHER)


def _script(character: str) -> str:
    if character == "ー":  # the long vowel sign of both kana
        return "KATAKANA"
    return unicodedata.name(character).split(" ")[0]
