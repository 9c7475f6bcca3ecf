"""What a connection is confined to while it serves one run of one konnector."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

from clisk_vault.access_record import Requester, RequesterKind
from clisk_vault.ids import ItemId
from clisk_vault.item import ItemView
from clisk_vault.item_types import element_field, split_element

# A name that can stand in a field's name, and is not one that a hash makes.
_PLAIN = re.compile(r"(?!x[0-9a-f]{32}$)[a-z][a-z-]{0,31}")
# What konnectors call a field, where the vault calls it otherwise.
_VAULT_NAMES = {"login": "username", "email": "username"}
_KONNECTOR_NAMES = {"username": "login"}
# Fields of every login: a konnector may propose one that is empty.
_OWN = ("username", "password")


@dataclass(frozen=True, slots=True)
class KonnectorSession:
    """Whose code asks, and about which item: fixed when the run begins."""

    name: str
    digest: bytes
    item: ItemId
    confirmed: bool = False
    """The passphrase was typed for the item, as the run began."""

    @property
    def requester(self) -> Requester:
        """Who stands in the access log."""
        return Requester(RequesterKind.KONNECTOR, self.name, self.digest)


def kept_field(konnector: str, name: str) -> str:
    """Return the field of an item in which *konnector* keeps *name*.

    Another konnector's fields have another name, whatever it asks for.
    """
    owner = hashlib.sha256(konnector.encode()).hexdigest()[:12]
    plain = name if _PLAIN.fullmatch(name) else None
    return (
        f"kept.{owner}.{plain or 'x' + hashlib.sha256(name.encode()).hexdigest()[:32]}"
    )


def vault_field(view: ItemView, name: str) -> str | None:
    """Return the item's field that a konnector means by *name*, or None."""
    named = _VAULT_NAMES.get(name, name)
    if named in _OWN or view.has(named):
        return named
    for field in view.fields:
        parts = split_element(field)
        if parts is None or parts[0] != "custom" or parts[2] != "name":
            continue
        if view.text(field) == name:
            kind = view.text(element_field("custom", parts[1], "kind"))
            part = "hidden" if kind == "hidden" else "value"
            return element_field("custom", parts[1], part)
    return None


def konnector_field(view: ItemView, field: str) -> str:
    """Return what konnectors call a field of the vault."""
    parts = split_element(field)
    if parts is not None and parts[0] == "custom":
        return view.text(element_field("custom", parts[1], "name")) or field
    return _KONNECTOR_NAMES.get(field, field)
