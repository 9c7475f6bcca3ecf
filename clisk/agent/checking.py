"""What may stand in a field that is more than text: protocol/item.md §5.

For what a person types, while they can see that it is wrong. What an import brings
stays as its source had it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, datetime

from clisk.errors import CliskError
from clisk_vault.item_types import CUSTOM_KINDS, split_element

_MONTH = re.compile(r"0?[1-9]|1[0-2]")
_YEAR = re.compile(r"[0-9]{2}|[0-9]{4}")
_YEAR_MONTH = re.compile(r"[0-9]{4}-(0[1-9]|1[0-2])")
_NUMBER = re.compile(r"[0-9]{1,10}")


def typed_value(name: str, text: str) -> str:
    """Return what is written into the field *name* for what a person typed.

    A time becomes one of RFC 3339: where no zone was said it is this device's.

    Raises:
        CliskError: the field holds something else; what it holds is said.
    """
    parts = split_element(name)
    check = _CHECKS.get(name if parts is None else f"{parts[0]}.*.{parts[2]}")
    return text if check is None else check(text)


def _true_or_false(text: str) -> str:
    if text in ("true", "false"):
        return text
    raise CliskError("the field is true or false", advice="say FIELD=true, or false")


def _time(text: str) -> str:
    try:
        return datetime.fromisoformat(text).astimezone().isoformat()
    except (ValueError, OverflowError, OSError):
        raise CliskError(
            "the field holds a time", advice="say 2026-03-01, or 2026-03-01T12:00:00Z"
        ) from None


def _date(text: str) -> str:
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        raise CliskError("the field holds a date", advice="say 1984-03-21") from None


def _like(pattern: re.Pattern[str], what: str, advice: str) -> Callable[[str], str]:
    def check(text: str) -> str:
        if pattern.fullmatch(text):
            return text
        raise CliskError(f"the field holds {what}", advice=advice)

    return check


def _one_of_our_kinds(text: str) -> str:
    if text in CUSTOM_KINDS:
        return text
    raise CliskError(
        "there is no such kind of field", advice=f"one of: {', '.join(CUSTOM_KINDS)}"
    )


_CHECKS: dict[str, Callable[[str], str]] = {
    # Of reprompt anything else would look like a guard, and be none.
    **dict.fromkeys(("favourite", "reprompt"), _true_or_false),
    **dict.fromkeys(("used", "expires", "archived", "password_changed"), _time),
    **dict.fromkeys(("history.*.used", "passkey.*.created"), _time),
    "passkey.*.discoverable": _true_or_false,
    "passkey.*.counter": _like(_NUMBER, "a whole number", "say it in digits"),
    "custom.*.kind": _one_of_our_kinds,
    "card.exp_month": _like(_MONTH, "a month", "say 1 to 12"),
    "card.exp_year": _like(_YEAR, "a year", "say it in four digits"),
    "card.valid_from": _like(_YEAR_MONTH, "a month of a year", "say 2026-03"),
    "identity.birth_date": _date,
}
