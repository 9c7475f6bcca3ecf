"""A file that came back from a backup becomes another device's: decision 21."""

from __future__ import annotations

from dataclasses import replace

from clisk.agent import keyring_secret
from clisk.agent.arriving import NewDevice
from clisk.agent.core import Agent
from clisk.agent.opening import open_vault
from clisk.agent.sync_driver import SyncDriver
from clisk.errors import CliskError
from clisk_sync.succession import hand_over
from clisk_vault.keys import SecretText


class NotRestoredError(CliskError):
    """Nobody else writes under this device's identity."""

    default_advice = "there is nothing to renew; look at: clisk sync status"


async def renew(agent: Agent, passphrase: SecretText) -> None:
    """Give the restored file of this home new keys, and end its old identity.

    Raises:
        NotRestoredError: it is no older copy of itself, as far as is known.
        PassphraseError: it does not open this vault; nothing was changed.
        SyncError: the relay, or this device was revoked meanwhile.
    """
    async with agent.opening:
        driver = agent.driver
        await agent.thread.run_async(_become_another(agent, driver, passphrase))
        await agent.lock()
        vault = await agent.thread.run(lambda: open_vault(agent, passphrase))
        await agent.opened(vault)
    # Reads what the original wrote, revokes it there, sends what was left unsent.
    await agent.sync(SyncDriver.sync_once)


async def _become_another(
    agent: Agent, driver: SyncDriver, passphrase: SecretText
) -> None:
    vault = driver.vault
    # Before any record is signed: a wrong passphrase must cost nothing.
    with agent.patience.one_try():
        open_vault(agent, passphrase).lock()
    await driver.engine.sync_once()
    if not driver.engine.cloned:
        raise NotRestoredError("this device is not restored from a backup")
    fresh = NewDevice.enrol(vault.id, keyring=False)
    secrets = replace(fresh.secrets, storage=vault.secrets.storage)
    # Asked for while it can still be refused without consequences.
    second = keyring_secret.held_for(agent.vault_path)
    both = vault.device_id, secrets.public.id
    try:
        keyring_secret.hand_on(second, vault.id, secrets.public.id)
        membership = await driver.engine.succeed(secrets.public)
        await driver.stop()
        vault.take_identity(
            passphrase,
            secrets,
            fresh.first_log_key,
            keyring=second,
            also=lambda _storage: hand_over(vault, membership),
        )
    finally:
        # One of the two: the old one's, or what was handed on in vain.
        if second is not None:
            keyring_secret.forget_unless_needed(agent.vault_path, vault.id, *both)
