"""References to fields, and templates that hold them: protocol/reference.md.

Knows no vault: what a reference stands for is told by whoever calls.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import quote, unquote_to_bytes

from clisk.errors import CliskError

_SCHEME = "clisk://"
_CODE = "?code"
_MAX_CHARS = 1024
# RFC 3986's pchar without its escapes; quote() adds the unreserved ones itself.
_LITERAL = "!$&'()*+,;=:@"
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_BEGINNING = re.compile(r"\{\{[ \t]*(?=clisk:)")
_REST = re.compile(r"([^\s{}]*)[ \t]*\}\}")


class ReferenceFormatError(CliskError):
    """Text that is not the one spelling of a reference."""

    default_advice = (
        "it is clisk://ITEM/FIELD, with spaces as %20; `clisk read --spell ITEM FIELD`"
        " writes it"
    )


@dataclass(frozen=True, slots=True)
class Reference:
    """A field of an item; *code*: of its seed, the one-time code of the moment."""

    item: str
    field: str
    code: bool = False

    def __str__(self) -> str:
        parts = (quote(part, safe=_LITERAL) for part in (self.item, self.field))
        return _SCHEME + "/".join(parts) + (_CODE if self.code else "")


def parse_reference(text: str) -> Reference:
    """Return the reference that *text* spells.

    Raises:
        ReferenceFormatError: anything but its one spelling.

    Spec: protocol/reference.md §1. Vectors: reference/.
    """
    if len(text) > _MAX_CHARS:
        raise ReferenceFormatError(
            f"a reference is longer than {_MAX_CHARS} characters"
        )
    if not text.startswith(_SCHEME):
        raise ReferenceFormatError("a reference begins with clisk://")
    path = text.removeprefix(_SCHEME)
    code = path.endswith(_CODE)
    parts = path.removesuffix(_CODE).split("/")
    if len(parts) != 2:
        raise ReferenceFormatError("a reference names an item and a field, two parts")
    item, field = map(_unescape, parts)
    found = Reference(item, field, code)
    if str(found) != text:
        raise ReferenceFormatError("a reference is not spelled in its one way")
    return found


def _unescape(part: str) -> str:
    try:
        text = unquote_to_bytes(part).decode()
    except UnicodeError:
        raise ReferenceFormatError("a reference is not UTF-8") from None
    if not text:
        raise ReferenceFormatError("a reference has an empty part")
    if _CONTROLS.search(text):
        raise ReferenceFormatError("a reference holds control characters")
    return text


def fill_template(text: str, value_of: Callable[[Reference], str]) -> str:
    """Return *text* with the values of its references; values are not looked through.

    Raises:
        ReferenceFormatError: a reference that is not one, told by its line; raised
            before *value_of* is asked for anything.

    Spec: protocol/reference.md §2.
    """
    kept, references, at = [], [], 0
    while found := _BEGINNING.search(text, at):
        line = text.count("\n", 0, found.start()) + 1
        rest = _REST.match(text, found.end())
        if rest is None:
            raise ReferenceFormatError(f"line {line}: a reference without its }}}}")
        try:
            references.append(parse_reference(rest[1]))
        except ReferenceFormatError as err:
            raise ReferenceFormatError(f"line {line}: {err}") from None
        kept.append(text[at : found.start()])
        at = rest.end()
    values = [value_of(reference) for reference in references]
    pairs = zip(kept, values, strict=True)
    return "".join(part for pair in pairs for part in pair) + text[at:]
