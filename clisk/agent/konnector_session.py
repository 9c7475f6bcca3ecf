"""What a connection is confined to while it serves one run of one konnector."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

from clisk_vault.access_record import Requester, RequesterKind
from clisk_vault.ids import ItemId

# A name that can stand in a field's name, and is not one that a hash makes.
_PLAIN = re.compile(r"(?!x[0-9a-f]{32}$)[a-z][a-z-]{0,31}")
# What konnectors call a field, where the vault calls it otherwise.
_VAULT_NAMES = {"login": "username"}
_KONNECTOR_NAMES = {vault: konnector for konnector, vault in _VAULT_NAMES.items()}


@dataclass(frozen=True, slots=True)
class KonnectorSession:
    """Whose code asks, and about which item: fixed when the run begins."""

    name: str
    digest: bytes
    item: ItemId

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


def vault_field(name: str) -> str:
    """Return what the vault calls a konnector's field."""
    return _VAULT_NAMES.get(name, name)


def konnector_field(name: str) -> str:
    """Return what konnectors call a field of the vault."""
    return _KONNECTOR_NAMES.get(name, name)
