"""Our items as a CXF 1.0 document. Nothing in it is sealed.

Files are no part of it: the standard puts them beside the document, into an archive
whose sealing is another standard's (CXP) affair.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from clisk_vault.errors import FormatError
from clisk_vault.keys import SecretText
from clisk_vault.ssh_key import comment_of, pkcs8
from clisk_vault.transfer.cxf import (
    ADDRESS,
    CARD,
    DOCUMENTS,
    KIND_OF,
    NAME,
    PASSKEY,
    PASSKEY_DEFAULTS,
)
from clisk_vault.transfer.outgoing import LossReport, Outgoing

_CONCEALED, _TEXT, _BOOLEAN = "concealed-string", "string", "boolean"
_SECRET_FIELDS = {"card.number", "card.code", "password"}
_PEM_HEAD, _PEM_END = "-----BEGIN PRIVATE KEY-----", "-----END PRIVATE KEY-----"


def write_cxf(
    items: Iterable[Outgoing], folders: Iterable[str], report: LossReport, *, now_s: int
) -> bytes:
    """Return the document; what it has no place for is noted in *report*."""
    collections: dict[str, list[str]] = {name: [] for name in folders}
    documents = []
    for item in items:
        folder = item.take("folder")
        document = _item(item, report)
        documents.append(document)
        if folder:
            collections.setdefault(folder, []).append(document["id"])
    account = {
        "id": _b64(b"clisk-vault"),
        "username": "",
        "email": "",
        "collections": [
            {
                "id": _b64(name.encode()[:48]),
                "title": name,
                "items": [{"item": each} for each in members],
            }
            for name, members in sorted(collections.items())
        ],
        "items": documents,
    }
    header = {
        "version": {"major": 1, "minor": 0},
        "exporterRpId": "clisk-vault.invalid",
        "exporterDisplayName": "Clisk Vault",
        "timestamp": now_s,
        "accounts": [account],
    }
    return json.dumps(header, ensure_ascii=False, indent=2).encode()


def _item(item: Outgoing, report: LossReport) -> dict[str, Any]:
    title = item.title
    item.take("title")
    item.take("origin")
    kind = item.take("type") or "login"
    made: dict[str, Any] = {"id": _b64(bytes.fromhex(item.id)), "title": title}
    for ours, theirs in (("created", "creationAt"), ("changed", "modifiedAt")):
        seconds = _seconds(item.fields.get(ours, ""))
        if seconds is not None:
            made[theirs] = seconds
            if _whole(item.fields[ours]):
                item.take(ours)
    made["favorite"] = item.flag("favourite")
    made["scope"] = _scope(item)
    made["tags"] = [row["name"] for row in item.rows("tag", "name")]
    credentials = [*_credentials(item, kind)]
    own = [_custom(item), _left(item, kind, credentials)]
    made["credentials"] = credentials + [
        {"type": "custom-fields", "fields": fields} for fields in own if fields
    ]
    report.keep(item, title, [each["label"] for each in own[1]])
    report.lose(item, title, [f"file {each.name}" for each in item.files])
    return made


def _scope(item: Outgoing) -> dict[str, Any]:
    urls, apps = [], []
    for row in item.rows("uri", "value"):
        value = row.get("value", "")
        if value.startswith("androidapp://"):
            apps.append({"bundleId": value.removeprefix("androidapp://")})
        else:
            urls.append(value)
    return {"urls": urls, "androidApps": apps}


def _credentials(item: Outgoing, kind: str) -> Iterable[dict[str, Any]]:
    login = _editables(item, {"username": "username", "password": "password"})
    if login or kind == "login":
        yield {"type": "basic-auth", **login}
    seed = _totp(item.fields.get("totp", ""))
    if seed is not None:
        item.take("totp")
        yield {"type": "totp", **seed}
    notes = item.take("notes")
    if notes is not None:
        yield {"type": "note", "content": _editable(_TEXT, notes)}
    yield from _passkeys(item)
    card = _editables(item, CARD)
    year, month = item.fields.get("card.exp_year"), item.fields.get("card.exp_month")
    if _is_month(year, month):
        assert month is not None
        item.take("card.exp_year")
        item.take("card.exp_month")
        card["expiryDate"] = _editable("year-month", f"{year}-{int(month):02}")
    if card or kind == "card":
        yield {"type": "credit-card", **card}
    name = _editables(item, NAME)
    if name or kind == "identity":
        yield {"type": "person-name", **name}
    address = _editables(item, ADDRESS)
    lines = [item.take(f"identity.address{number}") or "" for number in (1, 2, 3)]
    if any(lines):
        street = "\n".join(lines).rstrip("\n")
        address["streetAddress"] = _editable(_TEXT, street)
    if address:
        yield {"type": "address", **address}
    for theirs, (part, ours) in DOCUMENTS.items():
        document = _editables(item, {part: ours})
        if document:
            yield {"type": theirs, **document}
    yield from _ssh_key(item)


def _ssh_key(item: Outgoing) -> Iterable[dict[str, Any]]:
    """Yield an SSH key, spelt as the standard has it: PKCS #8, whatever it was in.

    One that cannot be read here stays word for word among the custom fields.
    """
    text = item.fields.get("ssh.private_key", "").strip()
    if not text:
        return
    private = SecretText(text)
    passphrase = item.fields.get("ssh.passphrase")
    comment = ""
    if text.startswith(_PEM_HEAD) and text.endswith(_PEM_END):
        inner = "".join(text[len(_PEM_HEAD) : -len(_PEM_END)].split())
        spelt = inner.replace("+", "-").replace("/", "_").rstrip("=")
    else:
        try:
            der = pkcs8(private, SecretText(passphrase) if passphrase else None)
        except FormatError:
            return
        spelt, comment = _b64(der), comment_of(private)
    item.take("ssh.private_key")
    line = item.fields.get("ssh.public_key", "").split()
    yield {
        "type": "ssh-key",
        "keyType": item.take("ssh.key_type") or (line[0] if line else ""),
        "privateKey": spelt,
        "keyComment": item.take("ssh.comment") or comment,
    }


def _passkeys(item: Outgoing) -> Iterable[dict[str, Any]]:
    for element in item.elements("passkey"):
        names = {part: f"passkey.{element}.{part}" for part in PASSKEY.values()}
        # The standard leaves out passkeys that count: two devices would count apart.
        counter = item.fields.get(f"passkey.{element}.counter", "0")
        if counter != "0" or any(n not in item.fields for n in names.values()):
            continue
        yield {
            "type": "passkey",
            **{theirs: item.take(names[ours]) for theirs, ours in PASSKEY.items()},
        }
        for part, value in PASSKEY_DEFAULTS.items():
            if item.fields.get(f"passkey.{element}.{part}") == value:
                item.take(f"passkey.{element}.{part}")


def _editables(item: Outgoing, names: Mapping[str, str]) -> dict[str, Any]:
    made = {}
    for theirs, ours in names.items():
        value = item.take(ours)
        if value is not None:
            made[theirs] = _editable(
                _CONCEALED if ours in _SECRET_FIELDS else _TEXT, value
            )
    return made


def _editable(kind: str, value: str, label: str | None = None) -> dict[str, str]:
    made = {"fieldType": kind, "value": value}
    return made if label is None else {**made, "label": label}


def _custom(item: Outgoing) -> list[dict[str, str]]:
    fields = []
    for row in item.rows("custom", "name", "kind", "value", "hidden"):
        kind = row.get("kind")
        value = row.get("hidden", row.get("value", ""))
        spelt = {"hidden": _CONCEALED, "boolean": _BOOLEAN}.get(kind or "", _TEXT)
        fields.append(_editable(spelt, value, row.get("name", "")))
    return fields


def _left(
    item: Outgoing, kind: str, credentials: list[dict[str, Any]]
) -> list[dict[str, str]]:
    """Return what found no place, and the type where no credential tells it."""
    fields = [
        _editable(_CONCEALED if secret else _TEXT, value, name)
        for name, value, secret in item.left()
    ]
    told = (KIND_OF[each["type"]] for each in credentials if each["type"] in KIND_OF)
    if next(told, "note") != kind:
        fields.append(_editable(_TEXT, kind, "clisk:type"))
    return fields


def _totp(uri: str) -> dict[str, Any] | None:
    """Return the seed in the words of CXF, or None where they do not suffice."""
    try:
        parts = urlsplit(uri)
        query = {name: v[0] for name, v in parse_qs(parts.query).items()}
    except ValueError:
        return None
    if parts.scheme != "otpauth" or parts.netloc != "totp" or "secret" not in query:
        return None
    digits, period = query.get("digits", "6"), query.get("period", "30")
    if not (digits.isdecimal() and period.isdecimal() and int(period) < 256):
        return None
    label = unquote(parts.path.lstrip("/"))
    issuer = query.get("issuer")
    made: dict[str, Any] = {
        "secret": query["secret"],
        "period": int(period),
        "digits": int(digits),
        "algorithm": query.get("algorithm", "SHA1").lower(),
        "username": label.removeprefix(f"{issuer}:") if issuer else label,
    }
    return {**made, "issuer": issuer} if issuer else made


def _is_month(year: str | None, month: str | None) -> bool:
    if year is None or month is None or not (year + month).isdecimal():
        return False
    return len(year) == 4 and 1 <= int(month) <= 12 and month == str(int(month))


def _seconds(text: str) -> int | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        return None
    return max(0, int(moment.timestamp()))


def _whole(text: str) -> bool:
    """Return whether seconds say all that *text* does."""
    return text.endswith((":00.000Z", ".000Z"))


def _b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")
