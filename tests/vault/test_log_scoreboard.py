"""The attacker program: what each thief gets past each outsider, by both verifiers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from attacks.__main__ import PAGE, page
from attacks.log_attacks import ATTACKS
from attacks.log_scoreboard import OUTSIDERS, THEFTS, Result, newest_head_alone, play


def _accepted(results: Sequence[Result]) -> set[tuple[str, str]]:
    return {(one.attack.name, one.outsider.name) for one in results if one.accepted}


def test_only_what_is_explained_is_accepted(tmp_path: Path) -> None:
    """After one theft in the middle, by our own verifier alone."""
    results = list(play(tmp_path, judges=["python"], thefts=[41]))

    assert len(results) == len(ATTACKS) * len(OUTSIDERS)
    assert [one.attack.name for one in results if one.unexplained] == []
    explained = {attack.name for attack in ATTACKS if attack.because}
    assert {name for name, _ in _accepted(results)} == explained
    before = ("truncate to half and stop", "a peer saw 40")
    assert before not in _accepted(results)
    assert ("append a false entry with the stolen key", "a peer saw 60") not in (
        _accepted(results)
    )


@pytest.mark.slow
@pytest.mark.go
def test_both_verifiers_give_the_published_table(tmp_path: Path) -> None:
    """Every attack at every theft: they agree, and the page is current."""
    results = list(play(tmp_path))

    assert [one for one in results if not one.agreed or one.unexplained] == []
    assert page(results) == PAGE.read_text(encoding="utf-8")


@pytest.mark.parametrize("theft", [THEFTS[0], THEFTS[-1]])
def test_the_newest_head_alone_would_protect_nothing(
    tmp_path: Path, theft: int
) -> None:
    """The trap that both verifiers avoid is a real one: the page says so."""
    assert newest_head_alone(tmp_path, theft=theft)
