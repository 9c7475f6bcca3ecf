"""What is to be written where, or why nothing is. Spec: protocol/autofill.md §3."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum


class Role(Enum):
    """What a field asks for, in the words of the HTML standard."""

    USERNAME = "username"
    CURRENT_PASSWORD = "current-password"  # noqa: S105 - the name of a role
    NEW_PASSWORD = "new-password"  # noqa: S105 - the name of a role
    ONE_TIME_CODE = "one-time-code"


class PageKind(Enum):
    """What a form is for."""

    LOGIN = "login"
    IDENTIFIER_FIRST = "identifier-first"
    ONE_TIME_CODE = "one-time-code"
    CHANGE_PASSWORD = "change-password"  # noqa: S105 - the name of a kind
    NOTHING = "nothing"


class Refusal(Enum):
    """Why a field or a whole page is left alone. The value is for people."""

    NO_FIELD = "no field asks for a credential"
    SIGN_UP = "the form opens a new account"
    NEW_PASSWORD = "the form asks for a new password only"  # noqa: S105
    NOT_A_LOGIN = "the form is for something else than logging in"
    UNSEEN = "the field can not be seen"
    COVERED = "something lies over the field"
    READ_ONLY = "the field takes no keys"
    TOO_MANY = "there are too many password fields"
    PAYMENT = "the field asks for a number of a card or an identity"
    CROSS_ORIGIN_FRAME = "what could be filled is in a frame of another site"
    SANDBOXED = "the document, or a frame in it, is sandboxed"
    NO_ORIGIN = "the document has no site of its own"
    NOT_HTTPS = "the item is for https and the page is not"
    OTHER_SITE = "the page is not of a site of the item"
    HIDDEN_FRAME = "the frame can not be seen"
    SENT_ELSEWHERE = "the form sends what is typed to another site"
    WRONG_LENGTH = "the code does not fit the boxes for it"
    NO_KEY = "the keypad lacks a character of the password"
    PAGE_CHANGED = "the page changed while it was being filled"
    NOT_GIVEN = "the item has nothing for this field"
    UNREADABLE = "the document could not be read"


@dataclass(frozen=True, slots=True)
class Fill:
    """One role and its elements: several for a code in boxes, else one."""

    role: Role
    elements: tuple[int, ...]
    # A read-only password with keys beside it: label and element of each key.
    keypad: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True)
class FillPlan:
    """What to do in one frame. Without fills, *refusal* says why."""

    kind: PageKind
    fills: tuple[Fill, ...] = ()
    refusal: Refusal | None = None
    # How sure the plan is of its form; to choose among frames and forms.
    score: float = field(default=0.0, compare=False)

    @property
    def roles(self) -> frozenset[Role]:
        """The roles that the plan fills."""
        return frozenset(fill.role for fill in self.fills)


def nothing(refusal: Refusal) -> FillPlan:
    """Return the plan that leaves a frame alone."""
    return FillPlan(PageKind.NOTHING, refusal=refusal)
