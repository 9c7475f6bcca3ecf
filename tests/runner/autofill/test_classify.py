"""Which field gets which role: protocol/autofill.md §3."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from konnector_runner.autofill.classify import classify
from konnector_runner.autofill.facts import FieldFacts, FrameFacts, KeyFacts
from konnector_runner.autofill.plan import Refusal
from tests.runner.autofill.forms import field, frame, password, roles

_U, _P, _N, _C = "username", "current-password", "new-password", "one-time-code"
_BOX: dict[str, Any] = {"max_length": 1, "width": 40, "y": 300}

_FILLED: dict[str, tuple[FrameFacts, dict[str, tuple[int, ...]]]] = {
    "the plainest login": (
        frame(field("a"), password("b")),
        {_U: (0,), _P: (1,)},
    ),
    "a search box before the login is not the name": (
        frame(field("q", placeholder="Search"), field("email", "email"), password()),
        {_U: (1,), _P: (2,)},
    ),
    "marks beat nearness": (
        frame(
            field("a", autocomplete="username"),
            field("b"),
            password("c", autocomplete="current-password"),
        ),
        {_U: (0,), _P: (2,)},
    ),
    "a mark with a section before it and webauthn after it": (
        frame(
            field("a", autocomplete="section-x billing username webauthn"),
            field("b"),
            password("c"),
        ),
        {_U: (0,), _P: (2,)},
    ),
    "new-password on a login that says login all over": (
        frame(
            field("email", "email"),
            password(autocomplete="new-password"),
            submits=("Log in",),
            links=("Forgot password?",),
        ),
        {_U: (0,), _P: (1,)},
    ),
    "a login with a way to sign up below": (
        frame(
            field("login"),
            password(),
            submits=("Sign in",),
            links=("Forgot your password?", "Create an account"),
        ),
        {_U: (0,), _P: (1,)},
    ),
    "a login in German": (
        frame(
            field("kennung", label="Benutzername"),
            password("pw", label="Passwort"),
            headings=("Anmelden",),
            submits=("Anmelden",),
            links=("Passwort vergessen?", "Registrieren"),
        ),
        {_U: (0,), _P: (1,)},
    ),
    "a login in Japanese": (
        frame(
            field("id", label="会員番号"),
            password("pw", label="パスワード"),
            headings=("ログイン",),
            submits=("ログイン",),
            links=("新規登録",),
        ),
        {_U: (0,), _P: (1,)},
    ),
    "a name shown for good is not overwritten": (
        frame(field("user", read_only=True, filled=True), password()),
        {_P: (1,)},
    ),
    "the second step has a password alone": (
        frame(
            field("user", autocomplete="username", shown=False),
            password(autocomplete="current-password"),
            submits=("Next",),
        ),
        {_P: (1,)},
    ),
    "a card's check number of type password is no password": (
        frame(field("user"), password("pass"), password("cvv", label="CVV")),
        {_U: (0,), _P: (1,)},
    ),
    "a name alone under a heading to log in": (
        frame(field("email", "email", label="Email"), headings=("Sign in",)),
        {_U: (0,)},
    ),
    "a name alone that only an account has": (
        frame(field("x", label="Customer number"), submits=("Continue",)),
        {_U: (0,)},
    ),
    "a marked name alone": (
        frame(field("x", "email", autocomplete="username"), submits=("Next",)),
        {_U: (0,)},
    ),
    "the first of two steps with the second one hidden": (
        frame(field("email", "email"), password(shown=False), submits=("Continue",)),
        {_U: (0,)},
    ),
    "change: marked by words, the old one last": (
        frame(
            password("user_password", label="New password"),
            password("user_password_confirmation", label="Confirm new password"),
            password("user_current_password", label="Current password"),
        ),
        {_P: (2,), _N: (0, 1)},
    ),
    "change: three without words under a heading": (
        frame(
            password("p1"),
            password("p2"),
            password("p3"),
            headings=("Change your password",),
        ),
        {_P: (0,), _N: (1, 2)},
    ),
    "change: marked by autocomplete": (
        frame(
            password("a", autocomplete="current-password"),
            password("b", autocomplete="new-password"),
            password("c", autocomplete="new-password"),
        ),
        {_P: (0,), _N: (1, 2)},
    ),
    "change: in French": (
        frame(
            password("a", label="Mot de passe actuel"),
            password("b", label="Nouveau mot de passe"),
            password("c", label="Confirmez le nouveau mot de passe"),
            submits=("Changer le mot de passe",),
        ),
        {_P: (0,), _N: (1, 2)},
    ),
    "a code that is marked": (
        frame(field("x", autocomplete="one-time-code")),
        {_C: (0,)},
    ),
    "a code by its words": (
        frame(
            field("token", label="Verification code", inputmode="numeric"),
            submits=("Verify",),
        ),
        {_C: (0,)},
    ),
    "a code of type password": (
        frame(password("otp", label="One-time code"), submits=("Continue",)),
        {_C: (0,)},
    ),
    "a code that says no more than that": (
        frame(field("x", label="Code"), submits=("Continue",)),
        {_C: (0,)},
    ),
    "six boxes that take the whole code when pasted": (
        frame(
            *[
                field(f"d{i}", "number", max_length=0, width=40, y=300, x=50 * i + 9)
                for i in range(6)
            ]
        ),
        {_C: (0, 1, 2, 3, 4, 5)},
    ),
    "a customer's code is a name": (
        frame(
            field("cod", label="Codice cliente", max_length=8),
            password("pin", label="Password"),
            submits=("Accedi",),
        ),
        {_U: (0,), _P: (1,)},
    ),
    "confirm your password, asked for alone": (
        frame(
            password("confirm_password", label="Confirm your password to continue"),
            submits=("Confirm",),
        ),
        {_P: (0,)},
    ),
    "a hint about the change beside the current password": (
        frame(
            password("password", label="New password"),
            password(
                "current_password",
                label="Current password (needed to confirm your new settings)",
            ),
        ),
        {_P: (1,), _N: (0,)},
    ),
    "a field that asks to be left empty": (
        frame(
            field("user"),
            field("email2", label="Leave this field empty"),
            password(),
        ),
        {_U: (0,), _P: (2,)},
    ),
    "a login or a sign-up, by a name alone": (
        frame(field("email", "email"), headings=("Log in or sign up",)),
        {_U: (0,)},
    ),
    "six boxes": (
        frame(*[field(f"d{i}", "tel", **_BOX, x=100 + 50 * i) for i in range(6)]),
        {_C: (0, 1, 2, 3, 4, 5)},
    ),
    "a field as transparent as its overlay wants it": (
        frame(field("user"), password(opacity=0.0)),
        {_U: (0,), _P: (1,)},
    ),
}

_LEFT: dict[str, tuple[FrameFacts, Refusal]] = {
    "sign-up: a password and its repetition": (
        frame(field("email"), password("p"), password("p2", label="Repeat password")),
        Refusal.SIGN_UP,
    ),
    "sign-up: by heading and button": (
        frame(
            field("email"),
            password("p"),
            headings=("Create account",),
            submits=("Sign up",),
        ),
        Refusal.SIGN_UP,
    ),
    "sign-up: by a mark": (
        frame(field("email"), password(autocomplete="new-password")),
        Refusal.SIGN_UP,
    ),
    "sign-up: by what it asks": (
        frame(
            field("first_name"),
            field("last_name"),
            field("email"),
            password("p"),
            submits=("Continue",),
        ),
        Refusal.SIGN_UP,
    ),
    "sign-up: both passwords marked as current": (
        frame(
            field("user"),
            password("a", autocomplete="current-password", label="Create a password"),
            password("b", autocomplete="current-password", label="Confirm password"),
            submits=("Sign up",),
        ),
        Refusal.SIGN_UP,
    ),
    "sign-up: by advice about the password": (
        frame(
            field("email", "email"),
            password(label="Password (at least 8 characters)"),
            submits=("Continue",),
        ),
        Refusal.SIGN_UP,
    ),
    "sign-up: in Spanish": (
        frame(
            field("correo", label="Correo electrónico"),
            password("clave", label="Contraseña"),
            submits=("Crear cuenta",),
            checks=("Acepto los términos",),
        ),
        Refusal.SIGN_UP,
    ),
    "reset: a new one and its repetition": (
        frame(
            password("a", label="New password"),
            password("b", label="Confirm new password"),
            headings=("Reset your password",),
        ),
        Refusal.NEW_PASSWORD,
    ),
    "more passwords than anyone asks for": (
        frame(field("u"), *[password(f"p{i}") for i in range(6)]),
        Refusal.TOO_MANY,
    ),
    "newsletter": (
        frame(field("email", "email", label="Email"), submits=("Subscribe",)),
        Refusal.NOT_A_LOGIN,
    ),
    "newsletter with a mark for an address": (
        frame(
            field("email", "email", autocomplete="email"),
            headings=("Get our newsletter",),
            submits=("Go",),
        ),
        Refusal.NOT_A_LOGIN,
    ),
    "newsletter with a mark for a name": (
        frame(
            field("email", "email", autocomplete="username"),
            headings=("Get our newsletter",),
        ),
        Refusal.NOT_A_LOGIN,
    ),
    "forgotten password": (
        frame(
            field("email", "email", label="Email"),
            headings=("Forgot your password?",),
            submits=("Send reset link",),
        ),
        Refusal.NOT_A_LOGIN,
    ),
    "search": (frame(field("q", "search"), submits=("Search",)), Refusal.NO_FIELD),
    "contact": (
        frame(field("name"), field("email", "email"), field("msg"), submits=("Send",)),
        Refusal.NO_FIELD,
    ),
    "a coupon is no one-time code": (
        frame(field("code", label="Coupon code", max_length=8)),
        Refusal.NOT_A_LOGIN,
    ),
    "a postal code is no one-time code": (
        frame(field("postcode", label="Postal code", inputmode="numeric")),
        Refusal.NOT_A_LOGIN,
    ),
    "a code of a sign-up": (
        frame(
            field("code", label="Verification code"),
            headings=("Create your account",),
            submits=("Sign up",),
        ),
        Refusal.NO_FIELD,
    ),
}

# What makes a password field one that no person could fill.
_TRAPS: dict[str, tuple[dict[str, Any], Refusal]] = {
    "inside something see-through": ({"opacity_above": 0.0}, Refusal.UNSEEN),
    "tiny": ({"width": 1, "height": 1}, Refusal.UNSEEN),
    "left of the page": ({"x": -5000}, Refusal.UNSEEN),
    "above the page": ({"y": -900}, Refusal.UNSEEN),
    "right of the page": ({"x": 90_000}, Refusal.UNSEEN),
    "clipped away": ({"clipped": True}, Refusal.UNSEEN),
    "under something": ({"covered": True}, Refusal.COVERED),
}


@pytest.mark.parametrize("case", _FILLED)
def test_each_field_gets_its_role(case: str) -> None:
    """What a person would fill is what the plan fills."""
    page, expected = _FILLED[case]

    assert roles(classify(page)) == expected


@pytest.mark.parametrize("case", _LEFT)
def test_what_is_no_login_is_left_alone(case: str) -> None:
    """The refusal says why."""
    page, refusal = _LEFT[case]

    plan = classify(page)

    assert (plan.fills, plan.refusal) == ((), refusal)


@pytest.mark.parametrize("case", _TRAPS)
def test_a_field_that_nobody_sees_is_left_alone(case: str) -> None:
    """A honeypot gets nothing; the same form without the trait is filled."""
    facts, refusal = _TRAPS[case]

    plan = classify(frame(field("user"), password(**facts)))
    control = classify(frame(field("user"), password()))

    assert (plan.fills, plan.refusal) == ((), refusal)
    assert roles(control) == {_U: (0,), _P: (1,)}


@pytest.mark.parametrize("later", [{"shown": False}, {"disabled": True}])
def test_a_password_of_a_later_step_is_left_for_it(later: dict[str, Any]) -> None:
    """The name is asked for now; the password is there, and not yet to be filled."""
    plan = classify(frame(field("user"), password(**later)))

    assert roles(plan) == {_U: (0,)}


def test_a_hidden_name_beside_a_seen_one_is_passed_over() -> None:
    """A honeypot for names does not take the place of the name."""
    trap: FieldFacts = field("email", "email", x=-9000)

    assert roles(classify(frame(field("u"), trap, password()))) == {_U: (0,), _P: (2,)}


def test_a_read_only_password_is_pressed_on_the_keys_beside_it() -> None:
    """Ten keys with a digit each are a keypad; nine, or two alike, are not."""
    keys = tuple(KeyFacts(element=10 + i, label=str(i), form=0) for i in range(10))
    locked = (field("user"), password(read_only=True))

    with_keys = classify(frame(*locked, keys=keys)).fills[-1]
    too_few = classify(frame(*locked, keys=keys[:9])).fills[-1]
    two_alike = classify(
        frame(*locked, keys=(*keys, KeyFacts(element=30, label="1", form=0)))
    ).fills[-1]

    assert with_keys.keypad == tuple((str(i), 10 + i) for i in range(10))
    assert too_few.keypad == two_alike.keypad == ()


def test_the_better_of_two_forms_is_filled() -> None:
    """A sign-up beside a login does not keep the login from being found."""
    login = frame(field("u"), password(), submits=("Log in",))
    other = frame(field("e"), password("n", autocomplete="new-password"))
    both = FrameFacts(
        fields=(
            *(_moved(f, 0, 1) for f in other.fields),
            *(_moved(f, 2, 0) for f in login.fields),
        ),
        forms=(_numbered(other, 1), _numbered(login, 0)),
    )

    assert roles(classify(both)) == {_U: (2,), _P: (3,)}


def _moved(one: FieldFacts, by: int, form: int) -> FieldFacts:
    return replace(one, element=one.element + by, form=form)


def _numbered(page: FrameFacts, number: int) -> Any:
    return replace(page.forms[0], number=number)
