"""What sites demand of a password: the `passwordrules` language, and published data.

The language is Apple's (developer.apple.com/password-rules): properties with values,
`minlength: 8; required: lower, [-!#]; max-consecutive: 2`. A site's text is foreign:
what is not understood is refused, never guessed.
"""

from __future__ import annotations

import json
import re
import string
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources

from clisk_vault.draw import StringSpace
from clisk_vault.errors import CallerError, FormatError
from clisk_vault.site_names import site_names

DEFAULT_LENGTH = 20
MAX_TEXT_CHARS = 2_000
_LENGTHS = range(1, 257)
_ADVICE = "write them as: minlength: 8; required: lower; required: digit; allowed: [-!]"

# As the language defines it: the space too, and neither / nor a backslash.
SPECIAL = "-~!@#$%^&*_+=`|(){}[:;\"'<>,.?] "
_PRINTABLE = "".join(map(chr, range(0x20, 0x7F)))
_CLASSES = {
    "lower": string.ascii_lowercase,
    "upper": string.ascii_uppercase,
    "digit": string.digits,
    "special": SPECIAL,
    "ascii-printable": _PRINTABLE,
    # More than that no site means, and no keyboard has.
    "unicode": _PRINTABLE,
}
_NUMBERS = ("minlength", "maxlength", "max-consecutive")
# A class of its own ends at its first ], unless another follows: then it holds one.
_PART = re.compile(r"\s*(?:\[(?P<own>[^]]*\]?)\]|(?P<name>[a-z-]+))\s*(?P<end>,|;|$)")
_PROPERTY = re.compile(r"[\s;]*(?P<name>[a-z-]+)\s*:")
_NUMBER = re.compile(r"\s*(?P<number>[0-9]{1,6})\s*(?:;|$)")


@dataclass(frozen=True, slots=True)
class SiteRules:
    """Which passwords a site takes."""

    required: tuple[frozenset[str], ...] = ()
    allowed: frozenset[str] = frozenset()
    min_length: int | None = None
    max_length: int | None = None
    max_run: int | None = None

    def space(self, length: int | None = None) -> StringSpace:
        """Return the passwords that obey; *length* None: 20, or the nearest allowed.

        Raises:
            CallerError: no password obeys, or none of this length.
        """
        self._check_length(length)
        allowed = self.allowed.union(*self.required) or frozenset(_PRINTABLE)
        wanted = DEFAULT_LENGTH if length is None else length
        wanted = max(wanted, self.min_length or 1, len(self.required))
        wanted = min(wanted, self.max_length or wanted, _LENGTHS.stop - 1)
        return StringSpace(
            wanted, allowed=allowed, required=self.required, max_run=self.max_run
        )

    def _check_length(self, length: int | None) -> None:
        # Said and not mended: who asks for a length means it.
        if length is None:
            return
        if self.max_length is not None and length > self.max_length:
            raise _out_of_bounds("most", self.max_length)
        if self.min_length is not None and length < self.min_length:
            raise _out_of_bounds("least", self.min_length)

    def without(self, letters: str) -> SiteRules:
        """Return rules by which none of *letters* is in a password."""
        gone = frozenset(letters)
        allowed = self.allowed.union(*self.required) or frozenset(_PRINTABLE)
        return replace(
            self,
            required=tuple(each - gone for each in self.required),
            allowed=allowed - gone,
        )


def parse_rules(text: str) -> SiteRules:
    """Return what *text* demands.

    Raises:
        FormatError: not in the language, or longer than any rules are.
    """
    if len(text) > MAX_TEXT_CHARS:
        raise FormatError("password rules: too long", advice=_ADVICE)
    required: list[frozenset[str]] = []
    allowed: set[str] = set()
    numbers: dict[str, list[int]] = {name: [] for name in _NUMBERS}
    at = 0
    while text[at:].strip(" \t\r\n;"):
        found = _PROPERTY.match(text, at)
        if found is None:
            raise FormatError("password rules: not a property", at=at, advice=_ADVICE)
        name, at = found["name"], found.end()
        if name in numbers:
            number = _NUMBER.match(text, at)
            if number is None:
                raise FormatError("password rules: not a number", at=at, advice=_ADVICE)
            numbers[name].append(int(number["number"]))
            at = number.end()
        elif name in ("required", "allowed"):
            letters, at = _letters(text, at)
            if name == "required" and letters:
                required.append(letters)
            allowed |= letters
        else:
            raise FormatError(
                "password rules: a property that is not known", at=at, advice=_ADVICE
            )
    # Said several times, the strictest counts.
    shortest = max(numbers["minlength"], default=None)
    longest = min(numbers["maxlength"], default=None)
    if shortest is not None and longest is not None and shortest > longest:
        raise FormatError(
            "password rules: minlength is greater than maxlength",
            advice="no password obeys both: change one of them",
        )
    return SiteRules(
        tuple(dict.fromkeys(required)),
        frozenset(allowed),
        shortest,
        longest,
        min((n for n in numbers["max-consecutive"] if n), default=None),
    )


def rules_for(host: str) -> SiteRules | None:
    """Return what the site at *host*, or one above it, is known to demand.

    A whole address stands for its host.
    """
    for site in site_names(host):
        text = _published().get(site)
        if text is not None:
            return parse_rules(text)
    return None


def rules_for_uris(uris: Iterable[str]) -> tuple[str, SiteRules] | None:
    """Return the first host that something is known of, and what it demands."""
    for uri in uris:
        known = rules_for(uri)
        if known is not None:
            return next(site_names(uri)), known
    return None


def _out_of_bounds(word: str, bound: int) -> CallerError:
    return CallerError(
        f"these rules take at {word} {bound} characters",
        advice=f"choose {bound}, or no length: then the rules choose it",
    )


def _letters(text: str, at: int) -> tuple[frozenset[str], int]:
    """Return the letters of a list of classes, and where it ends."""
    letters: set[str] = set()
    while True:
        found = _PART.match(text, at)
        if found is None:
            raise FormatError(
                "password rules: not a class of characters", at=at, advice=_ADVICE
            )
        if found["own"] is not None:
            letters |= set(_own_class(found["own"]))
        elif found["name"] in _CLASSES:
            letters |= set(_CLASSES[found["name"]])
        else:
            raise FormatError(
                "password rules: a class that is not known", at=at, advice=_ADVICE
            )
        at = found.end()
        if found["end"] != ",":
            return frozenset(letters), at


def _own_class(text: str) -> Iterator[str]:
    for at, letter in enumerate(text):
        # The language ignores both: what is not ASCII, and a hyphen that is not first.
        if letter in _PRINTABLE and (letter != "-" or at == 0):
            yield letter


@cache
def _published() -> dict[str, str]:
    file = resources.files("clisk_vault") / "data" / "password-rules.json"
    sites = json.loads(file.read_text(encoding="utf-8"))
    return {site: rules["password-rules"] for site, rules in sites.items()}
