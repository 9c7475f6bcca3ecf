"""A vault's second secret, in the system's keyring: protocol/key-schedule.md §4.

The agent reads and writes it, so that whoever asks it to unlock knows nothing of it.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from clisk.errors import KeychainError
from clisk_vault.errors import VaultError
from clisk_vault.ids import DeviceId, VaultId
from clisk_vault.opening import read_public
from clisk_vault.passphrase import LIMITS
from clisk_vault.vault_file import KeyringSecret


def held_for(path: Path) -> KeyringSecret | None:
    """Return the secret that the vault file at *path* asks for, or None if none.

    Raises:
        KeychainError: it asks for one, and the keyring does not give it.
        CostLimitError: the file asks for too much work; the keyring was not asked.
    """
    header = read_public(path)
    if not header.keyring:
        return None
    # A keyring may ask the person something: never for a file that is refused anyway.
    LIMITS.check(header.profile)
    from clisk import keychain

    return keychain.load_secret(header.vault_id, header.device_id)


def fresh_for(vault: VaultId, device: DeviceId) -> KeyringSecret:
    """Return a new secret that the keyring holds already; raises KeychainError."""
    from clisk import keychain

    secret = KeyringSecret(os.urandom(KeyringSecret.LENGTH))
    keychain.save_secret(vault, device, secret)
    return secret


def hand_on(secret: KeyringSecret | None, vault: VaultId, device: DeviceId) -> None:
    """Let the keyring hold *secret* for a device's new identity too."""
    if secret is not None:
        from clisk import keychain

        keychain.save_secret(vault, device, secret)


def forget_unless_needed(path: Path, vault: VaultId, *devices: DeviceId) -> None:
    """Take out of the keyring what the vault file at *path* does not ask for.

    The file is read anew: it alone tells what came of a change that failed half-way.
    """
    with suppress(VaultError):
        header = read_public(path)
        for device in devices:
            if not header.keyring or header.device_id != device:
                forget(vault, device)


def forget(vault: VaultId, device: DeviceId) -> None:
    """Take the secret out of the keyring; only once no vault file asks for it.

    A keyring that does not answer keeps what is of no use any more.
    """
    from clisk import keychain

    with suppress(KeychainError):
        keychain.forget_secret(vault, device)
