"""A KDBX 3.1 database written by hand, since no tool at hand still writes one.

KeePass's own format of before 2017: AES-KDF, AES-CBC, blocks with hashes, and no
protected values. keepassxc-cli is asked in the tests whether it is one.
"""

from __future__ import annotations

import hashlib
import os
import struct

from cryptography.hazmat.primitives import padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

_AES = bytes.fromhex("31c1f2e6bf714350be5805216afc5aff")


def write(xml: bytes, password: str, *, rounds: int = 6000) -> bytes:
    """Return the database of the inner document *xml*."""
    seed, transform, iv = os.urandom(32), os.urandom(32), os.urandom(16)
    start, stream_key = os.urandom(32), os.urandom(32)
    header = bytes.fromhex("03d9a29a67fb4bb5") + struct.pack("<HH", 1, 3)
    for kind, value in (
        (2, _AES), (3, struct.pack("<I", 0)), (4, seed), (5, transform),
        (6, struct.pack("<Q", rounds)), (7, iv), (8, stream_key), (9, start),
        (10, struct.pack("<I", 2)), (0, b"\r\n\r\n"),
    ):  # fmt: skip
        header += struct.pack("<BH", kind, len(value)) + value
    key = hashlib.sha256(hashlib.sha256(password.encode()).digest()).digest()
    encryptor = Cipher(algorithms.AES(transform), modes.ECB()).encryptor()  # noqa: S305 - the format's key derivation
    for _ in range(rounds):
        key = encryptor.update(key)
    master = hashlib.sha256(seed + hashlib.sha256(key).digest()).digest()
    blocks = struct.pack("<I", 0) + hashlib.sha256(xml).digest()
    blocks += struct.pack("<I", len(xml)) + xml
    blocks += struct.pack("<I", 1) + bytes(32) + struct.pack("<I", 0)
    padder = padding.PKCS7(128).padder()
    plain = padder.update(start + blocks) + padder.finalize()
    sealer = Cipher(algorithms.AES(master), modes.CBC(iv)).encryptor()
    return header + sealer.update(plain) + sealer.finalize()
