"""What somebody typed, as what it means."""

from __future__ import annotations


def whole_number(text: str, *, digits: int) -> int | None:
    """Return the number that *text* is, or None where it is none of so few digits.

    Bounded before it is read: int() refuses very long ones in its own way, and reads
    digits of all scripts.
    """
    if len(text) <= digits and text.isascii() and text.isdigit():
        return int(text)
    return None
