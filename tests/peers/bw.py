"""The real `bw`, run as a program, in a folder of its own."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from tests.peers.bitwarden_server import EMAIL, PASSWORD, BitwardenServer

FILE_PASSWORD = "file password"
PROGRAM = Path(__file__).parent / "node_modules" / ".bin" / "bw"
_SECONDS = 240


class Bw:
    """Logged in to the one account of *server*."""

    def __init__(self, folder: Path, server: BitwardenServer) -> None:
        folder.mkdir()
        assert PROGRAM.exists(), "no bw: run make setup (scripts/setup_peers.sh)"
        self._env = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "BITWARDENCLI_APPDATA_DIR": str(folder),
            "NODE_EXTRA_CA_CERTS": str(server.certificate),
            "BW_PASSWORD": PASSWORD,
            "FILE_PASSWORD": FILE_PASSWORD,
            "BW_NOINTERACTION": "true",
        }
        self.run("config", "server", server.url)
        self._env["BW_SESSION"] = self.run(
            "login", EMAIL, "--passwordenv", "BW_PASSWORD", "--raw"
        ).strip()

    def run(self, *words: str) -> str:
        done = subprocess.run(
            [str(PROGRAM), *words],
            env=self._env,
            capture_output=True,
            timeout=_SECONDS,
            check=False,
            stdin=subprocess.DEVNULL,
        )
        assert done.returncode == 0, (words, done.stdout, done.stderr)
        return done.stdout.decode()
