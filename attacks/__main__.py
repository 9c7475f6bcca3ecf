"""Print the scoreboard of the access log and write docs/scoreboard-log.md."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from attacks.log_attacks import ATTACKS
from attacks.log_scoreboard import OUTSIDERS, THEFTS, Result, cell, play
from attacks.victim import ENTRIES

PAGE = Path(__file__).parents[1] / "docs" / "scoreboard-log.md"
_HEAD = f"""\
# Attacks on the access log

Written by `make scoreboard`. A log of {ENTRIES} entries, each under a head of its own.
A thief takes all files of the device, and with them the key of the next head, after
entry t (t = {", ".join(map(str, THEFTS))}), and later shows a
[log bundle](../protocol/log-bundle.md) of his own making to somebody outside. Old
entries are those half way to the theft.

The outsider has the enrolled key; or also the key of another device, a peer; or also a
head that the peer countersigned and handed over itself. Two verifiers judge:
`clisk log verify-bundle`, and the one in Go in `protocol/conformance/`.
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


def page(results: Sequence[Result]) -> str:
    """Return the page for *results*."""
    columns = [outsider.name for outsider in OUTSIDERS]
    table = [f"| attack | {' | '.join(columns)} |", "| --- |" + " --- |" * len(columns)]
    reasons: dict[str, list[str]] = {}
    for attack in ATTACKS:
        mine = [one for one in results if one.attack is attack]
        cells = [
            cell([one for one in mine if one.outsider is outsider])
            for outsider in OUTSIDERS
        ]
        table.append(f"| {attack.name} | {' | '.join(cells)} |")
        if any(one.accepted for one in mine):
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
    with tempfile.TemporaryDirectory() as folder:
        results = list(play(Path(folder)))
    text = page(results)
    PAGE.write_text(text, encoding="utf-8")
    print(text)
    bad = [one for one in results if not one.agreed or one.unexplained]
    for one in bad:
        said = f"{one.attack.name}, t = {one.theft}, {one.outsider.name}"
        print(f"error: {said}: {one.outcomes}", file=sys.stderr)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
