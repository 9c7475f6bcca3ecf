"""Deterministic CBOR (RFC 8949 §4.2), strict: protocol/encoding.md §1.

The home of cbor2, which writes. The reader is our own: it accepts one spelling of
each value in a single pass, and a length that lies allocates nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

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
_FIRST_TAG = _TAG << 5
_BEYOND = 0xFF
_SIMPLE_VALUES: dict[int, bool | None] = {20: False, 21: True, 22: None}
_KEY_KINDS = (_UINT, _BYTES, _TEXT)
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
    value, end = _item(data, 0, 0, what)
    if end != len(data):
        raise FormatError(f"{what}: more bytes after the value", at=end)
    return value


def parse_bytes_at(data: bytes, at: int, *, what: str) -> bytes:
    """Return the byte string whose spelling fills *data* from offset *at* on.

    Raises:
        FormatError: anything else.
    """
    major, length, start = _head(data, at, what)
    if major != _BYTES or start + length != len(data):
        raise FormatError(f"{what}: not a byte string up to the end", at=at)
    return data[start:]


def parse_own(data: bytes) -> Value:
    """Return the value of bytes that this device sealed for itself and authenticated.

    Skips the strict scan: for large local state whose only writer is encode().
    """
    try:
        value: Value = cbor2.loads(data, max_depth=MAX_DEPTH + 1)
    except cbor2.CBORError as err:
        raise FormatError("own state: not well-formed CBOR") from err
    return value


def _item(data: bytes, at: int, depth: int, what: str) -> tuple[Value, int]:
    """Return the item at *at* and the offset after it."""
    if depth > MAX_DEPTH:
        raise FormatError(f"{what}: nested deeper than {MAX_DEPTH}", at=at)
    start = at
    # Nearly every head is one byte, or two: those need no call.
    initial = data[at] if at < len(data) else _BEYOND
    if initial < _FIRST_TAG and initial & 31 < 24:
        major, argument, at = initial >> 5, initial & 31, at + 1
    else:
        major, argument, at = _head(data, at, what)
    if major == _UINT:
        return argument, at
    if major in (_BYTES, _TEXT):
        end = at + argument
        if end > len(data):
            raise FormatError(f"{what}: cut short", at=start)
        if major == _BYTES:
            return data[at:end], end
        return _text(data[at:end], start, what), end
    if major == _MAP:
        return _map(data, at, argument, depth, what)
    if major == _ARRAY:
        if argument > len(data) - at:
            raise FormatError(f"{what}: cut short", at=start)
        members: list[Value] = []
        for _ in range(argument):
            member, at = _item(data, at, depth + 1, what)
            members.append(member)
        return members, at
    return (-1 - argument if major == _NINT else _SIMPLE_VALUES[argument]), at


def _map(data: bytes, at: int, count: int, depth: int, what: str) -> tuple[Value, int]:
    """Return the map whose members begin at *at*, and the offset after it."""
    start = at
    if 2 * count > len(data) - at:
        raise FormatError(f"{what}: cut short", at=start)
    members: dict[Any, Value] = {}
    before, kind = b"", None
    for _ in range(count):
        key_at = at
        key: Value
        if at < len(data) and data[at] < 24:  # _item(), for the commonest keys
            key, at = data[at], at + 1
        else:
            key, at = _item(data, at, depth + 1, what)
        major, spelling = data[key_at] >> 5, data[key_at:at]
        if kind is None and major in _KEY_KINDS:
            kind = major
        if major != kind:
            raise FormatError(f"{what}: map keys of a kind not allowed", at=start)
        # Rising: so the order is the one order, and no key comes twice.
        if spelling <= before:
            raise FormatError(f"{what}: a repeated key, or out of order", at=key_at)
        before = spelling
        members[key], at = _item(data, at, depth + 1, what)
    return members, at


def _text(raw: bytes, at: int, what: str) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise FormatError(f"{what}: text that is not UTF-8", at=at) from None


def _head(data: bytes, at: int, what: str) -> tuple[int, int, int]:
    """Return major type, argument and the offset after the head."""
    if at >= len(data):
        raise FormatError(f"{what}: cut short", at=at)
    major, info = data[at] >> 5, data[at] & 31
    if major >= _TAG and (major == _TAG or info not in _SIMPLE_VALUES):
        raise FormatError(f"{what}: a tag, float or simple value", at=at)
    if info < 24:
        return major, info, at + 1
    if info > 27:
        raise FormatError(f"{what}: an indefinite or reserved length", at=at)
    end = at + 1 + (1 << (info - 24))
    if end > len(data):
        raise FormatError(f"{what}: cut short", at=at)
    argument = int.from_bytes(data[at + 1 : end])
    if argument < _SMALLEST[info]:
        raise FormatError(f"{what}: not the shortest spelling", at=at)
    return major, argument, end


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
    if not isinstance(value, dict):
        raise FormatError(f"{what}: not a map")
    result: dict[int, Value] = {}
    for key, member in value.items():
        if not isinstance(key, int):
            raise FormatError(f"{what}: keys are not numbers")
        wanted = required.get(key)
        if wanted is None and optional is not None:
            wanted = optional.get(key)
        if wanted is None:
            raise FormatError(f"{what}: an unknown key")
        # bool is an int to isinstance, and would pass for 0 or 1.
        if type(member) is not wanted:
            raise FormatError(f"{what}: key {key} is not of type {wanted.__name__}")
        result[key] = member
    if not required.keys() <= result.keys():
        missing = required.keys() - result.keys()
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
