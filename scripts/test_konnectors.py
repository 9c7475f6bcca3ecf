"""Run each konnector of a folder against the mock site beside it, offline.

    CLISK_KONNECTORS=folder make test-konnectors

Each subfolder is one konnector: manifest.konnector and main.js (or both in build/),
and mock/site.json: docs/test-konnectors.md. Prints a table; exits with 1
if a run was not as expected, with 2 if there is nothing to run.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from rich.console import Console
from rich.table import Table

from konnector_runner.browser_choice import BrowserChoice, find_browser
from konnector_runner.errors import RunnerError
from konnector_runner.limits import RunLimits
from konnector_runner.trial import Trial, load_trial, try_konnector


async def _try(folder: Path) -> Trial:
    konnector, site = load_trial(folder)
    limits = RunLimits(run_seconds=float(os.environ.get("CLISK_TRIAL_SECONDS", "180")))
    choice = BrowserChoice(executable=find_browser())
    return await try_konnector(konnector, site, browser=choice, limits=limits)


def _row(folder: Path) -> tuple[bool, tuple[str, ...], list[str]]:
    try:
        trial = asyncio.run(_try(folder))
    except RunnerError as err:
        return False, (folder.name, "FAILED", "", "", ""), [f"{err}: {err.advice}"]
    report = trial.report
    notes = [*trial.faults]
    if not trial.passed:
        notes += [f"no answer for {each}" for each in trial.unanswered[:20]]
        notes += [
            f"{each.field} was not given on {each.origin}: name it in origins"
            for each in report.releases
            if not each.granted
        ]
        notes += [f"log: {line}" for line in report.log[-20:]]
    cells = (
        folder.name,
        "passed" if trial.passed else "FAILED",
        str(len(report.saved)),
        str(len(report.bills)),
        f"{report.duration_seconds:.1f}",
    )
    return trial.passed, cells, notes


def main(arguments: list[str]) -> int:
    """Return the exit code."""
    if len(arguments) != 1 or not Path(arguments[0]).is_dir():
        print("error: name a folder of konnectors", file=sys.stderr)
        print("hint: CLISK_KONNECTORS=folder make test-konnectors", file=sys.stderr)
        return 2
    given = Path(arguments[0]).resolve()
    folders = sorted(
        each
        for each in given.iterdir()
        if each.is_dir() and each.name != "node_modules" and each.name[0] != "."
    )
    if (given / "manifest.konnector").is_file():
        folders = [given]  # the folder of one konnector, not of several
    if not folders:
        print("error: there is no konnector in this folder", file=sys.stderr)
        print(
            "hint: a folder a konnector, see docs/test-konnectors.md", file=sys.stderr
        )
        return 2
    rows = []
    for folder in folders:
        print(f"{folder.name} ...", file=sys.stderr)
        rows.append(_row(folder))
    table = Table("KONNECTOR", "RESULT", "FILES", "BILLS", "SECONDS")
    for _, cells, _ in rows:
        table.add_row(*cells)
    Console().print(table)
    for _, cells, notes in rows:
        for note in notes:
            print(f"{cells[0]}: {note}")
    return 0 if all(passed for passed, _, _ in rows) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
