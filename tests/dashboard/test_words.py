"""Texts and shipped files of the dashboard."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

import pytest

from clisk.dashboard import words

_FOLDER = Path(words.__file__).parent
_HTMX_2_0_11 = "d6fdc75f204e6bdefa99b69bf1e6d4ac69b8a364f77929f45c13476b4000f717"
_USED = re.compile(r"""(?:\bt|words)\(\s*["']([a-z_.]+)["']([^)]*)""")
_PLACE = re.compile(r"{(\w+)}")


def _texts(language: str) -> dict[str, str]:
    found: dict[str, str] = json.loads(
        (_FOLDER / "strings" / f"{language}.json").read_text()
    )
    return found


def test_htmx_is_as_it_was_published() -> None:
    """Nobody has put a line of theirs into it."""
    shipped = (_FOLDER / "static" / "htmx.min.js").read_bytes()

    assert hashlib.sha256(shipped).hexdigest() == _HTMX_2_0_11


def test_both_languages_have_the_same_texts_with_the_same_places() -> None:
    """A text that one of them lacks would be an error on a page."""
    english, french = _texts("en"), _texts("fr")

    assert english.keys() == french.keys()
    for key, text in english.items():
        assert set(_PLACE.findall(text)) == set(_PLACE.findall(french[key])), key


def test_every_text_that_a_page_uses_is_there() -> None:
    """In templates and in code."""
    known = _texts("en").keys()
    sources = [*_FOLDER.rglob("*.html"), *_FOLDER.rglob("*.py")]
    used = {
        f"{key}.many" if re.search(r"\bn=", rest) else key
        for path in sources
        for key, rest in _USED.findall(path.read_text())
    }

    assert len(used) > 100
    assert {key for key in used if not key.endswith(".")} <= known


@pytest.mark.parametrize(
    ("wanted", "accepts", "language"),
    [
        (None, "fr-FR,fr;q=0.9,en;q=0.8", "fr"),
        (None, "de-DE,en;q=0.5", "en"),
        (None, "de", "en"),
        ("en", "fr", "en"),
        ("xx", "fr", "fr"),
    ],
)
def test_a_language_is_chosen(wanted: str | None, accepts: str, language: str) -> None:
    """What the person chose, then what the browser asks for, then English."""
    assert words.choose_language(wanted, accepts) == language


def test_french_counts_nothing_as_one() -> None:
    """0 élément, 0 items."""
    assert words.words_in("fr")("items.count", n=0) == "0 élément"
    assert words.words_in("en")("items.count", n=0) == "0 items"
