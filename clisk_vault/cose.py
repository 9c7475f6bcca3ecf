"""COSE_Sign1 and COSE_Encrypt0 (RFC 9052), untagged: protocol/encoding.md §2.

One fixed set of headers each, so there is nothing to negotiate. The label and
context of the use go in as external_aad, and are not sent.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

from clisk_vault import cbor
from clisk_vault.errors import FormatError
from clisk_vault.keys import SecretBytes
from clisk_vault.labels import Label
from clisk_vault.primitives import (
    SIGNATURE_BYTES,
    Random,
    SigningKey,
    VerifyKey,
    open_sealed,
    seal,
    sign,
    verify,
)

_ALG, _KID = 1, 4
_EDDSA = -8
# Private use (RFC 9053 §2.1): the committing XChaCha20-Poly1305 of suite 1.
_SUITE_1_AEAD = -70001
_ENCRYPT0_PROTECTED = cbor.encode({_ALG: _SUITE_1_AEAD})
# All of a COSE_Encrypt0 that comes before its ciphertext: it has one spelling.
_ENCRYPT0_START = cbor.encode([_ENCRYPT0_PROTECTED, {}, b""])[:-1]
_MAX_KID = 32


def _external_aad(label: Label, context: bytes) -> bytes:
    return cbor.encode([label.value, context])


def _to_be_signed(protected: bytes, external: bytes, payload: bytes) -> bytes:
    return cbor.encode(["Signature1", protected, external, payload])


def _enc_structure(label: Label, context: bytes) -> bytes:
    return cbor.encode(["Encrypt0", _ENCRYPT0_PROTECTED, _external_aad(label, context)])


def sign1(
    key: SigningKey, payload: bytes, *, label: Label, context: bytes, kid: bytes
) -> bytes:
    """Return COSE_Sign1 over *payload* by the holder of *key*, named by *kid*."""
    protected = cbor.encode({_ALG: _EDDSA, _KID: kid})
    message = _to_be_signed(protected, _external_aad(label, context), payload)
    return cbor.encode([protected, {}, payload, sign(key, message)])


@dataclass(frozen=True, slots=True)
class UnverifiedSign1:
    """A signed structure nobody has checked yet; kid and payload are claims."""

    kid: bytes
    unverified_payload: bytes
    _protected: bytes
    _signature: bytes

    def verify(self, public: VerifyKey, *, label: Label, context: bytes) -> bytes:
        """Return the payload, now known to be by the holder of *public*.

        Raises:
            TamperedError: another signer, label, context, or changed bytes.
        """
        message = _to_be_signed(
            self._protected, _external_aad(label, context), self.unverified_payload
        )
        verify(public, message, self._signature)
        return self.unverified_payload


def parse_sign1(data: bytes, *, max_bytes: int, what: str) -> UnverifiedSign1:
    """Return the parts of a COSE_Sign1 of the one accepted shape.

    Raises:
        FormatError: any other shape, header or spelling.
    """
    parts = cbor.parse(data, max_bytes=max_bytes, what=what)
    if not isinstance(parts, list) or len(parts) != 4 or parts[1] != {}:
        raise FormatError(f"{what}: not a COSE_Sign1")
    protected, _, payload, signature = parts
    if not isinstance(protected, bytes) or not isinstance(payload, bytes):
        raise FormatError(f"{what}: not a COSE_Sign1")
    signature = cbor.expect_bytes(
        signature, length=SIGNATURE_BYTES, what=f"{what}: signature"
    )
    header = cbor.expect_map(
        cbor.parse(protected, max_bytes=64, what=f"{what}: protected header"),
        {_ALG: int, _KID: bytes},
        what=f"{what}: protected header",
    )
    kid = header[_KID]
    if header[_ALG] != _EDDSA or not isinstance(kid, bytes) or len(kid) > _MAX_KID:
        raise FormatError(f"{what}: not signed with Ed25519 by a named key")
    return UnverifiedSign1(kid, payload, protected, signature)


def encrypt0(
    key: SecretBytes,
    plaintext: bytes,
    *,
    label: Label,
    context: bytes,
    random: Random = os.urandom,
) -> bytes:
    """Return COSE_Encrypt0 of *plaintext*, bound to *label* and *context*.

    The nonce and key commitment lead the ciphertext, as primitives.seal writes them.
    """
    sealed = seal(key, plaintext, aad=_enc_structure(label, context), random=random)
    return cbor.encode([_ENCRYPT0_PROTECTED, {}, sealed])


def decrypt0(
    key: SecretBytes, data: bytes, *, label: Label, context: bytes, max_bytes: int
) -> bytes:
    """Return the plaintext of what encrypt0() made with the same arguments.

    Raises:
        FormatError: any other shape, header or spelling.
        TamperedError: another key, label, context, or changed bytes.
    """
    what = label.value.decode()
    if len(data) > max_bytes:
        raise FormatError(f"{what}: {len(data)} bytes, at most {max_bytes} allowed")
    if not data.startswith(_ENCRYPT0_START):
        raise FormatError(f"{what}: not a COSE_Encrypt0 of suite 1")
    sealed = cbor.parse_bytes_at(data, len(_ENCRYPT0_START), what=what)
    return open_sealed(key, sealed, aad=_enc_structure(label, context))
