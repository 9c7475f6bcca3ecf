"""FIDO's Credential Exchange Format, CXF 1.0, read. Nothing in it is sealed.

An item of theirs may hold several credentials of one kind; the first takes our
field, the others become custom fields. Spec: fidoalliance.org, "Credential
Exchange Format v1.0".
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping
from urllib.parse import quote, urlencode

from clisk_vault.errors import FormatError, UnsupportedError
from clisk_vault.keys import SecretText
from clisk_vault.transfer.foreign import ItemBuilder, Taken, add_public_half
from clisk_vault.transfer.imported import ForeignFile, ForeignItem
from clisk_vault.transfer.outgoing import OURS

SOURCE = "cxf"
WHAT = "CXF file"
MAJOR = 1
_HIDDEN = "concealed-string"
CARD = {
    "number": "card.number", "fullName": "card.holder", "cardType": "card.brand",
    "verificationNumber": "card.code",
}  # fmt: skip
NAME = {
    "title": "identity.title", "given": "identity.first_name",
    "given2": "identity.middle_name", "surname": "identity.last_name",
}  # fmt: skip
ADDRESS = {
    "postalCode": "identity.postal_code", "city": "identity.city",
    "territory": "identity.state", "country": "identity.country",
    "tel": "identity.phone",
}  # fmt: skip
DOCUMENTS = {
    "passport": ("passportNumber", "identity.passport_number"),
    "drivers-license": ("licenseNumber", "identity.licence_number"),
    "identity-document": ("identificationNumber", "identity.ssn"),
}
PASSKEY = {
    "credentialId": "credential_id", "rpId": "rp_id", "username": "user_name",
    "userDisplayName": "user_display_name", "userHandle": "user_handle",
    "key": "private_key",
}  # fmt: skip
# What the standard does not say, because it allows nothing else or leaves it open.
PASSKEY_DEFAULTS = {
    "key_type": "public-key", "algorithm": "ECDSA", "curve": "P-256", "counter": "0",
    "discoverable": "true",
}  # fmt: skip
KIND_OF = {
    "basic-auth": "login", "passkey": "login", "totp": "login", "api-key": "login",
    "credit-card": "card", "ssh-key": "ssh-key", "address": "identity",
    "person-name": "identity", "passport": "identity", "drivers-license": "identity",
    "identity-document": "identity",
}  # fmt: skip


def is_cxf(document: Mapping[str, object]) -> bool:
    """Return whether *document* looks like one."""
    return "accounts" in document and "exporterRpId" in document


def read_cxf(document: Mapping[str, object]) -> ForeignFile:
    """Return what *document* holds; raises FormatError, UnsupportedError."""
    header = Taken(document)
    version = header.object("version")
    if version.number("major") != MAJOR:
        raise UnsupportedError(f"{WHAT}: not of version {MAJOR}")
    accounts = header.objects("accounts")
    if not accounts:
        raise FormatError(f"{WHAT}: without an account")
    items: list[ForeignItem] = []
    folders: set[str] = set()
    for account in accounts:
        place_of: dict[str, list[str]] = {}
        for collection in account.objects("collections"):
            _collection(collection, "", place_of, folders)
        for item in account.objects("items"):
            place = f"{WHAT}: item {len(items)}"
            items.append(_item(item, place_of, place))
    return ForeignFile(SOURCE, tuple(items), tuple(sorted(folders)))


def _collection(
    collection: Taken, above: str, place_of: dict[str, list[str]], folders: set[str]
) -> None:
    title = collection.text("title") or ""
    path = f"{above}/{title}" if above else title
    if path:
        folders.add(path)
    for link in collection.objects("items"):
        places = place_of.setdefault(link.text("item") or "", [])
        if path not in places[-1:]:
            places.append(path)
    for inner in collection.objects("subCollections"):
        _collection(inner, path, place_of, folders)


def _item(item: Taken, place_of: dict[str, list[str]], place: str) -> ForeignItem:
    credentials = item.objects("credentials")
    kinds = [credential.text("type") or "" for credential in credentials]
    kind = next((KIND_OF[each] for each in kinds if each in KIND_OF), "note")
    made = ItemBuilder(SOURCE, kind, item.text("title") or "", place=place)
    made.key = item.text("id")
    # Taken out: an id that many items share must not cost their number squared.
    first, *others = place_of.pop(made.key or "", [""])
    made.set("folder", first)
    for each in others:
        made.tag(each)
    made.time("created", item.number("creationAt"))
    made.time("changed", item.number("modifiedAt"))
    made.flag("favourite", on=item.flag("favorite"))
    made.custom("subtitle", item.text("subtitle") or None)
    scope = item.object("scope")
    for uri in scope.texts("urls"):
        made.uri(uri)
    for app in scope.objects("androidApps"):
        bundle = app.text("bundleId")
        made.uri(f"androidapp://{bundle}" if bundle else None)
    for tag in item.texts("tags"):
        made.tag(tag)
    for name, credential in zip(kinds, credentials, strict=True):
        _credential(made, name, credential)
    made.aside(item.left())
    return made.build()


def _credential(made: ItemBuilder, kind: str, credential: Taken) -> None:
    reader = _READERS.get(kind)
    if reader is not None:
        reader(made, credential)
    elif kind in DOCUMENTS:
        theirs, ours = DOCUMENTS[kind]
        _fields(made, credential, {theirs: ours})
    elif kind:
        made.custom("type of credential", kind)
    _others(made, kind, credential)


def _login(made: ItemBuilder, credential: Taken) -> None:
    _fields(made, credential, {"username": "username", "password": "password"})


def _note(made: ItemBuilder, credential: Taken) -> None:
    made.set("notes", _value(credential, "content"))


def _name(made: ItemBuilder, credential: Taken) -> None:
    _fields(made, credential, NAME)


def _passkey(made: ItemBuilder, credential: Taken) -> None:
    parts = {ours: credential.text(theirs) for theirs, ours in PASSKEY.items()}
    made.row("passkey", **parts)
    made.defaults["passkey"] = PASSKEY_DEFAULTS


def _card(made: ItemBuilder, credential: Taken) -> None:
    _fields(made, credential, CARD)
    expiry = _value(credential, "expiryDate") or ""
    year, dash, month = expiry.partition("-")
    if dash and month.isdecimal():
        made.set("card.exp_year", year)
        made.set("card.exp_month", str(int(month)))
    else:
        made.custom("expiryDate", expiry or None)


def _address(made: ItemBuilder, credential: Taken) -> None:
    lines = (_value(credential, "streetAddress") or "").split("\n", 2)
    for number, line in enumerate(lines, 1):
        made.set(f"identity.address{number}", line)
    _fields(made, credential, ADDRESS)


def _fields(made: ItemBuilder, credential: Taken, names: Mapping[str, str]) -> None:
    for theirs, ours in names.items():
        made.set(ours, _value(credential, theirs))


def _value(credential: Taken, name: str) -> str | None:
    """Take the value of an editable field; its id says nothing to us."""
    field = credential.object(name)
    field.drop("id", "fieldType")
    return field.text("value")


def _others(made: ItemBuilder, kind: str, credential: Taken) -> None:
    """Keep editable fields that have no field of ours, under their own names."""
    for name, value in credential.left().items():
        if isinstance(value, dict) and isinstance(value.get("value"), str):
            hidden = value.get("fieldType") == _HIDDEN
            made.custom(f"{kind}: {name}", _value(credential, name), hidden=hidden)


def _totp(made: ItemBuilder, credential: Taken) -> None:
    secret = credential.text("secret") or ""
    label = credential.text("username") or ""
    issuer = credential.text("issuer")
    query = {"secret": secret}
    if issuer:
        query["issuer"] = issuer
    algorithm = credential.text("algorithm") or "sha1"
    period, digits = credential.number("period"), credential.number("digits")
    query["algorithm"] = algorithm.upper()
    query["digits"], query["period"] = str(digits or 6), str(period or 30)
    name = f"{quote(issuer)}:{quote(label)}" if issuer else quote(label)
    if secret:
        made.set("totp", f"otpauth://totp/{name}?{urlencode(query, quote_via=quote)}")


def _ssh(made: ItemBuilder, credential: Taken) -> None:
    der = credential.text("privateKey")
    made.set("ssh.key_type", credential.text("keyType"))
    if der:
        made.set("ssh.private_key", _pem(der))
        add_public_half(made, SecretText(_pem(der)))
    made.set("ssh.comment", credential.text("keyComment"))


def _pem(text: str) -> str:
    """Return the PKCS #8 key as PEM (RFC 7468), or as it came if it is not base64."""
    try:
        der = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (binascii.Error, ValueError):
        return text
    spelt = base64.b64encode(der).decode()
    lines = "\n".join(spelt[at : at + 64] for at in range(0, len(spelt), 64))
    return f"-----BEGIN PRIVATE KEY-----\n{lines}\n-----END PRIVATE KEY-----\n"


def _custom(made: ItemBuilder, credential: Taken) -> None:
    heading = credential.text("label")
    for field in credential.objects("fields"):
        kind = field.text("fieldType")
        label = field.text("label") or "field"
        value = field.text("value")
        field.drop("id")
        if label.startswith(OURS) and value is not None:
            if not made.ours(label.removeprefix(OURS), value):
                made.custom(label, value, hidden=kind == _HIDDEN)
        elif kind == "boolean":
            made.row("custom", name=label, kind="boolean", value=value)
        else:
            name = f"{heading} / {label}" if heading else label
            made.custom(name, value, hidden=kind == _HIDDEN)


_READERS: Mapping[str, Callable[[ItemBuilder, Taken], None]] = {
    "basic-auth": _login, "totp": _totp, "note": _note, "passkey": _passkey,
    "credit-card": _card, "ssh-key": _ssh, "person-name": _name, "address": _address,
    "custom-fields": _custom,
}  # fmt: skip
