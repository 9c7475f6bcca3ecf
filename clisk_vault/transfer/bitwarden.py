"""From a Bitwarden JSON export to items, every value of it.

What has no field of its own is kept word for word in a hidden `extra` element.
Importing is planned first and done in one transaction; done twice it changes
nothing, and done with a newer export it writes what has changed in Bitwarden
since, leaving what was changed here (transfer/imported.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from pydantic import BaseModel

from clisk_vault.draft import FieldValue
from clisk_vault.item import TRUE
from clisk_vault.item_types import URI_MATCHES, Secrecy, secrecy
from clisk_vault.keys import SecretText
from clisk_vault.transfer.bitwarden_json import (
    CustomField,
    EarlierPassword,
    Export,
    Item,
    Login,
    Passkey,
    Uri,
    parse_export,
)
from clisk_vault.transfer.foreign import (
    Fields,
    Leftovers,
    element_rows,
    extra_fields,
    history_fields,
)
from clisk_vault.transfer.imported import (
    ForeignFile,
    ForeignItem,
    ImportPlan,
    ImportReport,
    plan_file,
    run_plan,
)
from clisk_vault.transfer.outgoing import OURS
from clisk_vault.vault import Vault

SOURCE = "bitwarden"

TYPES = {1: "login", 2: "note", 3: "card", 4: "identity", 5: "ssh-key"}
CUSTOM_KINDS = {0: "text", 1: "hidden", 2: "boolean", 3: "linked"}
_SECTIONS = {"card": "card", "identity": "identity", "ssh_key": "ssh"}
# What a linked field points at, by Bitwarden's number (`linkedId`).
LINKED = {
    100: "username", 101: "password",
    300: "card.holder", 301: "card.exp_month", 302: "card.exp_year", 303: "card.code",
    304: "card.brand", 305: "card.number",
    400: "identity.title", 401: "identity.middle_name", 402: "identity.address1",
    403: "identity.address2", 404: "identity.address3", 405: "identity.city",
    406: "identity.state", 407: "identity.postal_code", 408: "identity.country",
    409: "identity.company", 410: "identity.email", 411: "identity.phone",
    412: "identity.ssn", 413: "identity.username", 414: "identity.passport_number",
    415: "identity.licence_number", 416: "identity.first_name",
    417: "identity.last_name", 418: "identity.full_name",
}  # fmt: skip


def plan_import(vault: Vault, data: bytes) -> ImportPlan:
    """Return what importing the export *data* into *vault* would do.

    Raises:
        UnsupportedError: an encrypted export.
        FormatError: not an export, or one whose values no vault can hold.
    """
    return plan_file(vault, read_export(parse_export(data)))


def read_export(export: Export) -> ForeignFile:
    """Return what *export* holds, in our terms."""
    folders = {folder.id: folder.name for folder in export.folders}
    return ForeignFile(
        SOURCE,
        (*_foreign_items(export, folders), *_outside(export)),
        tuple(sorted(set(folders.values()))),
    )


def import_bitwarden(vault: Vault, data: bytes) -> ImportReport:
    """Plan and do the import in one go; raises as plan_import()."""
    return run_plan(vault, plan_import(vault, data))


def _foreign_items(export: Export, folders: Mapping[str, str]) -> Iterator[ForeignItem]:
    for number, item in enumerate(export.items):
        rest = _leftovers(item, folders)
        fields = {
            **_common(item, folders),
            **_sections(item),
            **extra_fields(SOURCE, rest),
        }
        yield ForeignItem(
            key=item.id,
            place=f"Bitwarden export: item {number}",
            fields=fields,
            kept_aside=tuple(sorted(rest)),
        )


def _outside(export: Export) -> Iterator[ForeignItem]:
    """Yield a note with what the export holds beside its items and folders."""
    rest = _unknown(export)
    in_folders = {each.id: _unknown(each) for each in export.folders if _unknown(each)}
    if in_folders:
        rest["folders"] = in_folders
    if rest:
        yield ForeignItem(
            key="",
            place="Bitwarden export",
            fields={
                "type": "note",
                "title": "Bitwarden: what had no place of its own",
                **extra_fields(SOURCE, rest),
            },
            kept_aside=tuple(sorted(rest)),
        )


def _common(item: Item, folders: Mapping[str, str]) -> Fields:
    return _present(
        {
            "type": TYPES.get(item.type, "note"),
            "title": item.name or "",
            "notes": _secret(item.notes),
            "folder": folders.get(item.folder_id or ""),
            "favourite": TRUE if item.favourite else None,
            "reprompt": TRUE if item.reprompt == 1 else None,
            "trashed": TRUE if item.deleted is not None else None,
            "archived": TRUE if item.archived is not None else None,
            "created": item.created,
            "changed": item.changed,
            "origin": SOURCE,
        }
    )


def _sections(item: Item) -> Fields:
    fields: Fields = {}
    if item.login is not None:
        fields |= _login(item.login)
    for name, prefix in _SECTIONS.items():
        section: BaseModel | None = getattr(item, name)
        if section is not None:
            fields |= _section(section, prefix)
    fields |= element_rows("custom", (_custom(f) for f in _theirs(item)))
    fields |= _ours(item, fields)
    fields |= _history(item.history or ())
    return fields


def _theirs(item: Item) -> list[CustomField]:
    return [each for each in item.fields_ or () if not _is_ours(each)]


def _is_ours(field: CustomField) -> bool:
    """Return whether an export of ours wrote *field*, for want of a better place."""
    name = (field.name or "").removeprefix(OURS)
    known = secrecy(name) is not Secrecy.UNKNOWN and field.value is not None
    return known and name != field.name


def _ours(item: Item, fields: Fields) -> Fields:
    """Return the fields that an export of ours wrote under their own names."""
    found: Fields = {}
    for each in item.fields_ or ():
        name = (each.name or "").removeprefix(OURS)
        if _is_ours(each) and each.value is not None and name not in fields:
            secret = secrecy(name) is Secrecy.SECRET
            found[name] = SecretText(each.value) if secret else each.value
    return found


def _section(section: BaseModel, prefix: str) -> Fields:
    """Return the fields of a section whose names are ours already."""
    values = {name: getattr(section, name) for name in type(section).model_fields}
    return _present({f"{prefix}.{name}": text for name, text in values.items()})


def _login(login: Login) -> Fields:
    return {
        **_present(
            {
                "username": login.username,
                "password": _secret(login.password),
                "totp": _secret(login.totp),
            }
        ),
        **element_rows("uri", map(_uri, login.uris or ())),
        **element_rows("passkey", map(_passkey, login.passkeys or ())),
    }


def _uri(uri: Uri) -> Fields:
    known = uri.match is not None and uri.match in range(len(URI_MATCHES))
    match = URI_MATCHES[uri.match or 0] if known else None
    return _present({"value": uri.uri or "", "match": match})


def _passkey(passkey: Passkey) -> Fields:
    values = {name: getattr(passkey, name) for name in type(passkey).model_fields}
    return _present({**values, "private_key": _secret(passkey.private_key)})


def _custom(field: CustomField) -> Fields:
    kind = CUSTOM_KINDS.get(field.type)
    if kind is None:
        return _present({"name": field.name or "", "kind": "hidden"})
    if kind == "hidden":
        value: Fields = _present({"hidden": _secret(field.value)})
    elif kind == "linked" and field.linked_id is not None:
        value = {"value": LINKED.get(field.linked_id, f"{SOURCE}:{field.linked_id}")}
    else:
        value = _present({"value": field.value})
    return {**_present({"name": field.name}), "kind": kind, **value}


def _history(earlier: Iterable[EarlierPassword]) -> Fields:
    return history_fields(
        _present({"password": _secret(each.password or ""), "used": each.last_used})
        for each in earlier
    )


# --- what has no place of its own


def _leftovers(item: Item, folders: Mapping[str, str]) -> Leftovers:
    """Return every value of *item* that no field above takes, by its own keys."""
    rest = _unknown(item)
    if item.type not in TYPES:
        rest["type"] = item.type
    if item.reprompt not in (0, 1):
        rest["reprompt"] = item.reprompt
    if item.folder_id is not None and item.folder_id not in folders:
        rest["folderId"] = item.folder_id
    for key, value in (("deletedDate", item.deleted), ("archivedDate", item.archived)):
        if value is not None:
            rest[key] = value
    sections: dict[str, BaseModel | None] = {
        "card": item.card, "identity": item.identity, "sshKey": item.ssh_key,
    }  # fmt: skip
    _keep(rest, {key: _unknown(each) for key, each in sections.items() if each})
    if item.login is not None:
        _keep(rest, {"login": _login_leftovers(item.login)})
    if item.note is not None:
        kind = {"type": item.note.type} if item.note.type else {}
        _keep(rest, {"secureNote": {**_unknown(item.note), **kind}})
    _keep(rest, {"fields": _numbered(map(_custom_leftovers, item.fields_ or ()))})
    _keep(rest, {"passwordHistory": _numbered(map(_unknown, item.history or ()))})
    return rest


def _login_leftovers(login: Login) -> Leftovers:
    rest = _unknown(login)
    _keep(rest, {"uris": _numbered(map(_uri_leftovers, login.uris or ()))})
    _keep(rest, {"fido2Credentials": _numbered(map(_unknown, login.passkeys or ()))})
    return rest


def _uri_leftovers(uri: Uri) -> Leftovers:
    rest = _unknown(uri)
    if uri.match is not None and uri.match not in range(len(URI_MATCHES)):
        rest["match"] = uri.match
    return rest


def _custom_leftovers(field: CustomField) -> Leftovers:
    rest = _unknown(field)
    kind = CUSTOM_KINDS.get(field.type)
    if kind is None:
        rest["type"] = field.type
    linked = field.linked_id is not None
    if linked and kind != "linked":
        rest["linkedId"] = field.linked_id
    if field.value is not None and (kind is None or (kind == "linked" and linked)):
        rest["value"] = field.value
    return rest


def _unknown(model: BaseModel) -> Leftovers:
    """Return the keys that the model does not name; null says nothing."""
    extra = model.model_extra or {}
    return {key: value for key, value in extra.items() if value is not None}


def _keep(rest: Leftovers, parts: Mapping[str, Leftovers]) -> None:
    rest.update({key: part for key, part in parts.items() if part})


def _numbered(parts: Iterable[Leftovers]) -> Leftovers:
    return {str(number): part for number, part in enumerate(parts) if part}


def _secret(text: str | None) -> SecretText | None:
    return None if text is None else SecretText(text)


def _present(fields: Mapping[str, FieldValue | None]) -> Fields:
    return {name: value for name, value in fields.items() if value is not None}
