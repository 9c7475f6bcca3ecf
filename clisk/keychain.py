"""The operating system's keychain: for the passphrase, or for a second secret.

The two are opposites. The passphrase there makes unlocking easy; the second secret
(protocol/key-schedule.md §4) makes the vault's file worthless without this system.

The home of keyring. A system without a real keychain is an error with a name:
falling back to a plain file in silence would break what the person chose.
"""

from __future__ import annotations

import keyring
from keyring.backend import KeyringBackend
from keyring.errors import KeyringError, PasswordDeleteError

from clisk.errors import KeychainError
from clisk_vault.ids import DeviceId, VaultId
from clisk_vault.keys import SecretText
from clisk_vault.vault_file import KeyringSecret

_SERVICE = "clisk-vault"
_SECOND_SERVICE = "clisk-vault second secret"
# keyring's own scale: below 1 are null, fail, and files that anyone can read.
_REAL = 1


def save(vault_id: str, passphrase: SecretText) -> None:
    """Put the passphrase of a vault into the keychain."""
    _put(_SERVICE, vault_id, passphrase.expose())


def load(vault_id: str) -> SecretText:
    """Return the passphrase that the keychain holds for a vault.

    Raises:
        KeychainError: no keychain, it did not answer, or it holds none.
    """
    found = _get(_SERVICE, vault_id)
    if found is None:
        raise KeychainError(
            "the keychain holds no passphrase for this vault",
            advice="put it there once: clisk unlock --save-to-keychain",
        )
    return SecretText(found)


def forget(vault_id: str) -> None:
    """Take the passphrase of a vault out of the keychain, if it is there."""
    _delete(_SERVICE, vault_id)


def save_secret(vault: VaultId, device: DeviceId, secret: KeyringSecret) -> None:
    """Put the second secret of a vault file into the keychain, and see it there.

    Raises:
        KeychainError: no keychain, or it does not give back what it was given.
    """
    _put(_SECOND_SERVICE, _name(vault, device), secret.expose().hex())
    if load_secret(vault, device) != secret:
        raise _no_answer()


def load_secret(vault: VaultId, device: DeviceId) -> KeyringSecret:
    """Return the second secret of a vault file.

    Raises:
        KeychainError: no keychain, it did not answer, or it holds none.
    """
    found = _get(_SECOND_SERVICE, _name(vault, device))
    try:
        return KeyringSecret(bytes.fromhex(found or ""))
    except ValueError:
        raise KeychainError(
            "this vault also needs a secret of the system's keyring, which holds none",
            advice="log in as the user who made the vault, with that keyring unlocked;"
            " if it is lost, so is this copy: clisk recovery use, or clisk join",
        ) from None


def forget_secret(vault: VaultId, device: DeviceId) -> None:
    """Take the second secret of a vault file out of the keychain, if it is there."""
    _delete(_SECOND_SERVICE, _name(vault, device))


def describe() -> str:
    """Return the name of this system's keychain; raises KeychainError if none."""
    return _backend().name


def _name(vault: VaultId, device: DeviceId) -> str:
    # The device too: a user may have two devices of one vault in one keychain.
    return f"{vault.hex()} {device.hex()}"


def _put(service: str, name: str, value: str) -> None:
    backend = _backend()
    try:
        backend.set_password(service, name, value)
    except KeyringError as err:
        raise _no_answer() from err


def _get(service: str, name: str) -> str | None:
    backend = _backend()
    try:
        return backend.get_password(service, name)
    except KeyringError as err:
        raise _no_answer() from err


def _delete(service: str, name: str) -> None:
    backend = _backend()
    try:
        backend.delete_password(service, name)
    except PasswordDeleteError:
        return
    except KeyringError as err:
        raise _no_answer() from err


def _backend() -> KeyringBackend:
    try:
        backend = keyring.get_keyring()
    except OSError as err:  # what says which one it is
        raise KeychainError(
            f"the keyring's settings cannot be read: {err.strerror}",
            advice=f"look at who owns {err.filename}, and at HOME",
        ) from err
    if backend.priority < _REAL:
        raise KeychainError(
            f"this system has no keychain ({type(backend).__module__})",
            advice="it is a desktop's keyring (gnome-keyring, say) in an open session;"
            " without one, type the passphrase or pass it with --passphrase-fd",
        )
    return backend


def _no_answer() -> KeychainError:
    return KeychainError(
        "the keychain did not answer",
        advice="unlock the system's keychain, then try again",
    )
