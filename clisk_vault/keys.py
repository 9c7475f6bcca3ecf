"""Opaque secret types: protocol/key-schedule.md §2.

A secret leaves its type by one verb, ``expose()``: ``grep expose`` is the audit list.
"""

from __future__ import annotations

import hmac
from typing import ClassVar, NoReturn, SupportsIndex, TypeVar


class _Redacted:
    """What every secret refuses: printing, pickling, copying, hashing."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} redacted>"

    def __format__(self, spec: str) -> str:
        return repr(self)

    __hash__ = None  # type: ignore[assignment]  # a secret is nobody's dict key

    def __reduce_ex__(self, protocol: SupportsIndex) -> NoReturn:
        raise TypeError(f"{type(self).__name__} is never pickled or copied")


class SecretBytes(_Redacted):  # noqa: PLW1641  # __hash__ is None in the base
    """Fixed-length secret that never prints itself."""

    __slots__ = ("_raw",)
    LENGTH: ClassVar[int] = 32

    def __init__(self, raw: bytes) -> None:
        if len(raw) != self.LENGTH:
            raise ValueError(
                f"{type(self).__name__} must be {self.LENGTH} bytes, got {len(raw)}"
            )
        self._raw = bytes(raw)

    def expose(self) -> bytes:
        """Return the raw bytes; the caller now holds a secret."""
        return self._raw

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return hmac.compare_digest(self._raw, other._raw)


class SecretText(_Redacted):  # noqa: PLW1641  # __hash__ is None in the base
    """Text of any length that a person typed or stored."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def expose(self) -> str:
        """Return the plain text; the caller now holds a secret."""
        return self._text

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return hmac.compare_digest(self._text.encode(), other._text.encode())


class UnlockKey(SecretBytes):
    """Opens the sealed device secrets; made from the passphrase."""

    __slots__ = ()


class StorageKey(SecretBytes):
    """Root of what one device seals for itself on its own disk."""

    __slots__ = ()


class EpochSecret(SecretBytes):
    """Root of everything the devices of one epoch share."""

    __slots__ = ()


class FieldKey(SecretBytes):
    """Key of one version of one secret field of one item."""

    __slots__ = ()


class ContentKey(SecretBytes):
    """Opens the chunks of one attachment; random, kept in a sealed field."""

    __slots__ = ()


class EnvelopeKey(SecretBytes):
    """Key of one epoch's envelopes."""

    __slots__ = ()


class SnapshotKey(SecretBytes):
    """Key of one epoch's snapshots."""

    __slots__ = ()


class NameKey(SecretBytes):
    """Key of the device names in one epoch's membership records."""

    __slots__ = ()


class EpochChainKey(SecretBytes):
    """Seals the secret of the epoch before."""

    __slots__ = ()


class ImportKey(SecretBytes):
    """Tells an imported value from one imported before, without keeping either."""

    __slots__ = ()


class LogKey(SecretBytes):
    """Key of the access log's contents in one epoch."""

    __slots__ = ()


class LogEntryKey(SecretBytes):
    """Random commitment key of one log entry; given away to open that entry."""

    __slots__ = ()


class LocalKey(SecretBytes):
    """Key of one kind of row on this device's disk, under the storage key."""

    __slots__ = ()


class PairingSecret(SecretBytes):
    """The 256 bits that travel in the QR code."""

    __slots__ = ()


class PairingKey(SecretBytes):
    """Seals one pairing message, under the pairing secret."""

    __slots__ = ()


class RecoverySecret(SecretBytes):
    """The 256 bits that are printed on a recovery kit."""

    __slots__ = ()


SecretT = TypeVar("SecretT", bound=SecretBytes)
