"""Times in fields of items: one spelling of a date, and what is none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clisk_vault.errors import FormatError
from clisk_vault.moment import parse_moment, spell_moment


@pytest.mark.parametrize(
    ("text", "spelt"),
    [
        ("2031-12-31", "2031-12-31T00:00:00Z"),
        ("2031-12-31T10:00:00+02:00", "2031-12-31T10:00:00+02:00"),
        ("2031-01-01T00:00:00.000Z", "2031-01-01T00:00:00.000Z"),
    ],
)
def test_a_date_has_one_spelling(text: str, spelt: str) -> None:
    """A time with its zone stays as its source had it."""
    assert spell_moment(text) == spelt
    assert parse_moment(spelt) is not None


@pytest.mark.parametrize(
    "text",
    ["", "soon", "31.12.2031", "2031-13-01", "2031-02-30", "20311231",
     "2031-12-31T10:00:00", "2031-12-31 ", "\u0662\u0660\u0663\u0661-12-31",
     # No zone can show these, and a check-up of the whole vault would end by them.
     "9999-12-31T23:59:59.9999999Z", "9999-12-31T23:59:59-01:00",
     "0001-01-01T00:00:00+01:00"],
)  # fmt: skip
def test_what_is_no_date_is_refused(text: str) -> None:
    """A time without its zone is another one on each device."""
    with pytest.raises(FormatError, match="not a date"):
        spell_moment(text)


@given(st.text(max_size=40))
def test_any_text_is_a_time_or_refused(text: str) -> None:
    """And nothing but FormatError escapes."""
    try:
        spelt = spell_moment(text)
    except FormatError:
        return
    assert spell_moment(spelt) == spelt
