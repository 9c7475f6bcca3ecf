"""Reading the exports of others: 10,000 logins of each format, and a peer beside it."""

from __future__ import annotations

import csv
import io
import json
import shutil
import subprocess
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks.harness import Figure, compare
from clisk_vault.keys import SecretText
from clisk_vault.transfer.file_secrets import FileSecrets
from clisk_vault.transfer.formats import read_file
from tests.vault.transfer.samples import SAMPLES, logins

ITEMS = 10_000
_SECRETS = FileSecrets(password=SecretText("file password"))


def run(folder: Path, *, rounds: int) -> Iterator[Figure]:
    """Yield a figure for each format."""
    everybody = logins(ITEMS)
    for name, sample in SAMPLES.items():
        data = sample.write(everybody)
        floor, says = _floor(name, data, folder)
        yield compare(
            f"read an export of {ITEMS:,} logins: {name}",
            lambda data=data: read_file(data, secrets=_SECRETS),  # type: ignore[misc]  # mypy infers no type for such a default
            floor=says,
            floor_work=floor,
            rounds=min(rounds, 3),
            aim="with the writing of them, at most 5 s",
        )


def _floor(name: str, data: bytes, folder: Path) -> tuple[Callable[[], object], str]:
    if name == "keepass":
        return _keepassxc(data, folder)
    if name in ("onepux", "proton"):
        inner = {"onepux": "export.data", "proton": "Proton Pass/data.json"}[name]

        def unpack() -> object:
            return json.loads(zipfile.ZipFile(io.BytesIO(data)).read(inner))

        return unpack, "unpack and parse the JSON"
    if data.startswith(b"{"):
        return lambda: json.loads(data), "parse the JSON"
    text = data.decode()
    return lambda: list(csv.reader(io.StringIO(text))), "parse the CSV"


def _keepassxc(data: bytes, folder: Path) -> tuple[Callable[[], object], str]:
    """Return the peer's own export of the database, or a bare opening of it."""
    path = folder / "peer.kdbx"
    path.write_bytes(data)
    if shutil.which("keepassxc-cli") is None:
        import pykeepass

        def bare() -> object:
            return pykeepass.PyKeePass(path, password="file password")

        return bare, "pykeepass opens it; no keepassxc-cli here"

    def peer() -> object:
        return subprocess.run(
            ["keepassxc-cli", "export", "-q", "-f", "xml", str(path)],
            input=b"file password\n",
            capture_output=True,
            check=True,
        )

    return peer, "keepassxc-cli exports it as XML, a whole process"
