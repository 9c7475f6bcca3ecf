"""How soon a password is guessed. The home of zxcvbn.

An estimate for a guesser who knows words, names, dates and keyboards; for one who
knows how it was made, generator.py states the exact number.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from zxcvbn import zxcvbn

from clisk_vault.keys import SecretText

# Its work grows faster than the length, and what is longer is not guessed anyway.
_MAX_CHARS = 72
STRONG = 3
"""Scores go from 0 to 4; below this a password is called weak."""


@dataclass(frozen=True, slots=True)
class Strength:
    """An estimate: the decimal logarithm of the guesses, and a score."""

    score: int
    guesses_log10: float


def estimate(password: SecretText, known: Sequence[str] = ()) -> Strength:
    """Return how strong *password* is for one who knows the words *known*."""
    text = password.expose()[:_MAX_CHARS]
    if not text:
        return Strength(0, 0.0)
    found = zxcvbn(text, user_inputs=[word for word in known if word])
    return Strength(
        cast("int", found["score"]), float(cast("float", found["guesses_log10"]))
    )
