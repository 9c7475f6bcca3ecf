"""Asks the agent, and has the passphrase typed once more where an item wants it.

The agent enforces it (protocol/agent.md §6); here is only how a person is asked.
"""

from __future__ import annotations

from collections.abc import Callable

from clisk.client import AgentClient, OnEvent
from clisk.errors import AgentRefusal, NoTerminalError
from clisk.wire import Message

TYPE_CHECKING = False
if TYPE_CHECKING:
    from clisk_vault.keys import SecretText

NEEDED = "PassphraseNeededError"
_QUESTION = "This item asks for your passphrase again. Passphrase"

Again = Callable[[], "SecretText"]
"""Has the passphrase typed, or read; raises InputError."""


def typed_again(descriptor: int | None = None) -> Again:
    """Return what reads the passphrase from *descriptor*, or asks on the terminal."""

    def again() -> SecretText:
        # Late: most items do not ask, and need no way to ask a person.
        from clisk.passphrase_input import ask_secret, read_secret

        return ask_secret(_QUESTION) if descriptor is None else read_secret(descriptor)

    return again


def ask_guarded(
    agent: AgentClient,
    operation: str,
    params: Message | None = None,
    *,
    again: Again | None = None,
    on_event: OnEvent | None = None,
) -> Message:
    """Return the agent's answer; where it needs the passphrase, *again* gives it.

    Raises:
        AgentRefusal: the agent said no; or the item asks and nobody is there to type.
        InputError: what was typed, or read, is no passphrase.
    """
    try:
        return agent.call(operation, params, on_event=on_event)
    except AgentRefusal as err:
        if err.name != NEEDED:
            raise
        confirm(agent, err, again or typed_again())
    return agent.call(operation, params, on_event=on_event)


def confirm(agent: AgentClient, refusal: AgentRefusal, again: Again) -> None:
    """Give the agent what *again* gives; without a terminal *refusal* stands."""
    try:
        given = again()
    except NoTerminalError as err:
        raise AgentRefusal(
            refusal.name, f"{refusal}, and {err}", advice=refusal.advice
        ) from None
    agent.call("confirm", {"passphrase": given.expose()})
