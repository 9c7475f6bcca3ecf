"""What references stand for: asked of the agent, which records each read first."""

from __future__ import annotations

from clisk.client import AgentClient
from clisk.passphrase_again import Again, ask_guarded
from clisk.reference import Reference
from clisk.wire import Message


def value_of(
    agent: AgentClient,
    reference: Reference,
    *,
    purpose: str,
    use: str = "show",
    again: Again | None = None,
) -> str:
    """Return the value or the code that *reference* stands for; as ask_guarded()."""
    asked: Message = {
        "item": reference.item,
        "field": reference.field,
        "exact": True,
        "purpose": purpose,
    }
    if reference.code:
        return str(ask_guarded(agent, "totp", asked, again=again)["code"])
    params = {**asked, "use": use}
    return str(ask_guarded(agent, "reveal", params, again=again)["value"])
