"""Round trips with the real keepassxc-cli, both ways, compared by value."""

from __future__ import annotations

import base64
import subprocess
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import pytest

from clisk_vault.keys import SecretText
from clisk_vault.ssh_key import make_key, public_half
from clisk_vault.transfer.file_secrets import FileSecrets
from clisk_vault.transfer.formats import read_file
from clisk_vault.transfer.imported import Attached
from clisk_vault.transfer.keeagent import SETTINGS
from clisk_vault.transfer.keepass_out import write_kdbx
from clisk_vault.transfer.outgoing import Earlier, LossReport, Outgoing
from tests.peers import kdbx3
from tests.vault.transfer.found import found, plain, rows
from tests.vault.transfer.samples import SAMPLES, Login, expected, logins

pytestmark = pytest.mark.slow

_PASSWORD = "file password"
_SECRETS = FileSecrets(password=SecretText(_PASSWORD))
_ROOM = SAMPLES["keepass"].room


def _cli(*words: str, given: str = f"{_PASSWORD}\n") -> str:
    done = subprocess.run(
        ["keepassxc-cli", *words],
        input=given.encode(),
        capture_output=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, (words, done.stdout, done.stderr)
    return done.stdout.decode()


def _xml(people: list[Login]) -> bytes:
    """Return what KeePass calls a KDBX XML file."""

    def string(name: str, value: str, *, protected: bool = False) -> str:
        mark = ' ProtectInMemory="True"' if protected else ""
        return (
            f"<String><Key>{escape(name)}</Key>"
            f"<Value{mark}>{escape(value)}</Value></String>"
        )

    def state(each: Login, password: str, changed: str) -> str:
        strings = [
            string("Title", each.title), string("UserName", each.username),
            string("Password", password, protected=True), string("URL", each.uri),
            string("Notes", each.notes),
        ]  # fmt: skip
        if each.totp:
            strings.append(string("otp", each.totp, protected=True))
        strings += [
            string(name, value, protected=hidden)
            for name, (value, hidden) in each.custom.items()
        ]
        uuid = base64.b64encode(each.number.to_bytes(15) + b"\x01").decode()
        return (
            f"<UUID>{uuid}</UUID><Tags>{';'.join(each.tags)}</Tags><Times>"
            f"<CreationTime>2020-09-13T12:26:40Z</CreationTime>"
            f"<LastModificationTime>{changed}</LastModificationTime>"
            f"<Expires>False</Expires></Times>{''.join(strings)}"
        )

    groups: dict[str, list[str]] = {}
    for each in people:
        history = "".join(
            f"<Entry>{state(each, old, '2020-09-13T12:26:40Z')}</Entry>"
            for old in each.earlier
        )
        groups.setdefault(each.folder, []).append(
            f"<Entry>{state(each, each.password, '2023-11-14T22:13:20Z')}"
            f"<History>{history}</History></Entry>"
        )
    inner = "".join(
        f"<Group><UUID>{base64.b64encode(name.encode().ljust(16)).decode()}</UUID>"
        f"<Name>{name}</Name>{''.join(entries)}</Group>"
        for name, entries in groups.items()
    )
    root = base64.b64encode(b"root root root!!").decode()
    return (
        '<?xml version="1.0" encoding="UTF-8"?><KeePassFile><Meta>'
        "<Generator>test</Generator></Meta><Root>"
        f"<Group><UUID>{root}</UUID><Name>Root</Name>{inner}</Group>"
        "</Root></KeePassFile>"
    ).encode()


def _found(data: bytes) -> dict[str, Any]:
    items = [plain(each) for each in read_file(data, secrets=_SECRETS).items]
    return {each["username"]: found(each) for each in items}


def test_what_keepassxc_writes_is_read_value_by_value(tmp_path: Path) -> None:
    """A database made by keepassxc-cli, with history, tags and one-time codes."""
    people = logins(60)
    source, target = tmp_path / "in.xml", tmp_path / "out.kdbx"
    source.write_bytes(_xml(people))

    words = ("import", "-q", "-p", str(source), str(target))
    _cli(*words, given=f"{_PASSWORD}\n{_PASSWORD}\n")

    assert _found(target.read_bytes()) == {
        each.username: expected(each, _ROOM) for each in people
    }


def test_kdbx_3_is_read_value_by_value(tmp_path: Path) -> None:
    """The older format; keepassxc-cli agrees that it is one."""
    people = logins(20)
    target = tmp_path / "old.kdbx"
    target.write_bytes(kdbx3.write(_xml(people), _PASSWORD))

    assert "Folder 3" in _cli("ls", "-q", str(target))
    assert _found(target.read_bytes()) == {
        each.username: expected(each, _ROOM) for each in people
    }


def test_what_we_write_keepassxc_reads_value_by_value(tmp_path: Path) -> None:
    """Every string, tag, earlier password and file of ours is in its export."""
    people = logins(30)
    target = tmp_path / "ours.kdbx"
    items = [_outgoing(each) for each in people]
    target.write_bytes(
        write_kdbx(items, ["Empty"], SecretText(_PASSWORD), LossReport())
    )

    exported = ET.fromstring(_cli("export", "-q", "-f", "xml", str(target)))  # noqa: S314 - the peer's, from our own data

    entries = {
        _strings(entry)["UserName"]: entry
        for entry in exported.findall("Root/Group/Group/Entry")
    }
    for each in people:
        entry = entries[each.username]
        wanted = {"Title": each.title, "UserName": each.username,
                  "Password": each.password, "URL": each.uri}  # fmt: skip
        wanted |= {"Notes": each.notes} if each.notes else {}
        wanted |= {"otp": each.totp} if each.totp else {}
        wanted |= {name: value for name, (value, _) in each.custom.items()}
        got = {k: v for k, v in _strings(entry).items() if v}
        assert got == wanted
        assert (entry.findtext("Tags") or "") == ";".join(each.tags)
        before = [_strings(e)["Password"] for e in entry.findall("History/Entry")]
        assert before == list(each.earlier)
    words = ("attachment-export", "-q", "--stdout", str(target))
    path = f"{people[0].folder}/{people[0].title}"
    assert _cli(*words, path, "scan.txt") == "scanned ✓"


def test_an_ssh_key_of_ours_is_a_file_that_keepassxc_gives_out(tmp_path: Path) -> None:
    """OpenSSH reads it; the settings beside it name it as KeePassXC's agent wants."""
    private = make_key("ed25519")
    public = public_half(private, None)
    target, key = tmp_path / "ours.kdbx", tmp_path / "id_ed25519"
    fields = {"type": "ssh-key", "title": "Laptop", "ssh.public_key": public,
              "ssh.private_key": private.expose()}  # fmt: skip
    item = Outgoing("1" * 32, fields, frozenset())
    target.write_bytes(write_kdbx([item], [], SecretText(_PASSWORD), LossReport()))

    words = ("attachment-export", "-q", str(target), "Laptop")
    _cli(*words, "id_ed25519", str(key))
    _cli(*words, SETTINGS, str(tmp_path / "settings"))

    key.chmod(0o600)
    command = ("ssh-keygen", "-y", "-f", str(key))
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert said.split()[:2] == public.split()
    settings = ET.parse(tmp_path / "settings").getroot()  # noqa: S314 - our own
    assert settings.findtext("AllowUseOfSshKey") == "true"
    assert settings.findtext("Location/AttachmentName") == "id_ed25519"


def test_an_ssh_key_put_into_keepassxc_is_read_as_one(tmp_path: Path) -> None:
    """Under a passphrase, which is the password of the entry there."""
    database, key = tmp_path / "theirs.kdbx", tmp_path / "id_ed25519"
    command = ("ssh-keygen", "-q", "-N", "inner", "-t", "ed25519", "-f", str(key))
    subprocess.run(command, check=True)
    (tmp_path / "settings").write_text(
        "<EntrySettings><AllowUseOfSshKey>true</AllowUseOfSshKey>"
        "<AddAtDatabaseOpen>true</AddAtDatabaseOpen><Location>"
        "<SelectedType>attachment</SelectedType><AttachmentName>mine</AttachmentName>"
        "</Location></EntrySettings>",
        encoding="utf-16",
    )
    again = f"{_PASSWORD}\n{_PASSWORD}\n"
    _cli("db-create", "-q", "-p", "-t", "100", str(database), given=again)
    _cli("add", "-q", "-p", str(database), "Server", given=f"{_PASSWORD}\ninner\n")
    for name, file in (("mine", key), (SETTINGS, tmp_path / "settings")):
        _cli("attachment-import", "-q", str(database), "Server", name, str(file))

    (item,) = read_file(database.read_bytes(), secrets=_SECRETS).items

    assert plain(item)["type"] == "ssh-key"
    assert plain(item)["ssh.private_key"] == key.read_text()
    assert plain(item)["ssh.passphrase"] == "inner"
    assert item.attached == ()
    kept = [row for row in rows(plain(item), "custom") if row.get("section")]
    assert [(row["name"], row["value"]) for row in kept] == [
        ("AddAtDatabaseOpen", "true")
    ]


def _strings(entry: ET.Element) -> dict[str, str]:
    return {
        each.findtext("Key") or "": each.findtext("Value") or ""
        for each in entry.findall("String")
    }


def _outgoing(each: Login) -> Outgoing:
    fields = {
        "type": "login", "title": each.title, "username": each.username,
        "password": each.password, "folder": each.folder,
        "uri.00000000.value": each.uri,
    }  # fmt: skip
    fields |= {"notes": each.notes} if each.notes else {}
    fields |= {"totp": each.totp} if each.totp else {}
    fields |= {f"tag.{n:08x}.name": tag for n, tag in enumerate(each.tags)}
    for number, (name, (value, hidden)) in enumerate(each.custom.items()):
        row = {"name": name, "kind": "hidden" if hidden else "text"}
        row["hidden" if hidden else "value"] = value
        fields |= {f"custom.{number:08x}.{p}": v for p, v in row.items()}
    return Outgoing(
        f"{each.number + 1:032x}",
        fields,
        frozenset(),
        tuple(Earlier("password", 1_600_000_000_000, old) for old in each.earlier),
        (Attached("scan.txt", "scanned ✓".encode()),) if each.number == 0 else (),
    )
