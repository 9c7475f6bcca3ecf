"""How long a wrong passphrase has to wait for the next try.

Held by the agent alone and not on disk: whoever can end the agent has the vault's
file, and guesses at the price of Argon2id. This is for who has only its socket.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from clisk.errors import CliskError
from clisk_vault.elapsed import suspended_time_counts
from clisk_vault.errors import PassphraseError

FREE_TRIES = 3
_MAX_SECONDS = 300.0


class TooManyTriesError(CliskError):
    """The passphrase was wrong too often: it is not even looked at yet."""

    default_advice = "wait, check the keyboard layout and caps lock, then try again"


class Patience:
    """Counts wrong passphrases in a row; the wait doubles with each."""

    def __init__(self, clock: Callable[[], float] = suspended_time_counts) -> None:
        self._clock = clock
        self._wrong = 0
        self._until = -math.inf

    @contextmanager
    def one_try(self) -> Iterator[None]:
        """Allow one try of a passphrase, within the block.

        Raises:
            TooManyTriesError: it is too early; nothing was tried.
        """
        left = self._until - self._clock()
        if left > 0:
            raise TooManyTriesError(
                f"{self._wrong} wrong passphrases: wait {math.ceil(left)} s"
            )
        try:
            yield
        except PassphraseError:
            self._wrong += 1
            if self._wrong >= FREE_TRIES:
                wait = 2.0 ** (self._wrong - FREE_TRIES)
                self._until = self._clock() + min(wait, _MAX_SECONDS)
            raise
        self._wrong = 0
