"""JSON that came from a page or a konnector, read within bounds.

One reader for the bridge and the manifest: no duplicate key, no number that
JavaScript cannot hold, bounded size and depth. A lone surrogate, which a broken
page can put into any text, is read as U+FFFD, as String.toWellFormed() does.

Spec: protocol/konnector-bridge.md §3.1.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from typing import NoReturn, TypeAlias

from konnector_runner.errors import FormatError

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"

MAX_DEPTH = 64
_MAX_NUMBER_CHARACTERS = 32  # JavaScript writes no number with more
_LONE = re.compile("[\ud800-\udfff]")


def parse_json(text: str, *, max_characters: int, what: str = "message") -> Json:
    """Return the value that *text* spells.

    Raises:
        FormatError: too long, too deep, or not JSON as JavaScript writes it.
    """
    if len(text) > max_characters:
        raise FormatError(f"{what} longer than {max_characters} characters")
    try:
        value: Json = json.loads(
            text,
            object_pairs_hook=_object,
            parse_constant=_no_constant,
            parse_float=_number,
            parse_int=_integer,
        )
    except json.JSONDecodeError as err:
        # "from None": the decoder keeps the whole document, secrets too.
        raise FormatError(f"{what} is not JSON", at=err.pos) from None
    except RecursionError:
        raise FormatError(f"{what} deeper than {MAX_DEPTH} levels") from None
    _check_depth(value, what)
    return (
        _well_formed(value) if "\\ud" in text.lower() or _LONE.search(text) else value
    )


def encode_json(value: Json) -> str:
    """Return compact JSON of *value*, in ASCII."""
    return json.dumps(value, separators=(",", ":"), allow_nan=False)


def _object(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise FormatError("object with a key twice")
    return found


def _no_constant(_name: str) -> NoReturn:
    raise FormatError("number that JSON does not have")


def _integer(text: str) -> int | float:
    # -0 is a number of its own in JavaScript.
    return _number(text) if text == "-0" else int(_bounded(text))


def _number(text: str) -> float:
    number = float(_bounded(text))
    if not math.isfinite(number):
        raise FormatError("number out of range")
    return number


def _bounded(text: str) -> str:
    if len(text) > _MAX_NUMBER_CHARACTERS:
        raise FormatError(f"number longer than {_MAX_NUMBER_CHARACTERS} characters")
    return text


def _members(value: Json) -> Iterator[Json]:
    if isinstance(value, dict):
        yield from value.values()
    elif isinstance(value, list):
        yield from value


def _check_depth(value: Json, what: str) -> None:
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [member for parent in level for member in _members(parent)]
        if not level:
            return
    raise FormatError(f"{what} deeper than {MAX_DEPTH} levels")


def _well_formed(value: Json) -> Json:
    if isinstance(value, str):
        return _LONE.sub("\ufffd", value)
    if isinstance(value, list):
        return [_well_formed(member) for member in value]
    if isinstance(value, dict):
        return _object(
            [(_LONE.sub("\ufffd", k), _well_formed(v)) for k, v in value.items()]
        )
    return value
