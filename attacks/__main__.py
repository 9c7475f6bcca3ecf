"""Print the scoreboard of the access log: python -m attacks [--full].

A few thefts, unless all are asked for; then docs/scoreboard-log.md is written too.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from attacks.log_attacks import ATTACKS
from attacks.log_scoreboard import (
    FEW_THEFTS,
    OUTSIDERS,
    PEERS,
    THEFTS,
    PeerResult,
    Result,
    cell,
    play,
    play_to_peers,
)
from attacks.victim import ENTRIES

PAGE = Path(__file__).parents[1] / "docs" / "scoreboard-log.md"
_HEAD = f"""\
# Attacks on the access log

Written by `make scoreboard FULL=1`. A log of {ENTRIES} entries, each under a head of
its own.
A thief takes all files of the device, and with them the key of the next head, after
entry t, for every t from {THEFTS[0]} to {THEFTS[-1]}, and later shows a
[log bundle](../protocol/log-bundle.md) of his own making to somebody outside, or tells
it as the device's log to another device of the vault. Old entries are those half way to
the theft.

The outsider has the enrolled key; or also the key of another device, a peer; or also a
head that the peer countersigned and handed over itself. Two verifiers judge:
`clisk log verify-bundle`, and the one in Go in `protocol/conformance/`.

The last columns are another device that holds the first entries and is told the rest in
sync: *accepted* says that it countersigned what the owner never logged.
"""
_TAIL = """\
Nothing in a log itself could tell these from the truth;
[access-log.md](../protocol/access-log.md) §9 and [SECURITY.md](../SECURITY.md) say so.
What was written before the theft, and is shown, is as it was written.

## The trap

A verifier that looks at the newest head alone, with the key that was named for it and
an inclusion proof, accepts an old entry that the thief edited, after every theft.
Neither verifier here can be made to: they walk all heads from the enrolled key.
"""


def page(results: Sequence[Result], told: Sequence[PeerResult]) -> str:
    """Return the page for *results*, and for what peers were *told*."""
    columns = [outsider.name for outsider in OUTSIDERS]
    columns += [f"told to a device that holds {holds}" for holds in PEERS]
    table = [f"| attack | {' | '.join(columns)} |", "| --- |" + " --- |" * len(columns)]
    reasons: dict[str, list[str]] = {}
    for attack in ATTACKS:
        mine = [one for one in results if one.attack is attack]
        cells = [
            cell([one for one in mine if one.outsider is outsider])
            for outsider in OUTSIDERS
        ]
        heard = [one for one in told if one.attack is attack]
        cells += [cell([one for one in heard if one.holds == holds]) for holds in PEERS]
        table.append(f"| {attack.name} | {' | '.join(cells)} |")
        accepted = [one.accepted for one in mine] + [one.accepted for one in heard]
        if any(accepted):
            reasons.setdefault(attack.because, []).append(attack.name)
    agreed = (
        f"Both verifiers say the same in {sum(one.agreed for one in results)} of "
        f"{len(results)} cases, level and number of witnessed entries included."
    )
    why = [f"- {'; '.join(names)}: {because}." for because, names in reasons.items()]
    title = "## Why what is accepted is accepted"
    return "\n".join([_HEAD, *table, "", agreed, "", title, "", *why, "", _TAIL])


def main() -> int:
    """Run every attack; fail if the verifiers differ or one is not explained."""
    parser = argparse.ArgumentParser(prog="attacks", description=__doc__)
    parser.add_argument("--full", action="store_true", help="after every theft")
    full = parser.parse_args().full
    thefts = THEFTS if full else FEW_THEFTS
    with tempfile.TemporaryDirectory() as folder:
        results = list(play(Path(folder), thefts=thefts))
    with tempfile.TemporaryDirectory() as folder:
        told = list(play_to_peers(Path(folder), thefts=thefts))
    text = page(results, told)
    print(text)
    if full:
        PAGE.write_text(text, encoding="utf-8")
    else:
        after = ", ".join(map(str, thefts))
        print(f"Thefts after entries {after} only; all, and the page: --full")
    bad = [one for one in results if not one.agreed or one.unexplained]
    for one in bad:
        said = f"{one.attack.name}, t = {one.theft}, {one.outsider.name}"
        print(f"error: {said}: {one.outcomes}", file=sys.stderr)
    deceived = [one for one in told if one.unexplained]
    for each in deceived:
        said = f"{each.attack.name}, t = {each.theft}, a device holding {each.holds}"
        print(f"error: {said}: countersigned", file=sys.stderr)
    return 1 if bad or deceived else 0


if __name__ == "__main__":
    sys.exit(main())
