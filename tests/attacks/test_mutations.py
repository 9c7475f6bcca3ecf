"""The scoreboard is worth something: without a guard its rows go red."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.attacks.guards import GUARDS, Guard
from tests.attacks.mutations import mutated_code, rows_of, try_out

_BY_NAME = {guard.name: guard for guard in GUARDS}
# Of each kind one that is cheap to try: `python -m tests.attacks.mutations` has all.
_CHEAP = ("associated data", "record signature", "previous", "cost floor", "session")


def test_every_guard_stands_where_it_is_said_to() -> None:
    """Whoever moves one is told here, and moves its row as well."""
    assert len(_BY_NAME) == len(GUARDS)
    for guard in GUARDS:
        mutated_code(guard)
        assert rows_of(guard) or guard.tests, guard.name


@pytest.mark.parametrize(
    "guard",
    [
        pytest.param(
            each, id=each.name, marks=[] if each.name in _CHEAP else pytest.mark.slow
        )
        for each in GUARDS
        if each.rows
    ],
)
def test_without_its_guard_a_row_goes_red(guard: Guard) -> None:
    """Each of those that are listed for it."""
    reds = try_out(guard, rows_of(guard))
    assert reds.keys() == set(guard.rows)
    assert "does not end" not in reds.values()


def test_control_a_mutation_that_changes_nothing_is_not_missed() -> None:
    """Or red would mean nothing."""
    guard = _BY_NAME["previous"]
    assert try_out(replace(guard, new=guard.old), rows_of(guard)) == {}
