"""Finding items by what a person types: pure text, no storage.

A query matches an item when each of its words occurs somewhere in the title,
username, URIs or tags, whatever the case and the accents. Better places rank
first: a title before a username, a word's beginning before its middle.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Hashable, Iterable, Sequence
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)

# Stands between the joined texts, and in no word that a person can type.
_BETWEEN = "\n"


def normalise(text: str) -> str:
    """Return *text* without case, accents and compatibility forms."""
    if text.isascii():
        return text.lower()
    # Casefold first: it may make letters that decompose (ẞ, ŉ).
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    bare = "".join(sign for sign in decomposed if not unicodedata.combining(sign))
    return unicodedata.normalize("NFKC", bare).casefold()


class SearchIndex(Generic[K]):
    """Normalised texts by key, held in memory: the title, and everything joined."""

    def __init__(self) -> None:
        self._texts: dict[K, tuple[str, str]] = {}

    def put(self, key: K, title: str, others: Iterable[str]) -> None:
        """Index *key* by these texts in place of any it had."""
        everything = normalise(_BETWEEN.join((title, *others)))
        # The first line: a title that has more than one is ranked by its first.
        self._texts[key] = everything.partition(_BETWEEN)[0], everything

    def remove(self, key: K) -> None:
        """Find *key* no more."""
        self._texts.pop(key, None)

    def find(self, query: str) -> list[K]:
        """Return the keys that match, best first; no words match everything."""
        words = normalise(query).split()
        if not words:
            return sorted(self._texts, key=lambda key: self._texts[key][0])
        first, *more = sorted(words, key=len, reverse=True)
        hits = [
            (_rank(title, everything, words), title, key)
            for key, (title, everything) in self._texts.items()
            if first in everything and all(word in everything for word in more)
        ]
        hits.sort(key=lambda hit: hit[:2])
        return [key for *_, key in hits]


def _rank(title: str, everything: str, words: Sequence[str]) -> int:
    """Return how far from perfect a match is: lower comes first."""
    if title == " ".join(words):
        return 0
    return 1 + sum(_distance(title, everything, word) for word in words)


def _distance(title: str, everything: str, word: str) -> int:
    at = title.find(word)
    if at == 0:
        return 0
    if at > 0:
        return 1 if _starts_word(title, word) else 2
    return 3 if _starts_word(everything, word) else 4


def _starts_word(text: str, word: str) -> bool:
    at = text.find(word)
    while at > 0 and text[at - 1].isalnum():
        at = text.find(word, at + 1)
    return at >= 0
