"""Our items as a KDBX 4 database: folders are groups, files and history come along."""

from __future__ import annotations

import base64
from collections import defaultdict
from collections.abc import Iterable, Mapping

from clisk_vault.keys import SecretText
from clisk_vault.transfer.foreign import rfc3339
from clisk_vault.transfer.keeagent import put_agent_key
from clisk_vault.transfer.keepass import (
    KeePassEntry,
    KeePassString,
    write_database,
)
from clisk_vault.transfer.keepass_items import PASSKEY, STANDARD
from clisk_vault.transfer.outgoing import OURS, LossReport, Outgoing

_CUSTOM_PARTS = ("name", "kind", "value", "hidden")
_TIMES = {"created": "CreationTime", "changed": "LastModificationTime"}


def write_kdbx(
    items: Iterable[Outgoing],
    folders: Iterable[str],
    password: SecretText,
    report: LossReport,
) -> bytes:
    """Return the database, sealed with *password*.

    Raises:
        UnsupportedError: pykeepass is not installed.
        FormatError: a value that XML cannot hold.
    """
    groups: dict[tuple[str, ...], list[KeePassEntry]] = defaultdict(list)
    for folder in folders:
        groups[_path(folder)] = []
    recycled: list[KeePassEntry] = []
    for item in items:
        path = _path(item.take("folder") or "")
        entry = _entry(item, report)
        (recycled if item.flag("trashed") else groups[path]).append(entry)
    return write_database(groups, password, recycled=recycled)


def _path(folder: str) -> tuple[str, ...]:
    return tuple(part for part in folder.split("/") if part)


def _entry(item: Outgoing, report: LossReport) -> KeePassEntry:
    title = item.title
    entry = KeePassEntry(uuid=base64.b64encode(bytes.fromhex(item.id)).decode())
    strings = entry.strings
    kind = item.take("type")
    if kind != "login":
        strings[f"{OURS}type"] = KeePassString(kind or "", protected=False)
    item.take("origin")
    key_files, passphrase = put_agent_key(item)
    if passphrase is not None:
        strings["Password"] = KeePassString(passphrase, protected=True)
    uris = [row.get("value", "") for row in item.rows("uri", "value")]
    for name, field in STANDARD.items():
        value = (uris.pop(0) if uris else None) if field == "uri" else item.take(field)
        if value is not None:
            strings[name] = KeePassString(value, protected=field == "password")
    for number, uri in enumerate(uris, 1):
        strings[f"KP2A_URL_{number}"] = KeePassString(uri, protected=False)
    _one_time_code(item, strings)
    _passkey(item, strings)
    entry.tags = tuple(
        row["name"]
        for row in item.rows("tag", "name")
        if not set(row["name"]) & set(",;") and row["name"].strip() == row["name"]
    )
    for ours, theirs in _TIMES.items():
        moment = item.take(ours)
        if moment:
            entry.times[theirs] = moment
    expires = item.take("expires")
    if expires:
        entry.expires, entry.times["ExpiryTime"] = True, expires
    _custom(item, strings)
    trashed = {f"{OURS}trashed"}
    kept = [each for each in item.left() if each[0] not in trashed]
    for name, value, secret in kept:
        strings[name] = KeePassString(value, protected=secret)
    report.keep(item, title, [name for name, _, _ in kept])
    entry.binaries = [*((each.name, each.data) for each in item.files), *key_files]
    entry.history = [
        _earlier(entry, each.value, each.time_ms)
        for each in sorted(item.earlier, key=lambda e: e.time_ms)
    ]
    return entry


def _one_time_code(item: Outgoing, strings: dict[str, KeePassString]) -> None:
    seed = item.fields.get("totp", "")
    if seed.startswith("otpauth://"):
        strings["otp"] = KeePassString(item.take("totp") or "", protected=True)
    elif seed.startswith("steam://"):
        # As KeePassXC spells a Steam code.
        item.take("totp")
        strings["TOTP Seed"] = KeePassString(seed[8:], protected=True)
        strings["TOTP Settings"] = KeePassString("30;S", protected=True)
    elif seed:
        item.take("totp")
        spelt = f"otpauth://totp/?secret={''.join(seed.split()).upper()}"
        strings["otp"] = KeePassString(spelt, protected=True)


def _passkey(item: Outgoing, strings: dict[str, KeePassString]) -> None:
    """Write the first passkey as KeePassXC does; it knows one an entry."""
    parts = {part: f"passkey.00000000.{part}" for part in PASSKEY.values()}
    if any(name not in item.fields for name in parts.values()):
        return
    for theirs, part in PASSKEY.items():
        value = item.take(parts[part]) or ""
        if part == "private_key":
            value = _pem(value)
        strings[theirs] = KeePassString(value, protected=part == "private_key")
    if item.fields.get("passkey.00000000.key_type") == "public-key":
        item.take("passkey.00000000.key_type")


def _pem(text: str) -> str:
    spelt = text.replace("-", "+").replace("_", "/")
    return (
        "-----BEGIN PRIVATE KEY-----\n"
        + spelt
        + "=" * (-len(spelt) % 4)
        + "\n-----END PRIVATE KEY-----"
    )


def _custom(item: Outgoing, strings: dict[str, KeePassString]) -> None:
    """Write the custom fields that a string can be; the others stay whole."""
    reserved = {*STANDARD, *PASSKEY, "otp"}
    for element in item.elements("custom"):
        names = {
            p: f"custom.{element}.{p}" for p in ("name", "kind", "value", "hidden")
        }
        row: Mapping[str, str] = {
            part: item.fields[name]
            for part, name in names.items()
            if name in item.fields
        }
        name, kind = row.get("name", ""), row.get("kind")
        if kind not in ("text", "hidden") or not name or name in strings:
            continue
        if name in reserved or name.startswith((OURS, "KP2A_URL", "TOTP", "TimeOtp")):
            continue
        value = row.get("hidden" if kind == "hidden" else "value")
        if value is None:
            continue
        strings[name] = KeePassString(value, protected=kind == "hidden")
        for each in names.values():
            item.take(each)


def _earlier(entry: KeePassEntry, password: str, time_ms: int) -> KeePassEntry:
    """Return the state of *entry* while it had *password*."""
    strings = {**entry.strings, "Password": KeePassString(password, protected=True)}
    times = dict(entry.times)
    moment = rfc3339(time_ms / 1000)
    if moment:
        times["LastModificationTime"] = moment
    return KeePassEntry(
        uuid=entry.uuid, strings=strings, tags=entry.tags, times=times,
        binaries=entry.binaries,
    )  # fmt: skip
