"""What a connection is confined to while it fills the login of one page."""

from __future__ import annotations

from dataclasses import dataclass

from clisk_vault.access_record import Requester, RequesterKind
from clisk_vault.ids import ItemId

AUTOFILL = Requester(RequesterKind.PERSON, "autofill")


@dataclass(frozen=True, slots=True)
class FillSession:
    """Which item, and the one origin that its values may be asked for."""

    item: ItemId
    origin: str
    confirmed: bool = False
    """The passphrase was typed for the item, as this connection was opened for it."""
