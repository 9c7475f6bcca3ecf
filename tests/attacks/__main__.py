"""Print the scoreboard of the relay and write docs/scoreboard-sync.md."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from tests.attacks.scoreboard import ROWS, judge, page, play, play_weak

PAGE = Path(__file__).parents[2] / "docs" / "scoreboard-sync.md"


def main() -> int:
    """Play every row, at length; fail where one does not end as it must."""
    got, ran = {}, {}
    for row in ROWS:
        with tempfile.TemporaryDirectory() as folder:
            try:
                played = play(row, Path(folder), long=True)
                judge(row, played)
            except AssertionError as err:
                print(f"error: {row.id}: {err}", file=sys.stderr)
                return 1
        got[row.id] = play_weak(row)[0] if row.weak else played.gave[-1]
        ran[row.id] = played.ran
    text = page(got, ran)
    PAGE.write_text(text, encoding="utf-8")
    print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
