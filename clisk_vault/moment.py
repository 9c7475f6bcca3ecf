"""Times in the fields of items: RFC 3339, with a zone (protocol/item.md §5)."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from clisk_vault.errors import FormatError

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# What can be shown in every zone: a day from both ends of what a date can be.
_FIRST = datetime(1, 1, 2, tzinfo=UTC)
_LAST = datetime(9999, 12, 30, 23, 59, 59, tzinfo=UTC)
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)


def parse_moment(text: str | None) -> int | None:
    """Return milliseconds since the epoch of an RFC 3339 time; None if it is none."""
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        return None
    try:
        if not _FIRST <= moment <= _LAST:
            return None
    except OverflowError:
        return None
    return round((moment - _EPOCH).total_seconds() * 1000)


def spell_moment(text: str) -> str:
    """Return a date, or a time with its zone, as a field of an item holds it.

    A date alone is its first moment in UTC: one spelling, the same on every device.

    Raises:
        FormatError: neither.
    """
    spelt = f"{text}T00:00:00Z" if _DATE.fullmatch(text) else text
    if parse_moment(spelt) is None:
        raise FormatError("not a date", advice="write it as 2031-12-31")
    return spelt
