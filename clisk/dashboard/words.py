"""Every word of the pages, in English and French: `strings/*.json`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

from clisk.dashboard.told import code_of, told_in
from clisk.times import since

LANGUAGES = ("en", "fr")
_SIZES = ("B", "kB", "MB", "GB")
_THOUSAND = 1000


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

    def field(self, name: object, label: str = "") -> str:
        """Return what a field of a document is called; else *label*, or its name.

        Of an address, its id stands in the middle: uri.1f00c0de.value.
        """
        field = str(name or "")
        kind, part = field.partition(".")[0], field.rpartition(".")[2]
        for key in (f"field.{field}", f"element.{kind}.{part}"):
            if key in self._texts:
                return self._texts[key]
        return label or field

    def ago(self, time_ms: object, *, now_ms: int | None = None) -> str:
        """Return how long ago *time_ms* was, in the largest fitting unit."""
        if not isinstance(time_ms, int):
            return self("ago.never")
        count, unit = since(time_ms, now_ms=now_ms)
        return self(f"ago.{unit}", n=count) if count else self("ago.now")

    def size(self, count: int) -> str:
        """Return a number of bytes, in the largest fitting unit."""
        value, at = float(count), 0
        while value >= _THOUSAND and at + 1 < len(_SIZES):
            value, at = value / _THOUSAND, at + 1
        number = f"{value:.1f}" if at else str(count)
        return f"{number} {self(f'size.{_SIZES[at]}')}"

    def told(self, said: BaseException | str, *, code: str = "") -> str:
        """Return what the agent told, or a refusal, in this language if it is known.

        *code*: what kind of thing is told, where the text alone does not say it.
        """
        told = told_in(self.language)
        if isinstance(said, BaseException):
            code = code_of(said)
        return told.sentence(str(said)) or told.meaning(code) or str(said)

    def next_step(self, err: BaseException) -> str:
        """Return the advice of a refusal, in this language if it is known."""
        told = told_in(self.language)
        advice = str(getattr(err, "advice", ""))
        return told.sentence(advice) or told.next_step(code_of(err)) or advice


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
