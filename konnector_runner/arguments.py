"""The arguments of a launcher method, as the konnector's code gave them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeAlias

from konnector_runner.bridge import Nothing
from konnector_runner.method_error import MethodError
from konnector_runner.strict_json import Json

Method: TypeAlias = "Callable[[list[Json]], Awaitable[Json | Nothing]]"


def argument(args: list[Json], at: int) -> Json:
    """Return an argument; one that is not there is null."""
    return args[at] if at < len(args) else None


def object_argument(args: list[Json], at: int, method: str) -> dict[str, Json]:
    """Return an argument that has to be an object.

    Raises:
        MethodError: it is not.
    """
    value = argument(args, at)
    if not isinstance(value, dict):
        raise MethodError(f"{method}: argument {at + 1} is not an object")
    return value


def list_argument(args: list[Json], at: int, method: str) -> list[Json]:
    """Return an argument that has to be a list.

    Raises:
        MethodError: it is not.
    """
    value = argument(args, at)
    if not isinstance(value, list):
        raise MethodError(f"{method}: argument {at + 1} is not a list")
    return value


def text_argument(
    args: list[Json], at: int, method: str, *, longest: int = 4096
) -> str:
    """Return an argument that has to be a printable text.

    Raises:
        MethodError: it is not, or it is longer than *longest*.
    """
    value = argument(args, at)
    if not isinstance(value, str) or not 0 < len(value) <= longest:
        raise MethodError(f"{method}: argument {at + 1} is not a text")
    if not value.isprintable():
        raise MethodError(f"{method}: argument {at + 1} is not a printable text")
    return value
