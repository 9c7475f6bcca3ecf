"""Every word of the pages, in English and French: `strings/*.json`."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

LANGUAGES = ("en", "fr")
_UNITS = (("day", 86_400), ("hour", 3_600), ("minute", 60))


class Words:
    """The texts of one language."""

    def __init__(self, language: str, texts: Mapping[str, str]) -> None:
        self.language = language
        self._texts = texts

    def __call__(self, key: str, **values: object) -> str:
        """Return the text of *key*; with `n`, the one for one or for many.

        Raises:
            KeyError: no such text, or a value that it names is missing.
        """
        if "n" in values:
            # French counts nothing as one, English as many.
            one = values["n"] == 1 or (self.language == "fr" and values["n"] == 0)
            key = f"{key}.{'one' if one else 'many'}"
        return self._texts[key].format_map(values)

    def has(self, key: str) -> bool:
        """Say whether there is such a text: names of kinds may be newer than it."""
        return key in self._texts

    def name(self, family: str, word: object) -> str:
        """Return what a word of the protocol is called: `type` and `ssh-key`."""
        key = f"{family}.{word}"
        return self._texts.get(key, str(word))

    def ago(self, time_ms: object, *, now_ms: int | None = None) -> str:
        """Return how long ago *time_ms* was, in the largest fitting unit."""
        if not isinstance(time_ms, int):
            return self("ago.never")
        now = time.time_ns() // 1_000_000 if now_ms is None else now_ms
        seconds = max(0, now - time_ms) // 1000
        for unit, size in _UNITS:
            if seconds >= size:
                return self(f"ago.{unit}", n=seconds // size)
        return self("ago.now")


@cache
def words_in(language: str) -> Words:
    """Return the texts of *language*, one of LANGUAGES."""
    path = files("clisk.dashboard") / "strings" / f"{language}.json"
    return Words(language, json.loads(path.read_text(encoding="utf-8")))


def choose_language(wanted: str | None, accepts: str) -> str:
    """Return the language that the person chose, or that the browser asks for first."""
    if wanted in LANGUAGES:
        return wanted
    for part in accepts.split(","):
        tag = part.split(";")[0].strip().casefold().partition("-")[0]
        if tag in LANGUAGES:
            return tag
    return LANGUAGES[0]
