"""Sealing, committing to and opening what an entry says: access-log.md §6.

The commitment is an HMAC under a key drawn for this entry alone: equal reads do
not look alike, and whoever is given key and text can check one entry and no other.
"""

from __future__ import annotations

import hmac
import os
from dataclasses import dataclass

from clisk_vault import cbor, cose
from clisk_vault.access_record import Content, encode_content, parse_content
from clisk_vault.errors import FormatError, TamperedError
from clisk_vault.keys import EpochSecret, LogEntryKey, LogKey
from clisk_vault.labels import Label
from clisk_vault.log_leaf import LeafType
from clisk_vault.primitives import Random, derive, hmac_sha256

BUCKET_BYTES = 256
MAX_BUCKETS = 16
_LENGTH_BYTES = 2
MAX_SEALED_BYTES = BUCKET_BYTES * MAX_BUCKETS + 256


@dataclass(frozen=True, slots=True)
class EntryPlace:
    """Where an entry stands: all of it is associated data of the sealed content."""

    origin: str
    seq: int
    type: LeafType
    epoch: int

    def context(self) -> bytes:
        """Return the context of the sealed content."""
        return cbor.encode([self.origin, self.seq, int(self.type), self.epoch])


@dataclass(frozen=True, slots=True)
class SealedEntry:
    """What is stored and what the leaf says of it."""

    ciphertext: bytes
    commitment: bytes


@dataclass(frozen=True, slots=True)
class Opening:
    """Key and padded text of one entry, for whoever is to see that entry.

    Says nothing of any other entry. Good against a leaf only: see check().
    """

    key: LogEntryKey
    padded: bytes

    def check(self, commitment: bytes) -> Content:
        """Return what the entry says, now known to be what the leaf commits to.

        Raises:
            TamperedError: the leaf commits to something else.
            FormatError, UnsupportedError: committed to, but not readable here.
        """
        if not hmac.compare_digest(commit(self.key, self.padded), commitment):
            raise TamperedError("log entry: not what its leaf commits to")
        return parse_content(unpad(self.padded))

    def to_json(self) -> dict[str, str]:
        """Return the opening as it is handed over; it gives this entry away."""
        return {"key": self.key.expose().hex(), "plaintext": self.padded.hex()}


def derive_log_key(secret: EpochSecret, *, origin: str, epoch: int) -> LogKey:
    """Return the key of the contents of one log in one epoch."""
    return derive(secret, Label.LOG_KEY, cbor.encode([origin, epoch]), LogKey)


def commit(key: LogEntryKey, padded: bytes) -> bytes:
    """Return the commitment to *padded* text under a key used for nothing else."""
    return hmac_sha256(key, Label.LOG_COMMITMENT.value, padded)


def seal_entry(
    key: LogKey, content: Content, *, place: EntryPlace, random: Random = os.urandom
) -> SealedEntry:
    """Return *content* sealed for *place*, with a fresh key of its own inside."""
    entry_key = LogEntryKey(random(LogEntryKey.LENGTH))
    padded = pad(encode_content(content))
    ciphertext = cose.encrypt0(
        key,
        entry_key.expose() + padded,
        label=Label.LOG_PAYLOAD,
        context=place.context(),
        random=random,
    )
    return SealedEntry(ciphertext, commit(entry_key, padded))


def open_entry(key: LogKey, ciphertext: bytes, *, place: EntryPlace) -> Opening:
    """Return the opening that *ciphertext* holds; check it against its leaf.

    Raises:
        FormatError: not of the shape that seal_entry() writes.
        TamperedError: changed, of another place, or under another key.
    """
    plaintext = cose.decrypt0(
        key,
        ciphertext,
        label=Label.LOG_PAYLOAD,
        context=place.context(),
        max_bytes=MAX_SEALED_BYTES,
    )
    if len(plaintext) < LogEntryKey.LENGTH:
        raise FormatError("log entry: cut short")
    key_bytes, padded = (
        plaintext[: LogEntryKey.LENGTH],
        plaintext[LogEntryKey.LENGTH :],
    )
    return Opening(LogEntryKey(key_bytes), padded)


def pad(content: bytes) -> bytes:
    """Return length (2) || *content* || zeros, up to a multiple of 256 bytes."""
    framed = len(content).to_bytes(_LENGTH_BYTES) + content
    return framed + bytes(-len(framed) % BUCKET_BYTES)


def unpad(padded: bytes) -> bytes:
    """Return the content of *padded* text.

    Raises:
        FormatError: not whole buckets, one bucket too many, or not zeros.
    """
    content = padded[_LENGTH_BYTES:][: int.from_bytes(padded[:_LENGTH_BYTES])]
    if len(padded) > BUCKET_BYTES * MAX_BUCKETS or pad(content) != padded:
        raise FormatError("log entry: not padded in its one way")
    return content
