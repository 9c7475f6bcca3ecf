"""SSH keys in KeePass databases, as KeePassXC's own SSH agent and KeeAgent keep them.

The private key is a file of the entry; another file, `KeeAgent.settings`, is XML that
names it; the entry's password is the passphrase of the key, if it has one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from xml.etree import ElementTree as ET
from xml.sax.saxutils import escape

from clisk_vault.errors import FormatError
from clisk_vault.keys import SecretText
from clisk_vault.ssh_key import is_under_passphrase, openssh_pem
from clisk_vault.transfer.outgoing import Outgoing

SETTINGS = "KeeAgent.settings"
_MAX_BYTES = 64 * 1024
# What is written here, and so says nothing when it is read.
_FLAGS = {
    "AllowUseOfSshKey": "true",
    "AddAtDatabaseOpen": "false",
    "RemoveAtDatabaseClose": "false",
    "UseConfirmConstraintWhenAdding": "false",
    "UseLifetimeConstraintWhenAdding": "false",
    "LifetimeConstraintDuration": "600",
}
_PLACE = {"SelectedType": "attachment", "SaveAttachmentToTempFile": "false"}
_FILE_NAMES = {"ssh-ed25519": "id_ed25519", "ssh-rsa": "id_rsa"}

Files = list[tuple[str, bytes]]


@dataclass(frozen=True, slots=True)
class AgentKey:
    """The private key of an entry, and what its settings say beyond the usual."""

    name: str
    private: SecretText = field(repr=False)
    others: dict[str, str] = field(default_factory=dict)


def take_agent_key(files: Files) -> AgentKey | None:
    """Take the key and its settings out of *files*; None where there is none.

    Settings that are not understood, or name a file elsewhere, stay as they are.
    """
    named = dict(files)
    found = _read(named.get(SETTINGS, b""))
    name = found.pop("AttachmentName", "")
    if found.get("SelectedType") != "attachment" or name not in named:
        return None
    try:
        private = SecretText(named[name].decode("ascii"))
    except UnicodeDecodeError:
        return None
    usual = _FLAGS | _PLACE
    others = {k: v for k, v in found.items() if v and usual.get(k) != v}
    files[:] = [each for each in files if each[0] not in (name, SETTINGS)]
    return AgentKey(name, private, others)


def put_agent_key(item: Outgoing) -> tuple[Files, str | None]:
    """Take the SSH key out of *item*: files for its entry, and the entry's password.

    Nothing where KeePassXC could not use it: a key that cannot be read here, or whose
    passphrase would have to stand where a password stands already.
    """
    text = item.fields.get("ssh.private_key", "")
    taken = {each.name for each in item.files}
    if not text.strip() or SETTINGS in taken:
        return [], None
    private, sealed = SecretText(text), is_under_passphrase(SecretText(text))
    if sealed and ("password" in item.fields or "OPENSSH" not in text[:40]):
        return [], None
    try:
        spelt = private if sealed else openssh_pem(private)
    except FormatError:
        return [], None
    item.take("ssh.private_key")
    kind = next(iter(item.fields.get("ssh.public_key", "").split()), "")
    name = _free(_FILE_NAMES.get(kind, "id_ssh"), taken)
    files = [(name, spelt.expose().encode()), (SETTINGS, _write(name))]
    return files, item.take("ssh.passphrase") if sealed else None


def _free(name: str, taken: Iterable[str]) -> str:
    known, number, made = set(taken), 1, name
    while made in known:
        number += 1
        made = f"{name}_{number}"
    return made


def _read(data: bytes) -> dict[str, str]:
    """Return what settings say, by the names of their elements; nothing if none."""
    if not data or len(data) > _MAX_BYTES:
        return {}
    try:
        # UTF-16 by KeePassXC; a document type, and so an entity, is in none of theirs.
        if b"<!" in data.replace(b"\0", b""):
            return {}
        root = ET.fromstring(data)  # noqa: S314 - small, and without a document type
    except (ET.ParseError, ValueError, LookupError):
        return {}
    return dict(_leaves(root)) if root.tag == "EntrySettings" else {}


def _leaves(root: ET.Element) -> Iterator[tuple[str, str]]:
    for element in root:
        if element.tag == "Location":
            yield from ((each.tag, each.text or "") for each in element)
        else:
            yield element.tag, element.text or ""


def _write(name: str) -> bytes:
    """Return settings by which KeePassXC offers the file *name* to its agent."""
    flags = "".join(f"<{tag}>{value}</{tag}>" for tag, value in _FLAGS.items())
    # KeeAgent itself reads UTF-16 alone.
    return (
        '<?xml version="1.0" encoding="UTF-16"?>'
        '<EntrySettings xmlns:xsd="http://www.w3.org/2001/XMLSchema"'
        f' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">{flags}'
        "<Location><SelectedType>attachment</SelectedType>"
        f"<AttachmentName>{escape(name)}</AttachmentName>"
        "<SaveAttachmentToTempFile>false</SaveAttachmentToTempFile><FileName/>"
        "</Location></EntrySettings>"
    ).encode("utf-16")
