"""SSH keys leave as SSH keys, and come home the same key."""

from __future__ import annotations

import base64
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from clisk_vault.item_types import SSH_KINDS
from clisk_vault.keys import SecretText
from clisk_vault.ssh_key import (
    comment_of,
    is_under_passphrase,
    make_key,
    parse_public,
    public_half,
    sign,
)
from clisk_vault.transfer.cxf_out import write_cxf
from clisk_vault.transfer.file_secrets import FileSecrets
from clisk_vault.transfer.formats import read_file
from clisk_vault.transfer.imported import Attached, ForeignItem
from clisk_vault.transfer.keeagent import SETTINGS, take_agent_key
from clisk_vault.transfer.keepass_out import write_kdbx
from clisk_vault.transfer.outgoing import LossReport, Outgoing
from tests.vault.transfer.found import plain

_PASSWORD = SecretText("file password")
_SECRETS = FileSecrets(password=_PASSWORD)


def _item(private: str, files: tuple[Attached, ...] = (), **more: str) -> Outgoing:
    fields = {"type": "ssh-key", "title": "Laptop", "ssh.private_key": private}
    fields |= {name.replace("__", "."): value for name, value in more.items()}
    return Outgoing("1" * 32, fields, frozenset({"ssh.private_key"}), files=files)


def _keygen(folder: Path, *words: str) -> str:
    key = folder / "key"
    command = ("ssh-keygen", "-q", "-C", "me@laptop", "-f", str(key), *words)
    subprocess.run(command, check=True)
    return key.read_text()


def _through_kdbx(item: Outgoing) -> ForeignItem:
    data = write_kdbx([item], [], _PASSWORD, LossReport())
    (home,) = read_file(data, secrets=_SECRETS).items
    return home


def _cxf(item: Outgoing) -> tuple[list[dict[str, Any]], dict[str, str]]:
    data = write_cxf([item], [], LossReport(), now_s=1)
    credentials = json.loads(data)["accounts"][0]["items"][0]["credentials"]
    (home,) = read_file(data, secrets=FileSecrets()).items
    return credentials, plain(home)


@pytest.mark.parametrize(
    "words",
    [("-t", "ed25519"), ("-t", "ecdsa", "-b", "384"), ("-t", "rsa", "-m", "PEM")],
)
def test_a_key_of_ssh_keygen_leaves_by_cxf_as_an_ssh_key(
    tmp_path: Path, words: tuple[str, ...]
) -> None:
    """PKCS #8 in base64url, with its kind and comment; it comes home the same key."""
    text = _keygen(tmp_path, "-N", "", *words)
    public = public_half(SecretText(text), None)

    credentials, home = _cxf(_item(text))
    key = credentials[0]

    assert key["type"] == "ssh-key"
    assert key["keyComment"] == ("" if "PEM" in words else "me@laptop")
    der = base64.urlsafe_b64decode(key["privateKey"] + "==")
    pem = base64.b64encode(der).decode()
    again = f"-----BEGIN PRIVATE KEY-----\n{pem}\n-----END PRIVATE KEY-----"
    assert public_half(SecretText(again), None) == public
    assert home["ssh.public_key"] == public
    assert home["ssh.key_type"] == public.split()[0]
    assert home["ssh.fingerprint"].startswith("SHA256:")
    assert public_half(SecretText(home["ssh.private_key"]), None) == public


def test_what_is_no_key_here_leaves_by_cxf_word_for_word() -> None:
    """Nothing is lost for being unknown."""
    credentials, home = _cxf(_item("PuTTY-User-Key-File-3: x"))

    assert [each["type"] for each in credentials] == ["custom-fields"]
    assert home["ssh.private_key"] == "PuTTY-User-Key-File-3: x"


@pytest.mark.parametrize("kind", SSH_KINDS)
def test_a_key_goes_through_keepass_as_its_agent_keeps_it(kind: str) -> None:
    """A file and settings that name it; at home it is the field again, not a file."""
    text = make_key(kind).expose()
    public = public_half(SecretText(text), None)

    home = _through_kdbx(_item(text, ssh__public_key=public))

    assert plain(home)["ssh.private_key"] == text
    assert plain(home)["type"] == "ssh-key"
    assert home.attached == ()


def test_a_key_under_a_passphrase_keeps_both(tmp_path: Path) -> None:
    """KeePassXC opens a key by the password of its entry."""
    text = _keygen(tmp_path, "-N", "inner", "-t", "ed25519")
    item = _item(text, ssh__passphrase="inner")
    assert is_under_passphrase(SecretText(text))

    home = plain(_through_kdbx(item))

    assert (home["ssh.private_key"], home["ssh.passphrase"]) == (text, "inner")
    assert "password" not in home


def test_a_password_beside_a_sealed_key_is_not_taken_for_its_passphrase(
    tmp_path: Path,
) -> None:
    """There is one password in an entry: then all stand as fields of ours."""
    text = _keygen(tmp_path, "-N", "inner", "-t", "ed25519")

    home = plain(_through_kdbx(_item(text, password="pw", ssh__passphrase="inner")))

    assert home["password"] == "pw"
    assert (home["ssh.private_key"], home["ssh.passphrase"]) == (text, "inner")


def test_files_of_the_item_are_not_taken_for_its_key() -> None:
    """A file that has the name already stays, and so do settings that were there."""
    text = make_key("ed25519").expose()
    public = public_half(SecretText(text), None)
    files = (Attached("id_ed25519", b"mine"), Attached("a.txt", b"a"))

    home = _through_kdbx(_item(text, files, ssh__public_key=public))
    other = _through_kdbx(_item(text, (Attached(SETTINGS, b"mine"),)))

    assert plain(home)["ssh.private_key"] == text
    assert home.attached == files
    assert plain(other)["ssh.private_key"] == text
    assert other.attached == (Attached(SETTINGS, b"mine"),)


def _settings(inner: str) -> bytes:
    return f"<EntrySettings>{inner}</EntrySettings>".encode()


_NAMED = (
    "<Location><SelectedType>attachment</SelectedType>"
    "<AttachmentName>key</AttachmentName></Location>"
)


def test_what_the_settings_say_beyond_the_usual_is_kept() -> None:
    """As fields of the item: that a signature is confirmed, say."""
    confirm = "<UseConfirmConstraintWhenAdding>true</UseConfirmConstraintWhenAdding>"
    files = [("key", b"PRIVATE"), (SETTINGS, _settings(confirm + _NAMED))]

    found = take_agent_key(files)

    assert found is not None
    assert found.others == {"UseConfirmConstraintWhenAdding": "true"}
    assert files == []


@pytest.mark.parametrize(
    "settings",
    [
        b"", b"<", b"\xff\xfe<", b"<Other/>", _settings(""), b"x" * 100_000,
        _settings(_NAMED.replace("attachment<", "file<")),
        _settings(_NAMED.replace(">key<", ">none<")),
        b'<!DOCTYPE a [<!ENTITY k "key">]>' + _settings(_NAMED.replace("key", "&k;")),
        ('<?xml version="1.0" encoding="UTF-16"?><!DOCTYPE a [<!ENTITY k "key">]>'
         "<EntrySettings>" + _NAMED.replace("key", "&k;") + "</EntrySettings>"
         ).encode("utf-16"),
        b'<?xml version="1.0" encoding="nonsense"?>' + _settings(_NAMED),
    ],
)  # fmt: skip
def test_settings_that_are_none_take_nothing(settings: bytes) -> None:
    """Hostile or of another kind: both files stay as they are."""
    files = [("key", b"PRIVATE"), (SETTINGS, settings)]

    assert take_agent_key(list(files)) is None


def test_a_passphrase_that_was_taken_off_is_of_no_matter() -> None:
    """An export may have done so; the field beside the key stays."""
    private = make_key("ed25519")
    public = parse_public(public_half(private, None))

    assert sign(private, SecretText("gone"), public=public, data=b"x", flags=0)


@pytest.mark.parametrize("end", range(0, 400, 7))
def test_a_key_cut_short_has_no_comment(end: int) -> None:
    """And raises nothing."""
    text = make_key("ed25519").expose()
    body = "".join(text.splitlines()[1:-1])[:end]
    head, tail = text.splitlines()[0], text.splitlines()[-1]

    assert comment_of(SecretText(f"{head}\n{body}\n{tail}")) == ""
