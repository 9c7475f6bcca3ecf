"""A recovery kit between its drawing and its membership: protocol/recovery.md §4."""

from __future__ import annotations

from dataclasses import dataclass

from clisk.agent.recovering import record_recovery
from clisk.agent.sync_driver import SyncDriver
from clisk_sync.founding import clock_ms
from clisk_sync.recovery_kit import Anchor, Kit, kit_device, new_secret
from clisk_vault.device import DevicePublic


@dataclass(frozen=True, slots=True)
class DraftedKit:
    """What is being printed; no member before make_member()."""

    kit: Kit
    anchor: Anchor
    name: str
    public: DevicePublic
    safety_code: str
    made_ms: int

    @classmethod
    async def draw(cls, driver: SyncDriver, name: str) -> DraftedKit:
        """Return a new kit of the vault, its making on record.

        Raises:
            NoRelayError: a kit without a relay brings nothing back.
            TransportError, RelayRefused, RevokedError: as sync.
        """
        vault = driver.vault
        mark = await driver.engine.speak()
        anchor = Anchor(vault.device_id, mark)
        secret = new_secret()
        kit = Kit(driver.known_relay, vault.id, secret, anchor)
        # Before anybody sees it: it lets read all.
        record_recovery(vault, "a recovery kit was made")
        public = kit_device(secret, vault.id).public
        return cls(kit, anchor, name, public, driver.safety_code(), clock_ms())

    async def make_member(self, driver: SyncDriver) -> None:
        """Let the kit in; from now on it opens the vault."""
        await driver.engine.add_kit(self.public, self.name, anchor=self.anchor.mark)
