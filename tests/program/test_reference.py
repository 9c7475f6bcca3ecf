"""References and templates: protocol/reference.md."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clisk.reference import (
    Reference,
    ReferenceFormatError,
    fill_template,
    parse_reference,
)
from tests.vectors import Vector, load_vectors


def _vectors(kind: str) -> list[Vector]:
    return load_vectors("reference", where=lambda case: case["kind"] == kind)


@pytest.mark.parametrize("case", _vectors("reference"), ids=str)
def test_reference_vector(case: Vector) -> None:
    """Each reference is read as published, or refused."""
    if case.result != "ok":
        with pytest.raises(ReferenceFormatError):
            parse_reference(case["text"])
        return

    found = parse_reference(case["text"])

    assert found == Reference(case["item"], case["field"], case["code"])
    assert str(found) == case["text"]


@pytest.mark.parametrize("case", _vectors("template"), ids=str)
def test_template_vector(case: Vector) -> None:
    """Each template is filled as published, or refused before a value is asked for."""
    asked: list[str] = []

    def value(reference: Reference) -> str:
        asked.append(str(reference))
        return str(case["values"][str(reference)])

    if case.result != "ok":
        with pytest.raises(ReferenceFormatError):
            fill_template(case["text"], value)
        assert asked == []
        return
    assert fill_template(case["text"], value) == case["filled"]


@given(st.text() | st.text("clisk:/%2Faé?code ", max_size=30).map("clisk://".__add__))
def test_a_reference_is_canonical_or_refused(text: str) -> None:
    """Whatever is accepted is spelled in the one way."""
    try:
        found = parse_reference(text)
    except ReferenceFormatError:
        return
    assert str(found) == text


@given(
    st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=60),
    st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=20),
    st.booleans(),
)
def test_every_name_has_a_reference(item: str, field: str, code: bool) -> None:
    """What an item or a field may be called can be referred to."""
    reference = Reference(item, field, code)

    assert parse_reference(str(reference)) == reference


def test_a_refusal_tells_the_line_and_quotes_nothing() -> None:
    """A slip is found again by its line; what stands there may be a secret."""
    with pytest.raises(ReferenceFormatError, match=r"^line 3: ") as refused:
        fill_template("a\nb\n{{ clisk://hunter2 }}", lambda _: "")

    assert "hunter2" not in str(refused.value) + refused.value.advice
