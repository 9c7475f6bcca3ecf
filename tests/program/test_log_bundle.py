"""A log is exported by one person and checked by another, who has nothing of ours."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.go_programs import without_network
from tests.program.world import Device, Said, device

_PLANTED = "planted-in-the-vault"
_NEEDED_BY_NONE = ("clisk.agent", "clisk_sync", "konnector_runner", "httpx")


@pytest.fixture(scope="module", name="laptop")
def _laptop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Device]:
    with device(tmp_path_factory.mktemp("laptop")) as laptop:
        laptop.init("--name", "laptop")
        laptop.add_login("GitHub", _PLANTED)
        for _ in range(3):
            laptop.ok("get", "GitHub", "-f", "password")
        yield laptop


@pytest.fixture(scope="module", name="bundle")
def _bundle(laptop: Device, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("handed over") / "bundle"
    said = laptop.run("log", "export", "--to", str(folder), "--open", "1,2-3")
    assert said.code == 0, said
    assert said.out == ""
    assert "5 entries written, 3 of them opened" in said.err
    return folder


@pytest.fixture(scope="module", name="keys")
def _keys(laptop: Device, bundle: Path) -> Path:
    path = bundle.parent / "keys.txt"
    path.write_text("# of the laptop\n\n" + laptop.ok("log", "keys"))
    return path


def outsider(folder: Path, *words: str) -> Said:
    """Run verify-bundle where there is no home, no agent and no network."""
    nowhere = folder / "no home here"
    program = (sys.executable, "-m", "clisk", "log", "verify-bundle")
    done = subprocess.run(
        [*without_network(), *program, *words],
        capture_output=True,
        text=True,
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(Path(__file__).parents[2]),
            "HOME": str(nowhere),
            "XDG_DATA_HOME": str(nowhere),
        },
        cwd=folder,
        timeout=60,
        check=False,
    )
    assert not nowhere.exists()
    return Said(done.returncode, done.stdout, done.stderr)


def test_somebody_without_a_vault_checks_the_log(
    bundle: Path, keys: Path, tmp_path: Path
) -> None:
    """The outcome in words with its level, then what was opened, then exit code 0."""
    said = outsider(tmp_path, str(bundle), "--keys", str(keys))

    assert (said.code, said.err) == (0, "")
    lines = said.out.splitlines()
    assert lines[0] == "Nothing was found wrong with the access log (5 entries)."
    assert lines[1].startswith("Unanchored: ")
    rows = [line.split("\t") for line in lines[2:]]
    assert [row[0] for row in rows] == ["1", "2", "3"]
    assert {(row[1], row[3], row[4], row[6]) for row in rows} == {
        ("read", "granted", "person command line", "password")
    }


def test_a_key_can_be_given_as_it_is(bundle: Path, keys: Path, tmp_path: Path) -> None:
    """One vkey in the place of a file, and JSON for programs."""
    vkey = keys.read_text().splitlines()[2]

    said = outsider(tmp_path, str(bundle), "--keys", vkey, "--json")

    assert said.code == 0
    answer = said.json
    assert (answer["intact"], answer["level"], answer["size"]) == (
        True,
        "unanchored",
        5,
    )
    assert [one["index"] for one in answer["shown"]] == [1, 2, 3]
    assert answer["withheld"] == []


def test_a_changed_bundle_is_refused_with_what_is_wrong(
    bundle: Path, keys: Path, tmp_path: Path
) -> None:
    """Exit code 1, the finding on standard output, the refusal beside it."""
    copy = tmp_path / "copy"
    subprocess.run(["cp", "-r", str(bundle), str(copy)], check=True)
    leaves = copy / "tile" / "entries" / "000.p" / "5"
    data = bytearray(leaves.read_bytes())
    data[-1] ^= 1
    leaves.write_bytes(data)

    said = outsider(tmp_path, "copy", "--keys", str(keys))

    assert said.code == 1
    assert "Edited leaf 4: not the one that its head signed." in said.out
    assert said.err.startswith("error: the log in this bundle is not as it was written")


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["gone", "--keys", "{keys}"], "log bundle: there is no such folder"),
        (["{bundle}", "--keys", "gone"], "--keys: cannot be read: No such file"),
        (["{bundle}", "--keys", "a+b+c"], "note key: not base64"),
        (
            ["{bundle}", "--keys", "{bundle}/bundle"],
            "--keys: the file does not hold keys",
        ),
        (["{bundle}", "--keys", "{keys}", "--seen", "{keys}"], "signature line:"),
        (["{bundle}"], "missing option '--keys'"),
        ([".", "--keys", "{keys}"], "log bundle: a file is missing"),
    ],
)
def test_mistakes_are_told_in_words(
    bundle: Path, keys: Path, tmp_path: Path, words: list[str], error: str
) -> None:
    """One line that says what was wrong, and a hint; never a traceback."""
    given = [word.format(bundle=bundle, keys=keys) for word in words]

    said = outsider(tmp_path, *given)

    assert said.code in (1, 2)
    assert said.err.startswith(f"error: {error}"), said.err
    assert said.out == ""


def test_verifying_loads_nothing_of_agent_sync_and_browser(
    bundle: Path, keys: Path
) -> None:
    """What an outsider runs is the checks alone."""
    code = (
        "import sys, json\n"
        "from clisk.root import run\n"
        f"run(['log', 'verify-bundle', {str(bundle)!r}, '--keys', {str(keys)!r}])\n"
        "print(json.dumps(sorted(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    loaded = json.loads(done.stdout.splitlines()[-1])

    assert "clisk_vault.log_bundle_verify" in loaded
    assert [name for name in loaded if name.startswith(_NEEDED_BY_NONE)] == []


def test_an_export_leaves_its_record(laptop: Device, bundle: Path) -> None:
    """What was opened, and by which program, is in the log from then on."""
    shown = laptop.ask("log", "show", "4")

    assert (shown["type"], shown["index"]) == ("export", 4)
    assert shown["record"]["purpose"] == "open entries 1-3 of the access log"
    assert (shown["record"]["kind"], shown["record"]["name"]) == (
        "export",
        "command line",
    )
    assert bundle.is_dir()


def test_one_entry_is_shown(laptop: Device) -> None:
    """Who, what, why and where, with the title of the item and the leaf's hash."""
    lines = dict(
        line.split("\t") for line in laptop.ok("log", "show", "1").splitlines()
    )

    assert lines["type"] == "read"
    assert lines["who"] == "person command line"
    assert lines["item"] == "GitHub"
    assert lines["field"] == "password"
    assert len(lines["leaf hash"]) == 64
    assert laptop.ask("log", "show", "0")["record"] is None
    said = laptop.run("log", "show", "99")
    assert (said.code, said.err.splitlines()[0]) == (1, "error: there is no entry 99")


def test_keys_are_of_every_device_and_public(laptop: Device, keys: Path) -> None:
    """A line for the log, and one for the key that the device witnesses with."""
    answer = laptop.ask("log", "keys")

    assert [len(answer[name]) for name in ("logs", "witnesses")] == [1, 1]
    assert laptop.ok("log", "keys").splitlines() == keys.read_text().splitlines()[2:]


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["--open", "1", "--open-all"], "--open and --open-all exclude"),
        (["--open", "x"], "--open takes numbers"),
        (["--open", "5-3"], "--open: a range"),
        (["--open", "99"], "access log: no such entry"),
    ],
)
def test_a_wrong_export_is_refused(
    laptop: Device, tmp_path: Path, words: list[str], error: str
) -> None:
    """Nothing is written, and nothing recorded."""
    size = laptop.ask("log", "verify")["size"]

    said = laptop.run("log", "export", "--to", str(tmp_path / "b"), *words)

    assert said.code in (1, 2)
    assert said.err.startswith(f"error: {error}"), said.err
    assert laptop.ask("log", "verify")["size"] == size
    assert not (tmp_path / "b").exists()


def test_everything_can_be_opened(laptop: Device, tmp_path: Path, keys: Path) -> None:
    """--open-all shows every entry there was, and the bundle holds no password."""
    folder = tmp_path / "all"
    before = laptop.ask("log", "verify")["size"]

    answer = laptop.ask("log", "export", "--to", str(folder), "--open-all")

    assert (answer["opened"], answer["size"]) == (before, before + 1)
    shown = outsider(tmp_path, "all", "--keys", str(keys), "--json").json["shown"]
    assert len(shown) == before
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert not any(_PLANTED.encode() in path.read_bytes() for path in files)


def test_help_says_that_keys_come_from_elsewhere(laptop: Device) -> None:
    """The one mistake that makes the check worthless is named where it is made."""
    text = " ".join(laptop.ok("log", "verify-bundle", "--help").split())
    assert "The keys must not come from the bundle" in text
