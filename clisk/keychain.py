"""The operating system's keychain, for who wants it to hold the passphrase.

The home of keyring. A system without a real keychain is an error with a name:
falling back to a plain file in silence would break what the person chose.
"""

from __future__ import annotations

import keyring
from keyring.backend import KeyringBackend
from keyring.errors import KeyringError, PasswordDeleteError

from clisk.errors import KeychainError
from clisk_vault.keys import SecretText

_SERVICE = "clisk-vault"
# keyring's own scale: below 1 are null, fail, and files that anyone can read.
_REAL = 1


def save(vault_id: str, passphrase: SecretText) -> None:
    """Put the passphrase of a vault into the keychain."""
    backend = _backend()
    try:
        backend.set_password(_SERVICE, vault_id, passphrase.expose())
    except KeyringError as err:
        raise _no_answer() from err


def load(vault_id: str) -> SecretText:
    """Return the passphrase that the keychain holds for a vault.

    Raises:
        KeychainError: no keychain, it did not answer, or it holds none.
    """
    backend = _backend()
    try:
        found = backend.get_password(_SERVICE, vault_id)
    except KeyringError as err:
        raise _no_answer() from err
    if found is None:
        raise KeychainError(
            "the keychain holds no passphrase for this vault",
            advice="put it there once: clisk unlock --save-to-keychain",
        )
    return SecretText(found)


def forget(vault_id: str) -> None:
    """Take the passphrase of a vault out of the keychain, if it is there."""
    backend = _backend()
    try:
        backend.delete_password(_SERVICE, vault_id)
    except PasswordDeleteError:
        return
    except KeyringError as err:
        raise _no_answer() from err


def _backend() -> KeyringBackend:
    backend = keyring.get_keyring()
    if backend.priority < _REAL:
        raise KeychainError(
            f"this system has no keychain ({type(backend).__module__})",
            advice="type the passphrase, or pass it with --passphrase-fd",
        )
    return backend


def _no_answer() -> KeychainError:
    return KeychainError(
        "the keychain did not answer",
        advice="unlock the system's keychain, or type the passphrase",
    )
