"""Suite 1 a second time: protocol/key-schedule.md §1 and protocol/README.md §4.

The program seals and signs with libsodium and derives with OpenSSL. Here HKDF
is written out over the standard library, XChaCha20 is HChaCha20 written out and
OpenSSL's ChaCha20-Poly1305, and Ed25519 is OpenSSL's: no vector is an echo.
"""

from __future__ import annotations

import hashlib
import hmac
import struct

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from protocol.build.common import cbor

_AEAD = b"clisk/1/aead"
_EDDSA = -8
_SUITE_1_AEAD = -70001
ENCRYPT0_PROTECTED = cbor({1: _SUITE_1_AEAD})


def hkdf(secret: bytes, *, salt: bytes, info: bytes, length: int) -> bytes:
    """Return HKDF-SHA-256 (RFC 5869)."""
    pseudorandom = hmac.digest(salt or bytes(32), secret, hashlib.sha256)
    block, result = b"", b""
    for count in range(1, -(-length // 32) + 1):
        block = hmac.digest(pseudorandom, block + info + bytes([count]), hashlib.sha256)
        result += block
    return result[:length]


def derive(key: bytes, label: str, context: bytes = b"", *, length: int = 32) -> bytes:
    """Return the key that *label* and *context* name under *key*."""
    info = label.encode() + b"\0" + context
    return hkdf(key, salt=b"", info=info, length=length)


def hchacha20(key: bytes, nonce16: bytes) -> bytes:
    """Return HChaCha20 (draft-irtf-cfrg-xchacha §2.2)."""
    state = list(struct.unpack("<16I", b"expand 32-byte k" + key + nonce16))
    for _ in range(10):
        for a, b, c, d in _COLUMNS_AND_DIAGONALS:
            _quarter_round(state, a, b, c, d)
    return struct.pack("<8I", *state[:4], *state[12:])


_COLUMNS_AND_DIAGONALS = (
    (0, 4, 8, 12), (1, 5, 9, 13), (2, 6, 10, 14), (3, 7, 11, 15),
    (0, 5, 10, 15), (1, 6, 11, 12), (2, 7, 8, 13), (3, 4, 9, 14),
)  # fmt: skip


def _quarter_round(state: list[int], a: int, b: int, c: int, d: int) -> None:
    for to, add, into, turn in (
        (a, b, d, 16),
        (c, d, b, 12),
        (a, b, d, 8),
        (c, d, b, 7),
    ):
        state[to] = (state[to] + state[add]) & 0xFFFFFFFF
        mixed = state[into] ^ state[to]
        state[into] = ((mixed << turn) | (mixed >> (32 - turn))) & 0xFFFFFFFF


def _xchacha(key: bytes, nonce: bytes) -> tuple[ChaCha20Poly1305, bytes]:
    return ChaCha20Poly1305(hchacha20(key, nonce[:16])), bytes(4) + nonce[16:]


def xchacha20poly1305(key: bytes, nonce: bytes, plaintext: bytes, aad: bytes) -> bytes:
    """Return XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha §2.3)."""
    cipher, short_nonce = _xchacha(key, nonce)
    return cipher.encrypt(short_nonce, plaintext, aad)


def seal(key: bytes, plaintext: bytes, *, aad: bytes, nonce: bytes) -> bytes:
    """Return nonce (24) || commitment (32) || ciphertext of suite 1."""
    both = hkdf(key, salt=nonce, info=_AEAD, length=64)
    return nonce + both[32:] + xchacha20poly1305(both[:32], nonce, plaintext, aad)


def open_sealed(key: bytes, sealed: bytes, *, aad: bytes) -> bytes:
    """Return the plaintext of what seal() made, so a builder checks its own work."""
    nonce, commitment, ciphertext = sealed[:24], sealed[24:56], sealed[56:]
    both = hkdf(key, salt=nonce, info=_AEAD, length=64)
    if not hmac.compare_digest(both[32:], commitment):
        raise ValueError("another key")
    cipher, short_nonce = _xchacha(both[:32], nonce)
    return cipher.decrypt(short_nonce, ciphertext, aad)


def ed25519_public(seed: bytes) -> bytes:
    """Return the public key of an Ed25519 seed."""
    return Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()


def ed25519_sign(seed: bytes, message: bytes) -> bytes:
    """Return the Ed25519 signature of *message*."""
    return Ed25519PrivateKey.from_private_bytes(seed).sign(message)


def external_aad(label: str, context: bytes) -> bytes:
    """Return what binds a COSE structure to its use; it is never sent."""
    return cbor([label.encode(), context])


def sign1(
    seed: bytes,
    payload: bytes,
    *,
    label: str,
    context: bytes,
    kid: bytes,
    protected: bytes | None = None,
) -> bytes:
    """Return COSE_Sign1; *protected* replaces the header, for bad cases."""
    if protected is None:
        protected = cbor({1: _EDDSA, 4: kid})
    signed = cbor(["Signature1", protected, external_aad(label, context), payload])
    return cbor([protected, {}, payload, ed25519_sign(seed, signed)])


def encrypt0(
    key: bytes, plaintext: bytes, *, label: str, context: bytes, nonce: bytes
) -> bytes:
    """Return COSE_Encrypt0 of suite 1, the sealed text in its third place."""
    aad = cbor(["Encrypt0", ENCRYPT0_PROTECTED, external_aad(label, context)])
    sealed = seal(key, plaintext, aad=aad, nonce=nonce)
    return cbor([ENCRYPT0_PROTECTED, {}, sealed])
