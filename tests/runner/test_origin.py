"""Origins: protocol/konnector-bridge.md §6, and its vectors."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from konnector_runner.errors import FormatError
from konnector_runner.origin import origin_of, parse_origin
from tests.vectors import Vector, load_vectors

_VECTORS = load_vectors(
    "konnector-bridge", where=lambda v: v.case.startswith("origins/")
)
_PARTS = [
    "https://",
    "http:",
    "//",
    "bank.example",
    "@",
    ":",
    "8443",
    "[::1]",
    "\\",
    ".",
]


@pytest.mark.parametrize("vector", _VECTORS, ids=str)
def test_origin_vector(vector: Vector) -> None:
    """Each address has the published origin, or none."""
    url = vector.raw("url").decode()
    if vector.result == "malformed":
        with pytest.raises(FormatError):
            origin_of(url)
        return

    assert origin_of(url) == vector["origin"]
    assert parse_origin(vector["origin"]) == vector["origin"]


@given(st.text() | st.lists(st.sampled_from(_PARTS) | st.text(max_size=3)).map("".join))
def test_an_address_has_one_origin_or_none(url: str) -> None:
    """Nothing but FormatError escapes, and an origin is its own origin."""
    try:
        origin = origin_of(url)
    except FormatError:
        return
    assert parse_origin(origin) == origin


@pytest.mark.parametrize(
    "other",
    [
        "http://bank.example",
        "https://bank.example:8443",
        "https://www.bank.example",
        "https://example",
        "https://bank.example.",
        "https://bank.example.evil.example",
        "https://evilbank.example",
        "https://bаnk.example",  # a Cyrillic а
        "https://xn--bnk-5cd.example",
        "https://bank.example.github.io",
    ],
)
def test_a_lookalike_is_another_origin(other: str) -> None:
    """No scheme, port, domain, subdomain or look stands for another."""
    assert origin_of(other) != origin_of("https://bank.example")


@pytest.mark.parametrize(
    "text",
    ["https://bank.example/", "https://bank.example:443", "HTTPS://bank.example", ""],
)
def test_an_origin_has_one_spelling(text: str) -> None:
    """What a browser would not write is not taken for an origin."""
    with pytest.raises(FormatError):
        parse_origin(text)
