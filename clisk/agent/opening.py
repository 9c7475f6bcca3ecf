"""How a vault comes to be open: made here, or unlocked."""

from __future__ import annotations

import asyncio
import threading

from clisk.agent import keyring_secret
from clisk.agent.asking import record_wrong_passphrases
from clisk.agent.core import Agent
from clisk.agent.settings import Settings, save_settings
from clisk_sync.founding import found
from clisk_sync.journal import Journal
from clisk_sync.membership import Membership
from clisk_sync.origin import relay_origin
from clisk_sync.relay_client import check_invite
from clisk_vault.access_record import Requester
from clisk_vault.device import enrol
from clisk_vault.errors import LockedError, PassphraseError, StoreError
from clisk_vault.keys import SecretText
from clisk_vault.opening import check_passphrase
from clisk_vault.passphrase import calibrate
from clisk_vault.storage import Storage
from clisk_vault.vault import Vault


async def create(
    agent: Agent,
    passphrase: SecretText,
    *,
    name: str,
    relay_url: str | None,
    invite: str = "",
    unlock_seconds: float,
    keyring: bool = False,
) -> Vault:
    """Make a vault with this device as its only member, and open it.

    With *keyring*, a secret of the system's keyring is needed to open it, too.

    Raises:
        StoreError: there is one already. KeychainError: the keyring.
    """
    async with agent.opening:
        refuse_second_vault(agent)
        relay = None if relay_url is None else relay_origin(relay_url)
        check_invite(invite)
        vault = await agent.thread.run(
            lambda: _create(agent, passphrase, name, unlock_seconds, keyring=keyring)
        )
        save_settings(agent.folder, Settings(relay=relay, invite=invite))
        await agent.opened(vault)
        return vault


def refuse_second_vault(agent: Agent) -> None:
    """Refuse to put a vault where one is.

    Raises:
        StoreError: there is one.
    """
    if agent.vault_path.exists():
        raise StoreError(
            "there is a vault here already",
            advice="open it: clisk unlock; or choose another --home",
        )


def _create(
    agent: Agent,
    passphrase: SecretText,
    name: str,
    unlock_seconds: float,
    *,
    keyring: bool,
) -> Vault:
    secrets, first_log_key = enrol()
    genesis, vault_id, secret = found(secrets, name)
    membership = Membership.verify(vault_id, [genesis])

    def keep(storage: Storage) -> None:
        Journal(storage).keep_membership(membership)

    device = secrets.public.id
    second = keyring_secret.fresh_for(vault_id, device) if keyring else None
    try:
        return Vault.create(
            agent.vault_path,
            passphrase=passphrase,
            secrets=secrets,
            first_log_key=first_log_key,
            vault_id=vault_id,
            epochs={membership.epoch: secret},
            profile=calibrate(unlock_seconds),
            keyring=second,
            also=keep,
        )
    except BaseException:
        if second is not None:
            keyring_secret.forget(vault_id, device)
        raise


def open_vault(agent: Agent, passphrase: SecretText) -> Vault:
    """Return this home's vault, open; on the vault's thread, raises as unlock()."""
    path = agent.vault_path
    return Vault.unlock(path, passphrase, keyring=keyring_secret.held_for(path))


# Argon2 takes much memory, and a client may hang up while it runs, and ask again.
_one_check = threading.Lock()


def _check(agent: Agent, passphrase: SecretText) -> None:
    path = agent.vault_path
    with _one_check:
        check_passphrase(path, passphrase, keyring=keyring_secret.held_for(path))


async def unlock(
    agent: Agent, passphrase: SecretText, who: Requester, *, opens: bool = True
) -> None:
    """Open the vault; when it is open, only check the passphrase.

    Without *opens* it is only checked, and refused where the vault was locked while
    this waited for its turn. A wrong one is recorded: at once, or at the next unlock if
    the log is locked too.

    Raises:
        PassphraseError: it does not open this vault.
        TooManyTriesError: it was wrong too often; nothing was tried.
        LockedError: as said of *opens*.
        KeychainError: the vault needs the system's keyring too, and that gives nothing.
        StoreError, FormatError, TamperedError: the file.
    """
    async with agent.opening:
        try:
            with agent.patience.one_try():
                if agent.unlocked:
                    # Not in the vault's thread: others are answered meanwhile.
                    await asyncio.to_thread(_check, agent, passphrase)
                    return
                if not opens:
                    raise LockedError
                vault = await agent.thread.run(lambda: open_vault(agent, passphrase))
        except PassphraseError:
            if agent.unlocked:
                await agent.vault(
                    lambda vault: record_wrong_passphrases(vault, who, 1, locked=False)
                )
            else:
                agent.wrong_passphrases += 1
            raise
        await agent.opened(vault)
        count, agent.wrong_passphrases = agent.wrong_passphrases, 0
        await agent.vault(
            lambda vault: record_wrong_passphrases(vault, who, count, locked=True)
        )
