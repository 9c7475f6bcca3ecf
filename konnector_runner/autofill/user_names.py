"""Which field asks for the name of the account: protocol/autofill.md §3.3."""

from __future__ import annotations

from konnector_runner.autofill import words
from konnector_runner.autofill.evidence import all_words, is_payment, names, token
from konnector_runner.autofill.facts import FieldFacts
from konnector_runner.autofill.forms import Form


def username_for(
    form: Form, password: FieldFacts, *, strict: bool
) -> FieldFacts | None:
    """Return the field of the name that goes with *password*."""
    candidates = [f for f in form.texts if not f.read_only and not is_no_name(f)]
    marked = [f for f in candidates if token(f) == "username"]
    earlier = [f for f in candidates if f.element < password.element]
    if marked:
        return ([f for f in marked if f in earlier] or marked)[-1]
    for test in (says_user, says_mail, _any):
        if test is _any and strict:
            break
        found = [f for f in earlier if test(f)]
        if found:
            return found[-1]
    later = [f for f in candidates if says_user(f)]
    return later[0] if later and not strict else None


def _any(_field: FieldFacts) -> bool:
    return True


def says_user(field: FieldFacts) -> bool:
    """Say whether *field* calls itself a name of somebody's."""
    return words.USER.search(all_words(field)) is not None


def says_mail(field: FieldFacts) -> bool:
    """Say whether *field* is made for an e-mail address."""
    return token(field) == "email" or field.type == "email"


def is_no_name(field: FieldFacts) -> bool:
    """Say whether *field* is a text, and surely no name: a captcha, a trap, a card."""
    text = all_words(field)
    return bool(
        words.CAPTCHA.search(text)
        or words.LEAVE_EMPTY.search(text)
        or (words.TRAP.search(names(field)) and token(field) != "username")
        or is_payment(field)
    )
