"""What may stand in a field that is more than text: protocol/item.md §5.

For what a person types, while they can see that it is wrong. What an import brings
stays as its source had it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date, datetime

from clisk.agent.linking import LINKED, linked_name
from clisk.errors import CliskError
from clisk_vault.draft import FieldValue
from clisk_vault.item import ItemView
from clisk_vault.item_types import (
    CUSTOM_KINDS,
    URI_MATCHES,
    element_field,
    split_element,
)
from clisk_vault.keys import SecretText
from clisk_vault.one_time_code import parse_seed

_MONTH = re.compile(r"0?[1-9]|1[0-2]")
_YEAR = re.compile(r"[0-9]{2}|[0-9]{4}")
_YEAR_MONTH = re.compile(r"[0-9]{4}-(0[1-9]|1[0-2])")
_NUMBER = re.compile(r"[0-9]{1,10}")


def fitting(name: str, value: SecretText, view: ItemView | None) -> SecretText:
    """Return what is written into the field *name* for what a person typed.

    A time becomes one of RFC 3339: where no zone was said it is this device's. *view*
    shows the item, if it is there already.

    Raises:
        CliskError: the field holds something else; what it holds is said.
        FormatError: a seed that makes no codes.
    """
    if name == "totp" and value.expose():
        # Here, while the person has the seed before them; not when a code is due.
        parse_seed(value)
    parts = split_element(name)
    check = _CHECKS.get(name if parts is None else f"{parts[0]}.*.{parts[2]}")
    if check is not None:
        return SecretText(check(value.expose()))
    if parts is None:
        return value
    kind, element, part = parts
    if kind == "attachment" and part != "name":
        raise CliskError(
            "what an attachment is, is not typed", advice="clisk attach add ITEM FILE"
        )
    if (kind, part) == ("uri", "match"):
        check_match(value.expose())
    if (kind, part) == ("custom", "value") and view is not None:
        own = view.text(element_field("custom", element, "kind")) or "text"
        if own == LINKED:
            return SecretText(linked_name(value.expose(), view.type, view))
        check_custom(own, value.expose())
    return value


def check_match(match: str) -> None:
    """Refuse what is no way to match an address."""
    if match not in URI_MATCHES:
        raise CliskError(
            "no such way to match an address",
            advice=f"one of: {', '.join(URI_MATCHES)}",
        )


def check_patterns(
    edit: Mapping[str, FieldValue | None], view: ItemView | None
) -> None:
    """Refuse an address that is matched as a regular expression and is none.

    Whether *edit* brings the address or the way to match it; the other may be there.
    """
    touched = {parts[1] for name in edit if (parts := split_element(name)) is not None
               and parts[0] == "uri"}  # fmt: skip

    def text(element: str, part: str) -> str | None:
        name = element_field("uri", element, part)
        if name in edit or view is None:
            value = edit.get(name)
            return value if isinstance(value, str) else None
        return view.text(name)

    patterns = [
        text(each, "value") for each in touched if text(each, "match") == "regex"
    ]
    if not any(patterns):
        return
    # Late: the matcher is large, and most addresses are no patterns.
    from konnector_runner.autofill.patterns import check_pattern
    from konnector_runner.errors import FormatError

    try:
        for pattern in filter(None, patterns):
            check_pattern(pattern)
    except FormatError:
        raise CliskError(
            "the address is no regular expression, and would match no page",
            advice="such as --match regex --uri 'https://(www|mail)\\.example\\.org/.*'",
        ) from None


def check_custom(kind: str, value: str) -> None:
    """Refuse what a field of the person's own, of this kind, does not hold."""
    if kind == "boolean" and value not in ("true", "false"):
        raise CliskError(
            "a field of the kind boolean is true or false", advice="NAME=true"
        )


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
