"""What one form is for, as a weight of its words. Spec: protocol/autofill.md §3.3."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from konnector_runner.autofill import words
from konnector_runner.autofill.evidence import (
    all_words,
    is_code,
    is_password,
    is_search,
    is_text,
    said,
    token,
)
from konnector_runner.autofill.facts import FieldFacts, FormFacts, FrameFacts
from konnector_runner.autofill.words import plain


@dataclass(frozen=True, slots=True)
class Form:
    """One form with the fields that a person sees in it, in document order."""

    facts: FormFacts
    fields: tuple[FieldFacts, ...]
    hidden: tuple[FieldFacts, ...] = ()
    title: str = ""

    @property
    def passwords(self) -> tuple[FieldFacts, ...]:
        """The password fields of the form."""
        return tuple(f for f in self.fields if is_password(f))

    @property
    def texts(self) -> tuple[FieldFacts, ...]:
        """Text fields that are no code and no search."""
        return tuple(
            f for f in self.fields if is_text(f) and not is_code(f) and not is_search(f)
        )


_FEW = 3
_BOX_WIDTH = 100
_LOGIN_NAME = re.compile(" user| log ?in")
_SOCIAL = re.compile(
    " (with|using|via|avec|mit|con|com|met) | google | apple | facebook "
)


def named(form: Form) -> str:
    """Return what the developer called the form."""
    facts = form.facts
    path = re.split(r"[?#]", facts.action)[0]
    path = path.partition("://")[2].partition("/")[2] if "://" in path else path
    return plain(f"{facts.id} {facts.name} {facts.classes} {path}")


def headed(form: Form) -> str:
    """Return the headings in and just before the form."""
    facts = form.facts
    own = facts.headings or facts.headings_before[-1:]
    return plain(" . ".join([facts.label, *own]))


def _hits(pattern: re.Pattern[str], texts: Iterable[str]) -> bool:
    return any(pattern.search(plain(text)) for text in texts)


def _pull(text: str, *, up: float) -> float:
    """Return *up* for words of sign-up, its negative for those of a login."""
    new = words.SIGN_UP.search(text) is not None
    old = words.LOGIN.search(text) is not None
    return 0.0 if new == old else up if new else -up


def sign_up_score(form: Form) -> float:
    """Return how much the form looks like opening an account, not entering one.

    Above zero it is a sign-up. Login evidence counts below zero.
    """
    facts = form.facts
    submits = facts.submits or facts.buttons
    score = sum(_pull(plain(text), up=3) for text in submits[:3])
    score = max(-3.0, min(3.0, score))
    score += _pull(headed(form), up=2)
    score += _pull(named(form), up=2)
    score += _pull(plain(form.title), up=1)
    score += _password_score(form.passwords)
    score += _field_score(form)
    score += _check_score(facts.checks) + _advice_score(form)
    return score + _link_score([*facts.links, *facts.buttons])


def _password_score(passwords: Sequence[FieldFacts]) -> float:
    tokens = [token(field) for field in passwords]
    score = 4.0 * ("new-password" in tokens) - 4.0 * ("current-password" in tokens)
    text = " ".join(all_words(field) for field in passwords)
    if words.CONFIRM.search(text) and len(passwords) > 1:
        score += 4
    if words.NEW.search(text):
        score += 2
    if any(words.LOGIN.search(said(field)) for field in passwords):
        score -= 2
    if any(field.rules or field.min_length >= 6 for field in passwords):
        score += 1
    return score


def _field_score(form: Form) -> float:
    others = [field for field in form.fields if not is_password(field)]
    # Distinct words: a phone twice is a name in two places, not a person's form.
    asked = {
        found.group()
        for field in others
        if not _LOGIN_NAME.search(all_words(field))
        for found in [words.PERSON.search(all_words(field))]
        if found
    }
    persons = len(asked)
    score = 1.5 * min(persons, 4) if persons > 1 else 0.0
    # In a language that we can not read, the number of questions still speaks.
    questions = sum(field.width > _BOX_WIDTH for field in others)
    return max(score, 1.5 * (questions - _FEW))


def _advice_score(form: Form) -> float:
    texts = [form.facts.text, *(f"{f.label} {f.placeholder}" for f in form.passwords)]
    return 2.0 if any(words.ADVICE.search(plain(text)) for text in texts) else 0.0


def _check_score(checks: Sequence[str]) -> float:
    if _hits(words.REMEMBER, checks):
        return -3
    return 2 if _hits(words.TERMS, checks) else 0


def _link_score(links: Sequence[str]) -> float:
    score = -3.0 if _hits(words.FORGOT, links) else 0.0
    if _hits(words.SIGN_UP, links):
        score -= 1
    # "I have an account already" leads away from a sign-up; "sign in with …" not.
    if _hits(words.LOGIN, (t for t in links if not _SOCIAL.search(plain(t)))):
        score += 1
    return score


def is_silent(form: Form) -> bool:
    """Say whether the form shows no word at all: then order is all there is."""
    facts = form.facts
    texts = (facts.text, *facts.headings, *facts.submits, *facts.buttons, *facts.links)
    return not any(texts) and not any(said(field).strip() for field in form.fields)


def is_about_change(form: Form) -> bool:
    """Say whether the form changes a password that one has."""
    facts = form.facts
    text = plain(" . ".join([headed(form), named(form), *facts.submits, form.title]))
    return words.CHANGE.search(text) is not None


def login_strength(form: Form) -> int:
    """Return how many places of the form speak of logging in."""
    facts = form.facts
    places = (
        headed(form),
        named(form),
        plain(" ".join(facts.submits)),
        plain(" ".join(said(field) for field in form.texts)),
    )
    return sum(words.LOGIN.search(place) is not None for place in places)


def is_for_something_else(form: Form) -> bool:
    """Say whether the form searches, subscribes or recovers."""
    facts = form.facts
    if facts.search:
        return True
    own = plain(" ".join([headed(form), named(form), *facts.submits]))
    patterns = (words.SEARCH, words.NEWSLETTER, words.FORGOT)
    return any(pattern.search(own) for pattern in patterns)


def forms_of(frame: FrameFacts, usable: Sequence[FieldFacts]) -> list[Form]:
    """Return the forms of *frame* with the *usable* fields sorted into them."""
    return [
        Form(
            facts,
            tuple(field for field in usable if field.form == facts.number),
            tuple(
                field
                for field in frame.fields
                if field.form == facts.number and field not in usable
            ),
            frame.title,
        )
        for facts in frame.forms
    ]
