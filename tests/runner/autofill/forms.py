"""Made-up forms for the classifier: a line a field, as one would sketch it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from konnector_runner.autofill.facts import FieldFacts, FormFacts, FrameFacts, KeyFacts
from konnector_runner.autofill.plan import FillPlan


def field(name: str = "", kind: str = "text", **facts: Any) -> FieldFacts:
    """Return a field called *name* of the type *kind*."""
    return FieldFacts(name=name, id=name, type=kind, **facts)


def password(name: str = "password", **facts: Any) -> FieldFacts:
    """Return a password field."""
    return field(name, "password", **facts)


def frame(
    *fields: FieldFacts,
    keys: tuple[KeyFacts, ...] = (),
    title: str = "",
    **form: Any,
) -> FrameFacts:
    """Return a page with one form of *fields*, top to bottom."""
    numbered = tuple(
        replace(one, element=number, y=100 + 40 * number if one.y == 100 else one.y)
        for number, one in enumerate(fields)
    )
    return FrameFacts(
        fields=numbered, forms=(FormFacts(**form),), keys=keys, title=title
    )


def roles(plan: FillPlan) -> dict[str, tuple[int, ...]]:
    """Return which elements get which role."""
    found: dict[str, tuple[int, ...]] = {}
    for fill in plan.fills:
        found[fill.role.value] = found.get(fill.role.value, ()) + fill.elements
    return found
