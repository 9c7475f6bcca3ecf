"""From KeePass's entries to our items: groups are folders, strings are fields.

Knows the names that KeePassXC, KeePass and its plugins give to strings: one-time
codes, passkeys, further addresses.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from urllib.parse import quote, urlencode

from clisk_vault.ssh_key import is_under_passphrase
from clisk_vault.transfer.file_secrets import FileSecrets
from clisk_vault.transfer.foreign import ItemBuilder, add_public_half
from clisk_vault.transfer.imported import ForeignFile, ForeignItem
from clisk_vault.transfer.keeagent import take_agent_key
from clisk_vault.transfer.keepass import KeePassEntry, KeePassGroup, open_database
from clisk_vault.transfer.outgoing import OURS

SOURCE = "keepass"
STANDARD = {
    "Title": "title", "UserName": "username", "Password": "password", "URL": "uri",
    "Notes": "notes",
}  # fmt: skip
PASSKEY = {
    "KPEX_PASSKEY_CREDENTIAL_ID": "credential_id",
    "KPEX_PASSKEY_PRIVATE_KEY_PEM": "private_key",
    "KPEX_PASSKEY_RELYING_PARTY": "rp_id",
    "KPEX_PASSKEY_USERNAME": "user_name",
    "KPEX_PASSKEY_USER_HANDLE": "user_handle",
}
_URL_PREFIX = "KP2A_URL"
_PEM = ("-----BEGIN PRIVATE KEY-----", "-----END PRIVATE KEY-----")
_TIME_OTP = ("TimeOtp-Secret-Base32", "TimeOtp-Length", "TimeOtp-Period",
             "TimeOtp-Algorithm")  # fmt: skip
_SEED, _SETTINGS = "TOTP Seed", "TOTP Settings"
_HISTORY = {**STANDARD, "otp": "totp"}


def read_kdbx(data: bytes, secrets: FileSecrets) -> ForeignFile:
    """Return what the database holds; raises as open_database()."""
    groups = open_database(data, secrets)
    items: list[ForeignItem] = []
    for group in groups:
        for entry in group.entries:
            items.append(_item(entry, group, f"KDBX file: entry {len(items)}"))
        if group.notes:
            items.append(_notes(group, "KDBX file: the notes of a group"))
    folders = {"/".join(g.path) for g in groups if g.path and not g.recycled}
    return ForeignFile(SOURCE, tuple(items), tuple(sorted(folders)))


def _notes(group: KeePassGroup, place: str) -> ForeignItem:
    name = "/".join(group.path)
    made = ItemBuilder(SOURCE, "note", f"Notes of the group {name}", place=place)
    made.key = f"group:{name}"
    made.set("folder", name)
    made.set("notes", group.notes)
    return made.build()


def _item(entry: KeePassEntry, group: KeePassGroup, place: str) -> ForeignItem:
    strings = {name: each.value for name, each in entry.strings.items()}
    files = list(entry.binaries)
    key = take_agent_key(files)
    # A login that has a key, too, stays one: its address says so.
    usual = "login" if key is None or strings.get("URL") else "ssh-key"
    kind = strings.pop(f"{OURS}type", usual)
    made = ItemBuilder(SOURCE, kind, strings.pop("Title", ""), place=place)
    made.key = entry.uuid or None
    if not group.recycled:
        made.set("folder", "/".join(group.path))
    made.flag("trashed", on=group.recycled)
    made.set("username", strings.pop("UserName", None))
    if key is not None and is_under_passphrase(key.private):
        made.set("ssh.passphrase", strings.pop("Password", None))
    made.set("password", strings.pop("Password", None))
    made.set("notes", strings.pop("Notes", None))
    _addresses(made, strings)
    _one_time_code(made, strings)
    _passkey(made, strings)
    for name, value in strings.items():
        if name.startswith(OURS) and made.ours(name.removeprefix(OURS), value):
            continue
        made.custom(name, value, hidden=entry.strings[name].protected)
    for tag in entry.tags:
        made.tag(tag)
    made.set("created", entry.times.get("CreationTime"))
    made.set("changed", entry.times.get("LastModificationTime"))
    if entry.expires:
        made.set("expires", entry.times.get("ExpiryTime"))
    for name, value in entry.others.items():
        made.custom(name, value, section="KeePass")
    for name, data in files:
        made.attach(name, data)
    if key is not None:
        made.set("ssh.private_key", key.private.expose())
        add_public_half(made, key.private)
        for name, value in key.others.items():
            made.custom(name, value, section="KeeAgent")
    _history(made, entry)
    return made.build()


def _addresses(made: ItemBuilder, strings: dict[str, str]) -> None:
    made.uri(strings.pop("URL", None))
    for name in sorted(n for n in strings if n.startswith(_URL_PREFIX)):
        made.uri(strings.pop(name))


def _one_time_code(made: ItemBuilder, strings: dict[str, str]) -> None:
    made.set("totp", strings.pop("otp", None))
    if made.has("totp"):
        return
    if _TIME_OTP[0] in strings:
        secret, length, period, algorithm = (strings.pop(n, "") for n in _TIME_OTP)
        algorithm = algorithm.removeprefix("HMAC-").replace("-", "")
        made.set("totp", _otpauth(secret, length, period, algorithm))
    elif _SEED in strings:
        settings = strings.pop(_SETTINGS, "30;6").split(";")
        seed = strings.pop(_SEED)
        if settings[1:2] == ["S"]:
            made.set("totp", f"steam://{seed}")
        else:
            made.set("totp", _otpauth(seed, settings[-1], settings[0], ""))


def _otpauth(secret: str, digits: str, period: str, algorithm: str) -> str:
    query = {"secret": "".join(secret.split()).upper()}
    if algorithm:
        query["algorithm"] = algorithm
    if digits:
        query["digits"] = digits
    if period:
        query["period"] = period
    return "otpauth://totp/?" + urlencode(query, quote_via=quote)


def _passkey(made: ItemBuilder, strings: dict[str, str]) -> None:
    if "KPEX_PASSKEY_CREDENTIAL_ID" not in strings:
        return
    parts: dict[str, str | None] = {
        ours: strings.pop(theirs, None) for theirs, ours in PASSKEY.items()
    }
    parts["private_key"] = _pkcs8(parts["private_key"] or "")
    made.row("passkey", **parts)
    made.defaults["passkey"] = {"key_type": "public-key"}


def _pkcs8(pem: str) -> str:
    """Return a PEM key as the base64url that our field holds."""
    inner = pem.replace(_PEM[0], "").replace(_PEM[1], "")
    return "".join(inner.split()).replace("+", "-").replace("/", "_").rstrip("=")


def _history(made: ItemBuilder, entry: KeePassEntry) -> None:
    """Keep what each earlier state had that the one after it has not."""
    states = [*entry.history, entry]
    for earlier, later in pairwise(states):
        used = earlier.times.get("LastModificationTime")
        for name, before in earlier.strings.items():
            after = later.strings.get(name)
            if before.value and (after is None or after.value != before.value):
                field = None if name == "Password" else _HISTORY.get(name, name)
                made.earlier(before.value, used, field=field)
        _lost_files(made, earlier, later)


def _lost_files(made: ItemBuilder, earlier: KeePassEntry, later: KeePassEntry) -> None:
    kept: Mapping[str, bytes] = dict(later.binaries)
    for name, data in earlier.binaries:
        if kept.get(name) != data:
            made.attach(f"earlier {name}", data)
