"""What a person sees of the commands that keep order, make, check and take out.

One good and one bad case each, over one vault.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import segno

from tests.program.world import PASSPHRASE, Device, device

_SEED = "JBSWY3DPEHPK3PXP"


@pytest.fixture(scope="module", name="laptop")
def _laptop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Device]:
    folder = tmp_path_factory.mktemp("order")
    (folder / "scan.txt").write_text("scanned\n")
    seed = f"otpauth://totp/Acme:alice?secret={_SEED}&issuer=Acme"
    segno.make(seed).save(str(folder / "seed.png"), scale=4)
    with device(folder / "laptop") as laptop:
        laptop.init("--name", "laptop")
        laptop.add_login("GitHub", "planted-1", "-u", "alice")
        laptop.ok("edit", "GitHub", "--read", "totp=0", given=_SEED)
        laptop.ok("edit", "GitHub", "--read", "password=0", given="planted-2")
        laptop.add_login("Twin", "planted-3", "-u", "bob", "--uri", "https://t.example")
        laptop.add_login("Twin", "planted-3", "-u", "bob", "--uri", "https://t.example")
        yield laptop


_GOOD: tuple[tuple[str, str], ...] = (
    ("attach add GitHub {scan}", r""),
    ("attach list GitHub", r"scan\.txt"),
    ("attach get GitHub scan.txt", r"scanned\n"),
    ("clone GitHub", r"[0-9a-f]{32}\n"),
    ("attach rm GitHub scan.txt", r""),
    ("attach list GitHub --removed", r"scan\.txt\t8"),
    ("attach restore GitHub scan.txt", r""),
    ("tag add work GitHub", r""),
    ("tag list", r"work\t1\n"),
    ("tag rm work GitHub", r""),
    ("folder add Empty", r""),
    ("folder move Job GitHub", r""),
    ("folder list", r"Empty\t0\nJob\t1\n"),
    ("folder rename Job Work", r""),
    ("favourite GitHub", r""),
    ("archive GitHub", r""),
    ("archive --undo GitHub", r""),
    ("history GitHub --field password", r"password\t2"),
    ("history GitHub --field password --show 2", r"planted-1\n"),
    ("duplicates", r"Twin"),
    ("totp GitHub", r"[0-9]{6}\n"),
    ("scan {folder}/seed.png --dry-run", r"added\tAcme\talice\n"),
    ("scan {folder}/seed.png", r"added\tAcme\talice\n"),
    ("scan {folder}/seed.png --item GitHub --replace", r"GitHub"),
    ("health", r"reused"),
    ("rm GitHub", r""),
    ("trash list", r"GitHub"),
    ("trash restore GitHub", r""),
    ("trash keep 90", r""),
    ("generate pin --length 6", r"[0-9]{6}\n"),
    ("generate username", r"[a-z0-9-]+\n"),
    ("generate passphrase --words 5", r"[a-z -]+\n"),
    ("generate alias alice@example.org", r"alice\+[a-z0-9]+@example\.org\n"),
    ("log list", r"GitHub"),
    ("log show 1", r"GitHub"),
    ("log summary", r"GitHub"),
    ("log retention --keep-days 365", r""),
    ("log prune --dry-run", r""),
    ("sync status", r"state\talone: .*\nrelay\tnone is set"),
    ("sync code", r"[0-9]"),
    ("sync evidence --to {folder}/found.clisk", r""),
    ("konnector list", r""),
    ("konnector runs", r""),
    ("konnector schedules", r""),
    ("data list --in {folder}/laptop", r""),
    ("grants list", r""),
)


def _words(line: str, laptop: Device) -> list[str]:
    folder = laptop.home.parent
    return [
        each.format(scan=folder / "scan.txt", folder=folder) for each in line.split()
    ]


def test_the_good_cases(laptop: Device) -> None:
    """One after the other: each ends well, and its result is plain in a pipe."""
    for line, shows in _GOOD:
        said = laptop.run(*_words(line, laptop))

        assert said.code == 0, (line, said)
        assert re.search(shows, said.out), (line, said)
        assert "\x1b" not in said.out + said.err
        assert "error" not in said.err


_BAD: tuple[tuple[str, int, str], ...] = (
    ("attach add GitHub {folder}", 2, "is a directory"),
    ("attach get GitHub none.txt", 1, "no such attachment"),
    ("attach rm GitHub none.txt", 1, "no such attachment"),
    ("attach restore GitHub none.txt", 1, "no file of that name"),
    ("tag add work nobody", 1, "no item matches"),
    ("tag rm work", 2, "missing argument"),
    ("folder move Job nobody", 1, "no item matches"),
    ("folder rename Nowhere Job", 1, "no such folder"),
    ("favourite nobody", 1, "no item matches"),
    ("archive nobody", 1, "no item matches"),
    ("history GitHub --field nonsense", 1, "no such field"),
    ("history GitHub --field password --show 99", 1, "no such version"),
    ("history GitHub --field password --restore x", 1, "no such version"),
    ("clone nobody", 1, "no item matches"),
    ("merge GitHub", 2, "missing argument"),
    ("merge GitHub nobody", 1, "no item matches"),
    ("totp Twin", 1, "match"),
    ("totp nobody", 1, "no item matches"),
    ("scan {scan}", 1, "picture"),
    ("scan {folder}/none.png", 2, "does not exist"),
    ("health --service https://x.example", 2, "--online"),
    ("health --breaches {folder}/none", 2, "does not exist"),
    ("trash empty nobody --yes", 1, "no item matches"),
    ("trash restore nobody", 1, "no item matches"),
    ("trash keep 999999", 2, "range"),
    ("generate pin --length 1", 1, "length"),
    ("generate passphrase --words 1000", 1, ""),
    ("generate alias nobody", 1, "address"),
    ("backup create {scan} --passphrase-fd 0", 1, ""),
    ("backup check {scan} --file-passphrase-fd 0", 1, ""),
    ("export {scan} --format csv --yes --passphrase-fd 0", 1, ""),
    ("export x.csv --format nonsense", 2, "invalid value"),
    ("log list --since nonsense", 2, "not a time"),
    ("log show 99999", 1, "entry"),
    ("log summary --since nonsense", 2, "not a time"),
    ("sync status nonsense", 2, "unexpected"),
    ("sync evidence --check {scan}", 1, ""),
    ("sync evidence", 2, "give --to"),
    ("recovery create --words --passphrase-fd 0", 1, "no relay"),
    ("recovery use {scan} --passphrase-fd 0", 1, ""),
    ("konnector install {scan}", 1, ""),
    ("konnector show nobody", 1, ""),
    ("konnector update {scan}", 1, ""),
    ("konnector remove nobody", 1, ""),
    ("konnector unschedule 99", 1, ""),
    ("data open nothing --in {folder}/laptop", 1, ""),
    ("fill not-a-page:99999", 2, "not the address of a page"),
    ("fill https://nowhere.example --headless", 1, ""),
    ("tui", 1, "needs a terminal"),
)


def test_a_picture_is_scanned_from_standard_input(laptop: Device) -> None:
    """A dry run stores nothing; what is no picture is refused."""
    picture = laptop.home.parent / "piped.png"
    segno.make(f"otpauth://totp/Piped:eve?secret={_SEED}&issuer=Piped").save(
        str(picture), scale=4
    )
    words = laptop.argv("scan", "-")
    env = dict(os.environ)

    def scan(data: bytes, *more: str) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            [*words, *more], input=data, capture_output=True, check=False, env=env
        )

    dry = scan(picture.read_bytes(), "--dry-run")
    assert dry.stdout == b"added\tPiped\teve\n"
    assert dry.stderr == b"nothing was stored: this was a dry run\n"
    assert laptop.ok("list", "Piped") == ""
    assert scan(b"no picture").stderr.startswith(b"error: picture: not a PNG")
    assert scan(picture.read_bytes()).returncode == 0
    assert re.fullmatch(r"[0-9]{6}\n", laptop.ok("totp", "Piped"))


def test_the_agent_tells_how_it_stands(laptop: Device, tmp_path: Path) -> None:
    """Where none runs that is said, and none is started."""
    told = laptop.ask("agent", "status")
    assert (told["agent"], told["state"]) == (True, "unlocked")
    assert told["core_dumps_off"] is True
    assert "agent\trunning\n" in laptop.ok("agent", "status")

    nowhere = Device(tmp_path / "none")
    assert nowhere.ask("agent", "status")["agent"] is False
    assert "agent\tnot running\n" in nowhere.ok("agent", "status")
    assert not nowhere.home.exists()


@pytest.mark.parametrize(
    ("line", "code", "says"), _BAD, ids=[line for line, _, _ in _BAD]
)
def test_a_bad_case(laptop: Device, line: str, code: int, says: str) -> None:
    """A named refusal with the next step; nothing on standard output."""
    said = laptop.run(*_words(line, laptop), given=PASSPHRASE)

    assert (said.code, said.out) == (code, ""), said
    first, _, hint = said.err.rpartition("\nhint: ")
    assert first.splitlines()[-1].startswith("error: "), said
    assert says in first.casefold()
    assert hint.strip(), said
    assert "Traceback" not in said.err
    assert "planted" not in said.err
    assert "clisk failed inside" not in said.err


def test_twins_are_merged_into_one(laptop: Device) -> None:
    """The one that was named stays; the other is in the trash."""
    one, other = (each["item"] for each in laptop.ask("list", "Twin")["items"])

    laptop.ok("merge", one, other)

    assert [each["item"] for each in laptop.ask("list", "Twin")["items"]] == [one]
    assert other in laptop.ok("list", "--trash")


def test_everything_goes_into_a_backup_and_comes_back(
    laptop: Device, tmp_path: Path
) -> None:
    """Sealed, checked, restored as a new vault with every item."""
    file, recipient = tmp_path / "vault.age", tmp_path / "new"
    words = ("backup", "create", str(file), "--passphrase-fd", "0", "--recipient")
    from pyrage import x25519

    key = x25519.Identity.generate()
    laptop.ok(*words, str(key.to_public()), given=PASSPHRASE)
    assert file.read_bytes().startswith(b"age-encryption.org/v1\n")
    said = laptop.run(
        "backup", "check", str(file), "--identity-fd", "0", given=str(key)
    )
    assert (said.code, "planted" in said.out + said.err) == (0, False), said
    assert not recipient.exists()


def test_an_export_lists_what_it_wrote(laptop: Device, tmp_path: Path) -> None:
    """The file has the values; the screen has none."""
    file = tmp_path / "out.csv"

    said = laptop.run(
        *("export", str(file), "--format", "csv", "--yes", "--passphrase-fd", "0"),
        given=PASSPHRASE,
    )

    assert said.code == 0, said
    assert "planted-2" in file.read_text()
    assert "planted" not in said.out + said.err
