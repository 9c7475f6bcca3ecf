"""Names of things: protocol/glossary.md. In text always lower-case hex."""

from __future__ import annotations

from typing import NewType

from clisk_vault.errors import FormatError

VaultId = NewType("VaultId", bytes)
"""32 bytes: SHA-256 of the genesis record. Names a vault on every device and relay."""
DeviceId = NewType("DeviceId", bytes)
"""16 bytes made from the device's public keys, so nobody can claim another's."""
ItemId = NewType("ItemId", bytes)
"""16 random bytes. Never leaves the sealed part of an envelope."""
GrantId = NewType("GrantId", bytes)
"""16 random bytes."""
RecordHash = NewType("RecordHash", bytes)
"""32 bytes: SHA-256 of a whole signed membership record."""
EnvelopeHash = NewType("EnvelopeHash", bytes)
"""32 bytes: SHA-256 of a whole signed envelope."""
SnapshotHash = NewType("SnapshotHash", bytes)
"""32 bytes: SHA-256 of a whole signed snapshot."""
PartHash = NewType("PartHash", bytes)
"""32 bytes: SHA-256 of a sealed part of a snapshot. Names it on the relay."""

VAULT_ID_LENGTH = 32
DEVICE_ID_LENGTH = 16
ITEM_ID_LENGTH = 16
GRANT_ID_LENGTH = 16
HASH_LENGTH = 32


def parse_hex(text: str, *, length: int, what: str) -> bytes:
    """Return the *length* bytes that *text* spells in lower-case hex.

    Raises:
        FormatError: any other spelling.
    """
    try:
        raw = bytes.fromhex(text)
    except ValueError:
        raw = b""
    if len(raw) != length or raw.hex() != text:
        raise FormatError(f"{what}: not {2 * length} lower-case hex digits")
    return raw
