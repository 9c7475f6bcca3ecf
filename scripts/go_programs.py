"""Build and run the Go programs of protocol/conformance, without any network.

Where Go is missing the tests that need it fail and say so: `make test` installs it
(scripts/setup_go.sh), `make check` leaves them out by their marker.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

_ROOT = Path(__file__).parents[1]
_SOURCES = _ROOT / "protocol" / "conformance"
_GOPATH = "/usr/share/gocode"  # where Debian puts the source of x/mod
_SECONDS = 120
# The first build compiles Go's own library too.
_BUILD_SECONDS = 600


class GoMissingError(RuntimeError):
    """No Go, or no source of golang.org/x/mod."""

    def __init__(self, why: str) -> None:
        super().__init__(f"{why}; run: bash scripts/setup_go.sh")


@dataclass(frozen=True, slots=True)
class GoAnswer:
    """What logverify said of one bundle."""

    result: str
    fields: dict[str, Any]

    @property
    def accepted(self) -> bool:
        return self.result == "ok"


def _environ() -> dict[str, str]:
    gopath = os.environ.get("GOPATH", _GOPATH)
    if not (Path(gopath) / "src/golang.org/x/mod/sumdb/tlog").is_dir():
        raise GoMissingError("the source of golang.org/x/mod is missing")
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "GOPATH": gopath,
        "GOCACHE": str(_ROOT / ".venv" / "go-build"),
        "GOPROXY": "off",
        "GO111MODULE": "off",
        "GOTOOLCHAIN": "local",
        "CGO_ENABLED": "0",
    }


@cache
def without_network() -> tuple[str, ...]:
    """Return the words that start a program with no network, where that is allowed."""
    words = ("unshare", "--net", "--map-root-user")
    if shutil.which("unshare") is None:
        return ()
    tried = subprocess.run([*words, "true"], capture_output=True, check=False)
    return words if tried.returncode == 0 else ()


@cache
def build(name: str) -> Path:
    """Return the program *name*, built once a process from its folder."""
    if shutil.which("go") is None:
        raise GoMissingError("Go is missing")
    program = Path(tempfile.mkdtemp(prefix="clisk-go-")) / name
    done = subprocess.run(
        [*without_network(), "go", "build", "-trimpath", "-o", str(program), "."],
        cwd=_SOURCES / name,
        env=_environ(),
        capture_output=True,
        text=True,
        timeout=_BUILD_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return program


def run(name: str, *words: str, given: str = "") -> subprocess.CompletedProcess[str]:
    """Run a program, built if need be, and return how it ended."""
    return subprocess.run(
        [*without_network(), str(build(name)), *words],
        input=given,
        env={},
        capture_output=True,
        text=True,
        timeout=_SECONDS,
        check=False,
    )


def verify_bundle(folder: Path, keys: Path, *, seen: Path | None = None) -> GoAnswer:
    """Return what the verifier in Go makes of a bundle."""
    more = [] if seen is None else ["-seen", str(seen)]
    done = run("logverify", "-json", "-keys", str(keys), *more, str(folder))
    fields = json.loads(done.stdout)
    answer = GoAnswer(fields["result"], fields)
    assert done.returncode == (0 if answer.accepted else 1), done.stderr
    return answer


if __name__ == "__main__":
    # Once in set-up: then the tests, each with its time limit, find all compiled.
    for folder in sorted(each for each in _SOURCES.iterdir() if each.is_dir()):
        build(folder.name)
