"""Passwords made by rule, with their entropy.

A password is drawn uniformly from all strings that obey the rules, so the
entropy stated is exact and not an estimate. No passphrases here: they need a
word list, and none ships with the program yet.
"""

from __future__ import annotations

import math
import os
import string
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import combinations

from clisk_vault.errors import CallerError
from clisk_vault.keys import SecretText

LENGTHS = range(4, 257)
SYMBOLS = "!#$%&*+-.:=?@^_~"
# Glyphs that a person confuses when copying from a screen or from paper.
AMBIGUOUS = frozenset("0O1lI|")


@dataclass(frozen=True, slots=True)
class PasswordRules:
    """Which strings may come out: each class chosen appears at least once."""

    length: int = 20
    lower: bool = True
    upper: bool = True
    digits: bool = True
    symbols: bool = True
    ambiguous: bool = True

    def __post_init__(self) -> None:
        if self.length not in LENGTHS:
            raise CallerError(
                "password length out of range",
                advice=f"choose {LENGTHS.start} to {LENGTHS.stop - 1} characters",
            )
        if not self.classes():
            raise CallerError(
                "password rules allow no character",
                advice="choose at least one of lower, upper, digits and symbols",
            )

    def classes(self) -> tuple[str, ...]:
        """Return the chosen character classes; they do not overlap."""
        chosen = (
            (self.lower, string.ascii_lowercase),
            (self.upper, string.ascii_uppercase),
            (self.digits, string.digits),
            (self.symbols, SYMBOLS),
        )
        return tuple(self._legible(letters) for wanted, letters in chosen if wanted)

    def entropy_bits(self) -> float:
        """Return log2 of the number of strings that obey the rules.

        Counted by inclusion and exclusion over the classes that are missing.
        """
        sizes = [len(letters) for letters in self.classes()]
        total = sum(
            (-1) ** missing * (sum(sizes) - sum(left_out)) ** self.length
            for missing in range(len(sizes) + 1)
            for left_out in combinations(sizes, missing)
        )
        return math.log2(total)

    def _legible(self, letters: str) -> str:
        if self.ambiguous:
            return letters
        return "".join(letter for letter in letters if letter not in AMBIGUOUS)


@dataclass(frozen=True, slots=True)
class GeneratedPassword:
    """A new password and how hard it is to guess for one who knows the rules."""

    secret: SecretText
    entropy_bits: float


def generate_password(
    rules: PasswordRules | None = None,
    *,
    random: Callable[[int], bytes] = os.urandom,
) -> GeneratedPassword:
    """Return a password drawn uniformly from all that obey *rules*."""
    rules = rules or PasswordRules()
    classes = rules.classes()
    letters = _letters("".join(classes), random)
    while True:
        # Drawing again, whole, when a class is missing keeps the draw uniform;
        # planting a letter of the missing class would not.
        candidate = "".join(next(letters) for _ in range(rules.length))
        if all(set(candidate) & set(wanted) for wanted in classes):
            return GeneratedPassword(SecretText(candidate), rules.entropy_bits())


def _letters(alphabet: str, random: Callable[[int], bytes]) -> Iterator[str]:
    # Bytes beyond the last whole multiple of the alphabet are thrown away:
    # a bare modulo would favour the first letters.
    usable = 256 - 256 % len(alphabet)
    while True:
        for byte in random(64):
            if byte < usable:
                yield alphabet[byte % len(alphabet)]
