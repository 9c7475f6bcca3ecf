"""Finding items by what a person types: pure text, no storage.

A query matches an item when each of its words occurs somewhere in the title,
username, URIs or tags, whatever the case and the accents. Better places rank
first: a title before a username, a word's beginning before its middle. Where
nothing matches, near() also takes words for others that are a slip away.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left
from collections.abc import Hashable, Iterable, Sequence
from itertools import islice, pairwise, product
from typing import Generic, NamedTuple, TypeVar

K = TypeVar("K", bound=Hashable)

# Stands between the joined texts, and in no word that a person can type.
_BETWEEN = "\n"
# Letters alone: numbers are not misspelt, and would be most of what there is.
_WORDS = re.compile(r"[^\W\d_]+")
# Words shorter than this are too like too many others to be taken for one.
_MIN_SLIP_CHARS = 4
_TWO_SLIPS_CHARS = 8
_MAX_GUESSES = 4
# Of all that many words may mean together: each is a search.
_MAX_MEANINGS = 64


def normalise(text: str) -> str:
    """Return *text* without case, accents and compatibility forms."""
    if text.isascii():
        return text.lower()
    # Casefold first: it may make letters that decompose (ẞ, ŉ).
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    bare = "".join(sign for sign in decomposed if not unicodedata.combining(sign))
    return unicodedata.normalize("NFKC", bare).casefold()


class _Columns(NamedTuple):
    """The index by title: three lists of one length."""

    keys: list[Hashable]
    titles: list[str]
    texts: list[str]


class SearchIndex(Generic[K]):
    """Normalised texts by key, held in memory: the title, and everything joined."""

    def __init__(self) -> None:
        self._texts: dict[K, tuple[str, str]] = {}
        self._columns: _Columns | None = None
        # Everything in one text, in which a word is looked for ten times as fast.
        self._joined: str | None = None
        self._words: list[str] | None = None

    def put(self, key: K, title: str, others: Iterable[str]) -> None:
        """Index *key* by these texts in place of any it had."""
        everything = normalise(_BETWEEN.join((title, *others)))
        # The first line: a title that has more than one is ranked by its first.
        self._texts[key] = everything.partition(_BETWEEN)[0], everything
        self._columns = self._joined = self._words = None

    def remove(self, key: K) -> None:
        """Find *key* no more."""
        self._texts.pop(key, None)
        self._columns = self._joined = self._words = None

    def find(self, query: str, *, limit: int | None = None) -> list[K]:
        """Return the keys that match, best first; no words match everything.

        With a *limit* it is the best so many, and found sooner.
        """
        columns = self._by_title()
        places = _matches(columns, normalise(query).split(), limit)
        return [columns.keys[at] for at in places[:limit]]  # type: ignore[misc]  # of K

    def near(self, query: str, *, limit: int | None = None) -> list[K]:
        """Return what find() does, or where that is nothing, what may be meant."""
        words = normalise(query).split()
        if all(map(self._holds, words)) and (found := self.find(query, limit=limit)):
            return found
        guesses = [self._guesses(word) for word in words]
        seen: dict[K, None] = {}
        for meant in islice(product(*guesses), _MAX_MEANINGS):
            seen.update(dict.fromkeys(self.find(" ".join(meant), limit=limit)))
        return list(seen)[:limit]

    def _by_title(self) -> _Columns:
        if self._columns is None:
            rows = sorted(self._texts.items(), key=lambda row: row[1][0])
            self._columns = _Columns(
                [key for key, _ in rows],
                [title for _, (title, _) in rows],
                [text for _, (_, text) in rows],
            )
        return self._columns

    def _holds(self, word: str) -> bool:
        """Whether *word* occurs anywhere."""
        if self._joined is None:
            self._joined = _BETWEEN.join(text for _, text in self._texts.values())
        return word in self._joined

    def _guesses(self, word: str) -> list[str]:
        """Return the words of the index that *word* may stand for, likeliest first."""
        if self._holds(word):
            return [word]
        if self._words is None:
            self._words = sorted(set(_WORDS.findall(self._joined or "")))
        if len(word) < _MIN_SLIP_CHARS or _WORDS.fullmatch(word) is None:
            return []
        from rapidfuzz import process
        from rapidfuzz.distance import OSA

        slips = 1 if len(word) < _TWO_SLIPS_CHARS else 2
        # Each slip spoils at most two of so many pieces, so one is left whole:
        # what has none of them need not be measured.
        pieces = _pieces(word, 2 * slips + 1)
        likely = [w for w in self._words if any(piece in w for piece in pieces)]
        # The beginnings too: a person may still be typing.
        starts = [known[: len(word)] for known in likely]
        found = [
            (distance, likely[at])
            for choices in (likely, starts)
            for _, distance, at in process.extract(
                word, choices, scorer=OSA.distance, score_cutoff=slips, limit=None
            )
        ]
        return list(dict.fromkeys(w for _, w in sorted(found)))[:_MAX_GUESSES]


def _pieces(word: str, count: int) -> list[str]:
    cuts = [round(at * len(word) / count) for at in range(count + 1)]
    return [word[a:b] for a, b in pairwise(cuts) if a < b]


def _matches(
    columns: _Columns, words: Sequence[str], limit: int | None
) -> Sequence[int]:
    """Return the places of what matches, best first."""
    titles, texts = columns.titles, columns.texts
    if not words:
        return range(len(titles))
    if limit is not None and len(words) == 1:
        # By title they stand together: no need to look at the others.
        begin = bisect_left(titles, words[0])
        end = bisect_left(titles, words[0] + chr(0x10FFFF))
        if end - begin >= limit:
            return range(begin, end)
    first, *more = sorted(words, key=len, reverse=True)
    hits = [at for at, text in enumerate(texts) if first in text]
    for word in more:
        hits = [at for at in hits if word in texts[at]]
    if limit is not None and not more:
        hits = _best(columns, first, hits, limit)
    ranked: dict[int, list[int]] = {}
    for at in hits:
        ranked.setdefault(_rank(titles[at], texts[at], words), []).append(at)
    # Within one rank they are by title, as the columns are.
    return [at for rank in sorted(ranked) for at in ranked[rank]]


def _best(columns: _Columns, word: str, hits: list[int], limit: int) -> list[int]:
    """Return those of *hits* among which the best *limit* are; *hits* if in doubt."""
    titles, texts = columns.titles, columns.texts
    inside = [at for at in hits if word in titles[at]]
    if len(inside) >= limit:
        return inside
    outside = (at for at in hits if word not in titles[at])
    begin = (at for at in outside if _starts_word(texts[at], word))
    best = [*inside, *islice(begin, limit - len(inside))]
    return best if len(best) == limit else hits


def _rank(title: str, everything: str, words: Sequence[str]) -> int:
    """Return how far from perfect a match is: lower comes first."""
    if title == words[0] if len(words) == 1 else title == " ".join(words):
        return 0
    rank = 1
    for word in words:
        at = title.find(word)
        if at > 0:
            rank += 1 if _starts_word(title, word) else 2
        elif at < 0:
            rank += 3 if _starts_word(everything, word) else 4
    return rank


def _starts_word(text: str, word: str) -> bool:
    at = text.find(word)
    while at > 0 and text[at - 1].isalnum():
        at = text.find(word, at + 1)
    return at >= 0
