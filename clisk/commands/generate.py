"""generate: passwords, passphrases, PINs, user names, addresses. Needs no vault."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from clisk import output
from clisk.commands.options import json_option
from clisk.errors import UsageError
from clisk.terminal import write_value

if TYPE_CHECKING:
    from clisk_vault.generator import Generated


@click.group("generate", invoke_without_command=True)
@click.option("-n", "--length", type=int, metavar="N", help="Characters; default: 20.")
@click.option("--lower/--no-lower", default=True, help="Letters a to z.")
@click.option("--upper/--no-upper", default=True, help="Letters A to Z.")
@click.option("--digits/--no-digits", default=True, help="Digits.")
@click.option("--symbols/--no-symbols", default=True, help="Signs such as # and %.")
@click.option(
    "--ambiguous/--no-ambiguous",
    default=True,
    help="Signs that look alike, such as 0 and O.",
)
@click.option("--site", metavar="HOST", help="As this site is known to want it.")
@click.option("--rules", metavar="TEXT", help="By rules in the passwordrules language.")
@json_option
@click.pass_context
def generate_command(
    ctx: click.Context,
    length: int | None,
    lower: bool,
    upper: bool,
    digits: bool,
    symbols: bool,
    ambiguous: bool,
    site: str | None,
    rules: str | None,
    as_json: bool,
) -> None:
    """Make a password: on standard output, its strength on standard error.

    Each class of characters that is chosen appears at least once, and every password
    that obeys is as likely as any other. The strength is exact: for one who knows the
    rules. To put a new password straight into an item, without ever seeing it, use
    `clisk add ... --generate password`.

    \b
    Examples:
      clisk generate
      clisk generate -n 32 --no-symbols
      clisk generate --site chase.com
      clisk generate --rules "minlength: 8; required: lower; required: [-!]"
      clisk generate passphrase --words 5
    """
    if ctx.invoked_subcommand is not None:
        return
    from clisk_vault.generator import (
        PasswordRules,
        generate_for_site,
        generate_password,
    )
    from clisk_vault.password_rules import parse_rules, rules_for

    if rules is not None and site is not None:
        raise UsageError("--rules and --site are two ways to say one thing")
    known = parse_rules(rules) if rules is not None else None
    if site is not None:
        known = rules_for(site)
        if known is None:
            output.say("nothing is known of this site; made by the general rules")
    if known is not None:
        made = generate_for_site(known, length=length)
    else:
        chosen = PasswordRules(
            length if length is not None else 20,
            lower,
            upper,
            digits,
            symbols,
            ambiguous,
        )
        made = generate_password(chosen)
    _write(made, "password", as_json=as_json)


@generate_command.command("passphrase")
@click.option("-w", "--words", type=int, metavar="N", help="Words; default: 6.")
@click.option("--bits", type=float, metavar="N", help="As many words as make N bits.")
@click.option("--separator", default="-", show_default=True, help="Between words.")
@click.option("--capitalise", is_flag=True, help="Each word with a capital letter.")
@json_option
def passphrase_command(
    words: int | None,
    bits: float | None,
    separator: str,
    capitalise: bool,
    as_json: bool,
) -> None:
    """Make a passphrase of words from the EFF's large list, 12.9 bits each.

    \b
    Examples:
      clisk generate passphrase
      clisk generate passphrase --bits 100 --separator " "
    """
    from clisk_vault.generator import generate_passphrase

    if words is not None and bits is not None:
        raise UsageError("--words and --bits are two ways to say one thing")
    made = generate_passphrase(
        words, bits=bits, separator=separator, capitalise=capitalise
    )
    _write(made, "passphrase", as_json=as_json)


@generate_command.command("pin")
@click.option("-n", "--length", default=6, show_default=True, help="Digits.")
@json_option
def pin_command(length: int, as_json: bool) -> None:
    """Make a PIN.

    \b
    Example:
      clisk generate pin --length 6
    """
    from clisk_vault.generator import generate_pin

    _write(generate_pin(length), "pin", as_json=as_json)


@generate_command.command("username")
@json_option
def username_command(as_json: bool) -> None:
    """Make a user name that says nothing of you: two words and a number."""
    from clisk_vault.generator import generate_username

    _write(generate_username(), "username", as_json=as_json)


@generate_command.command("alias")
@click.argument("address")
@click.option("--tag", metavar="TAG", help="What stands after the plus; else random.")
@json_option
def alias_command(address: str, tag: str | None, as_json: bool) -> None:
    """Make an address of its own for one site: me+tag@example.org.

    Mail to it comes to ADDRESS, if the provider knows plus addresses; and if the
    address turns up elsewhere, you know who gave it away.

    \b
    Examples:
      clisk generate alias me@example.org
      clisk generate alias me@example.org --tag shop
    """
    from clisk_vault.generator import generate_alias

    _write(generate_alias(address, tag=tag), "alias", as_json=as_json)


def _write(made: Generated, name: str, *, as_json: bool) -> None:
    text = made.secret.expose()
    if as_json:
        bits = round(made.entropy_bits, 1)
        output.write_json({name: text, "entropy_bits": bits})
        return
    write_value(text)
    output.say(f"{made.entropy_bits:.0f} bits")
