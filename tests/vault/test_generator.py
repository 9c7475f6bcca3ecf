"""Generated passwords: rules kept, draw uniform, entropy exact."""

from __future__ import annotations

import math
import string
from collections import Counter
from itertools import islice, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clisk_vault.errors import CallerError
from clisk_vault.generator import (
    AMBIGUOUS,
    LENGTHS,
    SYMBOLS,
    PasswordRules,
    _letters,
    generate_password,
)


def _rules() -> st.SearchStrategy[PasswordRules]:
    return st.builds(
        PasswordRules,
        length=st.integers(4, 40),
        lower=st.booleans(),
        upper=st.booleans(),
        digits=st.just(True),
        symbols=st.booleans(),
        ambiguous=st.booleans(),
    )


@given(_rules())
def test_a_password_obeys_its_rules(rules: PasswordRules) -> None:
    """Length, allowed letters and one of each chosen class."""
    password = generate_password(rules).secret.expose()

    assert len(password) == rules.length
    assert set(password) <= set("".join(rules.classes()))
    assert all(set(password) & set(letters) for letters in rules.classes())


def test_no_ambiguous_letter_when_asked() -> None:
    """A password to be copied by hand holds no glyph that looks like another."""
    rules = PasswordRules(length=256, ambiguous=False)

    assert not set(generate_password(rules).secret.expose()) & AMBIGUOUS


def test_entropy_is_the_logarithm_of_the_number_of_passwords() -> None:
    """Inclusion and exclusion agree with counting all of them."""
    rules = PasswordRules(length=4, lower=False, upper=False)
    classes = (string.digits, SYMBOLS)
    counted = sum(
        all(set(word) & set(letters) for letters in classes)
        for word in product("".join(classes), repeat=4)
    )

    assert rules.entropy_bits() == pytest.approx(math.log2(counted))
    assert generate_password(rules).entropy_bits == rules.entropy_bits()


def test_a_single_class_gives_the_plain_entropy() -> None:
    """Six digits are log2(10^6) bits."""
    rules = PasswordRules(length=6, lower=False, upper=False, symbols=False)

    assert rules.entropy_bits() == pytest.approx(math.log2(10**6))


def test_no_letter_is_favoured() -> None:
    """Each byte value gives each letter equally often; the last few give none."""
    drawn = _letters(string.digits, lambda _: bytes(range(256)))
    uneven = _letters(string.digits, lambda _: bytes([255, 254, 253, 252, 251, 250, 7]))

    assert Counter(islice(drawn, 250)) == dict.fromkeys(string.digits, 25)
    assert next(uneven) == "7"


def test_a_class_is_never_planted() -> None:
    """A draw that lacks a class is thrown away whole, not repaired."""
    rules = PasswordRules(length=4, lower=False, upper=False)
    lacking, fine = bytes([0, 1, 2, 3]), bytes([4, 5, 10, 6])
    chunks = iter([lacking + fine])

    password = generate_password(rules, random=lambda _: next(chunks)).secret

    assert password.expose() == "45" + SYMBOLS[0] + "6"


@pytest.mark.parametrize("length", [0, LENGTHS.start - 1, LENGTHS.stop])
def test_a_length_out_of_range_is_refused(length: int) -> None:
    """Too short is no password, too long helps nobody."""
    with pytest.raises(CallerError) as refused:
        PasswordRules(length=length)

    assert refused.value.advice


def test_rules_that_allow_nothing_are_refused() -> None:
    """Without a class there is no string to draw."""
    with pytest.raises(CallerError):
        PasswordRules(lower=False, upper=False, digits=False, symbols=False)


def test_a_generated_password_does_not_print_itself() -> None:
    """The repr of the result shows the entropy, never the password."""
    made = generate_password()

    assert made.secret.expose() not in repr(made)
