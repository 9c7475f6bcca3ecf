"""What a connection is confined to while it serves one run of one konnector."""

from __future__ import annotations

from dataclasses import dataclass

from clisk_vault.access_record import Requester, RequesterKind
from clisk_vault.ids import ItemId

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


def vault_field(name: str) -> str:
    """Return what the vault calls a konnector's field."""
    return _VAULT_NAMES.get(name, name)


def konnector_field(name: str) -> str:
    """Return what konnectors call a field of the vault."""
    return _KONNECTOR_NAMES.get(name, name)
