"""What references stand for: asked of the agent, which records each read first."""

from __future__ import annotations

from clisk.client import AgentClient
from clisk.reference import Reference
from clisk.wire import Message


def value_of(
    agent: AgentClient, reference: Reference, *, purpose: str, use: str = "show"
) -> str:
    """Return the value or the code that *reference* stands for."""
    asked: Message = {
        "item": reference.item,
        "field": reference.field,
        "exact": True,
        "purpose": purpose,
    }
    if reference.code:
        return str(agent.call("totp", asked)["code"])
    return str(agent.call("reveal", {**asked, "use": use})["value"])
