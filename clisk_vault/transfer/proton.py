"""Proton Pass's export: data.json, by itself or in a zip. A vault becomes a folder.

The PGP-sealed kind is refused in plain words, with the command that opens it: gpg, in
a pipe. An OpenPGP library for this one file would be more to trust than all the rest.
"""

from __future__ import annotations

from collections.abc import Mapping

from clisk_vault.errors import FormatError, UnsupportedError
from clisk_vault.transfer.bounded import BoundedZip
from clisk_vault.transfer.foreign import ItemBuilder, Leftovers, Taken, pairs
from clisk_vault.transfer.imported import ForeignFile, ForeignItem

SOURCE = "proton"
_WHAT = "Proton Pass export"
_TYPES = {
    "login": "login", "note": "note", "creditCard": "card", "identity": "identity",
    "sshKey": "ssh-key",
}  # fmt: skip
_FIELDS = {
    "creditCard": {
        "cardholderName": "card.holder", "number": "card.number",
        "verificationNumber": "card.code",
    },
    "identity": {
        "firstName": "identity.first_name", "middleName": "identity.middle_name",
        "lastName": "identity.last_name", "email": "identity.email",
        "phoneNumber": "identity.phone", "organization": "identity.company",
        "streetAddress": "identity.address1", "floor": "identity.address2",
        "city": "identity.city", "stateOrProvince": "identity.state",
        "zipOrPostalCode": "identity.postal_code",
        "countryOrRegion": "identity.country",
        "socialSecurityNumber": "identity.ssn",
        "passportNumber": "identity.passport_number",
        "licenseNumber": "identity.licence_number",
    },
    "sshKey": {"privateKey": "ssh.private_key", "publicKey": "ssh.public_key"},
}  # fmt: skip
_PASSKEY = {
    "credentialId": "credential_id", "domain": "rp_id", "rpName": "rp_name",
    "userHandle": "user_handle", "userName": "user_name",
    "userDisplayName": "user_display_name", "content": "private_key",
}  # fmt: skip
_HIDDEN = ("password", "pin", "verificationNumber", "privateKey")
_TRASHED = 2


def proton_name(archive: BoundedZip) -> str | None:
    """Return the name of the export in *archive*, or None where there is none.

    Raises:
        UnsupportedError: it is sealed with PGP.
    """
    for name in archive.names():
        if name.endswith(("data.pgp", "data.json.pgp")):
            raise sealed_with_pgp()
    found = [n for n in archive.names() if n.rsplit("/", 1)[-1] == "data.json"]
    return found[0] if found and found[0].startswith("Proton Pass") else None


def sealed_with_pgp() -> UnsupportedError:
    """Return the refusal of an export that is sealed with PGP."""
    return UnsupportedError(
        f"{_WHAT}: it is sealed with PGP, which this program does not open",
        advice="open it first, without leaving a file: gpg --decrypt data.pgp |"
        " clisk import - --format proton",
    )


def is_proton(document: Mapping[str, object]) -> bool:
    """Return whether *document* looks like such an export."""
    return isinstance(document.get("vaults"), dict) and "version" in document


def read_proton(document: Mapping[str, object]) -> ForeignFile:
    """Return what *document* holds; raises FormatError, UnsupportedError."""
    vaults = document.get("vaults")
    if not isinstance(vaults, dict):
        raise FormatError(f"{_WHAT}: without vaults")
    if document.get("encrypted") is True:
        raise sealed_with_pgp()
    items: list[ForeignItem] = []
    folders: set[str] = set()
    for vault in vaults.values():
        if not isinstance(vault, dict):
            raise FormatError(f"{_WHAT}: a vault is not an object")
        if not isinstance(vault.get("items", []), list):
            raise FormatError(f"{_WHAT}: the items of a vault are not a list")
        taken = Taken(vault)
        folder = taken.text("name") or ""
        folders.add(folder)
        for item in taken.objects("items"):
            items.append(_item(item, folder, f"{_WHAT}: item {len(items)}"))
    return ForeignFile(SOURCE, tuple(items), tuple(sorted(f for f in folders if f)))


def _item(item: Taken, folder: str, place: str) -> ForeignItem:
    data = item.object("data")
    metadata = data.object("metadata")
    kind = data.text("type") or ""
    made = ItemBuilder(
        SOURCE, _TYPES.get(kind, "note"), metadata.text("name") or "", place=place
    )
    made.key = item.text("itemId") or metadata.text("itemUuid")
    metadata.drop("itemUuid")
    item.drop("shareId", "contentFormatVersion", "shareCount")
    if kind and kind not in _TYPES:
        made.custom("Proton Pass type", kind)
    made.set("folder", folder)
    made.set("notes", metadata.text("note"))
    made.flag("favourite", on=item.flag("pinned"))
    made.flag("trashed", on=item.number("state") == _TRASHED)
    made.time("created", item.number("createTime"))
    made.time("changed", item.number("modifyTime"))
    made.custom("alias", item.text("aliasEmail") or None)
    content = data.object("content")
    if kind == "login":
        _login(made, content)
    else:
        _card(made, kind, content)
        for key, field in _FIELDS.get(kind, {}).items():
            made.set(field, content.text(key))
    _sections(made, content)
    _rest_of(made, content)
    for extra in data.objects("extraFields"):
        _extra(made, extra)
    made.aside(item.left())
    return made.build()


def _login(made: ItemBuilder, content: Taken) -> None:
    email, username = content.text("itemEmail"), content.text("itemUsername")
    old = content.text("username")
    made.set("username", username or email or old)
    if email and username:
        made.custom("email", email)
    if old and (username or email):
        made.custom("user name", old)
    made.set("password", content.text("password"))
    made.set("totp", content.text("totpUri"))
    for uri in content.texts("urls"):
        made.uri(uri)
    for passkey in content.objects("passkeys"):
        parts = {ours: passkey.text(theirs) for theirs, ours in _PASSKEY.items()}
        made.row("passkey", **parts)


def _card(made: ItemBuilder, kind: str, content: Taken) -> None:
    if kind != "creditCard":
        return
    expiry = content.text("expirationDate") or ""
    year, dash, month = expiry.partition("-")
    if not dash and len(expiry) == 6:
        month, year = expiry[:2], expiry[2:]
    if month.isdecimal() and year.isdecimal():
        made.set("card.exp_month", str(int(month)))
        made.set("card.exp_year", year)
    else:
        made.custom("expirationDate", expiry or None)


def _sections(made: ItemBuilder, content: Taken) -> None:
    names = ("sections", "extraSections", "extraPersonalDetails", "extraAddressDetails",
             "extraContactDetails", "extraWorkDetails")  # fmt: skip
    for name in names:
        for section in content.objects(name):
            heading = section.text("sectionName")
            fields = section.objects("sectionFields") or [section]
            for field in fields:
                _extra(made, field, heading)


def _rest_of(made: ItemBuilder, content: Taken) -> None:
    """Keep the texts that have no field of ours as custom fields."""
    for name, value in content.left().items():
        if isinstance(value, str):
            made.custom(name, content.text(name), hidden=name in _HIDDEN)


def _extra(made: ItemBuilder, extra: Taken, heading: str | None = None) -> None:
    kind = extra.text("type") or "text"
    label = " / ".join(e for e in (heading, extra.text("fieldName") or "field") if e)
    data = extra.object("data")
    seed = data.text("totpUri")
    if seed and not made.has("totp"):
        made.set("totp", seed)
    elif seed:
        made.custom(label, seed, hidden=True)
    made.custom(label, data.text("content"), hidden=kind == "hidden")
    rest: Leftovers = data.left()
    for name, value in pairs(rest):
        made.custom(f"{label}: {name}", value)
        data.drop(name)
