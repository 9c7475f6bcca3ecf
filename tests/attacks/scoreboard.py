"""All rows, how they are played, and the page they make."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.attacks.evil_relay import EvilRelay
from tests.attacks.rows_members import MEMBERS
from tests.attacks.rows_paper import PAPER
from tests.attacks.rows_relay import PAIRING, SYNC
from tests.attacks.stage import Row, Verdict, stage
from tests.attacks.weak_model import WeakServer

ROWS = (*PAPER, *SYNC, *MEMBERS, *PAIRING)

_HEAD = """\
# Attacks by the relay

Written by `make scoreboard`, which plays every attack and stops at the first that
ends otherwise. The same evil relay plays each one twice: on a small, deliberately
weak vault (`tests/attacks/weak_model.py`), where it succeeds, and on devices of ours.

Each is judged three times here: no planted title, name, address, password, pairing
secret or digits are in anything the relay has seen, raw, in hex or in base64; there is
a named error or alert; and the device's state is as it was, or as an honest relay would
have left it. *Surface absent* says that what is attacked does not exist here; that too
is tested, in
`tests/attacks/test_absent.py`. What cannot be prevented is said to be so.

That the rows notice is tested too: [scoreboard-mutations.md](scoreboard-mutations.md)
has what goes red for each guard that is taken out.
"""
_PARTS = (
    (
        '"Zero Knowledge (About) Encryption", ePrint 2026/058 as of August 2026',
        PAPER,
    ),
    ("Rollback, fork and withholding", SYNC),
    ("A member's device that sends poison", MEMBERS),
    ("Pairing", PAIRING),
)


@dataclass(frozen=True)
class Played:
    """What came of a row here."""

    used: set[str]
    named: set[str]
    leaks: list[str]


def play_weak(row: Row) -> tuple[str, set[str]]:
    """Return what the attacker gets from the weak model, and what it did for it."""
    server = WeakServer(EvilRelay())
    return row.weak(server), server.relay.used


def play(row: Row, folder: Path) -> Played:
    """Play *row* on us; AssertionError where it does not end as it must."""
    with stage(folder) as on:
        row.ours(on)
        return Played(on.relay.used, on.named, on.leaks())


def judge(row: Row, result: Played) -> None:
    """Refuse what did not end as the row says.

    Raises:
        AssertionError: a misdeed took no effect, something leaked, or had no name.
    """
    unused = set(row.misdeeds) - result.used
    assert not unused, f"{row.id}: nothing was done by {unused}"
    assert result.leaks == [], f"{row.id}: the relay has seen {result.leaks}"
    if row.verdict in {Verdict.REFUSED, Verdict.DETECTED} and row.by.isalnum():
        assert row.by in result.named, f"{row.id}: named {result.named}"


def page(got: dict[str, str], rows: Sequence[Row] = ROWS) -> str:
    """Return the page; *got* says what the weak model gave away, by row."""
    lines = [_HEAD]
    for title, part in _PARTS:
        lines += [
            f"## {title}",
            "",
            "| | attack | the relay, or the thief | weak model | ours |",
            "| --- | --- | --- | --- | --- |",
        ]
        lines += [
            f"| {row.id} | {row.name} | {row.does} | succeeds: {got[row.id]} |"
            f" {_outcome(row)} |"
            for row in part
            if row in rows
        ]
        lines.append("")
    return "\n".join(lines)


def _outcome(row: Row) -> str:
    by = f"`{row.by}`" if row.by.isalnum() else row.by
    return {
        Verdict.REFUSED: f"refused: {by}",
        Verdict.DETECTED: f"detected: {by}",
        Verdict.ABSENT: f"surface absent; {by}",
        Verdict.WARNED: f"not preventable: {by}",
    }[row.verdict]
