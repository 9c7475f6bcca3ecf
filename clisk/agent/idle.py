"""When a vault nobody uses locks itself."""

from __future__ import annotations

from collections.abc import Callable

from clisk_vault.elapsed import suspended_time_counts


class IdleTimer:
    """Counts down from the last use. Holds no task and never sleeps itself."""

    def __init__(
        self, seconds: float, clock: Callable[[], float] = suspended_time_counts
    ) -> None:
        self._seconds = seconds
        self._clock = clock
        self._used_at = clock()

    def touch(self) -> None:
        """Start over: the person used the vault now."""
        self._used_at = self._clock()

    def set_limit(self, seconds: float) -> None:
        """Lock after so much time without use from now on."""
        self._seconds = seconds
        self.touch()

    def left_seconds(self) -> float:
        """Return how long until the vault locks; zero or less: now."""
        return self._used_at + self._seconds - self._clock()
