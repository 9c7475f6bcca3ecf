"""A login's values by way of the agent, for the page that is open and no other."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from clisk.client import AgentClient
from clisk.errors import AgentRefusal
from clisk.passphrase_again import Again, ask_guarded
from clisk.wire import Message
from clisk_vault.errors import (
    PassphraseNeededError,
    ReadRefused,
    UnrecordedError,
)
from clisk_vault.keys import SecretText
from konnector_runner.autofill.matching import MatchMode, Site
from konnector_runner.credentials import CredentialField
from konnector_runner.origin import origin_of

# Of the agent's refusals, those that say no to a read.
_REFUSED = {
    each.__name__ for each in (ReadRefused, UnrecordedError, PassphraseNeededError)
} | {"NotForThisPageError"}
# Not a field of the item: what it gets where a page asks for a new password.
NEW_PASSWORD = "new-password"  # noqa: S105 - a name


@dataclass(frozen=True, slots=True)
class Renewed:
    """The item has a new password; *earlier* is the stamp of the one before."""

    earlier: str | None


class FillSource:
    """Implements CredentialSource on a connection that `fill.open` confined.

    The agent is told of each new page, and judges by itself whether the item is
    for it. *passphrase* is asked where the item wants it again, and *on_renewed*
    told when the item has a new password, which no page has seen yet.
    """

    def __init__(
        self,
        agent: AgentClient,
        item: str,
        *,
        passphrase: Again,
        on_renewed: Callable[[Renewed], None],
    ) -> None:
        self._agent = agent
        self._item = item
        self._passphrase = passphrase
        self._on_renewed = on_renewed
        self.renewed: Renewed | None = None
        self._page: Callable[[], str] | None = None
        self._turn = asyncio.Lock()
        self._origin = ""

    def open(self, url: str) -> Message:
        """Say which page is filled; return the agent's answer to `fill.open`."""
        params: dict[str, object] = {"item": self._item, "url": url}
        answer = ask_guarded(self._agent, "fill.open", params, again=self._passphrase)
        self._origin = origin_of(url)
        # From now on the connection knows the item by this alone.
        self._item = str(answer["item"])
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
                answer = await asyncio.to_thread(self._release, field, origin, purpose)
            except AgentRefusal as err:
                if err.name not in _REFUSED:
                    raise
                raise ReadRefused(str(err), advice=err.advice) from None
        return SecretText(str(answer["value"]))

    def _release(self, field: str, origin: str | None, purpose: str) -> Message:
        if field == NEW_PASSWORD:
            # Stored before it is typed anywhere, and once: what a page asks to have
            # repeated, or asks for again, is the same one.
            if self.renewed is None:
                answer = self._agent.call("fill.renew", {"origin": origin})
                self.renewed = Renewed(cast(str | None, answer["earlier"]))
                self._on_renewed(self.renewed)
            field = "password"
        params: dict[str, object] = {"field": field, "origin": origin}
        params["purpose"] = purpose
        return self._agent.call("fill.release", params)

    async def propose(self, values: Mapping[str, SecretText]) -> None:
        """Filling proposes nothing."""


def sites_in(answer: Message) -> list[Site]:
    """Return the addresses in the agent's answer to `fill.open`."""
    rows = cast(list[dict[str, Any]], answer["sites"])
    return [Site(row["uri"], MatchMode(row["mode"])) for row in rows]
