"""Every attack of attacks.md §1.3 and §3.1 to §3.3, on the weak model and on us.

Three oracles: nothing planted is in what the relay has seen; the error has a name;
the device's state is as it was, or as an honest relay would have left it.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.attacks.ours import bits_that_count_not
from tests.attacks.scoreboard import ROWS, Played, judge, play, play_weak
from tests.attacks.stage import Row, stage
from tests.sync.world import Device, run

_CASES = [
    pytest.param(row, id=row.id, marks=[pytest.mark.slow] if row.slow else [])
    for row in ROWS
]

_PLAYED: dict[object, Played] = {}


@pytest.mark.parametrize("row", _CASES)
def test_the_weak_model_falls_for_it(row: Row) -> None:
    """The control: the attacker's script does what it is for."""
    got, used = play_weak(row)
    assert got
    assert set(row.misdeeds) <= used


@pytest.mark.parametrize("row", _CASES)
def test_we_do_not(tmp_path: Path, row: Row) -> None:
    """The same misdeeds took effect, were named, and got nothing."""
    # One attack under the names of several vendors is one play.
    if row.ours not in _PLAYED:
        _PLAYED[row.ours] = play(row, tmp_path)
    judge(row, _PLAYED[row.ours])


@pytest.mark.slow
def test_every_bit_of_an_envelope_counts(tmp_path: Path) -> None:
    """LP05 at length: no single flipped bit passes."""
    with stage(tmp_path) as on:

        async def story() -> tuple[Device, bytes]:
            laptop, phone = await on.pair()
            return phone, on.envelopes(laptop)[-1]

        assert bits_that_count_not(*run(story()), step=1) == []


def test_every_attack_of_the_paper_has_a_row() -> None:
    """12 on Bitwarden, 7 on LastPass, 6 on Dashlane, 6 on 1Password."""
    paper = {
        f"{who}{number:02}"
        for who, count in (("BW", 12), ("LP", 7), ("DL", 6), ("1P", 6))
        for number in range(1, count + 1)
    }
    ids = [row.id for row in ROWS]
    assert len(paper) == 31
    assert paper == {each for each in ids if "-" not in each}
    assert len(ids) == len(set(ids))
