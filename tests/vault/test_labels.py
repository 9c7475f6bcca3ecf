"""The table of domain separation is the page's, and no label is a part of another."""

from __future__ import annotations

import re
from itertools import permutations
from pathlib import Path

from clisk_vault.labels import Label

_ROOT = Path(__file__).parents[2]
_PREFIX = "clisk/1/"


def _labels_of_the_page() -> list[str]:
    """Return the labels of key-schedule.md §3; `-end` takes its row's first word."""
    page = (_ROOT / "protocol/key-schedule.md").read_text(encoding="utf-8")
    table = page.partition("\n| label |")[2].partition("\n\n")[0]
    found: list[str] = []
    for row in table.splitlines()[2:]:
        names = re.findall(r"`([^`]+)`", row.split("|")[1])
        family = names[0].removeprefix(_PREFIX).partition("-")[0]
        found += [
            name if name.startswith(_PREFIX) else f"{_PREFIX}{family}{name}"
            for name in names
        ]
    return found


def test_the_page_and_the_program_have_the_same_labels() -> None:
    """Each once: a label that the page does not know is not part of the protocol."""
    assert sorted(_labels_of_the_page()) == sorted(
        each.value.decode() for each in Label
    )


def test_no_label_ends_where_another_goes_on() -> None:
    """HKDF's info is label, zero byte, context: no label may hold that byte."""
    assert not any(b"\0" in each.value for each in Label)
    # Commitments join the label to what follows without a byte between.
    joined = [Label.PAIRING_COMMITMENT, Label.DEVICE_ID, Label.CHUNK_ID]
    for one, other in permutations(Label, 2):
        if one in joined:
            assert not other.value.startswith(one.value)
