"""A vault that outlives its devices: from a printed page and a relay alone."""

from __future__ import annotations

import shutil
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from mnemonic import Mnemonic

from clisk_sync import qr
from tests.program.leaks import leaks, leaks_in_files
from tests.program.world import PASSPHRASE, Device, Said, descriptor, device, relay

pytestmark = pytest.mark.slow

_NEW = "another passphrase for the new device"


@dataclass(frozen=True)
class World:
    """A laptop whose vault has a kit, made before the last password was stored."""

    folder: Path
    url: str
    laptop: Device
    words: str
    number: str
    made: Said

    @property
    def picture(self) -> Path:
        return self.folder / "kit.png"


@pytest.fixture(name="world", scope="module")
def _world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("recovery")
    with ExitStack() as stack:
        url = stack.enter_context(relay(folder / "relay"))
        laptop = stack.enter_context(device(folder / "laptop"))
        laptop.init("--name", "laptop", "--relay", url)
        laptop.add_login("Before", "planted-before")
        files = ("--png", str(folder / "kit.png"), "--pdf", str(folder / "kit.pdf"))
        made = laptop.run(
            *("recovery", "create", *files, "--words", "--name", "kit"),
            *("--passphrase-fd", "0", "--json"),
            given=PASSPHRASE,
        )
        assert made.code == 0, made
        laptop.add_login("After", "planted-after")
        laptop.ok("sync")
        words = " ".join(made.json["words"])
        yield World(folder, url, laptop, words, made.json["vault_number"], made)


def _use(one: Device, *words: str, given: str = _NEW) -> Said:
    fixed = ("--name", "new", "--unlock-seconds", "0", "--passphrase-fd", "0")
    return one.run("recovery", "use", *fixed, *words, given=given)


def _use_words(
    one: Device, world: World, words: str, *more: str, number: str | None = None
) -> Said:
    with descriptor(words) as typed:
        return one.run(
            *("recovery", "use", "--words-fd", str(typed), "--relay", world.url),
            *("--vault", number or world.number, "--name", "new", *more),
            *("--unlock-seconds", "0", "--passphrase-fd", "0"),
            given=_NEW,
            fds=(typed,),
        )


def test_a_vault_comes_back_from_a_picture_alone(world: World, tmp_path: Path) -> None:
    """Everything is there, also what came after the kit; the lost device is out."""
    with device(tmp_path / "new") as new:
        said = _use(new, str(world.picture), "--keep-all", "--json")

        assert said.code == 0, said
        assert (said.json["items"], said.json["anchored"]) == (2, True)
        assert new.ok("get", "After", "-f", "password") == "planted-after\n"
        assert "a kit cannot tell whether this is the newest state" in said.err
        assert "laptop: envelope " in said.err
        logged = new.ask("log", "list")["records"]
        assert "a recovery kit was used" in {row.get("purpose") for row in logged}
        # Seen by whoever is left.
        world.laptop.ok("sync")
        rows = {row["name"]: row for row in world.laptop.ask("devices")["devices"]}
        assert rows["new"]["added_by_name"] == "kit"
        assert (rows["kit"]["dormant"], rows["new"]["dormant"]) == (True, False)


def test_a_vault_comes_back_from_typed_words(world: World, tmp_path: Path) -> None:
    """Words, vault number and relay do the same; what they prove less is said."""
    with device(tmp_path / "new") as new:
        said = _use_words(new, world, world.words.upper(), "--keep-all", "--json")

        assert said.code == 0, said
        assert (said.json["items"], said.json["anchored"]) == (2, False)
        assert "Typed words hold it to less" in said.err
        assert new.ok("get", "Before", "-f", "password") == "planted-before\n"


def test_its_making_is_on_record_and_asks_for_the_passphrase(world: World) -> None:
    """The file is ours alone; a wrong passphrase makes none; none is overwritten."""
    picture, target = world.picture, world.folder / "second.pdf"
    assert stat.S_IMODE(picture.stat().st_mode) == 0o600
    logged = world.laptop.ask("log", "list")["records"]
    made = [row for row in logged if row.get("purpose") == "a recovery kit was made"]
    assert len(made) == 1
    members = len(world.laptop.ask("devices")["devices"])

    create = ("recovery", "create", "--passphrase-fd", "0")
    wrong = world.laptop.run(*create, "--pdf", str(target), given="not it at all")
    taken = world.laptop.run(*create, "--pdf", str(picture), given=PASSPHRASE)
    nowhere = world.laptop.run(*create, "--pdf", "/proc/kit.pdf", given=PASSPHRASE)
    none = world.laptop.run(*create, given=PASSPHRASE)

    assert [each.code for each in (wrong, taken, nowhere, none)] == [1, 2, 1, 2]
    assert all("hint: " in each.err for each in (taken, nowhere, none))
    assert not target.exists()
    # A page that could not be written is no member's.
    assert len(world.laptop.ask("devices")["devices"]) == members


def _two_exchanged(words: list[str]) -> list[str]:
    """Return *words* with two neighbours exchanged whose order the checksum shows."""
    for at in range(len(words) - 1):
        changed = [*words[:at], words[at + 1], words[at], *words[at + 2 :]]
        if not Mnemonic("english").check(" ".join(changed)):
            return changed
    raise AssertionError("one of 256 changes goes unnoticed, never all")


def test_what_is_not_the_kit_is_refused_by_name(world: World, tmp_path: Path) -> None:
    """Wrong words, another vault's number, a picture of something else."""
    words = world.words.split()
    other = "0" * 64 + "6668"
    (tmp_path / "other.png").write_bytes(qr.draw_png("https://example.org"))
    # The same mistakes with the words of nobody's kit: what is said is the same, so
    # that no word of the kit is in it which every message has.
    nobodys = ["abandon"] * 23 + ["art"]
    with device(tmp_path / "new") as new:
        for wrong, number, what in (
            (_two_exchanged, None, "the checksum does not fit"),
            (lambda words: words[:9], None, "9 words, 24 are needed"),
            (lambda _: ["clisk"] * 24, None, "word 1 is not on the list"),
            (list, "12 34", "vault number: "),
            (list, other, "vault"),
        ):
            said, control = (
                _use_words(new, world, " ".join(wrong(kit)), number=number)
                for kit in (words, nobodys)
            )
            assert (said.code, said.out) == (1, ""), said
            assert what in said.err, said
            assert "hint: " in said.err, said
            assert said.err == control.err
        said = _use(new, str(tmp_path / "other.png"))
        assert (said.code, "not a recovery kit" in said.err) == (1, True), said
        assert not (tmp_path / "new" / "vault.sqlite").exists()


def test_a_revoked_kit_is_told_so(world: World, tmp_path: Path) -> None:
    """It opens nothing any more, and nothing is left on the machine."""
    second = tmp_path / "second.png"
    world.laptop.ok(
        *("recovery", "create", "--png", str(second), "--name", "second"),
        *("--passphrase-fd", "0"),
        given=PASSPHRASE,
    )
    world.laptop.ok("devices", "revoke", "second", "--yes")

    with device(tmp_path / "new") as new:
        said = _use(new, str(second), "--keep-all")

        assert (said.code, said.out) == (1, "")
        assert "this kit was revoked by device " in said.err
        assert "hint: take the newest kit" in said.err
        assert not (tmp_path / "new" / "vault.sqlite").exists()


def test_the_words_stand_nowhere(world: World, tmp_path: Path) -> None:
    """Neither in a file of any device, of the relay, nor in a log."""
    text = qr.read_picture(world.picture)
    with device(tmp_path / "new") as new:
        assert _use(new, str(world.picture), "--keep-all").code == 0
        secrets = [world.words, text.partition("#")[2][-60:]]
        for place in (world.folder / "laptop", world.folder / "relay", tmp_path):
            assert leaks_in_files(place, secrets) == []
        assert leaks((world.folder / "relay.log").read_bytes(), secrets) == []
        agent = Path("/proc") / (new.home / "agent.lock").read_text().strip()
        assert leaks((agent / "cmdline").read_bytes(), secrets) == []
        # Control: on standard output, where it was asked for, it is found.
        assert leaks(world.made.out.replace('",\n    "', " ").encode(), [world.words])


def test_an_older_relay_is_not_recognised_and_that_is_said(
    world: World, tmp_path: Path
) -> None:
    """The limit of a kit: set back to before the newest change, nothing disagrees.

    With the picture it is held to what was there when the kit was made; typed
    words find even less. So the dates and the warning are always shown.
    """
    folder = tmp_path / "older"
    folder.mkdir()
    with ExitStack() as stack:
        url = stack.enter_context(relay(folder / "relay"))
        laptop = stack.enter_context(device(folder / "laptop"))
        laptop.init("--name", "laptop", "--relay", url)
        laptop.add_login("Old", "planted-old")
        picture = folder / "kit.png"
        laptop.ok(
            *("recovery", "create", "--png", str(picture), "--passphrase-fd", "0"),
            given=PASSPHRASE,
        )
        laptop.ok("sync")
        database = folder / "relay" / "relay.sqlite"
        set_back = folder / "then.sqlite"
        _copy_database(database, set_back)
        laptop.add_login("New", "planted-new")
        laptop.ok("sync")
        laptop.ok("agent", "stop")
    shutil.copytree(folder / "relay", tmp_path / "again")
    for name in ("relay.sqlite-wal", "relay.sqlite-shm"):
        (tmp_path / "again" / name).unlink(missing_ok=True)
    shutil.copy(set_back, tmp_path / "again" / "relay.sqlite")
    with (
        relay(tmp_path / "again", url.rpartition(":")[2]),
        device(tmp_path / "new") as new,
    ):
        said = _use(new, str(picture), "--keep-all", "--json")

        assert said.code == 0, said
        assert said.json["items"] == 1
        assert "warning: a kit cannot tell whether this is the newest state" in said.err
        assert "newest 20" in said.err


def _copy_database(source: Path, target: Path) -> None:
    with sqlite3.connect(source) as one, sqlite3.connect(target) as other:
        one.backup(other)
