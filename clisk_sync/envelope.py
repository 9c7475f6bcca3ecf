"""One envelope, outside: protocol/envelope.md §2 and §3.

What the relay may see, signed by its author, and the sealed rest. The inside is
envelope_content.py's; whether an envelope may be believed is frontier.py's.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Final

from clisk_sync.padding import pad, unpad
from clisk_sync.suite import SUITE, expect_suite
from clisk_sync.transport import MAX_ENVELOPE_BYTES, NO_HASH
from clisk_vault import cbor
from clisk_vault.cose import UnverifiedSign1, decrypt0, encrypt0, parse_sign1, sign1
from clisk_vault.errors import FormatError
from clisk_vault.ids import (
    DEVICE_ID_LENGTH,
    HASH_LENGTH,
    VAULT_ID_LENGTH,
    DeviceId,
    EnvelopeHash,
    VaultId,
)
from clisk_vault.keys import EnvelopeKey, EpochSecret
from clisk_vault.labels import Label
from clisk_vault.primitives import Random, SigningKey, VerifyKey, derive, sha256

FLOOR_BYTES: Final = 1024
_SUITE, _VAULT, _AUTHOR, _NUMBER, _PREVIOUS, _EPOCH, _SEALED = range(1, 8)
_SHAPE: dict[int, type] = {
    _SUITE: int, _VAULT: bytes, _AUTHOR: bytes, _NUMBER: int, _PREVIOUS: bytes,
    _EPOCH: int, _SEALED: bytes,
}  # fmt: skip
_WHAT: Final = "envelope"


@dataclass(frozen=True, slots=True)
class Header:
    """The outside of an envelope: all that a relay learns, besides its size."""

    vault: VaultId
    author: DeviceId
    # From 1, one by one; *previous* is the hash of the author's envelope before.
    number: int
    previous: EnvelopeHash
    epoch: int

    def to_value(self) -> dict[int, cbor.Encodable]:
        """Return the CBOR map: the payload's first keys, and associated data."""
        return {
            _SUITE: SUITE,
            _VAULT: self.vault,
            _AUTHOR: self.author,
            _NUMBER: self.number,
            _PREVIOUS: self.previous,
            _EPOCH: self.epoch,
        }


@dataclass(frozen=True, slots=True)
class Envelope:
    """A verified envelope: its author signed these bytes. Still sealed."""

    data: bytes
    header: Header
    hash: EnvelopeHash
    sealed: bytes

    def open(self, secret: EpochSecret) -> bytes:
        """Return the content, unpadded; *secret* is that of the header's epoch.

        Raises:
            FormatError: sealed or padded in another way than §3 and §4 say.
            TamperedError: another secret, or another header than it was sealed with.
        """
        padded = decrypt0(
            _key(secret, self.header),
            self.sealed,
            label=Label.ENVELOPE_BODY,
            context=_context(self.header),
            max_bytes=MAX_ENVELOPE_BYTES,
        )
        return unpad(padded, floor=FLOOR_BYTES)


@dataclass(frozen=True, slots=True)
class UnverifiedEnvelope:
    """A well-formed envelope that nobody has checked: all of it is a claim."""

    data: bytes
    unverified_header: Header
    _sealed: bytes
    _signed: UnverifiedSign1

    @property
    def hash(self) -> EnvelopeHash:
        """SHA-256 of the whole signed envelope."""
        return EnvelopeHash(sha256(self.data))

    def verify(self, public: VerifyKey) -> Envelope:
        """Return the envelope, now known to be by the holder of *public*.

        Raises:
            TamperedError: another signer or changed bytes.
        """
        self._signed.verify(public, label=Label.ENVELOPE, context=b"")
        return Envelope(self.data, self.unverified_header, self.hash, self._sealed)


def seal_envelope(
    content: bytes,
    header: Header,
    *,
    key: SigningKey,
    secret: EpochSecret,
    random: Random = os.urandom,
) -> bytes:
    """Return *content* padded, sealed under *header* and signed by its author.

    *key* is the author's signing key, *secret* the header's epoch's.
    """
    sealed = encrypt0(
        _key(secret, header),
        pad(content, floor=FLOOR_BYTES),
        label=Label.ENVELOPE_BODY,
        context=_context(header),
        random=random,
    )
    payload = cbor.encode({**header.to_value(), _SEALED: sealed})
    return sign1(key, payload, label=Label.ENVELOPE, context=b"", kid=header.author)


def parse_unverified_envelope(data: bytes) -> UnverifiedEnvelope:
    """Return the envelope written in *data*; only its shape is checked.

    Raises:
        FormatError: not the one spelling of an envelope.
        UnsupportedError: another suite.
    """
    signed = parse_sign1(data, max_bytes=MAX_ENVELOPE_BYTES, what=_WHAT)
    value = cbor.parse(signed.unverified_payload, max_bytes=len(data), what=_WHAT)
    expect_suite(value, what=_WHAT)
    parts = cbor.expect_map(value, _SHAPE, what=_WHAT)
    header = Header(
        vault=VaultId(_bytes(parts[_VAULT], VAULT_ID_LENGTH, "vault")),
        author=DeviceId(_bytes(parts[_AUTHOR], DEVICE_ID_LENGTH, "author")),
        number=_count(parts[_NUMBER], "number"),
        previous=EnvelopeHash(_bytes(parts[_PREVIOUS], HASH_LENGTH, "previous")),
        epoch=_count(parts[_EPOCH], "epoch"),
    )
    if (header.number == 1) is not (header.previous == NO_HASH):
        raise FormatError(f"{_WHAT}: only the first one has no previous")
    if signed.kid != header.author:
        raise FormatError(f"{_WHAT}: signed in another name than its author's")
    sealed = parts[_SEALED]
    assert isinstance(sealed, bytes)
    return UnverifiedEnvelope(data, header, sealed, signed)


def _key(secret: EpochSecret, header: Header) -> EnvelopeKey:
    context = cbor.encode([header.vault, header.epoch])
    return derive(secret, Label.ENVELOPE_KEY, context, EnvelopeKey)


def _context(header: Header) -> bytes:
    return cbor.encode(header.to_value())


def _bytes(value: cbor.Value, length: int, field: str) -> bytes:
    return cbor.expect_bytes(value, length=length, what=f"{_WHAT}: {field}")


def _count(value: cbor.Value, field: str) -> int:
    number = cbor.expect_uint(value, what=f"{_WHAT}: {field}")
    if number == 0:
        raise FormatError(f"{_WHAT}: {field} counts from 1")
    return number
