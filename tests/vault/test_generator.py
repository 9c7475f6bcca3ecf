"""Generated passwords: rules kept, draw uniform, entropy exact."""

from __future__ import annotations

import hashlib
import math
import os
import re
import string
from collections import Counter
from importlib import resources
from itertools import groupby, product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clisk_vault.draw import StringSpace, below
from clisk_vault.errors import CallerError
from clisk_vault.generator import (
    AMBIGUOUS,
    LENGTHS,
    SYMBOLS,
    PasswordRules,
    generate_alias,
    generate_passphrase,
    generate_password,
    generate_pin,
    generate_username,
    word_list,
)
from tests.vault.items import seeded


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
    """What is counted place by place agrees with counting all of them."""
    rules = PasswordRules(length=4, lower=False, upper=False)
    classes = (string.digits, SYMBOLS)
    counted = sum(
        all(set(word) & set(letters) for letters in classes)
        for word in product("".join(classes), repeat=4)
    )

    assert rules.space().entropy_bits == pytest.approx(math.log2(counted))
    assert generate_password(rules).entropy_bits == rules.space().entropy_bits


def test_a_single_class_gives_the_plain_entropy() -> None:
    """Six digits are log2(10^6) bits."""
    rules = PasswordRules(length=6, lower=False, upper=False, symbols=False)

    assert rules.space().entropy_bits == pytest.approx(math.log2(10**6))


def test_no_number_is_favoured() -> None:
    """What a bare remainder would give the first numbers too often is drawn again."""
    given = iter(reversed(range(256)))

    drawn = [below(10, lambda _: bytes([next(given)])) for _ in range(160)]

    assert Counter(drawn) == dict.fromkeys(range(10), 16)
    assert below(1, os.urandom) == 0


def _space(**rules: Any) -> StringSpace:
    return StringSpace(4, **rules)


@pytest.mark.parametrize(
    "rules",
    [
        {"allowed": "abc"},
        {"allowed": "ab", "required": ["ab", "12"]},
        {"allowed": "", "required": ["ab", "bc", "c"]},
        {"allowed": "abc", "max_run": 1},
        {"allowed": "a1", "required": ["1b", "a"], "max_run": 2},
        {"allowed": "abcd", "required": ["ab"], "max_run": 3},
    ],
)
def test_every_string_that_obeys_is_drawn_alike(rules: Any) -> None:
    """Counted against all of them, and each drawn just once when all are drawn."""
    space = _space(**rules)
    letters = set(rules["allowed"]).union(*rules.get("required", []))
    runs = rules.get("max_run", 4)
    obeying = {
        "".join(word)
        for word in product(sorted(letters), repeat=4)
        if all(set(word) & set(each) for each in rules.get("required", []))
        and all(len(list(run)) <= runs for _, run in groupby(word))
    }

    assert space.size == len(obeying)
    drawn = Counter(space.draw(seeded(seed)) for seed in range(30 * len(obeying)))
    assert drawn.keys() == obeying
    # Chi squared: five deviations above what it is for a uniform draw.
    mean = drawn.total() / len(obeying)
    chi = sum((count - mean) ** 2 / mean for count in drawn.values())
    freedom = len(obeying) - 1
    assert chi < freedom + 5 * math.sqrt(2 * freedom) + 1


def test_rules_that_no_string_obeys_are_refused() -> None:
    """And not tried for ever."""
    with pytest.raises(CallerError, match="no password obeys"):
        StringSpace(2, allowed="", required=["a", "b", "c"])
    with pytest.raises(CallerError, match="no password obeys"):
        StringSpace(4, allowed="a", max_run=2)


def test_a_rare_letter_that_is_required_costs_no_patience() -> None:
    """Five of five kinds out of ninety: drawn at once, where trying is hopeless."""
    space = StringSpace(
        5, allowed="".join(map(chr, range(32, 127))), required=["-", "1", "a", "B", "~"]
    )

    assert space.size == math.factorial(5)
    assert sorted(space.draw(os.urandom)) == sorted("-1aB~")


# --- passphrases, PINs, user names, addresses


def test_the_word_list_is_the_published_one() -> None:
    """7,776 words, no two alike, byte for byte as the EFF published them."""
    file = resources.files("clisk_vault") / "data" / "eff_large_wordlist.txt"

    assert hashlib.sha256(file.read_bytes()).hexdigest() == (
        "addd35536511597a02fa0a9ff1e5284677b8883b83e986e43f15a3db996b903e"
    )
    assert len(word_list()) == len(set(word_list())) == 6**5
    assert (word_list()[0], word_list()[-1]) == ("abacus", "zoom")


def test_a_passphrase_has_its_words_and_bits() -> None:
    """By number of words, or by how hard it has to be."""
    made = generate_passphrase(5, separator=" ")
    words = made.secret.expose().split(" ")

    assert len(words) == 5
    assert set(words) <= set(word_list())
    assert made.entropy_bits == pytest.approx(5 * math.log2(7776))
    assert generate_passphrase(bits=100).entropy_bits >= 100
    assert generate_passphrase(bits=100).entropy_bits < 113
    assert generate_passphrase(4, separator="", capitalise=True).secret.expose()[0] in (
        string.ascii_uppercase
    )


@pytest.mark.parametrize(
    "wrong", [{"words": 2}, {"words": 33}, {"bits": 5}, {"words": 5, "separator": ""}]
)
def test_a_weak_passphrase_is_refused(wrong: Any) -> None:
    """Too few words, too many, or nothing to tell them apart."""
    with pytest.raises(CallerError) as refused:
        generate_passphrase(**wrong)

    assert refused.value.advice


def test_a_pin_is_digits() -> None:
    """As many as asked for, log2(10) bits each."""
    made = generate_pin(8)

    assert len(made.secret.expose()) == 8
    assert made.secret.expose().isdecimal()
    assert made.entropy_bits == pytest.approx(8 * math.log2(10))
    with pytest.raises(CallerError):
        generate_pin(2)


def test_a_user_name_is_two_words_and_a_number() -> None:
    """Readable, and not a person's."""
    made = generate_username()

    assert re.fullmatch(r"[a-z-]+-[a-z-]+-\d{3}", made.secret.expose())
    assert made.entropy_bits == pytest.approx(2 * math.log2(7776) + math.log2(1000))


def test_an_address_of_ones_own_for_each_site() -> None:
    """Random unless a tag is named, and only of what is an address."""
    random = generate_alias("me@example.org").secret.expose()

    assert re.fullmatch(r"me\+[a-z]{8}@example\.org", random)
    named = generate_alias("me@example.org", tag="shop")
    assert named.secret.expose() == "me+shop@example.org"
    assert named.entropy_bits == 0
    for wrong in ("me", "me@", "a@b@c", "me+x@example.org", "a b@c", ""):
        with pytest.raises(CallerError):
            generate_alias(wrong)
    with pytest.raises(CallerError, match="not a tag"):
        generate_alias("me@example.org", tag="a@b")


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


def test_a_digit_behind_a_word_counts_for_what_it_is_worth() -> None:
    """Ten digits behind any of the words: every text is another drawing."""
    plain = generate_passphrase(4, random=seeded())
    made = generate_passphrase(4, digit=True, random=seeded())

    words = made.secret.expose().split("-")
    assert sum(word[-1].isdigit() for word in words) == 1
    assert re.sub(r"[0-9]", "", made.secret.expose()) == plain.secret.expose()
    assert made.entropy_bits == pytest.approx(plain.entropy_bits + math.log2(40))


@given(st.text(alphabet=string.printable, max_size=30))
def test_no_character_that_is_left_out(exclude: str) -> None:
    """Or a refusal, where a class is left with none."""
    try:
        rules = PasswordRules(length=64, exclude=exclude)
    except CallerError:
        assert any(set(each) <= set(exclude) for each in _WHOLE_CLASSES)
        return
    assert not set(generate_password(rules).secret.expose()) & set(exclude)


_WHOLE_CLASSES = (
    string.ascii_lowercase,
    string.ascii_uppercase,
    string.digits,
    SYMBOLS,
)
