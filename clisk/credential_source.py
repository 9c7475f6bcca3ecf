"""A konnector's credentials by way of the agent: konnector_runner's interface.

The process that drives the browser holds no key: it asks for one field at a
time, over a connection that can ask for nothing else.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, cast

from clisk.client import AgentClient
from clisk.errors import AgentRefusal
from clisk.wire import Message
from clisk_vault.errors import (
    PassphraseNeededError,
    ReadRefused,
    UnrecordedError,
)
from clisk_vault.keys import SecretText
from konnector_runner.credentials import CredentialField

# Of the agent's refusals, those that say no to a read.
_REFUSED = {
    each.__name__ for each in (ReadRefused, UnrecordedError, PassphraseNeededError)
}


class AgentSource:
    """Implements KonnectorSource on a connection that `konnector.open` confined."""

    def __init__(self, agent: AgentClient) -> None:
        self._agent = agent
        self._turn = asyncio.Lock()
        self.proposed: dict[str, SecretText] = {}

    async def fields(self) -> Sequence[CredentialField]:
        """Return what was granted and has a value."""
        answer = await self._ask("konnector.fields", {})
        rows = cast(list[dict[str, Any]], answer["fields"])
        return [
            CredentialField(row["name"], row["secret"], row["plaintext"])
            for row in rows
        ]

    async def release(
        self, field: str, *, origin: str | None, purpose: str
    ) -> SecretText:
        """Return one value; the agent has recorded the read by then.

        Raises:
            ReadRefused: the agent refused it, and recorded that.
        """
        params: Message = {"field": field, "origin": origin, "purpose": purpose}
        answer = await self._ask("konnector.release", params)
        return SecretText(str(answer["value"]))

    async def keep(self, name: str, value: SecretText) -> None:
        """Keep a value of the konnector's own making with the item."""
        await self._ask("konnector.keep", {"name": name, "value": value.expose()})

    async def kept(self, name: str, *, purpose: str) -> SecretText | None:
        """Return what was kept; the agent has recorded the read by then.

        Raises:
            ReadRefused: the agent refused it.
        """
        answer = await self._ask("konnector.kept", {"name": name, "purpose": purpose})
        value = answer["value"]
        return None if value is None else SecretText(str(value))

    async def propose(self, values: Mapping[str, SecretText]) -> None:
        """Keep what the konnector would like saved, for the person to decide."""
        self.proposed.update(values)

    async def _ask(self, operation: str, params: Message) -> Message:
        # One question at a time: answers come in the order of the questions.
        async with self._turn:
            try:
                return await asyncio.to_thread(self._agent.call, operation, params)
            except AgentRefusal as err:
                if err.name not in _REFUSED:
                    raise
                raise ReadRefused(str(err), advice=err.advice) from None
