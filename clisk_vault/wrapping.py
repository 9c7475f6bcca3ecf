"""Suite 1, public-key half: HPKE (RFC 9180) with MLKEM768-X25519.

protocol/key-schedule.md §1.4. Base mode does not say who wrapped: whoever calls
unwrap() has checked a signature over the wrapped bytes first.
"""

from __future__ import annotations

import os
from typing import NewType

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric.mlkem import (
    MLKEM768PrivateKey,
    MLKEM768PublicKey,
)
from cryptography.hazmat.primitives.asymmetric.x25519 import (
    X25519PrivateKey,
    X25519PublicKey,
)

from clisk_vault.errors import FormatError, TamperedError
from clisk_vault.keys import SecretBytes, SecretT
from clisk_vault.primitives import Random

WrapPublic = NewType("WrapPublic", bytes)
"""1,216 bytes: ML-KEM-768 encapsulation key (1,184) || X25519 public key (32)."""

WRAP_PUBLIC_BYTES = 1216
WRAPPED_BYTES = 1168
_MLKEM_PUBLIC_BYTES = 1184
_MLKEM_SEED_BYTES = 64
_SUITE = hpke.Suite(
    hpke.KEM.MLKEM768_X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.CHACHA20_POLY1305
)


class WrappingKey(SecretBytes):
    """ML-KEM-768 seed (64, FIPS 203 d || z) || X25519 private key (32)."""

    __slots__ = ()
    LENGTH = 96

    @classmethod
    def generate(cls, random: Random = os.urandom) -> WrappingKey:
        """Return a new wrapping key."""
        return cls(random(cls.LENGTH))

    def public(self) -> WrapPublic:
        """Return the public half."""
        mlkem, x25519 = _private_parts(self)
        return WrapPublic(
            mlkem.public_key().public_bytes_raw()
            + x25519.public_key().public_bytes_raw()
        )


def _private_parts(key: WrappingKey) -> tuple[MLKEM768PrivateKey, X25519PrivateKey]:
    raw = key.expose()
    return (
        MLKEM768PrivateKey.from_seed_bytes(raw[:_MLKEM_SEED_BYTES]),
        X25519PrivateKey.from_private_bytes(raw[_MLKEM_SEED_BYTES:]),
    )


def parse_wrap_public(raw: bytes) -> WrapPublic:
    """Return *raw* as a wrapping public key.

    Raises:
        FormatError: not 1,216 bytes, or not an ML-KEM-768 encapsulation key
            (FIPS 203 §7.2 modulus check).
    """
    _public_parts(raw)
    return WrapPublic(raw)


def _public_parts(raw: bytes) -> hpke.MLKEM768X25519PublicKey:
    if len(raw) != WRAP_PUBLIC_BYTES:
        raise FormatError(f"wrapping public key: not {WRAP_PUBLIC_BYTES} bytes")
    try:
        return hpke.MLKEM768X25519PublicKey(
            MLKEM768PublicKey.from_public_bytes(raw[:_MLKEM_PUBLIC_BYTES]),
            X25519PublicKey.from_public_bytes(raw[_MLKEM_PUBLIC_BYTES:]),
        )
    except ValueError as err:
        raise FormatError("wrapping public key: not an encapsulation key") from err


def wrap(public: WrapPublic, secret: SecretBytes, *, info: bytes) -> bytes:
    """Return *secret* wrapped to the holder of *public* (1,168 bytes for 32).

    *info* names the vault, epoch, record and recipient; unwrapping under any
    other info fails. Randomness is the library's own.

    Raises:
        FormatError: *public* is not a wrapping public key.
    """
    return _SUITE.encrypt(secret.expose(), _public_parts(public), info)


def unwrap(
    key: WrappingKey, wrapped: bytes, *, info: bytes, into: type[SecretT]
) -> SecretT:
    """Return the secret that wrap() put in *wrapped* for the holder of *key*.

    Raises:
        FormatError: not the length of a wrapped secret of that type.
        TamperedError: for another device, another info, or changed bytes.
    """
    if len(wrapped) != WRAPPED_BYTES - 32 + into.LENGTH:
        raise FormatError("wrapped secret: wrong length")
    private = hpke.MLKEM768X25519PrivateKey(*_private_parts(key))
    try:
        return into(_SUITE.decrypt(wrapped, private, info))
    except (InvalidTag, ValueError):
        raise TamperedError(
            "wrapped secret: not for this device in this context"
        ) from None
