"""One signed membership record: protocol/membership.md §2.

Says who claims to have signed what; membership.py says whether to believe it.
"""

from __future__ import annotations

from dataclasses import dataclass

from clisk_sync.record_body import RecordBody, encode_body, parse_body
from clisk_sync.transport import MAX_RECORD_BYTES
from clisk_vault.cose import UnverifiedSign1, parse_sign1, sign1
from clisk_vault.errors import FormatError
from clisk_vault.ids import RecordHash
from clisk_vault.labels import Label
from clisk_vault.primitives import SigningKey, VerifyKey, sha256


@dataclass(frozen=True, slots=True)
class UnverifiedRecord:
    """A well-formed record that nobody has checked: all of it is a claim."""

    data: bytes
    unverified_body: RecordBody
    _signed: UnverifiedSign1

    @property
    def hash(self) -> RecordHash:
        """SHA-256 of the whole signed record."""
        return RecordHash(sha256(self.data))

    def verify(self, public: VerifyKey) -> RecordBody:
        """Return the body, now known to be by the holder of *public*.

        Raises:
            TamperedError: another signer or changed bytes.
        """
        self._signed.verify(public, label=Label.MEMBERSHIP_RECORD, context=b"")
        return self.unverified_body


def sign_record(key: SigningKey, body: RecordBody) -> bytes:
    """Return *body* signed by its author, who holds *key*."""
    return sign1(
        key,
        encode_body(body),
        label=Label.MEMBERSHIP_RECORD,
        context=b"",
        kid=body.author,
    )


def parse_unverified_record(data: bytes) -> UnverifiedRecord:
    """Return the record written in *data*; only its shape is checked.

    Raises:
        FormatError: not the one spelling of a record.
        UnsupportedError: a suite or a kind that this program does not read.
    """
    what = "membership record"
    signed = parse_sign1(data, max_bytes=MAX_RECORD_BYTES, what=what)
    body = parse_body(signed.unverified_payload, max_bytes=MAX_RECORD_BYTES)
    if signed.kid != body.author:
        raise FormatError(f"{what}: signed in another name than its author's")
    return UnverifiedRecord(data, body, signed)
