"""The vault file of a device that has just become a member, however it did."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from clisk_sync.envelope_content import Mark
from clisk_sync.founding import clock_ms, unwrap_epochs
from clisk_sync.frontier_store import load_frontier, save_frontier
from clisk_sync.journal import Journal
from clisk_sync.membership import Membership
from clisk_vault.device import DeviceSecrets, enrol
from clisk_vault.ids import DeviceId
from clisk_vault.keys import SecretText
from clisk_vault.passphrase import calibrate
from clisk_vault.primitives import SigningKey
from clisk_vault.storage import Storage
from clisk_vault.vault import Vault


@dataclass(frozen=True, slots=True)
class NewDevice:
    """Fresh keys, which belong to no vault yet."""

    secrets: DeviceSecrets
    first_log_key: SigningKey

    @classmethod
    def enrol(cls) -> NewDevice:
        """Return a new device."""
        return cls(*enrol())

    def make_vault(
        self,
        path: Path,
        membership: Membership,
        marks: Mapping[DeviceId, Mark],
        passphrase: SecretText,
        *,
        unlock_seconds: float,
    ) -> Vault:
        """Return this device's vault, still empty; *membership* has it as a member.

        *marks* are what the relay must come up with. They are in the file from the
        first moment: a crash now does not let it withhold anything later.
        """

        def keep(storage: Storage) -> None:
            Journal(storage).keep_membership(membership)
            before = load_frontier(storage, self.secrets.public.id)
            expected = before.expecting(marks, membership.head, now_ms=clock_ms())
            save_frontier(storage, before, expected)

        return Vault.create(
            path,
            passphrase=passphrase,
            secrets=self.secrets,
            first_log_key=self.first_log_key,
            vault_id=membership.vault_id,
            epochs=unwrap_epochs(membership, self.secrets),
            profile=calibrate(unlock_seconds),
            also=keep,
        )
