"""What tests that stand elsewhere ask for, made without their fixtures."""

from __future__ import annotations

from clisk_vault.document import EntryDocument, new_actor
from tests.attacks.stage import Stage
from tests.vault.items import B, seeded


def empty_document(_: Stage) -> EntryDocument:
    """Return an empty document of device B."""
    actor = new_actor(B, seeded(2))
    return EntryDocument.load(EntryDocument.new(actor).save(), actor)
