"""A new password for a field, as a person or the field's site wants it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pydantic import Field

from clisk.agent.registry import Params
from clisk.errors import CliskError
from clisk_vault.generator import (
    Generated,
    PasswordRules,
    generate_for_site,
    generate_passphrase,
    generate_password,
)
from clisk_vault.password_rules import parse_rules, rules_for, rules_for_uris


class Recipe(Params):
    """How a password is made; what is not said is as `clisk generate` has it."""

    length: int | None = None
    lower: bool = True
    upper: bool = True
    digits: bool = True
    symbols: bool = True
    ambiguous: bool = True
    exclude: str = Field(default="", max_length=200)
    site: str | None = Field(default=None, max_length=253)
    rules: str | None = None
    words: int | None = None


@dataclass(frozen=True, slots=True)
class Made:
    """What was made for a field, and by whose rules: a site's, or of nobody."""

    field: str
    generated: Generated
    site: str | None


_OF_CLASSES = {"lower", "upper", "digits", "symbols", "ambiguous"}
_WAYS = ("words", "rules", "site")


def make(field: str, recipe: Recipe, uris: Iterable[str]) -> Made:
    """Return a new password for *field*.

    Where nothing was said of its characters, a password of an item obeys what is
    published of the first of *uris* that is known: nobody sees it to correct it.

    Raises:
        CliskError: two ways that do not go together.
        CallerError, FormatError: no password is like that.
    """
    said = recipe.model_fields_set
    _check(said)
    if recipe.words is not None:
        return Made(field, generate_passphrase(recipe.words), None)
    known, site = None, recipe.site
    if recipe.rules is not None:
        known = parse_rules(recipe.rules)
    elif site is not None:
        known = rules_for(site)
        if known is None:
            raise CliskError(
                "nothing is known of what this site wants",
                advice="leave --site out, or say it: --rules or --length",
            )
    elif field == "password" and not said & _OF_CLASSES:
        site, known = rules_for_uris(uris) or (None, None)
    if known is not None:
        made = generate_for_site(known.without(recipe.exclude), length=recipe.length)
        return Made(field, made, site)
    rules = PasswordRules(
        20 if recipe.length is None else recipe.length,
        recipe.lower,
        recipe.upper,
        recipe.digits,
        recipe.symbols,
        recipe.ambiguous,
        recipe.exclude,
    )
    return Made(field, generate_password(rules), None)


def _check(said: set[str]) -> None:
    ways = [name for name in _WAYS if name in said]
    apart = _OF_CLASSES & said or (ways[:1] == ["words"] and said - {"words"})
    if len(ways) > 1 or (ways and apart):
        raise CliskError(
            "two ways to say what a new password is like",
            advice="take words, rules, a site, or classes of characters",
        )
