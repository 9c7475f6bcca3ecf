"""The outer header of a KDBX file: what opening it would cost, read before any of it.

KDBX 3.1 and 4 only. Whoever wrote the file chose the cost; whoever reads it bounds it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from clisk_vault.errors import CostLimitError, FormatError, UnsupportedError

WHAT = "KDBX file"
_SIGNATURE = bytes.fromhex("03d9a29a67fb4bb5")
_OLD_SIGNATURE = bytes.fromhex("03d9a29a65fb4bb5")  # KeePass 1
_END, _ROUNDS, _KDF = 0, 6, 11
_MAX_FIELD_BYTES = 64 * 1024
_MAX_FIELDS = 64
_AES_KDF = {
    bytes.fromhex("c9d9f39a628a4460bf740d08c18a4fea"),
    bytes.fromhex("7c02bb8279a74ac0927d114a00648238"),
}
_ARGON2 = {
    bytes.fromhex("ef636ddf8c29444b91f7a9a403e30a0c"),
    bytes.fromhex("9e298b1956db4773b23dfc3ec6f0a1e6"),
}
MAX_AES_ROUNDS = 60_000_000
MAX_ARGON2_BYTES = 1024 * 1024 * 1024
MAX_ARGON2_PASSES = 200
MAX_ARGON2_LANES = 64
# Memory times passes is what the time goes by: 64 GiB through the cache.
_MAX_ARGON2_WORK = 64 * 1024 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class KdbxHeader:
    """The version of a file whose cost is within bounds."""

    major: int
    minor: int


def looks_like_kdbx(data: bytes) -> bool:
    """Return whether *data* begins as a KeePass file does, of whatever version."""
    return data.startswith((_SIGNATURE, _OLD_SIGNATURE))


def check_header(data: bytes) -> KdbxHeader:
    """Return the version of a KDBX file, after judging what opening it costs.

    Raises:
        FormatError: not KDBX, or cut short in its header.
        UnsupportedError: KeePass 1, or a version or key derivation not known.
        CostLimitError: more work than this reader is willing to do.
    """
    if data.startswith(_OLD_SIGNATURE):
        raise UnsupportedError(
            f"{WHAT}: made by KeePass 1",
            advice="open it in KeePassXC, which saves it as KDBX 4",
        )
    if not data.startswith(_SIGNATURE) or len(data) < 12:
        raise FormatError(f"{WHAT}: not one")
    minor = int.from_bytes(data[8:10], "little")
    major = int.from_bytes(data[10:12], "little")
    if major not in (3, 4):
        raise UnsupportedError(f"{WHAT}: version {major}, only 3 and 4 are known")
    fields = dict(_fields(data, length_bytes=2 if major == 3 else 4))
    if major == 3:
        _check_rounds(int.from_bytes(fields.get(_ROUNDS, b""), "little"))
    else:
        _check_kdf(_dictionary(fields.get(_KDF, b"")))
    return KdbxHeader(major, minor)


def _fields(data: bytes, *, length_bytes: int) -> Iterator[tuple[int, bytes]]:
    at = 12
    for _ in range(_MAX_FIELDS):
        start = at + 1 + length_bytes
        if start > len(data):
            break
        kind = data[at]
        length = int.from_bytes(data[at + 1 : start], "little")
        if length > _MAX_FIELD_BYTES or start + length > len(data):
            break
        if kind == _END:
            return
        yield kind, data[start : start + length]
        at = start + length
    raise FormatError(f"{WHAT}: its header does not end", at=at)


def _dictionary(data: bytes) -> dict[str, bytes]:
    """Return the entries of a KDBX 4 variant dictionary, values as they stand."""
    found: dict[str, bytes] = {}
    at = 2
    while at < len(data) and data[at]:
        name, at = _sized(data, at + 1)
        value, at = _sized(data, at)
        found[name.decode("ascii", "replace")] = value
    return found


def _sized(data: bytes, at: int) -> tuple[bytes, int]:
    length = int.from_bytes(data[at : at + 4], "little")
    end = at + 4 + length
    if at + 4 > len(data) or end > len(data):
        raise FormatError(f"{WHAT}: the parameters of its key derivation are cut short")
    return data[at + 4 : end], end


def _check_kdf(parameters: dict[str, bytes]) -> None:
    kind = parameters.get("$UUID", b"")

    def number(name: str) -> int:
        return int.from_bytes(parameters.get(name, b""), "little")

    if kind in _AES_KDF:
        _check_rounds(number("R"))
    elif kind in _ARGON2:
        memory, passes = number("M"), number("I")
        _at_most("bytes of memory", memory, MAX_ARGON2_BYTES)
        _at_most("passes", passes, MAX_ARGON2_PASSES)
        _at_most("lanes", number("P"), MAX_ARGON2_LANES)
        _at_most("bytes times passes", memory * passes, _MAX_ARGON2_WORK)
    else:
        raise UnsupportedError(f"{WHAT}: a key derivation that is not known")


def _check_rounds(rounds: int) -> None:
    _at_most("rounds", rounds, MAX_AES_ROUNDS)


def _at_most(name: str, value: int, limit: int) -> None:
    if value > limit:
        raise CostLimitError(
            f"{WHAT}: its key derivation asks for more than {limit:,} {name}",
            advice="lower the encryption settings in KeePassXC, save, and try again",
        )
