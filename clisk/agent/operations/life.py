"""status, init, unlock, lock, passphrase.change, stop: the life of a vault."""

from __future__ import annotations

from importlib.metadata import version
from typing import Annotated

from pydantic import Field

from clisk.agent import confirming, hardening, keyring_secret, opening
from clisk.agent.asking import record_wrong_passphrases
from clisk.agent.caller import Caller
from clisk.agent.core import Agent
from clisk.agent.registry import Answer, Done, NoParams, Params, Secret, operation
from clisk_vault.errors import PassphraseError
from clisk_vault.opening import read_public
from clisk_vault.vault import Vault


class StatusAnswer(Answer):
    """What can be said; less while the vault is locked."""

    state: str
    agent: bool
    version: str
    home: str
    vault_id: str | None = None
    device_id: str | None = None
    keyring: bool | None = None
    device_name: str | None = None
    items: int | None = None
    conflicts: int | None = None
    unsent: int | None = None
    relay: str | None = None
    last_sync_ms: int | None = None
    locks_in_seconds: int | None = None
    revoked: bool | None = None


@operation("status", NoParams, StatusAnswer, counts_as_use=False)
async def status(agent: Agent, _caller: Caller, _params: NoParams) -> StatusAnswer:
    """Tell how things stand; never counts as use."""
    state = "none"
    vault_id = device_id = keyring = None
    if agent.vault_path.exists():
        public = await agent.thread.run(lambda: read_public(agent.vault_path))
        vault_id, device_id = public.vault_id.hex(), public.device_id.hex()
        keyring = public.keyring
        state = "unlocked" if agent.unlocked else "locked"
    answer = StatusAnswer(
        state=state,
        agent=True,
        version=version("clisk-vault"),
        home=agent.home.folder,
        vault_id=vault_id,
        device_id=device_id,
        keyring=keyring,
    )
    if state != "unlocked":
        return answer
    return answer.model_copy(update=await _open_facts(agent))


async def _open_facts(agent: Agent) -> dict[str, object]:
    driver = agent.driver

    def facts(vault: Vault) -> dict[str, object]:
        counts = vault.tally()
        return {
            "items": counts.items,
            "conflicts": counts.conflicts,
            "unsent": vault.replica.unsent(),
            "device_name": driver.device_names().get(vault.device_id),
            "relay": driver.relay_url,
            "last_sync_ms": driver.last_sync_ms,
            "locks_in_seconds": max(0, round(agent.timer.left_seconds())),
            "revoked": driver.is_revoked,
        }

    return await agent.vault(facts)


UnlockSeconds = Annotated[float, Field(default=1.0, ge=0, le=30)]
"""How long one try of the passphrase shall take here; never below the floor."""


class InitParams(Params):
    """A new vault."""

    passphrase: Secret
    name: str
    relay: str | None = None
    invite: str = ""
    unlock_seconds: UnlockSeconds
    keyring: bool = False


class InitAnswer(Answer):
    """The new vault and its first device."""

    vault_id: str
    device_id: str


@operation("init", InitParams, InitAnswer)
async def init(agent: Agent, _caller: Caller, params: InitParams) -> InitAnswer:
    """Make a vault with this device as its only member, and open it."""
    vault = await opening.create(
        agent,
        params.passphrase,
        name=params.name,
        relay_url=params.relay,
        invite=params.invite,
        unlock_seconds=params.unlock_seconds,
        keyring=params.keyring,
    )
    return InitAnswer(vault_id=vault.id.hex(), device_id=vault.device_id.hex())


class UnlockParams(Params):
    """The passphrase, and after how long without use to lock again."""

    passphrase: Secret
    lock_after_seconds: int | None = Field(default=None, ge=1, le=24 * 3600)


class UnlockAnswer(Answer):
    """How many items there are, without those in the trash."""

    items: int


@operation("unlock", UnlockParams, UnlockAnswer)
async def unlock(agent: Agent, caller: Caller, params: UnlockParams) -> UnlockAnswer:
    """Open the vault; when it is open, check the passphrase all the same."""
    await opening.unlock(agent, params.passphrase, caller.requester)
    if params.lock_after_seconds is not None:
        agent.timer.set_limit(params.lock_after_seconds)
    return UnlockAnswer(items=await agent.vault(lambda vault: len(vault.find(""))))


class PassphraseParams(Params):
    """The passphrase, typed once more."""

    passphrase: Secret


class ConfirmedAnswer(Answer):
    """For how long it counts on this connection."""

    seconds: int


@operation("confirm", PassphraseParams, ConfirmedAnswer)
async def confirm(
    agent: Agent, caller: Caller, params: PassphraseParams
) -> ConfirmedAnswer:
    """Let this connection have what asks for the passphrase again, for a minute.

    A wrong one is recorded, and counts with those that did not unlock the vault.
    """
    await confirming.confirm(agent, caller, params.passphrase)
    return ConfirmedAnswer(seconds=int(confirming.CONFIRMED_SECONDS))


@operation("lock", NoParams, Done, counts_as_use=False)
async def lock(agent: Agent, _caller: Caller, _params: NoParams) -> Done:
    """Close the vault, drop every key and stop syncing."""
    await agent.lock()
    return Done()


class ChangeParams(Params):
    """The old passphrase and the new one; and whether the system's keyring takes part
    from now on, None leaving that as it is.
    """

    old: Secret
    new: Secret
    keyring: bool | None = None


@operation("passphrase.change", ChangeParams, Done)
async def change(agent: Agent, caller: Caller, params: ChangeParams) -> Done:
    """Change the passphrase of the vault on this device; a wrong one is recorded."""

    def work(vault: Vault) -> None:
        before = after = keyring_secret.held_for(agent.vault_path)
        if params.keyring is False:
            after = None
        elif params.keyring and before is None:
            after = keyring_secret.fresh_for(vault.id, vault.device_id)
        try:
            vault.change_passphrase(
                params.old, params.new, keyring=before, new_keyring=after
            )
        except PassphraseError:
            record_wrong_passphrases(vault, caller.requester, 1, locked=False)
            raise
        finally:
            if params.keyring is not None:
                keyring_secret.forget_unless_needed(
                    agent.vault_path, vault.id, vault.device_id
                )

    # An open vault must not be the way to guess: the tries count together.
    async with agent.opening:
        with agent.patience.one_try():
            await agent.vault(work)
    return Done()


class FactsAnswer(Answer):
    """What the agent's process does to keep its memory to itself."""

    core_dumps_off: bool
    debuggers_off: bool | None


@operation("agent.facts", NoParams, FactsAnswer, counts_as_use=False)
async def facts(_agent: Agent, _caller: Caller, _params: NoParams) -> FactsAnswer:
    """Tell how the agent's memory is kept private."""
    return FactsAnswer(
        core_dumps_off=hardening.core_dumps_off(),
        debuggers_off=hardening.debuggers_off(),
    )


@operation("stop", NoParams, Done, counts_as_use=False)
async def stop(agent: Agent, caller: Caller, _params: NoParams) -> Done:
    """Lock, and end the agent once this client has its answer and hangs up."""
    caller.at_hang_up.callback(agent.stopped.set)
    return Done()
