"""What a person gives beside a file, and the error for what does not open it."""

from __future__ import annotations

from dataclasses import dataclass

from clisk_vault.errors import PassphraseError
from clisk_vault.keys import SecretText


@dataclass(frozen=True, slots=True)
class FileSecrets:
    """What opens a sealed file; each is None where the person gave none."""

    password: SecretText | None = None
    key_file: bytes | None = None
    account_key: SecretText | None = None


class FilePasswordNeeded(PassphraseError):
    """The file is sealed with a password, and none was given."""

    default_advice = "give it: --file-password-fd N, or be asked on a terminal"


class FilePasswordError(PassphraseError):
    """The password, key file or key does not open the file."""

    default_advice = "check the password: it is the file's own, not the vault's"


def needed(password: SecretText | None, what: str) -> SecretText:
    """Return *password*; raises FilePasswordNeeded where there is none."""
    if password is None:
        raise FilePasswordNeeded(f"{what}: it is sealed with a password")
    return password
