"""Our items as a plain Bitwarden export, as `bw import bitwardenjson` takes it."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Iterable, Mapping
from typing import Any

from clisk_vault.item_types import URI_MATCHES
from clisk_vault.transfer.bitwarden import CUSTOM_KINDS, LINKED, TYPES
from clisk_vault.transfer.bitwarden_json import Card, Identity, Passkey, SshKey
from clisk_vault.transfer.foreign import rfc3339
from clisk_vault.transfer.outgoing import LossReport, Outgoing

_NUMBERS = {name: number for number, name in TYPES.items()}
_KINDS = {name: number for number, name in CUSTOM_KINDS.items()}
_LINKS = {name: number for number, name in LINKED.items()}
_SECTIONS = (
    ("card", "card", Card), ("identity", "identity", Identity),
    ("sshKey", "ssh", SshKey),
)  # fmt: skip
_TEXT, _HIDDEN = 0, 1


def write_bitwarden(
    items: Iterable[Outgoing], folders: Iterable[str], report: LossReport
) -> bytes:
    """Return the export; what it has no place for is noted in *report*."""
    names = sorted(set(folders))
    documents = [_item(each, report) for each in items]
    used = {each.pop("_folder", None) for each in documents} - {None}
    every = sorted({*names, *(str(name) for name in used)})
    return json.dumps(
        {
            "encrypted": False,
            "folders": [{"id": folder_id(name), "name": name} for name in every],
            "items": documents,
        },
        ensure_ascii=False,
        indent=2,
    ).encode()


def folder_id(name: str) -> str:
    """Return a UUID for a folder: the same for one name, as bw wants UUIDs."""
    digest = hashlib.sha256(b"folder\0" + name.encode()).digest()
    return str(uuid.UUID(bytes=digest[:16], version=4))


def _item(item: Outgoing, report: LossReport) -> dict[str, Any]:
    title = item.title
    kind = item.take("type") or "login"
    if kind == "passkey":
        item.fields["type"] = kind
        kind = "login"
    if kind not in _NUMBERS:
        item.fields["type"] = kind
        kind = "note"
    folder = item.take("folder")
    made: dict[str, Any] = {
        "id": str(uuid.UUID(hex=item.id)),
        "type": _NUMBERS[kind],
        "name": item.take("title") or "",
        "favorite": item.flag("favourite"),
        "reprompt": int(item.flag("reprompt")),
        "collectionIds": None,
        "folderId": folder_id(folder) if folder else None,
        "notes": item.take("notes"),
    }
    if folder:
        made["_folder"] = folder
    item.take("origin")
    for theirs, ours in (("creationDate", "created"), ("revisionDate", "changed")):
        moment = item.take(ours)
        if moment is not None:
            made[theirs] = moment
    if kind == "login":
        made["login"] = _login(item)
    elif kind == "note":
        made["secureNote"] = {"type": 0}
    for theirs, ours, model in _SECTIONS:
        section = _section(item, ours, model)
        if section or kind == {"sshKey": "ssh-key"}.get(theirs, theirs):
            made[theirs] = section
    made["passwordHistory"] = _history(item)
    made["fields"] = _custom(item)
    left = list(item.left())
    made["fields"] += [
        {"type": _HIDDEN if secret else _TEXT, "name": name, "value": value}
        for name, value, secret in left
    ]
    report.keep(item, title, [name for name, _, _ in left])
    report.lose(item, title, [f"file {each.name}" for each in item.files])
    return made


def _section(item: Outgoing, prefix: str, model: Any) -> dict[str, str]:
    section: dict[str, str] = {}
    for name, info in model.model_fields.items():
        value = item.take(f"{prefix}.{name}")
        if value is not None:
            section[info.alias or name] = value
    return section


def _login(item: Outgoing) -> dict[str, Any]:
    uris = [_uri(row) for row in item.rows("uri", "value", "match")]
    passkeys = [
        {
            info.alias or name: row[name]
            for name, info in Passkey.model_fields.items()
            if name in row
        }
        for row in item.rows("passkey", *Passkey.model_fields)
    ]
    return {
        "uris": uris,
        "username": item.take("username"),
        "password": item.take("password"),
        "totp": item.take("totp"),
        "fido2Credentials": passkeys,
    }


def _uri(row: Mapping[str, str]) -> dict[str, Any]:
    match = row.get("match")
    number = URI_MATCHES.index(match) if match in URI_MATCHES else None
    return {"uri": row.get("value", ""), "match": number}


def _history(item: Outgoing) -> list[dict[str, str]]:
    rows = []
    for element in item.elements("history"):
        if f"history.{element}.field" in item.fields:
            continue  # an earlier value of something else than the password
        password = item.take(f"history.{element}.password") or ""
        used = item.take(f"history.{element}.used") or "1970-01-01T00:00:00.000Z"
        rows.append({"password": password, "lastUsedDate": used})
    known = {row["password"] for row in rows}
    for each in item.earlier:
        if each.value not in known:
            used = rfc3339(each.time_ms / 1000) or "1970-01-01T00:00:00.000Z"
            rows.append({"password": each.value, "lastUsedDate": used})
    return rows


def _custom(item: Outgoing) -> list[dict[str, Any]]:
    return [
        _field(row) for row in item.rows("custom", "name", "kind", "value", "hidden")
    ]


def _field(row: Mapping[str, str]) -> dict[str, Any]:
    kind = _KINDS.get(row.get("kind", "text"), _TEXT)
    made: dict[str, Any] = {"type": kind, "name": row.get("name", "")}
    linked = _LINKS.get(row.get("value", ""))
    if row.get("kind") == "linked" and linked is not None:
        made["linkedId"] = linked
    elif row.get("kind") == "linked":
        made |= {"type": _TEXT, "value": row.get("value", "")}
    else:
        made["value"] = row.get("hidden", row.get("value"))
    return made
