"""What tests that stand elsewhere ask for, made without their fixtures."""

from __future__ import annotations

from clisk_sync.founding import found
from clisk_sync.membership import Membership
from clisk_vault.device import DevicePublic, enrol
from clisk_vault.document import EntryDocument, new_actor
from tests.attacks.stage import Stage
from tests.sync.test_pairing import Vault
from tests.vault.items import B, seeded


def one_device(_: Stage) -> Vault:
    """Return a vault of one device, for pairing."""
    secrets = enrol()[0]
    genesis, vault_id, epoch = found(secrets, "laptop")
    return Vault(secrets, Membership.verify(vault_id, [genesis]), epoch)


def phone_keys(_: Stage) -> DevicePublic:
    """Return the keys of a device that is no member."""
    return enrol()[0].public


def empty_document(_: Stage) -> EntryDocument:
    """Return an empty document of device B."""
    actor = new_actor(B, seeded(2))
    return EntryDocument.load(EntryDocument.new(actor).save(), actor)
