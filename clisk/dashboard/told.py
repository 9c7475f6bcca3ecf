"""What the agent tells in English, said in another language: `strings/told.*.json`.

A refusal has a stable code, the name of its class (protocol/agent.md §3). The file
says under `errors` what each code means, and what to do; under `sentences` it has the
English texts that say more than their code, with `{}` where a name or a number stands.
What it does not know is shown in English: a newer agent may say something new.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files

_HOLE = "{}"
_SPAN = re.compile(r"(?<=[0-9]) to (?=[0-9])")  # entries 3 to 5


class Told:
    """The sentences of one language."""

    def __init__(
        self, sentences: Mapping[str, str], errors: Mapping[str, Sequence[str]]
    ) -> None:
        self._errors = errors
        self._plain = {
            said: text for said, text in sentences.items() if _HOLE not in said
        }
        # What says most comes first: `no such {}` would fit many.
        longest = sorted(sentences, key=len, reverse=True)
        self._patterns = [
            (_pattern(said), sentences[said]) for said in longest if _HOLE in said
        ]

    def sentence(self, said: str) -> str | None:
        """Return *said* in this language, or None where it is not known."""
        if said in self._plain:
            return self._plain[said]
        for pattern, text in self._patterns:
            if found := pattern.fullmatch(said):
                return text.format(*(_SPAN.sub("–", part) for part in found.groups()))
        return None

    def meaning(self, code: str) -> str | None:
        """Return what a refusal of this code means, or None."""
        return self._errors.get(code, (None, None))[0]

    def next_step(self, code: str) -> str | None:
        """Return what to do after a refusal of this code, or None."""
        return self._errors.get(code, (None, None))[1]


def code_of(err: BaseException) -> str:
    """Return the code of a refusal: the agent's name of it, or its own class's."""
    name = getattr(err, "name", None)
    return name if isinstance(name, str) else type(err).__name__


@cache
def told_in(language: str) -> Told:
    """Return the sentences of *language*; of English none: it is told in English."""
    path = files("clisk.dashboard") / "strings" / f"told.{language}.json"
    if not path.is_file():
        return Told({}, {})
    return Told(**json.loads(path.read_text(encoding="utf-8")))


def _pattern(said: str) -> re.Pattern[str]:
    return re.compile("(.+?)".join(map(re.escape, said.split(_HOLE))), re.DOTALL)
