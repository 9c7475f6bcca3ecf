"""Whose turn it is: one run at a time for an account, a few at once in all."""

from __future__ import annotations

import asyncio
from collections import deque

from clisk.errors import CliskError

MAX_AT_ONCE = 3
Account = tuple[str, str]


class RunQueue:
    """First come, first served, but nobody waits for another's account."""

    def __init__(self, *, at_once: int = MAX_AT_ONCE) -> None:
        self._at_once = at_once
        self._going: set[Account] = set()
        self._waiting: deque[tuple[Account, asyncio.Future[None]]] = deque()

    def is_going(self, account: Account) -> bool:
        """Say whether a run for *account* goes on or waits."""
        return account in self._going or any(a == account for a, _ in self._waiting)

    async def enter(self, account: Account, *, wait: bool) -> None:
        """Return when it is *account*'s turn; leave() has to follow.

        Raises:
            CliskError: it is not, and *wait* is false.
        """
        if self._may_go(account):
            self._going.add(account)
            return
        if not wait:
            if account in self._going:
                raise CliskError(
                    "a run for this account is going on",
                    advice="wait for it (--wait), or stop it where it was started",
                )
            raise CliskError(
                f"{self._at_once} konnectors are running already",
                advice="wait for one of them: --wait",
            )
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((account, turn))
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.leave(account)
            else:
                self._waiting = deque(w for w in self._waiting if w[1] is not turn)
            raise

    def leave(self, account: Account) -> None:
        """Let the next ones in."""
        self._going.discard(account)
        for entry in list(self._waiting):
            if not entry[1].done() and self._may_go(entry[0]):
                self._waiting.remove(entry)
                self._going.add(entry[0])
                entry[1].set_result(None)

    def _may_go(self, account: Account) -> bool:
        return account not in self._going and len(self._going) < self._at_once
