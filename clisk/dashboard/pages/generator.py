"""Passwords, passphrases, PINs and user names, made here and stored nowhere."""

from __future__ import annotations

from starlette.responses import Response

from clisk.dashboard.given import whole_number
from clisk.dashboard.page import act, show
from clisk.dashboard.visit import Visit
from clisk.errors import UsageError
from clisk_vault.errors import CallerError
from clisk_vault.generator import (
    Generated,
    PasswordRules,
    generate_passphrase,
    generate_password,
    generate_pin,
    generate_username,
)

KINDS = ("password", "passphrase", "pin", "username")
_CLASSES = ("lower", "upper", "digits", "symbols")
_MAX_DIGITS = 3


def page(visit: Visit) -> Response:
    """Show what can be chosen."""
    return visit.show("generator.html", kinds=KINDS, classes=_CLASSES)


def generate(visit: Visit) -> Response:
    """Make one, and say how hard it is to guess."""
    try:
        made = _make(visit)
    except CallerError as err:
        raise UsageError(str(err), advice=err.advice) from err
    return visit.show(
        "generated.html", value=made.secret.expose(), bits=round(made.entropy_bits)
    )


def _make(visit: Visit) -> Generated:
    form = visit.form
    kind, number = form.get("kind", ""), form.get("number", "")
    length = whole_number(number, digits=_MAX_DIGITS)
    if number and length is None:
        raise UsageError("that is not a length", advice="a whole number, such as 20")
    if kind == "password":
        lower, upper, digits, symbols = (bool(form.get(name)) for name in _CLASSES)
        return generate_password(
            PasswordRules(
                length=20 if length is None else length,
                lower=lower,
                upper=upper,
                digits=digits,
                symbols=symbols,
                ambiguous=not form.get("clear"),
            )
        )
    if kind == "passphrase":
        return generate_passphrase(length)
    if kind == "pin":
        return generate_pin(6 if length is None else length)
    if kind == "username":
        return generate_username()
    raise UsageError("there is no such thing to make", advice="choose one of the list")


ROUTES = (
    show("/generator", page),
    act("/generator", generate),
)
