"""Attacks on Bitwarden's encrypted exports, and that the real one opens."""

from __future__ import annotations

import base64
import json
import os
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher

from clisk_vault.errors import (
    CostLimitError,
    FormatError,
    TamperedError,
    UnsupportedError,
)
from clisk_vault.keys import SecretText
from clisk_vault.transfer import bitwarden_crypto, bitwarden_encrypted
from clisk_vault.transfer.bitwarden_crypto import BitwardenKey, Kdf, seal_string
from clisk_vault.transfer.bitwarden_encrypted import seal_protected
from clisk_vault.transfer.file_secrets import (
    FilePasswordError,
    FilePasswordNeeded,
    FileSecrets,
)
from clisk_vault.transfer.formats import read_file
from tests.vault.transfer.found import plain

_REAL = Path(__file__).parents[2] / "data" / "bitwarden" / "export-password.json"
_SECRETS = FileSecrets(password=SecretText("p"))
_KEY = BitwardenKey(bytes(range(64)))
_ACCOUNT = FileSecrets(account_key=SecretText(base64.b64encode(_KEY.expose()).decode()))


@cache
def _sealed() -> str:
    item = {"type": 1, "name": "Bank", "login": {"password": "s3cret-Pa55"}}
    document = {"encrypted": False, "folders": [], "items": [item]}
    data = json.dumps(document).encode()
    sealed = seal_protected(data, SecretText("p"), random=os.urandom, kdf=Kdf(0, 5000))
    return sealed.decode()


def _with(**values: Any) -> bytes:
    return json.dumps({**json.loads(_sealed()), **values}).encode()


@pytest.mark.slow
def test_the_export_of_the_real_bw_opens() -> None:
    """Written by bw 2026.9.0 with PBKDF2 and 600,000 passes."""
    file = read_file(
        _REAL.read_bytes(), secrets=FileSecrets(password=SecretText("exp pass"))
    )

    assert len(file.items) == 5
    by_title = {plain(each)["title"]: plain(each) for each in file.items}
    assert by_title["GitHub"]["password"] == "s3cr3t-2"


def test_a_sealed_export_opens_with_its_password_alone() -> None:
    """The positive control of what follows; and a wrong one is told from damage."""
    (item,) = read_file(_sealed().encode(), secrets=_SECRETS).items
    assert plain(item)["password"] == "s3cret-Pa55"

    with pytest.raises(FilePasswordNeeded):
        read_file(_sealed().encode())
    with pytest.raises(FilePasswordError):
        read_file(_sealed().encode(), secrets=FileSecrets(password=SecretText("q")))


_BOMBS: list[dict[str, Any]] = [
    {"kdfIterations": 2_000_000_000},
    {"kdfIterations": 1},
    {"kdfIterations": -1},
    {"kdfType": 1, "kdfIterations": 3, "kdfMemory": 1 << 22, "kdfParallelism": 4},
    {"kdfType": 1, "kdfIterations": 1 << 20, "kdfMemory": 64, "kdfParallelism": 4},
    {"kdfType": 1, "kdfIterations": 3, "kdfMemory": 64, "kdfParallelism": 1 << 20},
    {"kdfType": 1, "kdfIterations": 3},
]


@pytest.mark.parametrize("values", _BOMBS)
def test_a_kdf_bomb(values: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Too much work, or so little that nothing is safe: refused before any of it."""
    monkeypatch.setattr(bitwarden_crypto, "hash_secret_raw", _never)
    monkeypatch.setattr("hashlib.pbkdf2_hmac", _never)

    with pytest.raises(CostLimitError):
        read_file(_with(**values), secrets=_SECRETS)


def _never(*_: Any, **__: Any) -> bytes:
    raise AssertionError("work was done")


def test_a_key_derivation_that_is_not_known() -> None:
    """Refused by name, not guessed."""
    with pytest.raises(UnsupportedError):
        read_file(_with(kdfType=2), secrets=_SECRETS)


def _parts() -> list[str]:
    return str(json.loads(_sealed())["data"]).removeprefix("2.").split("|")


@pytest.mark.parametrize("number", [0, 1, 2], ids=["iv", "ciphertext", "mac"])
def test_tampered_data(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The MAC covers IV and ciphertext; nothing is decrypted before it is checked."""
    parts = _parts()
    raw = bytearray(base64.b64decode(parts[number]))
    raw[3] ^= 1
    parts[number] = base64.b64encode(raw).decode()
    opened: list[object] = []

    def watched(algorithm: Any, mode: Any) -> Any:
        opened.append(mode)
        return Cipher(algorithm, mode)

    monkeypatch.setattr(bitwarden_crypto, "Cipher", watched)

    with pytest.raises(TamperedError):
        read_file(_with(data="2." + "|".join(parts)), secrets=_SECRETS)
    assert len(opened) == 1  # the validation alone, whose MAC was good


@pytest.mark.parametrize(
    ("data", "error"),
    [
        ("0.{0}|{1}", UnsupportedError),
        ("2.{0}|{1}", FormatError),
        ("2.{0}|{1}|", FormatError),
        ("1.{0}|{1}|{2}", UnsupportedError),
        ("7.{0}", UnsupportedError),
        ("{0}|{1}|{2}", FormatError),
        ("{0}", FormatError),
    ],
)
def test_a_stripped_mac_or_an_older_type(data: str, error: type[Exception]) -> None:
    """CBC without a MAC is refused, however it is dressed up."""
    spelt = data.format(*_parts())

    with pytest.raises(error):
        read_file(_with(data=spelt), secrets=_SECRETS)
    with pytest.raises(error):
        read_file(
            _with(encKeyValidation_DO_NOT_EDIT=spelt, data=spelt), secrets=_SECRETS
        )


def _restricted(**item: Any) -> bytes:
    def enc(text: str, key: BitwardenKey = _KEY) -> str:
        return seal_string(key, text.encode(), random=os.urandom)

    own = BitwardenKey(bytes(64))
    login = {
        "type": 1, "name": enc("Bank", own), "favorite": False, "reprompt": 0,
        "key": seal_string(_KEY, own.expose(), random=os.urandom), "id": "id-1",
        "folderId": "f", "creationDate": "2024-01-01T00:00:00.000Z",
        "login": {
            "password": enc("s3cret-Pa55", own),
            "uris": [{"uri": enc("https://a.example", own), "match": 1,
                      "uriChecksum": enc("x", own)}],
        },
        **item,
    }  # fmt: skip
    return json.dumps(
        {
            "encrypted": True,
            "encKeyValidation_DO_NOT_EDIT": enc("guid"),
            "folders": [{"id": "f", "name": enc("Work")}],
            "items": [login],
        }
    ).encode()


def test_an_accounts_own_export_opens_with_its_key() -> None:
    """Value by value, also where an item has a key of its own."""
    (item,) = read_file(_restricted(), secrets=_ACCOUNT).items

    fields = plain(item)
    assert (fields["title"], fields["password"]) == ("Bank", "s3cret-Pa55")
    assert (fields["folder"], fields["uri.00000000.match"]) == ("Work", "host")
    with pytest.raises(FilePasswordNeeded):
        read_file(_restricted())
    other = FileSecrets(account_key=SecretText(base64.b64encode(bytes(64)).decode()))
    with pytest.raises(FilePasswordError):
        read_file(_restricted(), secrets=other)


def test_a_value_put_in_the_clear_into_an_accounts_export_is_refused() -> None:
    """Whoever changed the file cannot add a value that no key sealed."""
    with pytest.raises(FormatError):
        read_file(_restricted(notes="pay here: https://evil.example"), secrets=_ACCOUNT)


def test_no_secret_is_in_an_error() -> None:
    """What is refused is named by its place; the value is nowhere in the chain."""
    bad = {
        "encrypted": False,
        "items": [{"type": "s3cret-Pa55", "name": "s3cret-Pa55"}],
    }
    sealed = seal_protected(
        json.dumps(bad).encode(), SecretText("p"), random=os.urandom, kdf=Kdf(0, 5000)
    )
    with pytest.raises(FormatError) as refused:
        read_file(sealed, secrets=_SECRETS)

    err: BaseException | None = refused.value
    while err is not None:
        assert "s3cret-Pa55" not in f"{err} {err!r}"
        err = err.__cause__
    assert refused.value.__suppress_context__
    assert bitwarden_encrypted._Sealed.model_config["hide_input_in_errors"]
