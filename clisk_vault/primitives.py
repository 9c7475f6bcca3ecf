"""Suite 1, symmetric and signing half: protocol/key-schedule.md §1.

The home of pynacl and, with wrapping.py, of cryptography. No key leaves its
type here except into a library call.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Callable
from typing import NewType, TypeAlias

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from nacl import bindings
from nacl.exceptions import CryptoError

from clisk_vault.errors import FormatError, TamperedError, WrongKeyError
from clisk_vault.keys import SecretBytes, SecretT
from clisk_vault.labels import Label

Random: TypeAlias = Callable[[int], bytes]
VerifyKey = NewType("VerifyKey", bytes)
"""32 bytes: an Ed25519 public key."""

NONCE_BYTES = 24
COMMITMENT_BYTES = 32
TAG_BYTES = 16
SEAL_OVERHEAD = NONCE_BYTES + COMMITMENT_BYTES + TAG_BYTES
SIGNATURE_BYTES = 64
VERIFY_KEY_BYTES = 32


def sha256(*parts: bytes) -> bytes:
    """Return SHA-256 over the parts joined; the caller frames variable parts."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return digest.digest()


def hmac_sha256(key: SecretBytes, *parts: bytes) -> bytes:
    """Return HMAC-SHA-256 under *key* over the parts joined."""
    return hmac.digest(key.expose(), b"".join(parts), "sha256")


def derive(
    key: SecretBytes, label: Label, context: bytes, into: type[SecretT]
) -> SecretT:
    """Return the key that *label* and *context* name under *key*.

    HKDF-SHA-256 (RFC 5869), no salt, info = label || 0x00 || context. Labels hold no
    zero byte, so no two pairs of label and context give one info.
    """
    return into(_hkdf(key.expose(), b"", label.value + b"\0" + context, into.LENGTH))


def _hkdf(secret: bytes, salt: bytes, info: bytes, length: int) -> bytes:
    return HKDF(algorithm=SHA256(), length=length, salt=salt, info=info).derive(secret)


def _message_key(key: SecretBytes, nonce: bytes) -> tuple[bytes, bytes]:
    """Return the message key and the commitment to *key* (RFC 9771 §4.3.4)."""
    both = _hkdf(key.expose(), nonce, Label.AEAD.value, 64)
    return both[:32], both[32:]


def seal(
    key: SecretBytes, plaintext: bytes, *, aad: bytes, random: Random = os.urandom
) -> bytes:
    """Return nonce (24) || commitment (32) || XChaCha20-Poly1305 of *plaintext*.

    The nonce is fresh and random for every call. The commitment makes it
    infeasible to find two keys that both open one text.
    """
    nonce = random(NONCE_BYTES)
    message_key, commitment = _message_key(key, nonce)
    return (
        nonce
        + commitment
        + bindings.crypto_aead_xchacha20poly1305_ietf_encrypt(
            plaintext, aad, nonce, message_key
        )
    )


def open_sealed(key: SecretBytes, sealed: bytes, *, aad: bytes) -> bytes:
    """Return the plaintext of what seal() made under the same key and *aad*.

    Raises:
        FormatError: shorter than any sealed text.
        WrongKeyError: another key, or a changed nonce or commitment.
        TamperedError: other associated data, or changed bytes.
    """
    if len(sealed) < SEAL_OVERHEAD:
        raise FormatError("sealed text: cut short")
    nonce, rest = sealed[:NONCE_BYTES], sealed[NONCE_BYTES:]
    message_key, commitment = _message_key(key, nonce)
    if not hmac.compare_digest(commitment, rest[:COMMITMENT_BYTES]):
        raise WrongKeyError("sealed text: made under another key, or changed")
    try:
        return bindings.crypto_aead_xchacha20poly1305_ietf_decrypt(
            rest[COMMITMENT_BYTES:], aad, nonce, message_key
        )
    except CryptoError:
        raise TamperedError("sealed text: changed, or out of its context") from None


class SigningKey(SecretBytes):
    """Ed25519 seed (RFC 8032 §5.1.5)."""

    __slots__ = ("_public",)

    def __init__(self, raw: bytes) -> None:
        super().__init__(raw)
        self._public: VerifyKey | None = None

    @classmethod
    def generate(cls, random: Random = os.urandom) -> SigningKey:
        """Return a new signing key."""
        return cls(random(cls.LENGTH))

    def public(self) -> VerifyKey:
        """Return the public half."""
        if self._public is None:
            pair = bindings.crypto_sign_seed_keypair(self.expose())
            self._public = VerifyKey(pair[0])
        return self._public


def sign(key: SigningKey, message: bytes) -> bytes:
    """Return the 64-byte Ed25519 signature; callers separate domains by label."""
    # libsodium's secret key is seed || public key; making it anew doubles the time.
    return bindings.crypto_sign(message, key.expose() + key.public())[:SIGNATURE_BYTES]


def verify(public: VerifyKey, message: bytes, signature: bytes) -> None:
    """Check an Ed25519 signature as libsodium does (strict: no small-order keys).

    Raises:
        TamperedError: not a signature of *message* under *public*.
    """
    if len(public) != VERIFY_KEY_BYTES or len(signature) != SIGNATURE_BYTES:
        raise TamperedError("signature: wrong length of key or signature")
    try:
        bindings.crypto_sign_open(signature + message, public)
    except CryptoError:
        raise TamperedError("signature: not by that key over these bytes") from None
