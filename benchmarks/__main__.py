"""Run the benchmarks: python -m benchmarks [--rounds N] [--json] [PART ...]."""

from __future__ import annotations

import argparse
import importlib
import json
import sys
import tempfile
from pathlib import Path

from benchmarks.harness import Figure, PartError

_PARTS = (
    "vault",
    "log",
    "transfer",
    "program",
    "peers",
    "sync",
    "relay",
    "live",
    "relay-peers",
    "konnector",
    "autofill",
    "dashboard",
)


def main() -> int:
    """Measure the parts asked for and print a line for each figure."""
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(_PARTS))
    parser.add_argument("--rounds", type=int, default=5, help="of each; default 5")
    parser.add_argument("--json", action="store_true", help="write JSON lines")
    asked = parser.parse_args()
    if unknown := set(asked.parts) - set(_PARTS):
        parser.error(f"no such part: {', '.join(sorted(unknown))}")
    complete = True
    for part in asked.parts or _PARTS:
        try:
            _run(part, rounds=asked.rounds, as_json=asked.json)
        except PartError as err:
            print(f"error: {part}: {err}\nhint: {err.advice}", file=sys.stderr)
            complete = False
        except KeyboardInterrupt:
            print(f"stopped in {part}", file=sys.stderr)
            return 130
    return 0 if complete else 1


def _run(part: str, *, rounds: int, as_json: bool) -> None:
    module = importlib.import_module(f"benchmarks.{part.replace('-', '_')}")
    with tempfile.TemporaryDirectory(prefix="clisk-bench-") as folder:
        for figure in module.run(Path(folder), rounds=rounds):
            print(json.dumps(figure.row()) if as_json else _line(figure))
            sys.stdout.flush()


def _line(figure: Figure) -> str:
    return (
        f"{figure.name}\n"
        f"    {_shown(figure.seconds, figure.unit)}, {_ratio(figure.ratio)} the floor"
        f" ({_shown(figure.floor_seconds, figure.unit)}: {figure.floor})\n"
        f"    aim: {figure.aim}; medians of {figure.rounds} rounds"
    )


def _ratio(ratio: float) -> str:
    # Where the floor is a peer, the subject is below it.
    return f"{ratio:.1f} times" if ratio >= 1 else f"a {1 / ratio:.1f}th of"


def _shown(value: float, unit: str) -> str:
    return _time(value) if unit == "s" else f"{value:.0f} {unit}"


def _time(seconds: float) -> str:
    return f"{seconds:.2f} s" if seconds >= 1 else f"{seconds * 1000:.2f} ms"


if __name__ == "__main__":
    sys.exit(main())
