"""`clisk doctor`: what is not in order is found and named, with the next step."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import sqlite3
import threading
import time
from collections.abc import Iterator
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import NamedTuple

import pytest

from clisk import clipboard
from clisk.agent import operations
from clisk.checkup import desktop, folder, installation, relay, vault
from clisk.checkup.finding import Check, Finding, State
from clisk.home import Home
from clisk.wire import Message
from clisk_vault.opening import read_public
from clisk_vault.passphrase import Argon2Profile
from clisk_vault.vault_check import private_copy
from clisk_vault.vault_file import VaultHeader, encode_header
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


def _weaken(home: Path) -> sqlite3.Connection:
    """Write a header below the floor; what was written stays in the log until close."""
    was = read_public(home / "vault.sqlite")
    weak = VaultHeader(
        was.vault_id, was.device_id, Argon2Profile(8, 1, 1), was.salt, was.keyring
    )
    database = sqlite3.connect(home / "vault.sqlite")
    with database:
        database.execute("UPDATE header SET header = ?", (encode_header(weak),))
    return database


def test_a_header_that_asks_for_too_little_is_found(copy: Path) -> None:
    """A profile below the floor is a fault of the file, told before any unlock."""
    _weaken(copy).close()

    assert _of(vault.check, copy)["vault"].state is State.BAD


def _hashes(folder: Path) -> dict[str, str]:
    return {
        each.name: hashlib.sha256(each.read_bytes()).hexdigest()
        for each in folder.iterdir()
    }


@pytest.mark.parametrize("fault", ["", "in the log", "in the file"])
def test_the_doctor_leaves_what_a_killed_agent_left_as_it_is(
    copy: Path, tmp_path: Path, fault: str
) -> None:
    """Evidence stays evidence: file, log and index; and all of it is looked at."""
    killed, temporary = tmp_path / "killed", tmp_path / "temporary"
    temporary.mkdir()
    if fault == "in the log":
        database = _weaken(copy)
    else:
        database = sqlite3.connect(copy / "vault.sqlite")
        with database:
            database.execute("UPDATE header SET sealed = sealed")
    shutil.copytree(copy, killed)
    database.close()
    if fault == "in the file":
        path = killed / "vault.sqlite"
        whole = path.read_bytes()
        path.write_bytes(whole[:8192] + b"\xa5" * 4096 + whole[12288:])
    before = _hashes(killed)
    assert {"vault.sqlite", "vault.sqlite-wal", "vault.sqlite-shm"} <= set(before)

    said = Device(killed).run("doctor", "--offline", env={"TMPDIR": str(temporary)})

    assert _hashes(killed) == before
    assert not list(temporary.iterdir())
    assert ("bad\tvault\t" in said.out) == bool(fault), said


def test_the_copy_that_is_looked_at_is_for_this_user_only(copy: Path) -> None:
    """Not for whoever else may read where temporary files go; and not for long."""
    _weaken(copy)
    (copy / "vault.sqlite").chmod(0o644)

    with private_copy(copy / "vault.sqlite") as looked_at:
        modes = {
            each: each.stat().st_mode & 0o777 for each in looked_at.parent.iterdir()
        }
        assert looked_at.parent.stat().st_mode & 0o777 == 0o700
        assert set(modes.values()) == {0o600}
        assert len(modes) == 2

    assert not looked_at.parent.exists()


@pytest.mark.parametrize("times", [1, 1000])
def test_a_file_that_changes_while_it_is_copied_is_copied_again(
    copy: Path, monkeypatch: pytest.MonkeyPatch, times: int
) -> None:
    """Half of what was and half of what is would look damaged."""
    path, left, copyfile = copy / "vault.sqlite", [times], shutil.copyfile

    def meanwhile(source: Path, into: Path) -> None:
        copyfile(source, into)
        if left[0]:
            left[0] -= 1
            path.write_bytes(path.read_bytes() + bytes(4096))

    monkeypatch.setattr(shutil, "copyfile", meanwhile)

    if times == 1:
        with private_copy(path) as looked_at:
            assert looked_at.read_bytes() == path.read_bytes()
    else:
        found = _of(vault.check, copy)["vault"]
        assert (found.state, found.advice) == (State.BAD, "ask again later")


def test_a_vault_that_cannot_be_read_or_written_is_found(
    copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A copy of it could be, and says nothing about that."""
    monkeypatch.setattr(os, "access", lambda path, _: Path(path) == copy)
    assert "cannot be written" in _of(vault.check, copy)["vault"].says

    def refused(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(shutil, "copyfile", refused)
    assert _of(vault.check, copy)["vault"].state is State.BAD

    monkeypatch.setattr(Path, "stat", refused)
    found = vault._file(copy / "vault.sqlite")[1]
    assert (found.state, bool(found.advice)) == (State.BAD, True)


@pytest.mark.parametrize("what", ["iterdir", "lstat"])
def test_a_folder_that_may_not_be_looked_into_is_found(
    copy: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    """As another user's is, or one without its x; the other checks go on."""
    was = getattr(Path, what)

    def refused(path: Path) -> object:
        if what == "iterdir" or path != copy:
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return was(path)

    monkeypatch.setattr(Path, what, refused)

    found = _of(folder.check, copy)

    assert found["permissions"].state is State.BAD
    assert "Permission denied" in found["permissions"].says
    assert f"chmod u+rwx '{copy}'" in found["permissions"].advice
    assert {"disk", "space", "clock"} <= set(found)

    monkeypatch.setattr(os, "getuid", lambda: copy.stat().st_uid + 1)
    assert "another user" in _of(folder.check, copy)["permissions"].says


def test_a_file_that_goes_while_it_is_looked_at_is_no_fault(
    copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An agent that ends takes its socket with it; a folder that goes is one."""
    listed = [*copy.iterdir(), copy / "agent.sock"]
    monkeypatch.setattr(Path, "iterdir", lambda _: iter(listed))
    assert _of(folder.check, copy)["permissions"].state is State.OK

    def gone(path: Path) -> None:
        raise FileNotFoundError(errno.ENOENT, "No such file or directory", str(path))

    monkeypatch.setattr(Path, "iterdir", gone)
    monkeypatch.setattr(shutil, "disk_usage", gone)
    found = _of(folder.check, copy)
    assert found["permissions"].state is found["space"].state is State.BAD


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


@pytest.mark.parametrize(
    ("module", "needed_by"), [("aiohttp", "relay"), ("cbor2", "vault")]
)
def test_a_library_that_is_listed_and_does_not_load_is_found(
    laptop: Device, tmp_path: Path, module: str, needed_by: str
) -> None:
    """The list of what is installed says nothing of what is; no check ends the rest."""
    broken, home = tmp_path / "broken", tmp_path / "home"
    (broken / module).mkdir(parents=True)
    (broken / module / "__init__.py").write_text("raise ImportError(name=__name__)\n")
    home.mkdir(mode=0o700)
    (home / "settings.json").write_text('{"version":1,"relay":"http://127.0.0.1:9"}')

    said = Device(home).run("doctor", env={"PYTHONPATH": str(broken)})

    assert said.code == 1
    assert "all in order" not in said.err
    lines = [row.split("\t") for row in said.out.splitlines()]
    (row,) = (row for row in lines if row[1] == "libraries")
    assert row[0] == "bad"
    assert f"{module} does not load (ImportError)" in row[2]
    assert "reinstall" in row[3]
    assert ["bad", needed_by, f"not looked at: {module} does not load"] in [
        row[:3] for row in lines
    ]


def test_a_part_of_the_agent_that_does_not_load_is_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It would end as it starts."""
    assert installation._libraries().state is State.OK

    monkeypatch.setattr(operations, "MODULES", ("life", "not_there"))
    found = installation._libraries()

    assert found.state is State.BAD
    assert "clisk.agent.operations does not load (ModuleNotFoundError)" in found.says


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


def test_a_home_of_another_user_has_no_browser_for_us(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As `sudo -u` leaves it: no fault inside, and the doctor goes on."""

    def refused(path: Path) -> bool:
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.delenv("CLISK_BROWSER", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(Path, "is_dir", refused)

    assert _of(desktop.check, tmp_path)["browser"].state is State.NOTE


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
