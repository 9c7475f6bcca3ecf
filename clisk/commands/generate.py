"""generate: a password by rule. Works without a vault and without an agent."""

from __future__ import annotations

import click

from clisk import output
from clisk.commands.options import json_option
from clisk.terminal import write_value


@click.command("generate")
@click.option("-n", "--length", default=20, show_default=True, help="Characters.")
@click.option("--lower/--no-lower", default=True, help="Letters a to z.")
@click.option("--upper/--no-upper", default=True, help="Letters A to Z.")
@click.option("--digits/--no-digits", default=True, help="Digits.")
@click.option("--symbols/--no-symbols", default=True, help="Signs such as # and %.")
@click.option(
    "--ambiguous/--no-ambiguous",
    default=True,
    help="Signs that look alike, such as 0 and O.",
)
@json_option
def generate_command(
    length: int,
    lower: bool,
    upper: bool,
    digits: bool,
    symbols: bool,
    ambiguous: bool,
    as_json: bool,
) -> None:
    """Make a password: on standard output, its strength on standard error.

    Each class of characters that is chosen appears at least once. To put a new
    password straight into an item, without ever seeing it, use
    `clisk add ... --generate password`.

    \b
    Examples:
      clisk generate
      clisk generate -n 32 --no-symbols
    """
    from clisk_vault.generator import PasswordRules, generate_password

    rules = PasswordRules(length, lower, upper, digits, symbols, ambiguous)
    made = generate_password(rules)
    if as_json:
        output.write_json(
            {
                "password": made.secret.expose(),
                "entropy_bits": round(made.entropy_bits, 1),
            }
        )
        return
    write_value(made.secret.expose())
    output.say(f"{made.entropy_bits:.0f} bits")
