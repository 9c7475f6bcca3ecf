"""Deterministic CBOR (RFC 8949 §4.2), strict: protocol/encoding.md §1.

The home of cbor2. The reader accepts one spelling of each value and looks at
every head before anything is allocated, so a length that lies costs nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

import cbor2

from clisk_vault.errors import FormatError

Value: TypeAlias = (
    "int | bytes | str | bool | list[Value] | dict[int, Value]"
    " | dict[str, Value] | dict[bytes, Value] | None"
)
"""What parse() returns."""
Encodable: TypeAlias = (
    "int | bytes | str | bool | Sequence[Encodable] | Mapping[int, Encodable]"
    " | Mapping[str, Encodable] | Mapping[bytes, Encodable] | None"
)
"""What encode() takes: the same, read-only."""

MAX_DEPTH = 16
_UINT, _NINT, _BYTES, _TEXT, _ARRAY, _MAP, _TAG, _SIMPLE = range(8)
_SIMPLE_ALLOWED = {20, 21, 22}  # false, true, null
_SMALLEST = {24: 24, 25: 1 << 8, 26: 1 << 16, 27: 1 << 32}


def encode(value: Encodable) -> bytes:
    """Return the one encoding of *value*.

    Keys of a map are all of one kind, so the order of RFC 8949 §4.2.1 and
    the length-first order that cbor2 writes are the same order.
    """
    return cbor2.dumps(value, canonical=True)


def parse(data: bytes, *, max_bytes: int, what: str = "CBOR") -> Value:
    """Return the value that *data* spells.

    Raises:
        FormatError: longer than *max_bytes*, not well formed, deeper than 16,
            a float, a tag, an indefinite length, a repeated key, keys of two
            kinds, anything after the value, or not the deterministic spelling.
    """
    if len(data) > max_bytes:
        raise FormatError(f"{what}: {len(data)} bytes, at most {max_bytes} allowed")
    end = _scan(data, 0, 0, what)
    if end != len(data):
        raise FormatError(f"{what}: more bytes after the value", at=end)
    try:
        value: Value = cbor2.loads(
            data, max_depth=MAX_DEPTH + 1, allow_duplicate_keys=False
        )
    except cbor2.CBORError as err:
        raise FormatError(f"{what}: not well-formed text or a repeated key") from err
    if encode(value) != data:
        raise FormatError(f"{what}: not the deterministic spelling")
    return value


def parse_own(data: bytes) -> Value:
    """Return the value of bytes that this device sealed for itself and authenticated.

    Skips the strict scan: for large local state whose only writer is encode().
    """
    try:
        value: Value = cbor2.loads(data, max_depth=MAX_DEPTH + 1)
    except cbor2.CBORError as err:
        raise FormatError("own state: not well-formed CBOR") from err
    return value


def _scan(data: bytes, at: int, depth: int, what: str) -> int:
    """Return the offset after the item at *at*; refuse before allocating."""
    if depth > MAX_DEPTH:
        raise FormatError(f"{what}: nested deeper than {MAX_DEPTH}", at=at)
    start = at
    major, argument, at = _head(data, at, what)
    if major in (_BYTES, _TEXT):
        if argument > len(data) - at:
            raise FormatError(f"{what}: cut short", at=start)
        return at + argument
    if major in (_ARRAY, _MAP):
        count = argument * (2 if major == _MAP else 1)
        if count > len(data) - at:
            raise FormatError(f"{what}: cut short", at=start)
        kinds = set()
        for index in range(count):
            if major == _MAP and index % 2 == 0:
                kinds.add(data[at] >> 5 if at < len(data) else -1)
            at = _scan(data, at, depth + 1, what)
        if kinds - {_UINT, _BYTES, _TEXT} or len(kinds) > 1:
            raise FormatError(f"{what}: map keys of a kind not allowed", at=start)
    return at


def _head(data: bytes, at: int, what: str) -> tuple[int, int, int]:
    """Return major type, argument and the offset after the head."""
    if at >= len(data):
        raise FormatError(f"{what}: cut short", at=at)
    major, info = data[at] >> 5, data[at] & 31
    if major == _TAG or (major == _SIMPLE and info not in _SIMPLE_ALLOWED):
        raise FormatError(f"{what}: a tag, float or simple value", at=at)
    if info < 24:
        return major, info, at + 1
    if info > 27:
        raise FormatError(f"{what}: an indefinite or reserved length", at=at)
    size = 1 << (info - 24)
    if at + 1 + size > len(data):
        raise FormatError(f"{what}: cut short", at=at)
    argument = int.from_bytes(data[at + 1 : at + 1 + size])
    if argument < _SMALLEST[info]:
        raise FormatError(f"{what}: not the shortest spelling", at=at)
    return major, argument, at + 1 + size


def expect_map(
    value: Value,
    required: Mapping[int, type],
    *,
    optional: Mapping[int, type] | None = None,
    what: str,
) -> dict[int, Value]:
    """Return *value* as a map that has just the keys named, of the types named.

    Raises:
        FormatError: not a map, a key missing, unknown, or of another type.
    """
    optional = optional or {}
    if not isinstance(value, dict):
        raise FormatError(f"{what}: not a map")
    result: dict[int, Value] = {}
    for key, member in value.items():
        if not isinstance(key, int):
            raise FormatError(f"{what}: keys are not numbers")
        wanted = required.get(key) or optional.get(key)
        if wanted is None:
            raise FormatError(f"{what}: an unknown key")
        # bool is an int to isinstance, and would pass for 0 or 1.
        if type(member) is not wanted:
            raise FormatError(f"{what}: key {key} is not of type {wanted.__name__}")
        result[key] = member
    missing = required.keys() - result.keys()
    if missing:
        raise FormatError(f"{what}: key {min(missing)} is missing")
    return result


def expect_bytes(value: Value, *, length: int, what: str) -> bytes:
    """Return *value* as exactly *length* bytes.

    Raises:
        FormatError: anything else.
    """
    if not isinstance(value, bytes) or len(value) != length:
        raise FormatError(f"{what}: not {length} bytes")
    return value


def expect_list(value: Value, *, what: str, max_items: int) -> list[Value]:
    """Return *value* as a list of at most *max_items*.

    Raises:
        FormatError: not a list, or longer.
    """
    if not isinstance(value, list):
        raise FormatError(f"{what}: not a list")
    if len(value) > max_items:
        raise FormatError(f"{what}: {len(value)} entries, at most {max_items} allowed")
    return value


def expect_uint(value: Value, *, what: str, at_most: int = (1 << 63) - 1) -> int:
    """Return *value* as an unsigned integer of at most *at_most*.

    Raises:
        FormatError: anything else.
    """
    if type(value) is not int or not 0 <= value <= at_most:
        raise FormatError(f"{what}: not an unsigned integer in range")
    return value


def expect_text(value: Value, *, what: str, max_chars: int) -> str:
    """Return *value* as text of at most *max_chars* characters.

    Raises:
        FormatError: anything else.
    """
    if not isinstance(value, str) or len(value) > max_chars:
        raise FormatError(f"{what}: not text of at most {max_chars} characters")
    return value
