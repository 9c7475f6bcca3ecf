"""The benchmarks name their parts, and say what a part lacks on this machine."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from benchmarks import __main__ as benchmarks
from benchmarks import node_peers
from benchmarks.harness import MissingError


def _program(folder: Path, name: str, line: str = "exit 1") -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{line}\n")
    path.chmod(0o755)


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder whose programs are all there are."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder


@pytest.fixture
def locked(tmp_path: Path) -> Path:
    """A folder with a lock, of which nothing is installed."""
    folder = tmp_path / "node"
    (folder / "node_modules").mkdir(parents=True)
    (folder / "package-lock.json").write_text("{}")
    return folder


def _install(folder: Path, *, seconds_after_the_lock: int) -> None:
    lock = (folder / "package-lock.json").stat().st_mtime
    written = folder / "node_modules" / ".package-lock.json"
    written.write_text("{}")
    os.utime(written, (0, lock + seconds_after_the_lock))


def test_help_names_every_part_and_each_is_there(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """--help lists the parts, relay-peers among them, and each has its module."""
    monkeypatch.setattr(sys, "argv", ["benchmarks", "--help"])

    with pytest.raises(SystemExit):
        benchmarks.main()

    said = " ".join(capsys.readouterr().out.split())
    assert "live, relay-peers, konnector" in said
    for part in benchmarks._PARTS:
        assert importlib.util.find_spec(f"benchmarks.{part.replace('-', '_')}")


def test_without_node_the_part_says_what_to_install(
    programs: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Exit code 1, what is missing, and the package that has it."""
    monkeypatch.setattr(sys, "argv", ["benchmarks", "relay-peers"])

    assert benchmarks.main() == 1

    said = capsys.readouterr()
    assert said.out == ""
    assert "error: relay-peers: no node here" in said.err
    assert "hint: install Node.js 20 or newer" in said.err


def test_without_npm_the_part_says_so(programs: Path) -> None:
    """Node alone does not install anything."""
    _program(programs, "node")

    with pytest.raises(MissingError, match="no npm here"):
        node_peers.set_up()


def test_peers_that_cannot_be_installed_are_named(programs: Path, locked: Path) -> None:
    """Npm failed: what is missing then, and the command that shows why."""
    _program(programs, "node")
    _program(programs, "npm")

    with pytest.raises(MissingError, match="secsync and y-websocket") as refused:
        node_peers.set_up(locked)

    assert "npm ci --prefix benchmarks/node" in refused.value.advice


def test_peers_are_installed_once(programs: Path, locked: Path) -> None:
    """What is newer than its lock is left alone, whatever npm would say."""
    _program(programs, "node")
    _program(programs, "npm")
    _install(locked, seconds_after_the_lock=1)

    node_peers.set_up(locked)


def test_a_newer_lock_is_installed(
    programs: Path, locked: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """What is older than its lock is installed anew, and figures have their output."""
    _program(programs, "node")
    _program(programs, "npm", 'echo "$@" > asked; echo added')
    _install(locked, seconds_after_the_lock=-1)

    node_peers.set_up(locked)

    assert (locked / "asked").read_text().startswith("ci --ignore-scripts")
    assert capfd.readouterr().out == ""


@pytest.mark.parametrize(("host", "admitted"), [("127.0.0.1", True), ("", False)])
def test_a_peer_that_others_could_reach_is_not_measured(
    host: str, admitted: bool
) -> None:
    """A server of theirs listens on loopback, or is refused."""
    serve = f"import socket; s = socket.create_server(('{host}', 0)); print(); input()"
    with subprocess.Popen(
        [sys.executable, "-c", serve], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as server:
        assert server.stdout is not None
        server.stdout.readline()
        if admitted:
            assert node_peers._port(psutil.Process(server.pid)) > 0
        else:
            with pytest.raises(node_peers.PeerError, match="elsewhere than on loop"):
                node_peers._port(psutil.Process(server.pid))
        server.communicate(b"\n")
