"""Sizes in buckets: protocol/envelope.md §4.

Padmé (PURBs, PETS 2019) lets a length of n leak O(log log n) bits for at most
12 % more bytes; a floor makes all small things look alike.
"""

from __future__ import annotations

from clisk_vault.errors import FormatError

_MARK = b"\x80"


def padme(length: int) -> int:
    """Return the bucket of *length*: its mantissa no longer than its exponent."""
    if length < 2:
        return length
    exponent = length.bit_length() - 1
    low_bits = exponent - exponent.bit_length()
    mask = (1 << max(low_bits, 0)) - 1
    return (length + mask) & ~mask


def pad(content: bytes, *, floor: int) -> bytes:
    """Return *content*, one 0x80 and zeros up to its bucket, at least *floor*."""
    return (content + _MARK).ljust(_padded_length(len(content), floor), b"\0")


def unpad(padded: bytes, *, floor: int) -> bytes:
    """Return what pad() was given.

    Raises:
        FormatError: no mark, or not exactly the bucket that pad() chooses.
    """
    content, mark, tail = padded.rpartition(_MARK)
    if not mark or tail.strip(b"\0"):
        raise FormatError("padding: no mark before the zeros")
    if len(padded) != _padded_length(len(content), floor):
        raise FormatError(f"padding: {len(padded)} bytes is not its bucket")
    return content


def _padded_length(content_length: int, floor: int) -> int:
    return max(floor, padme(content_length + 1))
