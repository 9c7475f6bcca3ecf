"""Bitwarden's two encrypted exports, opened and made.

One is sealed with a password of its own, the other with the key of the account
that it comes from, value by value. Both become the plain export, which
bitwarden.py reads.
"""

from __future__ import annotations

import base64
import binascii
import json
import uuid
from collections.abc import Mapping
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from clisk_vault.errors import FormatError, TamperedError
from clisk_vault.keys import SecretText
from clisk_vault.primitives import Random
from clisk_vault.transfer.bitwarden_crypto import (
    BitwardenKey,
    Kdf,
    derive_key,
    open_string,
    seal_string,
)
from clisk_vault.transfer.bounded import load_object
from clisk_vault.transfer.file_secrets import (
    FilePasswordError,
    FilePasswordNeeded,
    FileSecrets,
    needed,
)

_WHAT = "Bitwarden export"
_VALIDATION = "encKeyValidation_DO_NOT_EDIT"
# What an account's export leaves in the clear (ids, dates and numbers aside).
_CLEAR_KEYS = frozenset(
    {
        "id", "folderId", "organizationId", "collectionIds", "creationDate",
        "revisionDate", "deletedDate", "archivedDate", "lastUsedDate", "type",
        "passwordRevisionDate",
    }
)  # fmt: skip
DEFAULT_KDF = Kdf(0, 600_000)


class _Sealed(BaseModel):
    model_config = ConfigDict(
        extra="ignore", frozen=True, strict=True, hide_input_in_errors=True
    )

    salt: Annotated[str, Field(min_length=1, max_length=1024)]
    kind: int = Field(alias="kdfType")
    passes: int = Field(alias="kdfIterations")
    memory: int | None = Field(default=None, alias="kdfMemory")
    lanes: int | None = Field(default=None, alias="kdfParallelism")
    validation: str = Field(alias=_VALIDATION)
    data: str


def open_encrypted(
    document: Mapping[str, object], secrets: FileSecrets
) -> dict[str, object]:
    """Return the plain export that the encrypted *document* holds.

    Raises:
        FilePasswordNeeded, FilePasswordError: no password or key, or a wrong one.
        CostLimitError: it asks for work outside the bounds; none was done.
        TamperedError: changed since it was made.
        FormatError, UnsupportedError: not such an export, or not of type 2.
    """
    if document.get("passwordProtected") is True:
        return _open_protected(document, secrets.password)
    return _open_restricted(document, secrets.account_key)


def _open_protected(
    document: Mapping[str, object], password: SecretText | None
) -> dict[str, object]:
    try:
        sealed = _Sealed.model_validate(document)
    except ValidationError as err:
        place = err.errors(include_input=False, include_url=False)[0]["loc"]
        raise FormatError(f"{_WHAT}: {place[0]}: not as it should be") from None
    kdf = Kdf(sealed.kind, sealed.passes, sealed.memory or 0, sealed.lanes or 0)
    kdf.check()
    # The salt is the base64 text itself, not what it stands for.
    key = derive_key(needed(password, _WHAT), sealed.salt.encode(), kdf)
    _validate(key, sealed.validation)
    return load_object(open_string(key, sealed.data), _WHAT)


def _validate(key: BitwardenKey, validation: str) -> None:
    try:
        open_string(key, validation)
    except TamperedError:
        raise FilePasswordError(
            f"{_WHAT}: the password or key does not open it"
        ) from None


def _open_restricted(
    document: Mapping[str, object], account_key: SecretText | None
) -> dict[str, object]:
    if account_key is None:
        raise FilePasswordNeeded(
            f"{_WHAT}: only the account that it came from can open it",
            advice="export again, password protected; or give the account's key,"
            " 64 bytes in base64: --account-key-fd N",
        )
    try:
        raw = base64.b64decode(account_key.expose().strip(), validate=True)
        key = BitwardenKey(raw)
    except (binascii.Error, ValueError):
        raise FilePasswordError(f"{_WHAT}: the account key is not 64 bytes") from None
    validation = document.get(_VALIDATION)
    if not isinstance(validation, str):
        raise FormatError(f"{_WHAT}: without its validation")
    _validate(key, validation)
    plain: dict[str, object] = {
        name: _opened(key, value, name)
        for name, value in document.items()
        if name not in (_VALIDATION, "items", "encrypted")
    }
    items = document.get("items")
    if not isinstance(items, list):
        raise FormatError(f"{_WHAT}: items: not a list")
    plain["items"] = [_open_item(key, each) for each in items]
    return {"encrypted": False, **plain}


def _open_item(account: BitwardenKey, item: object) -> object:
    if not isinstance(item, dict):
        raise FormatError(f"{_WHAT}: an item is not an object")
    key, own = account, item.get("key")
    if isinstance(own, str):
        try:
            key = BitwardenKey(open_string(account, own))
        except ValueError:
            raise FormatError(f"{_WHAT}: an item's key is not 64 bytes") from None
    # The item's own key, and checksums under it, say nothing once it is opened.
    return {
        name: _opened(key, value, name) for name, value in item.items() if name != "key"
    }


def _opened(key: BitwardenKey, value: object, name: str) -> object:
    if isinstance(value, dict):
        return {
            inner: _opened(key, each, inner)
            for inner, each in value.items()
            if inner != "uriChecksum"
        }
    if isinstance(value, list):
        return [_opened(key, each, name) for each in value]
    if not isinstance(value, str) or name in _CLEAR_KEYS:
        return value
    # Every other text is sealed: one that is not was put there by somebody else.
    try:
        return open_string(key, value).decode()
    except UnicodeDecodeError:
        raise FormatError(f"{_WHAT}: {name}: not UTF-8 inside") from None


def seal_protected(
    plain: bytes, password: SecretText, *, random: Random, kdf: Kdf = DEFAULT_KDF
) -> bytes:
    """Return the plain export *plain* sealed with *password*, as `bw` takes it."""
    salt = base64.b64encode(random(16)).decode()
    key = derive_key(password, salt.encode(), kdf)
    document: dict[str, object] = {
        "encrypted": True,
        "passwordProtected": True,
        "salt": salt,
        "kdfType": kdf.kind,
        "kdfIterations": kdf.passes,
    }
    if kdf.kind:
        document |= {"kdfMemory": kdf.memory_mib, "kdfParallelism": kdf.lanes}
    token = str(uuid.UUID(bytes=random(16), version=4)).encode()
    document[_VALIDATION] = seal_string(key, token, random=random)
    document["data"] = seal_string(key, plain, random=random)
    return json.dumps(document, indent=2).encode()
