"""Passwords, passphrases, PINs, user names and addresses, with their entropy.

Each is drawn uniformly from all that its rules allow (draw.py), so the entropy
stated is exact for one who knows the rules, and not an estimate.
"""

from __future__ import annotations

import math
import os
import re
import string
from dataclasses import dataclass
from functools import cache
from importlib import resources

from clisk_vault.draw import Random, StringSpace, below
from clisk_vault.errors import CallerError
from clisk_vault.keys import SecretText
from clisk_vault.password_rules import SiteRules

LENGTHS = range(4, 257)
PIN_LENGTHS = range(3, 65)
WORDS = range(3, 33)
SYMBOLS = "!#$%&*+-.:=?@^_~"
# Glyphs that a person confuses when copying from a screen or from paper.
AMBIGUOUS = frozenset("0O1lI|")
_ADDRESS = re.compile(r"([^\s@<>\",;:\\]{1,64})@([^\s@<>\",;:\\]{1,253})")
_TAG = re.compile(r"[A-Za-z0-9._-]{1,40}")


@dataclass(frozen=True, slots=True)
class PasswordRules:
    """Which strings may come out: each class chosen appears at least once."""

    length: int = 20
    lower: bool = True
    upper: bool = True
    digits: bool = True
    symbols: bool = True
    ambiguous: bool = True
    exclude: str = ""

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
        if not all(self.classes()):
            raise CallerError(
                "nothing is left of a class of characters",
                advice="leave fewer characters out, or the whole class",
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

    def space(self) -> StringSpace:
        """Return all strings that obey."""
        return StringSpace(self.length, allowed="", required=self.classes())

    def _legible(self, letters: str) -> str:
        gone = set(self.exclude) | (set() if self.ambiguous else AMBIGUOUS)
        return "".join(letter for letter in letters if letter not in gone)


@dataclass(frozen=True, slots=True)
class Generated:
    """Something new, and how hard it is to guess for one who knows the rules."""

    secret: SecretText
    entropy_bits: float


def generate_password(
    rules: PasswordRules | None = None, *, random: Random = os.urandom
) -> Generated:
    """Return a password drawn uniformly from all that obey *rules*."""
    space = (rules or PasswordRules()).space()
    return Generated(SecretText(space.draw(random)), space.entropy_bits)


def generate_for_site(
    rules: SiteRules, *, length: int | None = None, random: Random = os.urandom
) -> Generated:
    """Return a password drawn uniformly from all that a site takes.

    Raises:
        CallerError: no password obeys.
    """
    space = rules.space(length)
    return Generated(SecretText(space.draw(random)), space.entropy_bits)


def generate_passphrase(
    words: int | None = None,
    *,
    bits: float | None = None,
    separator: str = "-",
    capitalise: bool = False,
    digit: bool = False,
    random: Random = os.urandom,
) -> Generated:
    """Return so many words of the EFF's large list, or as many as *bits* need.

    Neither is given: six words, which are 77 bits. *digit*: one of the words, any of
    them, has a digit behind it.

    Raises:
        CallerError: fewer words than are safe, or more than anybody types.
    """
    known = word_list()
    each = math.log2(len(known))
    count = words if words is not None else math.ceil((bits or 6 * each) / each)
    if count not in WORDS:
        raise CallerError(
            f"a passphrase of {count} words",
            advice=f"choose {WORDS.start} to {WORDS.stop - 1} words,"
            f" {WORDS.start * each:.0f} to {(WORDS.stop - 1) * each:.0f} bits",
        )
    chosen = [known[below(len(known), random)] for _ in range(count)]
    if capitalise:
        chosen = [word.capitalize() for word in chosen]
    # Every word is known by where it ends only if something stands between, or a
    # capital begins it; without, two drawings may make one text.
    if not separator and not capitalise:
        raise CallerError(
            "words with nothing between them",
            advice="choose a separator, or capital letters",
        )
    entropy = count * each
    if digit:
        chosen[below(count, random)] += str(below(10, random))
        entropy += math.log2(10 * count)
    return Generated(SecretText(separator.join(chosen)), entropy)


def generate_pin(length: int = 6, *, random: Random = os.urandom) -> Generated:
    """Return digits; raises CallerError for fewer than 3 or more than 64."""
    if length not in PIN_LENGTHS:
        raise CallerError(
            "PIN length out of range",
            advice=f"choose {PIN_LENGTHS.start} to {PIN_LENGTHS.stop - 1} digits",
        )
    space = StringSpace(length, allowed=string.digits)
    return Generated(SecretText(space.draw(random)), space.entropy_bits)


def generate_username(*, random: Random = os.urandom) -> Generated:
    """Return two words and three digits, as `brisk-otter-417`."""
    known = word_list()
    first, second = (known[below(len(known), random)] for _ in range(2))
    number = below(1000, random)
    bits = 2 * math.log2(len(known)) + math.log2(1000)
    return Generated(SecretText(f"{first}-{second}-{number:03}"), bits)


def generate_alias(
    address: str, *, tag: str | None = None, random: Random = os.urandom
) -> Generated:
    """Return *address* with a plus and a tag: one's own name for each site.

    The provider must know plus addresses (RFC 5233). *tag* None: eight letters, so
    that nobody guesses another site's; with a tag of one's own there is no entropy.

    Raises:
        CallerError: not an address of email, one that has a plus, or not a tag.
    """
    match = _ADDRESS.fullmatch(address)
    if match is None or "+" in match[1]:
        raise CallerError(
            "not an address that a tag can be added to", advice="such as me@example.org"
        )
    if tag is not None and _TAG.fullmatch(tag) is None:
        raise CallerError(
            "not a tag", advice="letters, digits, dots and hyphens, up to 40 of them"
        )
    space = StringSpace(8, allowed=string.ascii_lowercase)
    chosen = space.draw(random) if tag is None else tag
    bits = space.entropy_bits if tag is None else 0.0
    return Generated(SecretText(f"{match[1]}+{chosen}@{match[2]}"), bits)


@cache
def word_list() -> tuple[str, ...]:
    """Return the 7,776 words of the EFF's large list (data/README.md)."""
    file = resources.files("clisk_vault") / "data" / "eff_large_wordlist.txt"
    lines = file.read_text(encoding="ascii").splitlines()
    return tuple(line.partition("\t")[2] for line in lines)
