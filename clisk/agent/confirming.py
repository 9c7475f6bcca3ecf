"""The passphrase, typed once more: what an item that asks for it wants to know.

The vault refuses what is not confirmed (reveal.py, item_store.py); here is who confirms
it, and for how long. Spec: protocol/agent.md §6.
"""

from __future__ import annotations

from clisk.agent import opening
from clisk.agent.caller import Caller, Confirmation
from clisk.agent.core import Agent
from clisk_vault.keys import SecretText

CONFIRMED_SECONDS = 60.0


async def confirm(agent: Agent, caller: Caller, passphrase: SecretText) -> None:
    """Let *caller* have what asks for the passphrase, for a minute or until a lock.

    Raises:
        LockedError: the vault is not open; nothing was tried.
        PassphraseError, TooManyTriesError: as opening.unlock().
    """
    _ = agent.driver
    await opening.unlock(agent, passphrase, caller.requester, opens=False)
    until = agent.clock() + CONFIRMED_SECONDS
    caller.confirmation = Confirmation(until, agent.times_opened)


def is_confirmed(agent: Agent, caller: Caller) -> bool:
    """Return whether the passphrase was typed on this connection just now."""
    found = caller.confirmation
    return (
        found is not None
        and agent.clock() < found.until
        and agent.times_opened == found.times_opened
    )
