"""join.begin, join.wait: becoming a member of a vault, step by step.

Both belong to one connection: when it ends before the other device has let this
one in, nothing is left behind.
"""

from __future__ import annotations

from clisk.agent.caller import Caller
from clisk.agent.core import Agent
from clisk.agent.joining import Joining
from clisk.agent.opening import refuse_second_vault
from clisk.agent.operations.life import UnlockSeconds
from clisk.agent.progress import with_progress
from clisk.agent.registry import Answer, Params, Secret, operation
from clisk.agent.settings import Settings, save_settings
from clisk.agent.sync_driver import SyncDriver
from clisk.errors import CliskError
from clisk_sync.device_name import check_name
from clisk_vault.keys import SecretText
from clisk_vault.vault import Vault


class JoinParams(Params):
    """The code that the other device drew, this device's name, and whether the system's
    keyring shall take part.
    """

    url: Secret
    name: str
    keyring: bool = False


class DigitsAnswer(Answer):
    """What to show: the person types it into the other device."""

    digits: str


@operation("join.begin", JoinParams, DigitsAnswer)
async def begin(agent: Agent, caller: Caller, params: JoinParams) -> DigitsAnswer:
    """Introduce this device with a pairing code."""
    refuse_second_vault(agent)
    check_name(params.name)

    async def work() -> tuple[Joining, str]:
        joining = Joining(params.url.expose(), params.name, keyring=params.keyring)
        try:
            return joining, await joining.knock()
        except BaseException:
            await joining.close(agent.vault_path)
            raise

    joining, digits = await agent.thread.run_async(work())
    caller.joining = joining

    async def close() -> None:
        await agent.thread.run_async(joining.close(agent.vault_path))

    caller.at_hang_up.push_async_callback(close)
    return DigitsAnswer(digits=digits)


class WaitParams(Params):
    """The passphrase of this device, for the vault that it is about to get."""

    passphrase: Secret
    unlock_seconds: UnlockSeconds


class JoinAnswer(Answer):
    """The vault that this device is a member of now."""

    vault_id: str
    device_id: str
    items: int


@operation("join.wait", WaitParams, JoinAnswer)
async def wait(agent: Agent, caller: Caller, params: WaitParams) -> JoinAnswer:
    """Wait to be let in, check the records from the genesis up, fetch the vault."""
    joining = caller.joining
    if joining is None:
        raise CliskError("no pairing was begun here", advice="clisk join")
    async with agent.opening:
        await _open(agent, joining, params.passphrase, params.unlock_seconds)
    await with_progress(
        caller, agent.sync(SyncDriver.sync_once), lambda: agent.vault(_count)
    )
    return await agent.vault(
        lambda vault: JoinAnswer(
            vault_id=vault.id.hex(),
            device_id=vault.device_id.hex(),
            items=len(vault.find("")),
        )
    )


def _count(vault: Vault) -> int:
    return len(vault.overviews())


async def _open(
    agent: Agent, joining: Joining, passphrase: SecretText, unlock_seconds: float
) -> None:
    admitted = await agent.thread.run_async(joining.wait())
    refuse_second_vault(agent)
    vault = await agent.thread.run(
        lambda: joining.make_vault(
            agent.vault_path, admitted, passphrase, unlock_seconds=unlock_seconds
        )
    )
    save_settings(agent.folder, Settings(relay=joining.relay_url))
    await agent.opened(vault)
