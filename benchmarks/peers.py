"""The same work by us, by `bw` and by `keepassxc-cli`: whole processes, in turns.

Each has 1,000 logins and is ready to answer, as far as it can be: our agent holds the
vault open, bw has its session, and keepassxc-cli is given the password each time, for
it has nothing that stays. Its database is as ours writes one (Argon2, see the file);
what that costs is in its figures, as it is for who uses it. The peers are the floor: a
ratio below 1 is how much sooner we are done.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path

from benchmarks.harness import Figure, compare
from benchmarks.vault import export
from tests.peers.bitwarden_server import BitwardenServer
from tests.peers.bw import PROGRAM, Bw

ITEMS = 1_000
_PASSPHRASE = b"a benchmark's passphrase"
_TITLE = "Service 999 of 81"  # bw wants a name that is in no other


def run(folder: Path, *, rounds: int) -> Iterator[Figure]:
    """Yield a figure for each peer that is here and each thing that both can do."""
    home = folder / "home"
    data = folder / "export.json"
    data.write_bytes(export(ITEMS))

    def clisk(*words: str, given: bytes = b"") -> bytes:
        return _run([_program(), "--home", str(home), *words], given=given)

    clisk("init", "--passphrase-fd", "0", given=_PASSPHRASE)
    try:
        clisk("import", str(data))
        password = clisk("get", _TITLE, "-f", "password").decode().strip()
        subjects: dict[str, Callable[[], object]] = {
            "get one password": lambda: clisk("get", _TITLE, "-f", "password"),
            "list all titles": lambda: clisk("list"),
            "export as plain JSON": lambda: _export(clisk, folder),
        }
        # One after the other: the server of bw lives as long as its turn.
        for peer, floors in chain(
            _bw(folder, data, password), _keepassxc(home, folder, password)
        ):
            for what, floor in floors.items():
                yield compare(
                    f"{what}, of {ITEMS:,} items, a whole process",
                    subjects[what],
                    floor=peer,
                    floor_work=floor,
                    rounds=min(rounds, 3),
                    aim="sooner than the peer",
                )
    finally:
        clisk("agent", "stop")


Floors = dict[str, Callable[[], object]]


def _bw(folder: Path, data: Path, password: str) -> Iterator[tuple[str, Floors]]:
    if not PROGRAM.exists():
        print("no bw here: bash scripts/setup_peers.sh", file=sys.stderr)
        return
    server = BitwardenServer(folder)
    try:
        bw = Bw(folder / "bw", server)
        bw.run("import", "bitwardenjson", str(data))
        bw.run("sync", "--force")
        assert bw.run("get", "password", _TITLE).strip() == password
        yield (
            "bw",
            {
                "get one password": lambda: bw.run("get", "password", _TITLE),
                "list all titles": lambda: bw.run("list", "items"),
                "export as plain JSON": lambda: bw.run(
                    "export", "--format", "json", "--raw"
                ),
            },
        )
    finally:
        server.close()


def _keepassxc(home: Path, folder: Path, password: str) -> Iterator[tuple[str, Floors]]:
    if shutil.which("keepassxc-cli") is None:
        print("no keepassxc-cli here: bash scripts/setup_peers.sh", file=sys.stderr)
        return
    path = str(folder / "peer.kdbx")
    _kdbx(home, Path(path))

    def cli(*words: str) -> bytes:
        return _run(["keepassxc-cli", *words], given=_PASSPHRASE + b"\n")

    show = ("show", "-q", "-s", "-a", "Password", path, _TITLE)
    assert cli(*show).decode().strip() == password
    yield (
        "keepassxc-cli",
        {
            "get one password": lambda: cli(*show),
            "list all titles": lambda: cli("ls", "-q", "-R", "-f", path),
            "export as plain JSON": lambda: cli("export", "-q", "-f", "xml", path),
        },
    )


def _export(clisk: Callable[..., bytes], folder: Path) -> None:
    words = ("export", str(folder / "plain.json"), "--format", "bitwarden", "--yes")
    clisk(*words, "--force", "--passphrase-fd", "0", given=_PASSPHRASE)


def _kdbx(home: Path, path: Path) -> None:
    """Export the vault as a database, sealed with the vault's own passphrase."""
    read, write = os.pipe()
    os.write(write, _PASSPHRASE)
    os.close(write)
    words = ("export", str(path), "--format", "kdbx", "--passphrase-fd", "0")
    subprocess.run(
        [_program(), "--home", str(home), *words, "--file-password-fd", str(read)],
        input=_PASSPHRASE,
        pass_fds=[read],
        capture_output=True,
        check=True,
    )
    os.close(read)


def _program() -> str:
    return str(Path(sys.executable).with_name("clisk"))


def _run(command: list[str], *, given: bytes = b"") -> bytes:
    return subprocess.run(command, input=given, capture_output=True, check=True).stdout
