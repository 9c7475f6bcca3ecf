"""The shape of a plain Bitwarden JSON export, as `bw` 2026.9.0 writes it.

Only reading and checking: what becomes of it is bitwarden.py's business. Keys
that the models do not name are kept beside them, never dropped.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from clisk_vault.errors import FormatError, UnsupportedError
from clisk_vault.transfer.bounded import MAX_ITEMS, load_object

Text: TypeAlias = Annotated[str, Field(max_length=1_000_000)]
Id: TypeAlias = Annotated[str, Field(min_length=1, max_length=64)]


class _Model(BaseModel):
    """Strict about types; keeps unknown keys; prints no value."""

    model_config = ConfigDict(
        extra="allow",  # a newer Bitwarden adds keys, and they are to be kept
        frozen=True,
        strict=True,
        hide_input_in_errors=True,
    )

    def __repr_args__(self) -> Sequence[tuple[str | None, Any]]:
        return ()


class Folder(_Model):
    id: Id
    name: Text


class Uri(_Model):
    uri: Text | None = None
    match: int | None = None


class CustomField(_Model):
    type: int
    name: Text | None = None
    value: Text | None = None
    linked_id: int | None = Field(default=None, alias="linkedId")


class EarlierPassword(_Model):
    password: Text | None = None
    last_used: Text | None = Field(default=None, alias="lastUsedDate")


class Passkey(_Model):
    credential_id: Text | None = Field(default=None, alias="credentialId")
    key_type: Text | None = Field(default=None, alias="keyType")
    algorithm: Text | None = Field(default=None, alias="keyAlgorithm")
    curve: Text | None = Field(default=None, alias="keyCurve")
    private_key: Text | None = Field(default=None, alias="keyValue")
    rp_id: Text | None = Field(default=None, alias="rpId")
    rp_name: Text | None = Field(default=None, alias="rpName")
    user_handle: Text | None = Field(default=None, alias="userHandle")
    user_name: Text | None = Field(default=None, alias="userName")
    user_display_name: Text | None = Field(default=None, alias="userDisplayName")
    counter: Text | None = None
    discoverable: Text | None = None
    created: Text | None = Field(default=None, alias="creationDate")


class Login(_Model):
    uris: list[Uri] | None = None
    username: Text | None = None
    password: Text | None = None
    totp: Text | None = None
    passkeys: list[Passkey] | None = Field(default=None, alias="fido2Credentials")


class Card(_Model):
    holder: Text | None = Field(default=None, alias="cardholderName")
    brand: Text | None = None
    number: Text | None = None
    exp_month: Text | None = Field(default=None, alias="expMonth")
    exp_year: Text | None = Field(default=None, alias="expYear")
    code: Text | None = None


class Identity(_Model):
    title: Text | None = None
    first_name: Text | None = Field(default=None, alias="firstName")
    middle_name: Text | None = Field(default=None, alias="middleName")
    last_name: Text | None = Field(default=None, alias="lastName")
    address1: Text | None = None
    address2: Text | None = None
    address3: Text | None = None
    city: Text | None = None
    state: Text | None = None
    postal_code: Text | None = Field(default=None, alias="postalCode")
    country: Text | None = None
    company: Text | None = None
    email: Text | None = None
    phone: Text | None = None
    ssn: Text | None = None
    username: Text | None = None
    passport_number: Text | None = Field(default=None, alias="passportNumber")
    licence_number: Text | None = Field(default=None, alias="licenseNumber")


class SshKey(_Model):
    private_key: Text | None = Field(default=None, alias="privateKey")
    public_key: Text | None = Field(default=None, alias="publicKey")
    fingerprint: Text | None = Field(default=None, alias="keyFingerprint")


class Note(_Model):
    type: int | None = None


class Item(_Model):
    type: int
    name: Text | None = None
    id: Id | None = None
    folder_id: Id | None = Field(default=None, alias="folderId")
    favourite: bool = Field(default=False, alias="favorite")
    reprompt: int = 0
    notes: Text | None = None
    fields_: list[CustomField] | None = Field(default=None, alias="fields")
    login: Login | None = None
    note: Note | None = Field(default=None, alias="secureNote")
    card: Card | None = None
    identity: Identity | None = None
    ssh_key: SshKey | None = Field(default=None, alias="sshKey")
    history: list[EarlierPassword] | None = Field(default=None, alias="passwordHistory")
    created: Text | None = Field(default=None, alias="creationDate")
    changed: Text | None = Field(default=None, alias="revisionDate")
    deleted: Text | None = Field(default=None, alias="deletedDate")
    archived: Text | None = Field(default=None, alias="archivedDate")


class Export(_Model):
    encrypted: bool = False
    folders: list[Folder] = []
    items: Annotated[list[Item], Field(max_length=MAX_ITEMS)]


def parse_export(data: bytes) -> Export:
    """Return the export that *data* holds.

    Raises:
        UnsupportedError: an encrypted export.
        FormatError: not JSON, or not the JSON of an export; names the place,
            never the value.
        CostLimitError: too large to be read within bounds.
    """
    return parse_document(load_object(data, "Bitwarden export"))


def parse_document(document: Mapping[str, object]) -> Export:
    """Return the export that *document*, read from JSON, is; raises as above."""
    if document.get("encrypted") is True:
        raise UnsupportedError(
            "Bitwarden export: it is encrypted",
            advice="give its password: clisk import FILE --file-password-fd N",
        )
    try:
        export = Export.model_validate(document)
    except ValidationError as err:
        raise FormatError(_where(err)) from None
    _check_ids(export)
    return export


def _where(err: ValidationError) -> str:
    """Return the first fault by place and kind; input never comes into it."""
    faults = err.errors(include_url=False, include_context=False, include_input=False)
    place = ".".join(str(part) for part in faults[0]["loc"][:6])
    return f"Bitwarden export: {place}: {faults[0]['msg'].lower()}"


def _check_ids(export: Export) -> None:
    for what, ids in (
        ("folder", [folder.id for folder in export.folders]),
        ("item", [item.id for item in export.items if item.id is not None]),
    ):
        if len(set(ids)) != len(ids):
            raise FormatError(f"Bitwarden export: two {what}s have one id")
