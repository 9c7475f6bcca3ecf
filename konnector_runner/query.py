"""queryAll over what is kept on this device: the part of Mango that konnectors use.

A definition of cozy-client's: doctype, selector, ids, sort, fields, skip, limit.
Whatever else it asks for is refused by name, never guessed.
Spec: protocol/konnector-bridge.md §4.7.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from konnector_runner.method_error import MethodError
from konnector_runner.strict_json import Json

_MAX_DEPTH = 16
Documents = Callable[[str], list[dict[str, Json]]]


def run_query(query: dict[str, Json], documents: Documents) -> list[Json]:
    """Return the documents of *documents(doctype)* that *query* asks for.

    Raises:
        MethodError: no doctype, or an operator that is not known here.
    """
    doctype = query.get("doctype")
    if not isinstance(doctype, str):
        raise MethodError("queryAll: no doctype")
    found = [each for each in documents(doctype) if _wanted(each, query)]
    for name, falling in reversed(_sort(query.get("sort"))):
        found.sort(key=partial(_order_at, name), reverse=falling)
    skip, limit = query.get("skip"), query.get("limit")
    start = skip if isinstance(skip, int) and skip > 0 else 0
    end = start + limit if isinstance(limit, int) and limit > 0 else None
    return [_fields(each, query.get("fields")) for each in found[start:end]]


def _wanted(document: dict[str, Json], query: dict[str, Json]) -> bool:
    ids = query.get("ids") or ([query["id"]] if query.get("id") else None)
    if isinstance(ids, list) and document.get("_id") not in ids:
        return False
    return all(
        _matches(document, query.get(name), 0) for name in ("selector", "partialFilter")
    )


def _matches(document: Json, selector: Json, depth: int) -> bool:
    if selector is None:
        return True
    if not isinstance(selector, dict) or depth > _MAX_DEPTH:
        raise MethodError("queryAll: a selector that is not one")
    return all(
        _condition(document, name, wanted, depth) for name, wanted in selector.items()
    )


def _condition(document: Json, name: str, wanted: Json, depth: int) -> bool:
    if name in {"$and", "$or", "$nor"}:
        if not isinstance(wanted, list):
            raise MethodError(f"queryAll: {name} without a list")
        each = (_matches(document, part, depth + 1) for part in wanted)
        if name == "$and":
            return all(each)
        return any(each) if name == "$or" else not any(each)
    if name == "$not":
        return not _matches(document, wanted, depth + 1)
    if name.startswith("$"):
        raise MethodError(f"queryAll: {name[:32]} is not known here")
    value = _at(document, name)
    if isinstance(wanted, dict) and any(key.startswith("$") for key in wanted):
        return all(_compare(value, key, other) for key, other in wanted.items())
    if isinstance(wanted, dict):
        return _matches(value, wanted, depth + 1)
    return value == wanted


def _compare(value: Json, operator: str, other: Json) -> bool:
    if operator in _TESTS:
        return _TESTS[operator](value, other)
    raise MethodError(f"queryAll: {operator[:32]} is not known here")


def _ordered(test: Callable[[Any, Any], bool]) -> Callable[[Json, Json], bool]:
    def compare(value: Json, other: Json) -> bool:
        return value is not None and test(_order(value), _order(other))

    return compare


def _in(value: Json, other: Json) -> bool:
    return isinstance(other, list) and value in other


_TESTS: dict[str, Callable[[Json, Json], bool]] = {
    "$eq": lambda value, other: value == other,
    "$ne": lambda value, other: value != other,
    "$gt": _ordered(lambda a, b: a > b),
    "$gte": _ordered(lambda a, b: a >= b),
    "$lt": _ordered(lambda a, b: a < b),
    "$lte": _ordered(lambda a, b: a <= b),
    "$in": _in,
    "$nin": lambda value, other: not _in(value, other),
    "$exists": lambda value, other: (value is not None) == bool(other),
}


def _order(value: Json) -> tuple[int, Any]:
    """Return what CouchDB orders by: null, booleans, numbers, texts, the rest."""
    if value is None:
        return (0, 0)
    if isinstance(value, bool):
        return (1, value)
    if isinstance(value, int | float):
        return (2, value)
    return (3, value) if isinstance(value, str) else (4, 0)


def _order_at(name: str, document: dict[str, Json]) -> tuple[int, Any]:
    return _order(_at(document, name))


def _sort(sort: Json) -> list[tuple[str, bool]]:
    rows = sort if isinstance(sort, list) else []
    return [
        (name, falling == "desc")
        for row in rows
        for name, falling in (
            row.items() if isinstance(row, dict) else [(str(row), "asc")]
        )
    ]


def _fields(document: dict[str, Json], fields: Json) -> Json:
    if not isinstance(fields, list):
        return document
    return {name: document[name] for name in fields if name in document}


def _at(value: Json, path: str) -> Json:
    for name in path.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return value
