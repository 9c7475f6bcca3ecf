"""The program among other processes: signals, terminals, an agent that dies."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.program.world import PASSPHRASE, Device, device, relay

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", name="laptop")
def _laptop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Device]:
    folder = tmp_path_factory.mktemp("laptop")
    with relay(folder / "relay") as url, device(folder / "home") as laptop:
        laptop.init("--relay", url)
        laptop.add_login("GitHub", "planted", "-u", "alice")
        yield laptop


def _agent(one: Device) -> int:
    return int((one.home / "agent.lock").read_text())


def test_a_killed_agent_is_replaced(laptop: Device) -> None:
    """After SIGKILL the vault is locked, whole, and opens with a new agent."""
    item = laptop.add_login("Just before", "planted-2")
    os.kill(_agent(laptop), signal.SIGKILL)

    said = laptop.run("list")
    assert said.err.startswith("error: no agent is running\n")
    laptop.unlock()

    assert laptop.ok("get", item, "-f", "password") == "planted-2\n"
    assert laptop.ask("log", "verify")["intact"] is True


def test_two_that_start_at_once_share_one_agent(laptop: Device) -> None:
    """Whoever comes second talks to the agent of the first."""
    laptop.ok("agent", "stop")

    running = [laptop.start("agent", "start", "--json") for _ in range(3)]
    answers = [each.communicate(timeout=60) for each in running]

    assert [each.returncode for each in running] == [0, 0, 0], answers
    laptop.unlock()


def test_the_agent_ends_in_order(laptop: Device) -> None:
    """SIGTERM locks, takes the socket away and ends."""
    os.kill(_agent(laptop), signal.SIGTERM)
    laptop.ok("agent", "stop")  # waits for the end in any case

    assert not (laptop.home / "agent.sock").exists()
    assert (laptop.home / "agent.log").read_text().endswith("INFO stopped\n")
    laptop.unlock()


def test_ctrl_c_stops_a_wait_and_leaves_nothing(laptop: Device, tmp_path: Path) -> None:
    """A pairing that is given up is over; its picture is gone, the agent goes on."""
    picture = tmp_path / "code.png"
    with laptop.start("pair", "--png", str(picture)) as pairing:
        _until(picture.exists)
        pairing.send_signal(signal.SIGINT)
        _, said = pairing.communicate(timeout=60)

    assert pairing.returncode == 130
    assert said.endswith("error: stopped; what was done stays done\n")
    assert "Traceback" not in said
    assert not picture.exists()
    assert laptop.ask("status")["state"] == "unlocked"


def test_a_picture_never_replaces_a_file(laptop: Device, tmp_path: Path) -> None:
    """The picture is removed after use, so it must not be somebody's file."""
    mine = tmp_path / "holiday.png"
    mine.write_bytes(b"mine")

    said = laptop.run("pair", "--png", str(mine))

    assert said.code == 2
    assert mine.read_bytes() == b"mine"


def test_ctrl_c_stops_a_relay(tmp_path: Path) -> None:
    """A relay ends in order, with nothing but its log on standard error."""
    running = Device(tmp_path / "relay").start("relay", "--port", "0", "--json")
    with running:
        assert running.stdout is not None
        assert running.stdout.readline().startswith('{"url": "http://127.0.0.1:')
        running.send_signal(signal.SIGINT)
        _, said = running.communicate(timeout=60)

    assert "Traceback" not in said
    assert running.returncode in {0, 130, -signal.SIGINT}


def _until(holds: object) -> None:
    assert callable(holds)
    end = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.02)


class Terminal:
    """A command on a terminal of its own, with somebody at the keyboard."""

    def __init__(self, argv: list[str]) -> None:
        self._master, slave = pty.openpty()
        self._running = subprocess.Popen(
            # setsid -c makes the terminal the one to ask on (/dev/tty).
            ["setsid", "-c", "-w", *argv],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env={**os.environ, "TERM": "xterm", "COLUMNS": "100"},
        )
        os.close(slave)
        self.shown = ""

    def wait_for(self, words: str) -> None:
        while words not in self.shown:
            part = self._read()
            assert part, f"ended without {words!r}: {self.shown}"

    def type(self, line: str) -> None:
        os.write(self._master, f"{line}\n".encode())

    def end(self) -> int:
        """Return the exit code once everything was shown."""
        while self._read():
            pass
        os.close(self._master)
        return self._running.wait(timeout=60)

    def _read(self) -> str:
        part = b""
        with suppress(OSError):  # EIO: the last process on the terminal has ended
            part = os.read(self._master, 4096)
        self.shown += part.decode(errors="replace")
        return part.decode(errors="replace")


def test_a_person_is_asked_for_what_a_login_needs(laptop: Device) -> None:
    """On a terminal `clisk add login` asks field by field; secrets stay unseen."""
    screen = Terminal(laptop.argv("add", "login", "Typed"))
    for prompt, answer in (
        ("address (URL): ", "https://typed.example"),
        ("user name: ", "carol"),
        ("password (unseen): ", "planted-typed"),
        ("one-time code seed (unseen): ", ""),
        ("notes (unseen): ", "planted-note"),
    ):
        screen.wait_for(prompt)
        screen.type(answer)

    assert screen.end() == 0
    assert "planted" not in screen.shown
    assert laptop.ok("get", "Typed", "-f", "password") == "planted-typed\n"
    assert laptop.ok("get", "Typed", "-f", "notes") == "planted-note\n"
    assert laptop.ok("get", "Typed", "-f", "uri") == "https://typed.example\n"
    assert laptop.run("get", "Typed", "-f", "totp").code == 1


def test_a_passphrase_is_typed_unseen(laptop: Device) -> None:
    """Unlocking on a terminal shows nothing of what is typed."""
    laptop.ok("lock")

    screen = Terminal(laptop.argv("unlock"))
    screen.wait_for("Passphrase: ")
    screen.type(PASSPHRASE)

    assert screen.end() == 0
    assert "horse" not in screen.shown
    assert laptop.ask("status")["state"] == "unlocked"


def test_a_terminal_gets_a_table_with_headings(laptop: Device) -> None:
    """Drawn for a person on a terminal; NO_COLOR leaves no colour in it."""
    for words in (("list", "GitHub"), ("devices",), ("log", "list")):
        screen = Terminal(["env", "NO_COLOR=1", *laptop.argv(*words)])
        assert screen.end() == 0
        assert "\t" not in screen.shown
        assert "\x1b[3" not in screen.shown  # colours are 30 to 37
    screen = Terminal(laptop.argv("list", "GitHub"))
    screen.end()
    assert "TITLE" in screen.shown
    assert "alice" in screen.shown


def test_a_terminal_may_be_shown_a_secret(laptop: Device) -> None:
    """It was asked for: the value is written to the terminal, too."""
    screen = Terminal(laptop.argv("get", "GitHub", "-f", "password"))

    assert screen.end() == 0
    assert screen.shown == "planted\r\n"
