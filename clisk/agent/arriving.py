"""The vault file of a device that has just become a member, however it did."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from clisk.agent import keyring_secret
from clisk_sync.envelope_content import Mark
from clisk_sync.founding import clock_ms, unwrap_epochs
from clisk_sync.frontier_store import load_frontier, save_frontier
from clisk_sync.journal import Journal
from clisk_sync.membership import Membership
from clisk_vault.device import DeviceSecrets, enrol
from clisk_vault.ids import DeviceId, VaultId
from clisk_vault.keys import SecretText
from clisk_vault.passphrase import calibrate
from clisk_vault.primitives import SigningKey
from clisk_vault.storage import Storage
from clisk_vault.vault import Vault
from clisk_vault.vault_file import KeyringSecret


@dataclass(frozen=True, slots=True)
class NewDevice:
    """Fresh keys, of a device that is no member of the vault yet."""

    vault: VaultId
    secrets: DeviceSecrets
    first_log_key: SigningKey
    second: KeyringSecret | None
    """What the system's keyring holds for the vault file, if that shall need it."""

    @classmethod
    def enrol(cls, vault: VaultId, *, keyring: bool) -> NewDevice:
        """Return a new device; with *keyring* the keyring holds a secret for it.

        Before it is let in: a device that came in and has no vault would be of no use,
        and stay a member.

        Raises:
            KeychainError: there is no keyring, or it did not keep the secret.
        """
        secrets, first_log_key = enrol()
        second = keyring_secret.fresh_for(vault, secrets.public.id) if keyring else None
        return cls(vault, secrets, first_log_key, second)

    def forget_second_unless_needed(self, path: Path) -> None:
        """Take the secret out of the keyring if no vault at *path* came of it."""
        if self.second is None:
            return
        if path.exists():
            keyring_secret.forget_unless_needed(
                path, self.vault, self.secrets.public.id
            )
        else:
            keyring_secret.forget(self.vault, self.secrets.public.id)

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
            keyring=self.second,
            also=keep,
        )
