"""Every attack of attacks.md §1.3 and §3.1 to §3.3, on the weak model and on us.

Three oracles: nothing planted is in what the relay has seen; the error has a name;
the device's state is as it was, or as an honest relay would have left it.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from operator import attrgetter
from pathlib import Path
from typing import Any

import pytest

from clisk_sync.errors import RelayMisbehaved
from clisk_sync.report import Tally
from clisk_vault.errors import FormatError
from tests.attacks.ours import bits_that_count_not
from tests.attacks.scoreboard import ROWS, Played, judge, play, play_weak
from tests.attacks.stage import Row, stage
from tests.long_runs import LONG
from tests.sync.world import Device, run

_CASES = [
    pytest.param(row, id=row.id, marks=[pytest.mark.slow] if row.slow else [])
    for row in ROWS
]

_PLAYED: dict[object, Played] = {}


@pytest.mark.parametrize(
    "row", [each for each in ROWS if each.weak], ids=attrgetter("id")
)
def test_the_weak_model_falls_for_it(row: Row) -> None:
    """The control: the attacker's script does what it is for."""
    got, used = play_weak(row)
    assert got
    assert set(row.misdeeds) <= used


@pytest.mark.parametrize("row", _CASES)
def test_we_do_not(tmp_path: Path, row: Row) -> None:
    """The same misdeeds, or bytes, took effect, were named, and got nothing.

    Where both got the same bytes, the weak device fell for them in the same play.
    """
    # One attack under the names of several vendors is one play.
    if row.ours not in _PLAYED:
        _PLAYED[row.ours] = play(row, tmp_path, long=bool(LONG))
    judge(row, _PLAYED[row.ours])


def test_each_row_has_a_misdeed_or_says_what_its_control_is() -> None:
    """Or nobody knows what the two columns have in common."""
    assert [row.id for row in ROWS if bool(row.misdeeds) == bool(row.control)] == []


_GOOD = next(row for row in ROWS if row.id == "3.2-deflate")
_FINE = Played(set(_GOOD.misdeeds), {_GOOD.by}, [], 1, ["all"], [])


@pytest.mark.parametrize(
    "lacking",
    [
        pytest.param({"used": set()}, id="nothing was done"),
        pytest.param({"named": set()}, id="nothing was told"),
        pytest.param({"leaks": ["a password"]}, id="something leaked"),
        pytest.param({"heard": 0}, id="nothing was sent"),
        pytest.param({"gave": []}, id="the weak device held"),
    ],
)
def test_a_play_that_shows_nothing_is_refused(lacking: dict[str, Any]) -> None:
    """Each oracle by itself; with none lacking it passes."""
    judge(_GOOD, _FINE)
    with pytest.raises(AssertionError):
        judge(_GOOD, replace(_FINE, **lacking))


def test_an_error_that_was_swallowed_has_no_name(tmp_path: Path) -> None:
    """Only what a report, or a raise, shows to the caller is named."""
    with stage(tmp_path) as on:
        with suppress(FormatError):
            raise FormatError("caught on the way")
        assert on.named == set()
        with pytest.raises(FormatError):
            raise FormatError("raised to the caller")
        assert on.named == {"FormatError"}
        Tally(alerts=[RelayMisbehaved("told")]).report({})
        assert on.named == {"FormatError", "RelayMisbehaved"}


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
