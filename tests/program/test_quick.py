"""The short way of `clisk get` does what the long way does."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from clisk import quick, root
from clisk.errors import CliskError
from tests.program.world import Device, device


@pytest.fixture(scope="module", name="laptop")
def _laptop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Device]:
    with device(tmp_path_factory.mktemp("laptop")) as laptop:
        laptop.init()
        laptop.add_login("GitHub", "planted", "-u", "alice")
        yield laptop


_TAKEN = [
    ["get", "GitHub", "-f", "password"],
    ["get", "GitHub", "--field", "username"],
    ["get", "-f", "password", "GitHub"],
    ["get", "no such item", "-f", "password"],
    ["get", "GitHub", "-f", "no such field"],
]


@pytest.mark.parametrize("words", _TAKEN)
def test_both_ways_say_the_same(
    laptop: Device, words: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    """The value, or the refusal, is the same by either way."""
    outcomes: list[tuple[object, ...]] = []
    for way in (quick.run, root.run):
        try:
            way(["--home", str(laptop.home), *words])
        except CliskError as err:
            outcomes.append((type(err), str(err), err.advice))
        else:
            outcomes.append(tuple(capfd.readouterr()))

    assert outcomes[0] == outcomes[1]


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["get"],
        ["get", "x"],
        ["get", "--help"],
        ["get", "x", "-f"],
        ["get", "x", "-f", "--json"],
        ["get", "-f", "-f", "x"],
        ["get", "--", "-f", "x"],
        ["get", "x", "-f", "y", "--json"],
        ["get", "x", "--fiel", "y"],
        ["--home", "h"],
        ["list", "x", "-f", "y"],
    ],
)
def test_anything_else_is_left_to_click(words: list[str]) -> None:
    """Help, other options and misspellings never take the short way."""
    assert not quick.run(words)


def test_the_short_way_loads_little(laptop: Device) -> None:
    """Neither click nor what click pulls in is imported for a plain get."""
    heavy = ["click", "typing", "pathlib", "dataclasses", "clisk_vault", "logging"]
    script = (
        "import sys; sys.argv = ['clisk', '--home', sys.argv[1],"
        " 'get', 'GitHub', '-f', 'password']\n"
        "from clisk import __main__\n"
        "assert __main__.run(sys.argv[1:]) == 0\n"
        f"print([name for name in {heavy} if name in sys.modules])"
    )

    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", _WITH_PATH + script, str(laptop.home)],
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout == "planted\n[]\n"


@pytest.mark.parametrize(
    "words", [["list"], ["add"], ["edit"], ["generate"], ["import"], ["devices"]]
)
def test_help_loads_no_vault(words: list[str]) -> None:
    """What the agent does needs nothing of it here: neither to say so, nor to ask."""
    heavy = ["automerge", "cryptography", "nacl", "pydantic", "clisk_vault.vault"]
    script = (
        "import sys\n"
        "from clisk import __main__\n"
        "assert __main__.run([*sys.argv[1:], '--help']) == 0\n"
        f"print([name for name in {heavy} if name in sys.modules], file=sys.stderr)"
    )

    done = subprocess.run(
        [sys.executable, "-I", "-c", _WITH_PATH + script, *words],
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout.startswith("Usage:")
    assert done.stderr == "[]\n"


def test_the_agent_starts_without_what_few_ask_for() -> None:
    """Tables of common passwords take 13 MiB; they come with the first check-up."""
    late = ["zxcvbn", "rapidfuzz", "pykeepass", "playwright", "starlette", "textual"]
    script = (
        "import sys, importlib\n"
        "import clisk.agent.process\n"
        "from clisk.agent.operations import MODULES\n"
        "operations = 'clisk.agent.operations.'\n"
        "for name in MODULES: importlib.import_module(operations + name)\n"
        f"print([name for name in {late} if name in sys.modules])"
    )

    done = subprocess.run(
        [sys.executable, "-I", "-c", _WITH_PATH + script],
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout == "[]\n"


_ROOT = Path(__file__).parents[2]
_WITH_PATH = f"import sys; sys.path.insert(0, {str(_ROOT)!r})\n"
