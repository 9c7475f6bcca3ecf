"""From a file and a passphrase to a session: protocol/vault-file.md §2.

Knows the header, the device secrets sealed under the unlock key, and nothing of
what else is in the file.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path

from clisk_vault.access_log import AccessLog
from clisk_vault.creation import create_file
from clisk_vault.device import DeviceSecrets
from clisk_vault.epochs import Epochs
from clisk_vault.errors import CallerError, FormatError
from clisk_vault.ids import VaultId
from clisk_vault.keys import EpochSecret, SecretText
from clisk_vault.log_leaf import Restart
from clisk_vault.passphrase import LIMITS, Argon2Profile, CostLimits
from clisk_vault.primitives import Random, SigningKey
from clisk_vault.session import Clock, Session, wall_clock
from clisk_vault.storage import Storage
from clisk_vault.vault_file import (
    KeyringSecret,
    VaultHeader,
    encode_header,
    new_header,
    open_secrets,
    parse_header,
    seal_secrets,
    unlock_key,
)


def read_public(path: Path) -> VaultHeader:
    """Return what the vault file at *path* says of itself while it is locked.

    Anyone who can write to the file can make it say anything: for showing only.

    Raises:
        StoreError: there is no such file. FormatError, UnsupportedError: not a
            vault, or one from a later version.
    """
    storage = Storage.open(path)
    try:
        return _read_header(storage)[0]
    finally:
        storage.close()


def make_session(
    path: Path,
    *,
    passphrase: SecretText,
    secrets: DeviceSecrets,
    first_log_key: SigningKey,
    vault_id: VaultId,
    epochs: Mapping[int, EpochSecret],
    profile: Argon2Profile,
    keyring: KeyringSecret | None,
    limits: CostLimits,
    clock: Clock = wall_clock,
    random: Random = os.urandom,
    also: Callable[[Storage], None] | None,
) -> Session:
    """Make a vault file and return it open; arguments and errors of Vault.create()."""
    header = new_header(
        secrets, vault_id, profile, keyring=keyring is not None, random=random
    )
    key = unlock_key(header, passphrase, keyring, limits=limits)
    sealed = seal_secrets(key, header, secrets, random=random)

    def fill(storage: Storage) -> None:
        draft = Session(storage, secrets, vault_id, clock=clock, random=random)
        _write_header(storage, header, sealed)
        known = Epochs(draft)
        for number, secret in epochs.items():
            known.add(number, secret)
        AccessLog.enrol(draft, known, first_log_key)
        if also is not None:
            also(storage)

    storage = create_file(path, fill, random=random)
    return Session(storage, secrets, vault_id, clock=clock, random=random)


def open_session(
    path: Path,
    passphrase: SecretText,
    *,
    keyring: KeyringSecret | None,
    limits: CostLimits,
    clock: Clock = wall_clock,
    random: Random = os.urandom,
) -> Session:
    """Return the vault file at *path*, open; errors of Vault.unlock()."""
    storage = Storage.open(path)
    try:
        header, sealed = _read_header(storage)
        key = unlock_key(header, passphrase, keyring, limits=limits)
        secrets = open_secrets(key, header, sealed)
        return Session(storage, secrets, header.vault_id, clock=clock, random=random)
    except BaseException:
        storage.close()
        raise


def check_passphrase(
    path: Path,
    passphrase: SecretText,
    *,
    keyring: KeyringSecret | None,
    limits: CostLimits = LIMITS,
) -> None:
    """Return if *passphrase* opens the vault file at *path*, which may be open.

    It writes nothing and has a connection of its own, so that it may run in any
    thread: Argon2 takes a second.

    Raises:
        as Vault.unlock().
    """
    open_session(path, passphrase, keyring=keyring, limits=limits).close()


def reseal(
    session: Session,
    current: SecretText,
    new: SecretText,
    *,
    limits: CostLimits,
    profile: Argon2Profile | None,
    keyring: KeyringSecret | None,
    new_keyring: KeyringSecret | None,
) -> None:
    """Seal the device secrets under *new*; errors of Vault.change_passphrase()."""
    storage, secrets = session.storage, session.secrets
    header, sealed = _read_header(storage)
    open_secrets(unlock_key(header, current, keyring, limits=limits), header, sealed)
    changed = new_header(
        secrets,
        header.vault_id,
        profile or header.profile,
        keyring=new_keyring is not None,
        random=session.random,
    )
    key = unlock_key(changed, new, new_keyring, limits=limits)
    with storage.transaction():
        _write_header(
            storage,
            changed,
            seal_secrets(key, changed, secrets, random=session.random),
        )
    storage.scrub()  # the old seal is not to linger in the write-ahead log


def take_identity(
    session: Session,
    passphrase: SecretText,
    secrets: DeviceSecrets,
    first_log_key: SigningKey,
    *,
    limits: CostLimits,
    keyring: KeyringSecret | None,
    also: Callable[[Storage], None],
) -> None:
    """Make the file another device's; errors of Vault.take_identity()."""
    storage = session.storage
    if secrets.storage != session.secrets.storage:
        raise CallerError("the rows of this file are sealed under its storage key")
    header, sealed = _read_header(storage)
    open_secrets(unlock_key(header, passphrase, keyring, limits=limits), header, sealed)
    changed = new_header(
        secrets,
        header.vault_id,
        header.profile,
        keyring=header.keyring,
        random=session.random,
    )
    key = unlock_key(changed, passphrase, keyring, limits=limits)
    with storage.transaction():
        new_seal = seal_secrets(key, changed, secrets, random=session.random)
        _write_header(storage, changed, new_seal)
        heir = Session(
            storage,
            secrets,
            header.vault_id,
            clock=session.clock,
            random=session.random,
        )
        log = AccessLog(heir, Epochs(heir))
        log.begin_anew(Restart.RESTORED, first_log_key=first_log_key)
        also(storage)
    storage.scrub()  # the old keys are not to linger in the write-ahead log


def _read_header(storage: Storage) -> tuple[VaultHeader, bytes]:
    row = storage.one("SELECT header, sealed FROM header")
    if row is None or not isinstance(row[0], bytes) or not isinstance(row[1], bytes):
        raise FormatError("vault file: no header")
    return parse_header(row[0]), row[1]


def _write_header(storage: Storage, header: VaultHeader, sealed: bytes) -> None:
    storage.execute(
        "INSERT INTO header (one, header, sealed) VALUES (1, ?1, ?2)"
        " ON CONFLICT (one) DO UPDATE SET header = ?1, sealed = ?2",
        (encode_header(header), sealed),
    )
