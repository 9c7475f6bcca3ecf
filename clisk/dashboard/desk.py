"""Where pages ask the agent. Knows the socket and no operation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from clisk.client import AgentClient, OnEvent
from clisk.home import Home


class Desk:
    """Asks the agent of one home folder, a connection a question."""

    def __init__(self, home: Home, *, collected: Path, quiet: bool = False) -> None:
        self._home = home
        self._quiet = quiet
        self.collected = collected
        """Where konnectors save to."""

    def quietly(self) -> Desk:
        """Return a desk whose questions do not put off the automatic lock."""
        return Desk(self._home, collected=self.collected, quiet=True)

    @property
    def home(self) -> Home:
        """The folder whose agent is asked."""
        return self._home

    def ask(
        self,
        operation: str,
        *,
        again: str = "",
        on_event: OnEvent | None = None,
        **params: object,
    ) -> dict[str, Any]:
        """Return the agent's answer; raises what AgentClient.call raises.

        *again*: the passphrase, typed once more for this one question.
        """
        with AgentClient.connect(self._home) as agent:
            self._introduce(agent)
            if again:
                agent.call("confirm", {"passphrase": again})
            return agent.call(operation, params, on_event=on_event)

    def stay(self) -> AgentClient:
        """Return a connection for what lasts longer than one question."""
        agent = AgentClient.connect(self._home)
        self._introduce(agent)
        return agent

    def _introduce(self, agent: AgentClient) -> None:
        agent.call("introduce", {"program": "dashboard", "quiet": self._quiet})
