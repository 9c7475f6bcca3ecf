"""The program: `clisk get` as a whole process, from a warm agent."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from benchmarks.harness import Figure, compare
from benchmarks.vault import export

ITEMS = 1_000
_PASSPHRASE = b"a benchmark's passphrase"


def run(folder: Path, *, rounds: int) -> Iterator[Figure]:
    """Yield the figures of the program."""
    home = folder / "home"
    _clisk(home, "init", "--passphrase-fd", "0", given=_PASSPHRASE)
    try:
        _clisk(home, "import", "-", given=export(ITEMS))
        get = [_program(), "--home", str(home), "get", "Service 7 of 433", "-f"]
        floor = [sys.executable, "-I", "-c", "pass"]
        yield compare(
            "clisk get, a whole process with a warm agent",
            lambda: _quietly([*get, "password"]),
            floor="python3 -I -c pass",
            floor_work=lambda: _quietly(floor),
            rounds=3 * rounds,
            aim="at most 6 times",
        )
    finally:
        _clisk(home, "agent", "stop")


def _program() -> str:
    return str(Path(sys.executable).with_name("clisk"))


def _clisk(home: Path, *words: str, given: bytes = b"") -> None:
    subprocess.run(
        [_program(), "--home", str(home), *words],
        input=given,
        capture_output=True,
        check=True,
    )


def _quietly(command: list[str]) -> None:
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
