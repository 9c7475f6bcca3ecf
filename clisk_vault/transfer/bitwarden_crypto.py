"""Bitwarden's file encryption: EncString of type 2, and the two key derivations.

AES-256-CBC with PKCS #7 padding, then HMAC-SHA-256 over IV and ciphertext. The
MAC is checked first, always; types without one (0), and all others, are refused.
Nothing of ours is sealed this way.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from dataclasses import dataclass

from argon2.exceptions import Argon2Error
from argon2.low_level import Type, hash_secret_raw
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES256
from cryptography.hazmat.primitives.ciphers.modes import CBC
from cryptography.hazmat.primitives.padding import PKCS7

from clisk_vault.errors import (
    CostLimitError,
    FormatError,
    StoreError,
    TamperedError,
    UnsupportedError,
)
from clisk_vault.keys import SecretBytes, SecretText
from clisk_vault.primitives import Random

_WHAT = "Bitwarden export"
_BLOCK_BITS = 128
_IV_BYTES = 16
_MAC_BYTES = 32
PBKDF2, ARGON2ID = 0, 1
# What `bw` itself accepts, with its own ceilings: a file may ask for no more.
_PBKDF2_PASSES = range(5_000, 2_000_001)
_ARGON2_PASSES = range(2, 11)
_ARGON2_MEMORY_MIB = range(16, 1025)
_ARGON2_LANES = range(1, 17)


class BitwardenKey(SecretBytes):
    """32 bytes to encrypt with and 32 to authenticate with."""

    __slots__ = ()
    LENGTH = 64


@dataclass(frozen=True, slots=True)
class Kdf:
    """How a file's key was made of its password."""

    kind: int
    passes: int
    memory_mib: int = 0
    lanes: int = 0

    def check(self) -> None:
        """Refuse work outside the bounds, before any of it.

        Raises:
            UnsupportedError: neither PBKDF2 nor Argon2id.
            CostLimitError: too much work, or so little that the file is not safe.
        """
        if self.kind not in (PBKDF2, ARGON2ID):
            raise UnsupportedError(f"{_WHAT}: a key derivation that is not known")
        if self.kind == PBKDF2:
            bounds = [("iterations", self.passes, _PBKDF2_PASSES)]
        else:
            bounds = [
                ("passes", self.passes, _ARGON2_PASSES),
                ("MiB of memory", self.memory_mib, _ARGON2_MEMORY_MIB),
                ("lanes", self.lanes, _ARGON2_LANES),
            ]
        for name, value, allowed in bounds:
            if value not in allowed:
                raise CostLimitError(
                    f"{_WHAT}: its key derivation asks for {name} outside of"
                    f" {allowed.start} to {allowed.stop - 1}"
                )


def derive_key(password: SecretText, salt: bytes, kdf: Kdf) -> BitwardenKey:
    """Return the key that *password* gives; *salt* as its text stands in the file.

    Raises:
        UnsupportedError, CostLimitError: as Kdf.check(); nothing was run.
    """
    kdf.check()
    secret = password.expose().encode()
    if kdf.kind == PBKDF2:
        master = hashlib.pbkdf2_hmac("sha256", secret, salt, kdf.passes, 32)
    else:
        try:
            master = hash_secret_raw(
                secret,
                hashlib.sha256(salt).digest(),
                time_cost=kdf.passes,
                memory_cost=kdf.memory_mib * 1024,
                parallelism=kdf.lanes,
                hash_len=32,
                type=Type.ID,
            )
        except Argon2Error:
            raise StoreError(
                f"{_WHAT}: there is not enough memory for its key derivation",
                advice="close other programs and try again",
            ) from None
    return stretch_master(master)


def stretch_master(master: bytes) -> BitwardenKey:
    """Return HKDF-Expand-SHA-256 of *master* for both uses (RFC 5869 §2.3)."""
    return BitwardenKey(
        b"".join(
            hmac.digest(master, info + b"\x01", "sha256") for info in (b"enc", b"mac")
        )
    )


def open_string(key: BitwardenKey, text: str) -> bytes:
    """Return what the EncString *text* holds.

    Raises:
        UnsupportedError: of another type than 2.
        FormatError: not an EncString.
        TamperedError: made under another key, or changed.
    """
    kind, dot, rest = text.partition(".")
    if not dot or not kind.isdecimal() or len(kind) > 3:
        raise FormatError(f"{_WHAT}: an encrypted value is not an EncString")
    if kind != "2":
        raise UnsupportedError(
            f"{_WHAT}: encryption of type {kind}; only type 2 is authenticated",
            advice="export again with a current Bitwarden",
        )
    iv, ciphertext, mac = _parts(rest)
    raw = key.expose()
    expected = hmac.digest(raw[32:], iv + ciphertext, "sha256")
    if not hmac.compare_digest(expected, mac):
        raise TamperedError(f"{_WHAT}: made under another key, or changed")
    decryptor = Cipher(AES256(raw[:32]), CBC(iv)).decryptor()
    padded = decryptor.update(ciphertext) + decryptor.finalize()
    unpadder = PKCS7(_BLOCK_BITS).unpadder()
    try:
        return unpadder.update(padded) + unpadder.finalize()
    except ValueError:
        # Under a good MAC: whoever sealed it padded it wrongly.
        raise FormatError(f"{_WHAT}: an encrypted value is not padded") from None


def seal_string(key: BitwardenKey, plaintext: bytes, *, random: Random) -> str:
    """Return *plaintext* as an EncString of type 2."""
    raw, iv = key.expose(), random(_IV_BYTES)
    padder = PKCS7(_BLOCK_BITS).padder()
    padded = padder.update(plaintext) + padder.finalize()
    encryptor = Cipher(AES256(raw[:32]), CBC(iv)).encryptor()
    ciphertext = encryptor.update(padded) + encryptor.finalize()
    mac = hmac.digest(raw[32:], iv + ciphertext, "sha256")
    return "2." + "|".join(
        base64.b64encode(part).decode() for part in (iv, ciphertext, mac)
    )


def _parts(text: str) -> tuple[bytes, bytes, bytes]:
    pieces = text.split("|")
    if len(pieces) != 3:
        raise FormatError(f"{_WHAT}: an encrypted value without its MAC")
    try:
        iv, ciphertext, mac = (
            base64.b64decode(piece, validate=True) for piece in pieces
        )
    except (binascii.Error, ValueError):
        raise FormatError(f"{_WHAT}: an encrypted value is not base64") from None
    if len(iv) != _IV_BYTES or len(mac) != _MAC_BYTES:
        raise FormatError(f"{_WHAT}: an encrypted value of another shape")
    if not ciphertext or len(ciphertext) % 16:
        raise FormatError(f"{_WHAT}: an encrypted value of another length")
    return iv, ciphertext, mac
