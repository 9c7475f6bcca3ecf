"""Secret fields, each version sealed on its own.

The key and the associated data name vault, epoch, item, field and version, so a
sealed value opens in its own place and nowhere else.

Spec: protocol/item.md §7. Vectors: item/seal-*.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass

from clisk_vault import cbor
from clisk_vault.cose import decrypt0, encrypt0
from clisk_vault.entry import MAX_VALUE_BYTES
from clisk_vault.errors import FormatError, TamperedError
from clisk_vault.hlc import Stamp
from clisk_vault.ids import ItemId, VaultId
from clisk_vault.keys import EpochSecret, FieldKey, SecretText
from clisk_vault.labels import Label
from clisk_vault.primitives import Random, derive


@dataclass(frozen=True, slots=True)
class FieldPlace:
    """Where one sealed value belongs."""

    vault: VaultId
    item: ItemId
    field: str
    version: Stamp

    def key(self, secret: EpochSecret) -> FieldKey:
        """Return the key of this one place."""
        context = cbor.encode([self.vault, self.item, self.field, str(self.version)])
        return derive(secret, Label.FIELD_KEY, context, FieldKey)

    def context(self, epoch: int) -> bytes:
        """Return what the seal is bound to besides its key."""
        return cbor.encode(
            [self.vault, epoch, self.item, self.field, str(self.version)]
        )


def seal_field(
    secret: EpochSecret,
    text: SecretText,
    *,
    epoch: int,
    place: FieldPlace,
    random: Random = os.urandom,
) -> bytes:
    """Return the value of a secret field for a document: epoch and COSE_Encrypt0."""
    sealed = encrypt0(
        place.key(secret),
        text.expose().encode(),
        label=Label.FIELD,
        context=place.context(epoch),
        random=random,
    )
    return cbor.encode([epoch, sealed])


def sealed_epoch(value: bytes) -> int:
    """Return the number of the epoch under whose secret *value* was sealed.

    Raises:
        FormatError: not a sealed field.
    """
    return _parse(value)[0]


def open_field(
    secret_of: Callable[[int], EpochSecret], value: bytes, *, place: FieldPlace
) -> SecretText:
    """Return the plaintext of a secret field.

    Called by the vault's reveal() ALONE, after the access record is durable. A
    second caller would be a read that nobody sees.

    Raises:
        FormatError: not a sealed field.
        TamperedError: sealed for another place, under another key, or changed.
    """
    epoch, sealed = _parse(value)
    plain = decrypt0(
        place.key(secret_of(epoch)),
        sealed,
        label=Label.FIELD,
        context=place.context(epoch),
        max_bytes=MAX_VALUE_BYTES,
    )
    try:
        return SecretText(plain.decode())
    except UnicodeDecodeError:
        raise TamperedError("field: sealed by a broken program: not text") from None


def _parse(value: bytes) -> tuple[int, bytes]:
    parts = cbor.expect_list(
        cbor.parse(value, max_bytes=MAX_VALUE_BYTES, what="sealed field"),
        what="sealed field",
        max_items=2,
    )
    if len(parts) != 2 or not isinstance(parts[1], bytes):
        raise FormatError("sealed field: not an epoch and a COSE_Encrypt0")
    return cbor.expect_uint(parts[0], what="sealed field: epoch"), parts[1]
