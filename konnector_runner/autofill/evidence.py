"""What one field says about itself. Spec: protocol/autofill.md §3.1 and §3.2."""

from __future__ import annotations

from konnector_runner.autofill import words
from konnector_runner.autofill.facts import FieldFacts, FrameFacts
from konnector_runner.autofill.plan import Refusal
from konnector_runner.autofill.words import plain

_TEXT_TYPES = frozenset({"text", "email", "tel", "number", "url", "search"})
_TOKENS = frozenset(
    {"username", "current-password", "new-password", "one-time-code", "email"}
)
_MIN_WIDTH = 10
_MIN_HEIGHT = 8
_SEEN = 0.1
_PARTS = frozenset({1, 2, 3})


def token(field: FieldFacts) -> str:
    """Return the autofill field name of *field*, or the empty text.

    It is the last word of `autocomplete`, where "webauthn" after it is no name. A
    word that we do not know (off, on, password, nope) counts as none.
    """
    parts = field.autocomplete.lower().split()
    if parts[-1:] == ["webauthn"]:
        parts.pop()
    last = parts[-1] if parts else ""
    if last.endswith("-password") and field.type != "password":
        return ""
    return last if last in _TOKENS or last.startswith("cc-") else ""


def names(field: FieldFacts) -> str:
    """Return what the developer called the field."""
    return plain(f"{field.name} {field.id} {field.hints}")


def said(field: FieldFacts) -> str:
    """Return what the person reads on and near the field."""
    own = f"{field.label} {field.placeholder} {field.title}"
    return plain(own if own.strip() else field.before)


def all_words(field: FieldFacts) -> str:
    """Return both, as words."""
    return names(field) + said(field)


def is_text(field: FieldFacts) -> bool:
    """Say whether a person types plain text here."""
    return field.tag == "input" and field.type in _TEXT_TYPES


def is_password(field: FieldFacts) -> bool:
    """Say whether this is a password of an account, by type and words."""
    return (
        field.tag == "input"
        and field.type == "password"
        # Parts of a number: of a card, or of a person.
        and field.max_length not in _PARTS
        and not is_payment(field)
        and not is_code(field)
    )


def is_payment(field: FieldFacts) -> bool:
    """Say whether the field asks for a card's or a person's number."""
    if token(field).startswith("cc-"):
        return True
    if field.type == "password" and token(field).endswith("-password"):
        return False
    text = all_words(field)
    if field.type == "password" and " password " in text:
        return False
    return field.type == "password" and words.PAYMENT.search(text) is not None


def is_search(field: FieldFacts) -> bool:
    """Say whether one looks for something with this field."""
    if field.type == "search":
        return True
    return token(field) == "" and words.SEARCH.search(all_words(field)) is not None


def is_code(field: FieldFacts) -> bool:
    """Say whether the field asks for a one-time code."""
    if field.tag != "input" or field.type not in {*_TEXT_TYPES, "password"}:
        return False
    if token(field):
        return token(field) == "one-time-code"
    if field.type in {"email", "search", "url"} or not _code_length(field.max_length):
        return False
    text = all_words(field)
    if words.NOT_CODE.search(text) or words.CAPTCHA.search(text):
        return False
    if field.type == "password":
        return words.CODE.search(text) is not None and " pass" not in text
    return _code_words(field, text)


def _code_words(field: FieldFacts, text: str) -> bool:
    if words.CODE.search(text):
        return not words.USER.search(said(field)) or takes_digits(field)
    # "Code" alone may be a customer's: it takes digits, and names nobody, or it is
    # all that the field says.
    if words.BARE_CODE.search(text) is None or words.USER.search(said(field)):
        return False
    rest = words.BARE_CODE.sub("", said(field))
    return takes_digits(field) or said(field).strip() != rest.strip() == ""


def takes_digits(field: FieldFacts) -> bool:
    """Say whether the field is made for digits."""
    return (
        field.type in {"tel", "number"}
        or field.inputmode == "numeric"
        or field.max_length in {6, 7, 8}
        or "0-9" in field.pattern
        or "\\d" in field.pattern
    )


def _code_length(length: int) -> bool:
    """A four-digit field is a PIN; a long limit is no limit."""
    return length in {0, 5, 6, 7, 8, 9, 10} or length > 12


def unseen(field: FieldFacts, frame: FrameFacts) -> Refusal | None:
    """Return why a person could not fill *field*, or None when they could."""
    if field.disabled or not field.shown or field.clipped:
        return Refusal.UNSEEN
    if field.opacity_above < _SEEN:
        return Refusal.UNSEEN
    if field.width < _MIN_WIDTH or field.height < _MIN_HEIGHT:
        return Refusal.UNSEEN
    right = field.x + field.width
    bottom = field.y + field.height
    if right <= 0 or bottom <= 0:
        return Refusal.UNSEEN
    if field.x >= frame.document_width or field.y >= frame.document_height:
        return Refusal.UNSEEN
    if words.TRAP.search(names(field)) and field.skipped_by_tab:
        return Refusal.UNSEEN
    return Refusal.COVERED if field.covered else None


def is_faint(field: FieldFacts) -> bool:
    """Say whether the field itself is see-through: it may appear on focus."""
    return field.opacity < _SEEN
