"""The options that say what a new password is like, for generate, add and edit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from clisk.errors import UsageError
from clisk.wire import Message

Function = TypeVar("Function", bound=Callable[..., Any])

_OPTIONS = (
    click.option(
        "-n", "--length", type=int, metavar="N", help="Characters; default: 20."
    ),
    click.option("--lower/--no-lower", default=True, help="Letters a to z."),
    click.option("--upper/--no-upper", default=True, help="Letters A to Z."),
    click.option("--digits/--no-digits", default=True, help="Digits."),
    click.option("--symbols/--no-symbols", default=True, help="Signs such as # and %."),
    click.option(
        "--ambiguous/--no-ambiguous",
        default=True,
        help="Signs that look alike, such as 0 and O.",
    ),
    click.option(
        "--exclude", metavar="CHARS", default="", help="None of these characters."
    ),
    click.option("--site", metavar="HOST", help="As this site is known to want it."),
    click.option(
        "--rules", metavar="TEXT", help="By rules in the passwordrules language."
    ),
)
_words_option = click.option(
    "--words", type=int, metavar="N", help="So many words, in place of characters."
)
_DEFAULTS: dict[str, object] = {
    "length": None, "lower": True, "upper": True, "digits": True, "symbols": True,
    "ambiguous": True, "exclude": "", "site": None, "rules": None, "words": None,
}  # fmt: skip


def recipe_options(function: Function) -> Function:
    """Give a command the options that say what a password is like."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


def generate_options(function: Function) -> Function:
    """Give a command these options for its own --generate, and words besides."""
    return recipe_options(_words_option(function))


def take_recipe(options: dict[str, Any]) -> Message:
    """Take out of *options* what was said of a new password, and return it.

    Raises:
        UsageError: something was, and no field is to have one.
    """
    recipe: Message = {}
    for name, default in _DEFAULTS.items():
        value = options.pop(name)
        if value != default:
            recipe[name] = value
    if recipe and not options["generated"]:
        raise UsageError(
            f"--{next(iter(recipe))} is for a password that is made",
            advice="name the field that gets it: --generate password",
        )
    return recipe
