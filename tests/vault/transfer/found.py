"""What was found of an item, in the words of samples.py: to be compared by value."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from clisk_vault.item import TRUE
from clisk_vault.item_types import split_element
from clisk_vault.transfer.imported import ForeignItem


def plain(item: ForeignItem) -> dict[str, str]:
    """Return all fields of *item* as text."""
    return {
        name: value if isinstance(value, str) else value.expose()
        for name, value in item.fields.items()
    }


def rows(fields: Mapping[str, str], kind: str) -> list[dict[str, str]]:
    """Return the elements of *kind*, in the order of their ids."""
    found: dict[str, dict[str, str]] = {}
    for name in sorted(fields):
        parts = split_element(name)
        if parts is not None and parts[0] == kind:
            found.setdefault(parts[1], {})[parts[2]] = fields[name]
    return list(found.values())


def found(fields: Mapping[str, str]) -> dict[str, Any]:
    """Return the values of a login in the words of samples.expected()."""
    return {
        "title": fields.get("title", ""),
        "username": fields.get("username", ""),
        "password": fields.get("password", ""),
        "uris": [row["value"] for row in rows(fields, "uri")],
        "notes": fields.get("notes", ""),
        "totp": fields.get("totp", ""),
        "folder": fields.get("folder", ""),
        "favourite": fields.get("favourite") == TRUE,
        "tags": [row["name"] for row in rows(fields, "tag")],
        "custom": {
            (row["name"], row.get("hidden", row.get("value")), row["kind"] == "hidden")
            for row in rows(fields, "custom")
        },
        "earlier": [row["password"] for row in rows(fields, "history")],
        "created": fields.get("created", ""),
        "changed": fields.get("changed", ""),
    }
