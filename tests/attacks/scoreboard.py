"""All rows, how they are played, and the page they make."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
# Attacks by the relay, and by a thief with a member's key

Written by `make scoreboard`, which plays every attack and stops at the first that
ends otherwise. Each is played on devices of ours and on something deliberately weak,
where it succeeds: that is the control.

- Where a part says *the same bytes*, a weak device
  (`tests/attacks/weak_device.py`, `weak_pairing.py`) gets what the real one gets, in
  the same play and from the same relay: a member's device without the guards, which
  still checks who signed.
- Elsewhere the same evil relay plays the same misdeed on a vault of 2024
  (`weak_model.py`), whose rows and messages are its own. Where no misdeed of the relay
  is part of an attack, its row says what the control is.

Each play on us is judged three times. No planted title, name, address, password,
pairing secret or digits are in anything the relay has seen, raw, in hex or in base64,
and a play in which it has seen nothing fails, unless its row says why. There is a named
error or alert: one that was raised to the caller, or stands in a report, or in the
reason that is kept with what was set aside; what was caught on the way does not count.
And the device's state is as it was, or as an honest relay would have left it. *Surface
absent* says that what is attacked does not exist here; that too is tested, in
`tests/attacks/test_absent.py`. What cannot be prevented is said to be so.

That the rows notice is tested too: [scoreboard-mutations.md](scoreboard-mutations.md)
has what goes red for each guard that is taken out.
"""
_SAME_BYTES = """\
The weak device gets the same bytes. How much was played stands behind what came of it:
`python -m tests.attacks` plays so much, the tests less, unless CLISK_LONG=1 is set.
Changes are merged in the vault's own process, for reasons that
[decision 25](../protocol/decisions/0025-no-child-process-for-changes.md) has.
"""
_SAME_MESSAGES = """\
A weak member, or newcomer, gets the same bytes; let in by it, the thief opens the
envelopes of the vault. In the last two rows the misdeed is done to a vault of 2024.
"""
_PARTS = (
    (
        '"Zero Knowledge (About) Encryption", ePrint 2026/058 as of August 2026',
        "",
        PAPER,
    ),
    ("Rollback, fork and withholding", "", SYNC),
    ("A member's device that sends poison", _SAME_BYTES, MEMBERS),
    ("Pairing", _SAME_MESSAGES, PAIRING),
)


@dataclass(frozen=True)
class Played:
    """What came of a row here; *heard* counts what the relay was sent."""

    used: set[str]
    named: set[str]
    leaks: list[str]
    heard: int
    gave: list[str]
    ran: list[str]


def play_weak(row: Row) -> tuple[str, set[str]]:
    """Return what the attacker gets from the weak model, and what it did for it."""
    assert row.weak is not None, f"{row.id}: one play has both"
    server = WeakServer(EvilRelay())
    return row.weak(server), server.relay.used


def play(row: Row, folder: Path, *, long: bool = False) -> Played:
    """Play *row* on us; AssertionError where it does not end as it must."""
    with stage(folder, long=long) as on:
        row.ours(on)
        on.look_around()
        heard = len(on.relay.transcript)
        return Played(on.relay.used, on.named, on.leaks(), heard, on.gave, on.ran)


def judge(row: Row, result: Played) -> None:
    """Refuse what did not end as the row says.

    Raises:
        AssertionError: a misdeed took no effect, something leaked, nothing was sent
            that could, the weak device did not fall, or it had no name.
    """
    unused = set(row.misdeeds) - result.used
    assert not unused, f"{row.id}: nothing was done by {unused}"
    assert result.leaks == [], f"{row.id}: the relay has seen {result.leaks}"
    sent = "nothing" if not result.heard else "something"
    assert bool(result.heard) != bool(row.silent), f"{row.id}: {sent} was sent"
    assert row.weak or result.gave, f"{row.id}: the weak device held"
    if row.verdict is Verdict.SET_ASIDE:
        said = any(row.by in reason for reason in result.named)
        assert said, f"{row.id}: the reasons are {result.named}"
    elif row.verdict in {Verdict.REFUSED, Verdict.DETECTED} and row.by.isalnum():
        assert row.by in result.named, f"{row.id}: named {result.named}"


def page(got: Mapping[str, str], ran: Mapping[str, Sequence[str]]) -> str:
    """Return the page; by row, what the thief *got*, and how much was played."""
    lines = [_HEAD]
    for title, says, part in _PARTS:
        lines += [
            f"## {title}",
            "",
            *([says] if says else []),
            "| | attack | the relay, or the thief | weak | ours |",
            "| --- | --- | --- | --- | --- |",
        ]
        lines += [
            f"| {row.id} | {row.name} | {row.does} |"
            f" succeeds: {got[row.id]}{_aside(row.control)} |"
            f" {_outcome(row)}{_aside(*ran[row.id], row.silent)} |"
            for row in part
        ]
        lines.append("")
    return "\n".join(lines)


def _aside(*notes: str) -> str:
    said = "; ".join(filter(None, notes))
    return f" ({said})" if said else ""


def _outcome(row: Row) -> str:
    by = f"`{row.by}`" if row.by.isalnum() else row.by
    return {
        Verdict.REFUSED: f"refused: {by}",
        Verdict.DETECTED: f"detected: {by}",
        Verdict.SET_ASIDE: f"set aside, with its author: “{row.by}”",
        Verdict.ABSENT: f"surface absent; {by}",
        Verdict.WARNED: f"not preventable: {by}",
    }[row.verdict]
