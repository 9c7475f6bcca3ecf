"""Handles and redaction: protocol/konnector-bridge.md §5 and §8."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from urllib.parse import parse_qs, parse_qsl, quote, quote_plus, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clisk_vault.keys import SecretText
from konnector_runner.handles import Handles
from konnector_runner.redaction import Redactor
from konnector_runner.strict_json import Json

_SECRET = 'p/ä+ss wörd"7'


def _handles() -> tuple[Handles, str]:
    handles = Handles(random=lambda length: b"\x5a" * length)
    return handles, handles.issue("password")


def test_a_handle_says_nothing_of_its_field_and_lasts_the_run() -> None:
    """It is random text, the same each time it is asked for."""
    handles, handle = _handles()

    assert handle == "clisk-handle-" + "5a" * 16
    assert handles.issue("password") == handle
    assert Handles().issue("password") != Handles().issue("password")


def test_a_handle_is_filled_in_however_deep_it_stands() -> None:
    """In lists and in members, wherever a whole string is the handle."""
    handles, handle = _handles()
    args: list[Json] = ["#p", {"deep": [handle, 1]}, handle]
    secret = {"password": SecretText(_SECRET)}

    assert handles.fields_in(args) == {"password"}
    assert handles.fill(args, secret) == ["#p", {"deep": [_SECRET, 1]}, _SECRET]


_AWKWARD = "a'b\"c\\d `e ${f} & g=h/é"


@pytest.mark.parametrize("name", ["JSON", "JSON in JSON", "code", "form", "address"])
def test_a_value_is_spelt_for_where_its_handle_stands(name: str) -> None:
    """As the konnector's own code would have quoted it, had it had the value."""
    handles, handle = _handles()
    cases: dict[str, tuple[str, Callable[[str], object]]] = {
        "JSON": (json.dumps({"a": [handle]}), lambda t: json.loads(t)["a"][0]),
        "JSON in JSON": (
            json.dumps({"a": json.dumps({"b": handle})}),
            lambda t: json.loads(json.loads(t)["a"])["b"],
        ),
        "code": (f'() => login("{handle}")', lambda t: json.loads(t[12:-1])),
        "form": (
            f"user=me&password={handle}&x=1",
            lambda t: dict(parse_qsl(t))["password"],
        ),
        "address": (
            f"https://a.test/?p={handle}#x",
            lambda t: parse_qs(urlsplit(t).query)["p"][0],
        ),
    }
    text, read = cases[name]

    assert handles.fields_in([text]) == {"password"}
    filled = handles.fill([text], {"password": SecretText(_AWKWARD)})

    assert isinstance(filled, list)
    assert read(str(filled[0])) == _AWKWARD
    assert handle not in str(filled[0])


@pytest.mark.parametrize("mark", ["'", "`"])
def test_a_value_cannot_end_the_quotes_it_is_put_into(mark: str) -> None:
    """Only a backslash stands before the same quote, and before a template's ${."""
    handles, handle = _handles()

    filled = handles.fill(
        f"f({mark}{handle}{mark})", {"password": SecretText(_AWKWARD)}
    )

    inside = str(filled)[3:-2]
    bare = re.sub(r"\\.", "", inside)
    assert mark not in bare
    assert mark == "'" or "${" not in bare


def test_a_handle_in_a_members_name_and_within_words_is_filled() -> None:
    """Wherever it stands in an argument."""
    handles, handle = _handles()
    args: Json = [{handle: f"pw: {handle}!"}]

    filled = handles.fill(args, {"password": SecretText(_SECRET)})

    assert filled == [{_SECRET: f"pw: {_SECRET}!"}]


def test_an_unknown_handle_is_text() -> None:
    """A guessed one, or one of another run, stands for nothing."""
    handles, _ = _handles()
    other = Handles().issue("password")

    assert not handles.is_handle(other)
    assert handles.fields_in([other]) == set()


def test_a_released_value_comes_back_as_its_handle() -> None:
    """Whole, or inside a longer text; as a member's name too."""
    handles, handle = _handles()
    handles.remember("password", SecretText(_SECRET))

    shown = handles.hide({"a": _SECRET, "b": [f"it is {_SECRET}!"], _SECRET: 1})

    assert shown == {"a": handle, "b": [f"it is {handle}!"], handle: 1}


def test_a_short_value_inside_other_text_is_left() -> None:
    """A PIN of 1234 must not change an invoice number that holds it."""
    handles, handle = _handles()
    handles.remember("password", SecretText("1234"))

    assert handles.hide(["1234", "invoice 91234"]) == [handle, "invoice 91234"]


def test_nothing_is_hidden_before_it_was_released() -> None:
    """An empty value hides nothing either."""
    handles, _ = _handles()
    handles.remember("password", SecretText(""))

    assert handles.hide(["", _SECRET]) == ["", _SECRET]


_plain = st.text(st.characters(exclude_categories=["Cs", "Cc"]))


@given(_plain.filter(bool), _plain)
def test_redaction_leaves_no_spelling_of_a_value(secret: str, around: str) -> None:
    """Plain, JSON, percent, form, base64 and hex spellings are gone."""
    redactor = Redactor()
    redactor.add(SecretText(secret))
    spellings = [
        secret,
        json.dumps(secret)[1:-1],
        quote(secret, safe=""),
        quote_plus(secret),
        base64.b64encode(secret.encode()).decode(),
        secret.encode().hex(),
    ]

    for spelling in spellings:
        cleaned = redactor.clean(f"{around}{spelling}{around}")
        # The mark itself may hold a value as short as "e".
        assert spelling not in cleaned.replace("[redacted]", "\0")


def test_the_longest_value_goes_first() -> None:
    """No rest of a longer value stays because a shorter one was in it."""
    redactor = Redactor()
    redactor.add(SecretText("correct"))
    redactor.add(SecretText("correct horse"))

    assert redactor.clean("it is correct horse.") == "it is [redacted]."


def test_a_redactor_does_not_print_what_it_knows() -> None:
    """Its repr counts."""
    redactor = Redactor()
    redactor.add(SecretText(_SECRET))

    assert _SECRET not in repr(redactor)
