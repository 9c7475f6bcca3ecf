"""The suite number that leads every signed structure: protocol/key-schedule.md."""

from __future__ import annotations

from typing import Final

from clisk_vault import cbor
from clisk_vault.errors import UnsupportedError

SUITE: Final = 1
SUITE_KEY: Final = 1
KIND_KEY: Final = 2


def leading_uint(value: cbor.Value, key: int, *, what: str) -> int:
    """Return the number at *key*, before the other keys are looked at.

    What the others are depends on it, so it is read on its own first.

    Raises:
        FormatError: not a map, or no unsigned number there.
    """
    number = value.get(key) if isinstance(value, dict) else None  # type: ignore[call-overload]
    return cbor.expect_uint(number, what=f"{what}: key {key}")


def expect_suite(value: cbor.Value, *, what: str) -> None:
    """Refuse every suite but 1.

    Raises:
        FormatError: no suite number.
        UnsupportedError: another suite.
    """
    if leading_uint(value, SUITE_KEY, what=what) != SUITE:
        raise UnsupportedError(f"{what}: a suite that is not known here")
