"""What the page script saw: facts about one frame, as collect.js tells them.

The text comes from a stranger's page: it is parsed strictly, and its sizes are
bounded by the script. Spec: protocol/autofill.md §2.
"""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import TypeAdapter, ValidationError

from konnector_runner.errors import FormatError


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldFacts:
    """One input, textarea or select, seen from outside."""

    element: int = 0
    form: int = 0
    tag: str = "input"
    type: str = "text"
    name: str = ""
    id: str = ""
    autocomplete: str = ""
    inputmode: str = ""
    placeholder: str = ""
    label: str = ""
    title: str = ""
    before: str = ""
    hints: str = ""
    pattern: str = ""
    max_length: int = 0
    min_length: int = 0
    rules: bool = False
    required: bool = False
    read_only: bool = False
    disabled: bool = False
    filled: bool = False
    focused: bool = False
    shown: bool = True
    opacity: float = 1.0
    opacity_above: float = 1.0
    x: int = 100
    y: int = 100
    width: int = 200
    height: int = 24
    clipped: bool = False
    covered: bool | None = False
    hidden_from_readers: bool = False
    skipped_by_tab: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class FormFacts:
    """One form, or what has no form: its words, never its values."""

    number: int = 0
    is_form: bool = True
    id: str = ""
    name: str = ""
    classes: str = ""
    label: str = ""
    action: str = ""
    # Other origins than the page's that the form is sent to.
    targets: tuple[str, ...] = ()
    search: bool = False
    headings: tuple[str, ...] = ()
    headings_before: tuple[str, ...] = ()
    submits: tuple[str, ...] = ()
    buttons: tuple[str, ...] = ()
    links: tuple[str, ...] = ()
    checks: tuple[str, ...] = ()
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyFacts:
    """A thing to press that shows one character."""

    element: int
    label: str
    form: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameFacts:
    """One frame: where it is from, and what it holds."""

    url: str = "https://example.com/"
    origin: str = "https://example.com"
    above: tuple[str, ...] = ()
    sandboxed: bool = False
    shown: bool = True
    # Frames in it that the browser keeps apart: of other sites, and sandboxed ones.
    strange_frames: int = 0
    sandboxed_frames: int = 0
    title: str = ""
    document_width: int = 1280
    document_height: int = 900
    headings: tuple[str, ...] = ()
    fields: tuple[FieldFacts, ...] = ()
    forms: tuple[FormFacts, ...] = ()
    keys: tuple[KeyFacts, ...] = ()


_FRAME = TypeAdapter(FrameFacts)


def parse_facts(text: str) -> FrameFacts:
    """Return what the page script told.

    Raises:
        FormatError: it is not what the script tells.
    """
    try:
        return _FRAME.validate_json(text)
    except ValidationError:
        raise FormatError("facts of a page that do not read as such") from None
