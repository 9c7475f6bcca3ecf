"""A login's values by way of the agent, for the page that is open and no other."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

from clisk.client import AgentClient
from clisk.errors import AgentRefusal
from clisk.wire import Message
from clisk_vault.errors import ReadRefused, UnrecordedError
from clisk_vault.keys import SecretText
from konnector_runner.autofill.matching import MatchMode, Site
from konnector_runner.credentials import CredentialField
from konnector_runner.origin import origin_of


class FillSource:
    """Implements CredentialSource on a connection that `fill.open` confined.

    The agent is told of each new page, and judges by itself whether the item is
    for it.
    """

    def __init__(self, agent: AgentClient, item: str) -> None:
        self._agent = agent
        self._item = item
        self._page: Callable[[], str] | None = None
        self._turn = asyncio.Lock()
        self._origin = ""

    def open(self, url: str) -> Message:
        """Say which page is filled; return the agent's answer to `fill.open`."""
        answer = self._agent.call("fill.open", {"item": self._item, "url": url})
        self._origin = origin_of(url)
        return answer

    def follow(self, page: Callable[[], str]) -> None:
        """Ask *page* from now on where the window is, as a login goes on."""
        self._page = page

    async def fields(self) -> Sequence[CredentialField]:
        """Return nothing: what the item has was told when the page was opened."""
        return []

    async def release(
        self, field: str, *, origin: str | None, purpose: str
    ) -> SecretText:
        """Return one value; the agent has recorded the read by then.

        Raises:
            ReadRefused: the page is not, or no more, the item's.
        """
        async with self._turn:
            try:
                if origin != self._origin and self._page is not None:
                    await asyncio.to_thread(self.open, self._page())
                answer = await asyncio.to_thread(
                    self._agent.call,
                    "fill.release",
                    {"field": field, "origin": origin, "purpose": purpose},
                )
            except AgentRefusal as err:
                if err.name not in {
                    ReadRefused.__name__,
                    UnrecordedError.__name__,
                    "NotForThisPageError",
                }:
                    raise
                raise ReadRefused(str(err), advice=err.advice) from None
        return SecretText(str(answer["value"]))

    async def propose(self, values: Mapping[str, SecretText]) -> None:
        """Filling proposes nothing."""


def sites_in(answer: Message) -> list[Site]:
    """Return the addresses in the agent's answer to `fill.open`."""
    rows = cast(list[dict[str, Any]], answer["sites"])
    return [Site(row["uri"], MatchMode(row["mode"])) for row in rows]
