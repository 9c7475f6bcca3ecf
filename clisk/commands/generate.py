"""generate: passwords, passphrases, PINs, user names, addresses. Needs no vault."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from clisk import output
from clisk.commands.making import recipe_options
from clisk.commands.options import json_option
from clisk.errors import UsageError
from clisk.terminal import write_value

if TYPE_CHECKING:
    from clisk_vault.generator import Generated

Function = TypeVar("Function", bound=Callable[..., Any])


def _output_options(function: Function) -> Function:
    """Give a command what says where the new thing goes, and how many there are."""
    for option in (
        click.option(
            "--clear-after",
            type=click.IntRange(1, 3600),
            default=45,
            show_default=True,
            metavar="S",
            help="Empty the clipboard after so many seconds.",
        ),
        click.option("--copy", is_flag=True, help="Into the clipboard, unseen."),
        click.option(
            "--count",
            type=click.IntRange(1, 1000),
            default=1,
            metavar="N",
            help="So many of them, to choose from.",
        ),
    ):
        function = option(function)
    return function


@click.group("generate", invoke_without_command=True)
@recipe_options
@_output_options
@json_option
@click.pass_context
def generate_command(
    ctx: click.Context,
    /,
    length: int | None,
    lower: bool,
    upper: bool,
    digits: bool,
    symbols: bool,
    ambiguous: bool,
    exclude: str,
    site: str | None,
    rules: str | None,
    as_json: bool,
    **where: Any,
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
      clisk generate --exclude "{}" --count 5
      clisk generate --copy
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
        obeying = known.without(exclude)
        _write(
            lambda: generate_for_site(obeying, length=length),
            *("password", as_json),
            **where,
        )
        return
    chosen = PasswordRules(
        length if length is not None else 20,
        lower,
        upper,
        digits,
        symbols,
        ambiguous,
        exclude,
    )
    _write(lambda: generate_password(chosen), "password", as_json, **where)


@generate_command.command("passphrase")
@click.option("-w", "--words", type=int, metavar="N", help="Words; default: 6.")
@click.option("--bits", type=float, metavar="N", help="As many words as make N bits.")
@click.option("--separator", default="-", show_default=True, help="Between words.")
@click.option("--capitalise", is_flag=True, help="Each word with a capital letter.")
@click.option("--digit", is_flag=True, help="A digit behind one of the words.")
@_output_options
@json_option
def passphrase_command(
    words: int | None,
    bits: float | None,
    separator: str,
    capitalise: bool,
    digit: bool,
    as_json: bool,
    **where: Any,
) -> None:
    """Make a passphrase of words from the EFF's large list, 12.9 bits each.

    \b
    Examples:
      clisk generate passphrase
      clisk generate passphrase --bits 100 --separator " "
      clisk generate passphrase --capitalise --digit --copy
    """
    from clisk_vault.generator import generate_passphrase

    if words is not None and bits is not None:
        raise UsageError("--words and --bits are two ways to say one thing")
    _write(
        lambda: generate_passphrase(
            words, bits=bits, separator=separator, capitalise=capitalise, digit=digit
        ),
        *("passphrase", as_json),
        **where,
    )


@generate_command.command("pin")
@click.option("-n", "--length", default=6, show_default=True, help="Digits.")
@_output_options
@json_option
def pin_command(length: int, as_json: bool, **where: Any) -> None:
    """Make a PIN.

    \b
    Example:
      clisk generate pin --length 6
    """
    from clisk_vault.generator import generate_pin

    _write(lambda: generate_pin(length), "pin", as_json, **where)


@generate_command.command("username")
@_output_options
@json_option
def username_command(as_json: bool, **where: Any) -> None:
    """Make a user name that says nothing of you: two words and a number.

    \b
    Example:
      clisk generate username --count 5
    """
    from clisk_vault.generator import generate_username

    _write(generate_username, "username", as_json, **where)


@generate_command.command("alias")
@click.argument("address")
@click.option("--tag", metavar="TAG", help="What stands after the plus; else random.")
@_output_options
@json_option
def alias_command(address: str, tag: str | None, as_json: bool, **where: Any) -> None:
    """Make an address of its own for one site: me+tag@example.org.

    Mail to it comes to ADDRESS, if the provider knows plus addresses; and if the
    address turns up elsewhere, you know who gave it away.

    \b
    Examples:
      clisk generate alias me@example.org
      clisk generate alias me@example.org --tag shop
    """
    from clisk_vault.generator import generate_alias

    _write(lambda: generate_alias(address, tag=tag), "alias", as_json, **where)


def _write(
    make: Callable[[], Generated],
    name: str,
    as_json: bool,
    *,
    count: int,
    copy: bool,
    clear_after: int,
) -> None:
    """Write, or copy, what *make* makes each time; it is called *name* in JSON."""
    if copy and count > 1:
        raise UsageError("the clipboard holds one", advice="leave --count out")
    made = [make() for _ in range(count)]
    bits = made[0].entropy_bits
    texts = [each.secret.expose() for each in made]
    if copy:
        from clisk import clipping

        clip = clipping.put(texts[0], clear_after)
        if as_json:
            output.write_json({"copied": name, "entropy_bits": round(bits, 1)})
        else:
            output.say(f"{clip.says}; {bits:.0f} bits")
        return
    if as_json:
        values = {name: texts[0]} if count == 1 else {f"{name}s": texts}
        output.write_json({**values, "entropy_bits": round(bits, 1)})
        return
    for text in texts:
        write_value(text)
    output.say(f"{bits:.0f} bits" if count == 1 else f"{bits:.0f} bits each")
