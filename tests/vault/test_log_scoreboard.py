"""The attacker program: what each thief gets past each outsider, by both verifiers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from attacks.__main__ import PAGE
from attacks.log_attacks import ATTACKS
from attacks.log_scoreboard import (
    FEW_THEFTS,
    OUTSIDERS,
    PEERS,
    THEFTS,
    Result,
    newest_head_alone,
    play,
    play_to_peers,
)


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
    """At thefts at, before and behind what the peers saw: they agree, as published."""
    (tmp_path / "told").mkdir()
    results = list(play(tmp_path, thefts=FEW_THEFTS))
    told = list(play_to_peers(tmp_path / "told", thefts=FEW_THEFTS))

    assert [one for one in results if not one.agreed or one.unexplained] == []
    assert [one for one in told if one.unexplained] == []
    published = _published()
    for attack in ATTACKS:
        rows = [
            [one for one in results if one.attack is attack and one.outsider is who]
            for who in OUTSIDERS
        ]
        heard = [
            [one for one in told if one.attack is attack and one.holds == holds]
            for holds in PEERS
        ]
        found = [{one.theft for one in row if one.accepted} for row in rows]
        found += [{one.theft for one in row if one.accepted} for row in heard]
        wanted = [cell & set(FEW_THEFTS) for cell in published[attack.name]]
        assert found == wanted, attack.name


def _published() -> dict[str, list[set[int]]]:
    """Return after which thefts each attack succeeded, by the published page."""
    rows: dict[str, list[set[int]]] = {}
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        name, *cells = line.strip("| ").split(" | ")
        if len(cells) == len(OUTSIDERS) + len(PEERS) and name not in {"attack", "---"}:
            rows[name] = [_thefts(cell) for cell in cells]
    return rows


def _thefts(cell: str) -> set[int]:
    if cell == "rejected":
        return set()
    if cell == "**accepted**":
        return set(THEFTS)
    found: set[int] = set()
    for run in cell.removeprefix("**accepted** after ").split(", "):
        first, _, last = run.partition("-")
        found |= set(range(int(first), int(last or first) + 1))
    return found


def test_another_device_signs_only_what_is_explained(tmp_path: Path) -> None:
    """Told in sync what the thief shows; what it has seen is never unsaid."""
    told = list(play_to_peers(tmp_path, thefts=[30, 41]))

    assert [one for one in told if one.unexplained] == []
    deceived = {(one.attack.name, one.theft, one.holds) for one in told if one.accepted}
    assert ("append a false entry with the stolen key", 41, 40) in deceived
    # Of what it saw, the thief only shows that there are two histories: what is left
    # is to begin another log, with the key that the device keeps.
    before = {name for name, theft, holds in deceived if theft < holds}
    assert before == {"begin another log with the device's own key"}


@pytest.mark.parametrize("theft", [FEW_THEFTS[0], FEW_THEFTS[-1]])
def test_the_newest_head_alone_would_protect_nothing(
    tmp_path: Path, theft: int
) -> None:
    """The trap that both verifiers avoid is a real one: the page says so."""
    assert newest_head_alone(tmp_path, theft=theft)
