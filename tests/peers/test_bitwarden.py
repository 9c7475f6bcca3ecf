"""Round trips with the real `bw`: what it exports we read, what we export it reads."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from clisk_vault.keys import SecretText
from clisk_vault.transfer.bitwarden_crypto import Kdf
from clisk_vault.transfer.bitwarden_encrypted import seal_protected
from clisk_vault.transfer.bitwarden_out import write_bitwarden
from clisk_vault.transfer.file_secrets import FileSecrets
from clisk_vault.transfer.formats import read_file
from clisk_vault.transfer.outgoing import LossReport, Outgoing
from tests.peers.bitwarden_server import BitwardenServer
from tests.peers.bw import FILE_PASSWORD, Bw
from tests.vault.transfer.found import found, plain
from tests.vault.transfer.samples import SAMPLES, Login, expected, logins

pytestmark = pytest.mark.slow

_ROOM = SAMPLES["bitwarden"].room


@pytest.fixture
def server(tmp_path: Path) -> Iterator[BitwardenServer]:
    """Yield a server with one empty account."""
    made = BitwardenServer(tmp_path)
    yield made
    made.close()


def _outgoing(each: Login) -> Outgoing:
    fields = {
        "type": "login", "title": each.title, "username": each.username,
        "password": each.password, "folder": each.folder,
        "uri.00000000.value": each.uri,
    }  # fmt: skip
    fields |= {"notes": each.notes} if each.notes else {}
    fields |= {"totp": each.totp} if each.totp else {}
    fields |= {"favourite": "true"} if each.favourite else {}
    for number, (name, (value, hidden)) in enumerate(each.custom.items()):
        row = {"name": name, "kind": "hidden" if hidden else "text"}
        row["hidden" if hidden else "value"] = value
        fields |= {f"custom.{number:08x}.{p}": v for p, v in row.items()}
    for number, old in enumerate(each.earlier):
        fields[f"history.{number:08x}.password"] = old
        fields[f"history.{number:08x}.used"] = "2020-09-13T12:26:40.000Z"
    return Outgoing(f"{each.number + 1:032x}", fields, frozenset())


def _dateless(values: dict[str, Any]) -> dict[str, Any]:
    # An import request carries no dates: bw gives its items new ones.
    return values | {"created": "", "changed": ""}


def _found(data: bytes, secrets: FileSecrets | None = None) -> dict[str, Any]:
    items = [plain(each) for each in read_file(data, secrets=secrets).items]
    return {each["username"]: _dateless(found(each)) for each in items}


def _wanted(people: list[Login]) -> dict[str, Any]:
    return {e.username: _dateless(expected(e, _ROOM)) for e in people}


def test_what_we_export_bw_imports_and_exports_unchanged(
    tmp_path: Path, server: BitwardenServer
) -> None:
    """Plain out; and back plain, sealed with a password, and for its account alone."""
    people = logins(40)
    export = tmp_path / "ours.json"
    export.write_bytes(write_bitwarden(map(_outgoing, people), ["Empty"], LossReport()))
    bw = Bw(tmp_path / "bw", server)

    bw.run("import", "bitwardenjson", str(export))
    bw.run("sync", "--force")
    as_plain = bw.run("export", "--format", "json", "--raw").encode()
    sealed = tmp_path / "sealed.json"
    bw.run(
        *("export", "--format", "encrypted_json", "--password", FILE_PASSWORD),
        *("--output", str(sealed)),
    )
    restricted = tmp_path / "restricted.json"
    bw.run("export", "--format", "encrypted_json", "--output", str(restricted))

    wanted = _wanted(people)
    assert _found(as_plain) == wanted
    password = FileSecrets(password=SecretText(FILE_PASSWORD))
    assert _found(sealed.read_bytes(), password) == wanted
    key = base64.b64encode(server.account.user_key).decode()
    assert _found(
        restricted.read_bytes(), FileSecrets(account_key=SecretText(key))
    ) == (wanted)
    assert "Empty" in {f["name"] for f in json.loads(as_plain)["folders"]}


@pytest.mark.parametrize(
    "kdf", [Kdf(0, 600_000), Kdf(1, 3, 64, 4)], ids=["pbkdf2", "argon2"]
)
def test_what_we_seal_bw_opens(
    tmp_path: Path, server: BitwardenServer, kdf: Kdf
) -> None:
    """A sealed export of ours is a sealed export to bw, with either derivation."""
    people = logins(5)
    data = write_bitwarden(map(_outgoing, people), [], LossReport())
    export = tmp_path / "ours.json"
    export.write_bytes(
        seal_protected(data, SecretText(FILE_PASSWORD), random=os.urandom, kdf=kdf)
    )
    bw = Bw(tmp_path / "bw", server)

    bw.run("import", "bitwardenjson", str(export), "--passwordenv", "FILE_PASSWORD")

    bw.run("sync", "--force")
    assert _found(bw.run("export", "--format", "json", "--raw").encode()) == (
        _wanted(people)
    )
