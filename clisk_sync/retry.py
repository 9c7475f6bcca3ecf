"""Trying again: exponential backoff with jitter, for calls that may be repeated."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from clisk_sync.errors import RateError, TransportError

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """How often, and after what pauses. Every relay call is idempotent."""

    attempts: int = 4
    base_seconds: float = 0.25
    cap_seconds: float = 8.0
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    # Spreads out devices that lost the same relay at the same moment.
    jitter: Callable[[], float] = random.random

    def pause_seconds(self, failures: int) -> float:
        """Return how long to wait after that many failures in a row."""
        longest = min(self.cap_seconds, self.base_seconds * 2.0 ** (failures - 1))
        return longest * (0.5 + 0.5 * self.jitter())

    async def run(self, call: Callable[[], Awaitable[T]]) -> T:
        """Return what *call* returns, calling it again when there was no answer.

        Raises:
            TransportError: no answer at the last attempt either.
            RateError: still too fast, or told to wait longer than the cap.
        """
        failures = 0
        while True:
            try:
                return await call()
            except TransportError:
                failures += 1
                if failures >= self.attempts:
                    raise
                pause = self.pause_seconds(failures)
            except RateError as err:
                failures += 1
                # The relay's word is taken for the pause only up to our own cap.
                pause = max(err.retry_after_seconds, self.pause_seconds(failures))
                if failures >= self.attempts or pause > self.cap_seconds:
                    raise
            await self.sleep(pause)
