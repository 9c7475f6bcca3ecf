"""The language that sites say their rules in, and what is published of them."""

from __future__ import annotations

import hashlib
import json
import string
from importlib import resources

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clisk_vault.errors import CallerError, FormatError
from clisk_vault.generator import generate_for_site
from clisk_vault.password_rules import (
    MAX_TEXT_CHARS,
    SPECIAL,
    SiteRules,
    parse_rules,
    rules_for,
    rules_for_uris,
)

_LOWER = frozenset(string.ascii_lowercase)


def _published() -> list[str]:
    file = resources.files("clisk_vault") / "data" / "password-rules.json"
    return sorted(json.loads(file.read_text(encoding="utf-8")))


@pytest.mark.parametrize(
    ("text", "rules"),
    [
        ("", SiteRules()),
        (" ; ", SiteRules()),
        ("minlength: 8; maxlength: 20", SiteRules(min_length=8, max_length=20)),
        ("minlength:8;minlength:10;maxlength:19;maxlength:22",
         SiteRules(min_length=10, max_length=19)),
        ("max-consecutive: 3; max-consecutive: 2;", SiteRules(max_run=2)),
        ("required: lower;", SiteRules((_LOWER,), _LOWER)),
        ("required: lower; required: lower", SiteRules((_LOWER,), _LOWER)),
        ("allowed: [a-b]", SiteRules(allowed=frozenset("ab"))),
        ("allowed: [-ab]", SiteRules(allowed=frozenset("-ab"))),
        ("allowed: []]", SiteRules(allowed=frozenset("]"))),
        ("allowed: [[]]", SiteRules(allowed=frozenset("[]"))),
        ("allowed: [;:,]", SiteRules(allowed=frozenset(";:,"))),
        ("allowed: [ä1]", SiteRules(allowed=frozenset("1"))),
        ("required: [!], [?]", SiteRules((frozenset("!?"),), frozenset("!?"))),
    ],
)  # fmt: skip
def test_the_language_is_read(text: str, rules: SiteRules) -> None:
    """Said twice the strictest counts; a class of its own ends at its last bracket."""
    assert parse_rules(text) == rules


@pytest.mark.parametrize(
    "text",
    [
        "required", "required:", "required: ;", "required: lower upper",
        "required: greek", "forbidden: lower", "minlength: many", "minlength: -1",
        "minlength: 8 9", "required: [abc", "required: lower,", "lower",
        "a" * (MAX_TEXT_CHARS + 1),
    ],
)  # fmt: skip
def test_what_is_not_understood_is_refused(text: str) -> None:
    """By name and place, not guessed."""
    with pytest.raises(FormatError, match="password rules"):
        parse_rules(text)


@given(st.text("requiedalowmngth: ;,[]-abc0123", max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    """Never another error, and never for long."""
    try:
        parse_rules(text)
    except FormatError:
        return


@pytest.mark.parametrize("site", _published())
def test_each_published_site_takes_what_is_generated(site: str) -> None:
    """Length, letters, what is required, and no longer run than it allows."""
    rules = rules_for(f"www.{site}")
    assert rules is not None

    password = generate_for_site(rules).secret.expose()

    assert (rules.min_length or 1) <= len(password) <= (rules.max_length or 256)
    assert all(set(password) & each for each in rules.required)
    if rules.allowed:
        assert set(password) <= rules.allowed
    if rules.max_run:
        assert not any(
            letter * (rules.max_run + 1) in password for letter in set(password)
        )


def test_the_published_rules_are_as_they_were_published() -> None:
    """All of them, under their notice: the file whose digest data/README.md has."""
    file = resources.files("clisk_vault") / "data" / "password-rules.json"
    notice = resources.files("clisk_vault") / "data" / "README.md"

    digest = hashlib.sha256(file.read_bytes()).hexdigest()

    assert len(_published()) == 364
    assert digest in notice.read_text(encoding="utf-8")
    assert "Copyright (c) 2020 Apple Inc." in notice.read_text(encoding="utf-8")


def test_a_site_is_found_by_its_host_and_those_above() -> None:
    """And no other is: a name that only ends alike is somebody else's."""
    assert rules_for("secure.Chase.com") == rules_for("chase.com") is not None
    assert rules_for("evilchase.com") is None
    assert rules_for("com") is None
    assert rules_for("") is None
    known = rules_for("chase.com")
    assert known is not None
    assert rules_for_uris(["https://x.example", "http://chase.com:8080/a"]) == (
        "chase.com",
        known,
    )


def test_characters_that_a_person_leaves_out_are_in_no_password_for_a_site() -> None:
    """And where a site needs one of them, no password obeys."""
    rules = parse_rules("maxlength: 12; required: digit; allowed: lower")
    any_text = parse_rules("minlength: 8")

    made = generate_for_site(rules.without("abc0123"), length=12).secret.expose()
    free = generate_for_site(any_text.without("a")).secret.expose()

    assert not set(made) & set("abc0123")
    assert "a" not in free
    with pytest.raises(CallerError):
        generate_for_site(rules.without("0123456789"))


def test_a_length_goes_as_far_as_the_site_lets_it() -> None:
    """Twenty where it may be, and never beyond; one that is asked for is not bent."""
    rules = parse_rules("minlength: 6; maxlength: 12; required: digit;")

    assert len(generate_for_site(rules).secret.expose()) == 12
    assert len(generate_for_site(rules, length=8).secret.expose()) == 8
    for length, why in ((13, "at most 12"), (99, "at most 12"), (5, "at least 6")):
        with pytest.raises(CallerError, match=why):
            generate_for_site(rules, length=length)
    with pytest.raises(CallerError, match="no password obeys"):
        generate_for_site(parse_rules("maxlength: 1; required: lower; required: digit"))


def test_rules_that_no_length_obeys_are_refused() -> None:
    """And not read as one of the two."""
    with pytest.raises(FormatError, match="greater than maxlength"):
        parse_rules("minlength: 40; maxlength: 3")
    assert parse_rules("minlength: 3; maxlength: 3").max_length == 3


def test_special_is_as_the_language_says() -> None:
    """The space belongs to it."""
    assert " " in SPECIAL
    assert "/" not in SPECIAL
