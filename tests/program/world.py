"""Real devices for the tests of the program: a folder, an agent, the command line."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clisk_sync import qr

PASSPHRASE = "correct horse battery staple"
_SECONDS = 60
_DIGITS = re.compile(r"into the other device: (\d{3} \d{3})")


@dataclass(frozen=True)
class Said:
    """What a command wrote, and how it ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


class Device:
    """Runs `clisk` for one home folder, as a process of its own."""

    def __init__(self, home: Path) -> None:
        self.home = home

    def argv(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "clisk", "--home", str(self.home), *words]

    def run(
        self,
        *words: str,
        given: str = "",
        fds: tuple[int, ...] = (),
        env: Mapping[str, str] | None = None,
    ) -> Said:
        """Run a command; *given* is its standard input, *fds* are open for it."""
        done = subprocess.run(
            self.argv(*words),
            input=given.encode(),
            capture_output=True,
            timeout=_SECONDS,
            env={**os.environ, **(env or {})},
            pass_fds=fds,
            check=False,
            start_new_session=True,  # no terminal to ask on
        )
        return Said(done.returncode, done.stdout.decode(), done.stderr.decode())

    def ok(self, *words: str, given: str = "") -> str:
        """Run a command that has to succeed and return its standard output."""
        said = self.run(*words, given=given)
        assert said.code == 0, f"clisk {words}: {said}"
        return said.out

    def ask(self, *words: str, given: str = "") -> Any:
        return json.loads(self.ok(*words, "--json", given=given))

    def init(self, *words: str, passphrase: str = PASSPHRASE) -> None:
        self.ok(
            *("init", "--unlock-seconds", "0", "--passphrase-fd", "0", *words),
            given=passphrase,
        )

    def unlock(self, passphrase: str = PASSPHRASE) -> None:
        self.ok("unlock", "--passphrase-fd", "0", given=passphrase)

    def add_login(self, title: str, password: str, *words: str) -> str:
        """Store a login and return its id."""
        words = ("add", "login", title, "--read", "password=0", *words)
        return self.ok(*words, given=password).strip()

    def start(self, *words: str, fds: tuple[int, ...] = ()) -> subprocess.Popen[str]:
        return subprocess.Popen(
            self.argv(*words),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            pass_fds=fds,
            start_new_session=True,
        )


def answered(device: Device, line: str, *words: str) -> Said:
    """Run a command on a terminal on which a person types *line*."""
    leader, follower = pty.openpty()
    running = subprocess.Popen(
        # setsid -c makes the terminal the one to ask on (/dev/tty).
        ["setsid", "-c", "-w", *device.argv(*words)],
        stdin=follower,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    os.close(follower)
    os.write(leader, f"{line}\n".encode())
    out, err = running.communicate(timeout=_SECONDS)
    os.close(leader)
    return Said(running.returncode, out, err)


@contextmanager
def descriptor(text: str) -> Iterator[int]:
    """Give a descriptor that *text* can be read from."""
    read, write = os.pipe()
    os.write(write, text.encode())
    os.close(write)
    try:
        yield read
    finally:
        os.close(read)


@contextmanager
def device(home: Path) -> Iterator[Device]:
    """Give a device and stop its agent in the end."""
    made = Device(home)
    try:
        yield made
    finally:
        made.run("agent", "stop")


@contextmanager
def relay(
    home: Path, port: str = "0", *, options: tuple[str, ...] = ()
) -> Iterator[str]:
    """Run `clisk relay` and give its address."""
    diary = home.parent / "relay.log"
    with diary.open("w") as log:
        running = subprocess.Popen(
            Device(home).argv("relay", "--port", port, *options),
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
    try:
        assert running.stdout is not None
        url = running.stdout.readline().strip()
        assert url, diary.read_text()[-500:]
        yield url
    finally:
        running.terminate()
        running.communicate(timeout=_SECONDS)


@dataclass
class Pairing:
    """Both ends of a pairing at the moment when the newcomer shows its digits."""

    member: subprocess.Popen[str]
    newcomer: subprocess.Popen[str]
    digits: str
    keyboard: int
    url: str
    """The text of the code, read from the picture."""

    def type(self, digits: str) -> None:
        os.write(self.keyboard, digits.encode())
        os.close(self.keyboard)

    def end(self) -> tuple[Said, Said]:
        """Return what the member and the newcomer said."""
        said = []
        for side in (self.member, self.newcomer):
            out, err = side.communicate(timeout=_SECONDS)
            said.append(Said(side.returncode, out, err))
        return said[0], said[1]


def begin_pairing(
    member: Device,
    newcomer: Device,
    folder: Path,
    *,
    passphrase: str = PASSPHRASE,
    options: tuple[str, ...] = (),
) -> Pairing:
    """Pair up to the digits: the code goes over as the pixels of a picture."""
    picture = folder / "code.png"
    typed, keyboard = os.pipe()
    words = ("pair", "--png", str(picture), "--code-fd", str(typed))
    drawing = member.start(*words, fds=(typed,))
    os.close(typed)
    until = time.monotonic() + _SECONDS
    while not picture.exists():
        assert drawing.poll() is None, drawing.communicate()
        assert time.monotonic() < until
        time.sleep(0.02)
    url = qr.read_picture(picture)
    scanning = newcomer.start(
        *("join", str(picture), "--name", "phone"),
        *("--unlock-seconds", "0", "--passphrase-fd", "0", *options),
    )
    assert scanning.stdin is not None
    assert scanning.stderr is not None
    scanning.stdin.write(passphrase)
    scanning.stdin.close()
    scanning.stdin = None
    for line in scanning.stderr:
        if found := _DIGITS.search(line):
            return Pairing(drawing, scanning, found[1], keyboard, url)
    raise AssertionError("the newcomer showed no digits")


def pair(member: Device, newcomer: Device, folder: Path) -> tuple[Said, Said]:
    """Pair two devices and return what both said."""
    pairing = begin_pairing(member, newcomer, folder)
    pairing.type(pairing.digits)
    return pairing.end()


def edit_offline(one: Device, item: str, password: str) -> None:
    """Change a password where no relay is known; the agent is stopped then."""
    one.ok("agent", "stop")
    settings = one.home / "settings.json"
    kept = settings.read_bytes()
    settings.write_text('{"version":1,"relay":null}')
    one.unlock()
    one.ok("edit", item, "--read", "password=0", given=password)
    one.ok("agent", "stop")
    settings.write_bytes(kept)
