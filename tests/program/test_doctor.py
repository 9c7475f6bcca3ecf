"""`clisk doctor`: what is not in order is found and named, with the next step."""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Iterator
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import NamedTuple

import pytest

from clisk import clipboard
from clisk.checkup import desktop, folder, installation, relay, vault
from clisk.checkup.finding import Check, Finding, State
from clisk.home import Home
from clisk.wire import Message
from tests.program.world import Device, device


def _of(check: Check, home: Path) -> dict[str, Finding]:
    return {each.check: each for each in check(Home(str(home)))}


@pytest.fixture(scope="module", name="laptop")
def _laptop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Device]:
    with device(tmp_path_factory.mktemp("doctor") / "home") as made:
        made.init()
        made.add_login("GitHub", "planted-password")
        yield made


@pytest.fixture(name="copy")
def _copy(laptop: Device, tmp_path: Path) -> Path:
    """Return a home of its own to break: a copy of the vault, without an agent."""
    laptop.ok("lock")
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    shutil.copy(laptop.home / "vault.sqlite", home)
    return home


def test_a_vault_in_order_has_nothing_to_mend(laptop: Device) -> None:
    """Exit code 0, a line for each check; notes are no faults; nothing is opened."""
    said = laptop.run("doctor", "--offline")

    assert said.code == 0, said
    assert said.err == "all in order\n"
    lines = {row.split("\t")[1]: row.split("\t") for row in said.out.splitlines()}
    assert {name for name, row in lines.items() if row[0] == "ok"} >= {
        *("python", "libraries", "folder", "permissions", "disk", "clock"),
        *("vault", "agent", "memory"),
    }
    assert "relay" not in lines
    assert "planted" not in said.out
    for row in lines.values():
        assert row[0] == "ok" or row[3], f"{row} has no next step"


def test_as_json_each_finding_has_its_next_step(laptop: Device) -> None:
    """A script learns whether all is well, what is not, and what to do."""
    answer = laptop.ask("doctor")

    assert answer["ok"] is True
    relays = [each for each in answer["findings"] if each["check"] == "relay"]
    assert relays == [
        {
            "check": "relay",
            "state": "note",
            "says": "none is set: nothing is synced",
            "advice": "clisk sync --relay URL",
        }
    ]


def test_before_there_is_a_vault_it_says_how_to_make_one(tmp_path: Path) -> None:
    """No folder, no vault, no agent: three notes, and it makes none of them."""
    said = Device(tmp_path / "none").run("doctor", "--offline")

    assert said.code == 0
    assert "clisk init" in said.out
    assert not (tmp_path / "none").exists()


def test_a_vault_that_others_may_read_is_found(copy: Path) -> None:
    """Exit code 1, with the command that mends it."""
    (copy / "vault.sqlite").chmod(0o644)

    said = Device(copy).run("doctor", "--offline")

    assert said.code == 1
    assert said.err == "1 thing to mend\n"
    assert f"bad\tpermissions\tothers may use {copy}/vault.sqlite" in said.out
    assert f"chmod -R go-rwx '{copy}'" in said.out


def test_a_folder_that_others_may_exchange_is_found(copy: Path) -> None:
    """Who may write above the home may put another in its place."""
    assert _of(folder.check, copy)["permissions"].state is State.OK

    copy.parent.chmod(0o777)

    assert _of(folder.check, copy)["permissions"].state is State.BAD


def test_a_damaged_file_is_found_without_a_key(copy: Path) -> None:
    """A page overwritten by the disk, and a file that is no database at all."""
    assert _of(vault.check, copy)["vault"].state is State.OK
    path = copy / "vault.sqlite"
    whole = path.read_bytes()
    path.write_bytes(whole[:8192] + b"\xa5" * 4096 + whole[12288:])

    found = _of(vault.check, copy)["vault"]
    assert found.state is State.BAD
    assert "backup restore" in found.advice

    path.write_bytes(b"not a database" * 100)
    assert _of(vault.check, copy)["vault"].state is State.BAD


def test_a_header_that_asks_for_too_little_is_found(copy: Path) -> None:
    """A profile below the floor is a fault of the file, told before any unlock."""
    import sqlite3

    from clisk_vault.opening import read_public
    from clisk_vault.passphrase import Argon2Profile
    from clisk_vault.vault_file import VaultHeader, encode_header

    was = read_public(copy / "vault.sqlite")
    weak = VaultHeader(
        was.vault_id, was.device_id, Argon2Profile(8, 1, 1), was.salt, was.keyring
    )
    database = sqlite3.connect(copy / "vault.sqlite")
    with database:
        database.execute("UPDATE header SET header = ?", (encode_header(weak),))
    database.close()

    assert _of(vault.check, copy)["vault"].state is State.BAD


class _Usage(NamedTuple):
    total: int
    used: int
    free: int


@pytest.mark.parametrize(
    ("free", "state"),
    [(1 << 20, State.BAD), (100 << 20, State.NOTE), (1 << 33, State.OK)],
)
def test_a_full_disk_is_found(
    copy: Path, monkeypatch: pytest.MonkeyPatch, free: int, state: State
) -> None:
    """Before a read is refused because its record finds no room."""
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: _Usage(free, 0, free))

    assert _of(folder.check, copy)["space"].state is state


def test_a_folder_on_another_machine_is_found(
    copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite's log in shared memory does not work there."""
    line = "36 25 0:32 / {at} rw,relatime shared:1 - {kind} server:/export rw\n"
    mounts = tmp_path / "mounts"
    monkeypatch.setattr(folder, "_MOUNTS", mounts)
    root = line.format(at="/", kind="ext4")

    mounts.write_text(root + line.format(at=copy, kind="nfs4"))
    assert _of(folder.check, copy)["disk"].state is State.BAD

    mounts.write_text(root + line.format(at=f"{copy}-other", kind="nfs4"))
    assert _of(folder.check, copy)["disk"].says == "ext4"


def test_a_clock_that_was_put_back_is_found(copy: Path) -> None:
    """A file that was changed the day after tomorrow."""
    then = time.time() + 2 * 86_400
    os.utime(copy / "vault.sqlite", (then, then))

    assert _of(folder.check, copy)["clock"].state is State.BAD


@pytest.mark.parametrize(
    ("requirement", "fault"),
    [
        ("click>=8.2", ""),
        ("automerge==1.0.0rc1", ""),
        ("automerge==0.1.2", "automerge is 1.0.0rc1, not 0.1.2"),
        ("click>=1000", "older than 1000"),
        ("no-such-library>=1", "no-such-library is missing"),
        ("no-such-library>=1; sys_platform == 'plan9'", ""),
    ],
)
def test_a_library_that_is_not_as_asked_for_is_found(
    requirement: str, fault: str
) -> None:
    """Missing, too old, or another author's package by that name."""
    found = installation.fault_of(requirement)

    assert fault in found
    assert bool(fault) == bool(found)


def test_an_agent_of_another_version_is_found() -> None:
    """It was left running while the program was renewed."""
    found = vault._version({"version": "0.0.1", "state": "locked"})

    assert found.state is State.BAD
    assert "agent stop" in found.advice


@pytest.mark.parametrize("lacks", ["core_dumps_off", "debuggers_off"])
def test_an_agent_whose_memory_can_be_read_is_found(lacks: str) -> None:
    """Core dumps or debuggers that the system did not let it forbid."""
    well: Message = {"core_dumps_off": True, "debuggers_off": True}

    assert vault._hardening(well).state is State.OK
    assert vault._hardening({**well, lacks: False}).state is State.BAD


def test_a_swap_file_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the agent holds may be written there; encrypted ones and memory are not."""
    swaps = tmp_path / "swaps"
    monkeypatch.setattr(vault, "_SWAPS", swaps)
    head = "Filename\tType\tSize\tUsed\tPriority\n"

    for line, state in (
        ("", State.OK),
        ("/dev/zram0 partition 1 0 5\n", State.OK),
        ("/dev/dm-1 partition 1 0 5\n", State.OK),
        ("/swapfile file 1 0 -2\n", State.NOTE),
    ):
        swaps.write_text(head + line)
        assert vault._swap().state is state


def test_a_browser_that_is_named_and_not_there_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """CLISK_BROWSER with a slip; and no browser at all is a note."""
    monkeypatch.setenv("CLISK_BROWSER", str(tmp_path / "gone"))
    assert _of(desktop.check, tmp_path)["browser"].state is State.BAD

    monkeypatch.delenv("CLISK_BROWSER")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("PLAYWRIGHT_BROWSERS_PATH", str(tmp_path))
    found = _of(desktop.check, tmp_path)
    assert (found["browser"].state, found["clipboard"].state) == (
        State.NOTE,
        State.NOTE,
    )


def test_the_clipboards_program_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is one, the one that `clisk copy` will use."""
    monkeypatch.setattr(clipboard, "find_tool", lambda: clipboard._MACOS)

    assert _of(desktop.check, Path())["clipboard"].says == "pbcopy"


class _Answers(BaseHTTPRequestHandler):
    ahead = 0.0
    date = ""

    def do_GET(self) -> None:
        told = self.date or formatdate(time.time() + self.ahead, usegmt=True)
        self.send_response_only(200)
        self.send_header("Date", told)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.mark.parametrize(
    ("ahead", "state"), [(0.0, State.OK), (600.0, State.BAD), (-600.0, State.BAD)]
)
def test_a_clock_that_differs_from_the_relays_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ahead: float, state: State
) -> None:
    """One of the two is wrong; and a relay that has gone is a fault by itself."""
    monkeypatch.setattr(_Answers, "ahead", ahead)
    found = _of_a_relay(tmp_path)

    assert found["relay"].state is State.OK
    assert found["relay's clock"].state is state
    gone = _of(relay.check, tmp_path)["relay"]
    assert gone.state is State.BAD
    assert gone.advice


@pytest.mark.parametrize(
    "date", ["Wed, 31 Jan 2024 10:00:00 +99999999999999999999", "soon"]
)
def test_a_relay_that_tells_no_time_does_not_end_the_doctor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, date: str
) -> None:
    """What it says is anybody's text."""
    monkeypatch.setattr(_Answers, "date", date)

    assert _of_a_relay(tmp_path)["relay"].state is State.OK


def _of_a_relay(tmp_path: Path) -> dict[str, Finding]:
    server = HTTPServer(("127.0.0.1", 0), _Answers)
    settings = tmp_path / "settings.json"
    url = f"http://127.0.0.1:{server.server_port}"
    settings.write_text(f'{{"version":1,"relay":"{url}"}}')
    answering = threading.Thread(target=server.handle_request)
    answering.start()

    found = _of(relay.check, tmp_path)

    answering.join()
    server.server_close()
    return found


def test_a_settings_file_of_somebody_else_is_found(tmp_path: Path) -> None:
    """What cannot be read is told, with the way out."""
    (tmp_path / "settings.json").write_text("{")

    found = _of(relay.check, tmp_path)["relay"]

    assert found.state is State.BAD
    assert "settings.json" in found.advice
