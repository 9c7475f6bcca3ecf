"""Telling the other relay processes on one database that there is news."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeAlias

Heard: TypeAlias = Callable[[bytes], None]


class Bell(Protocol):
    """Carries news between the processes on one database."""

    def start(self, heard: Heard, missed: Callable[[], None]) -> None:
        """Call *heard* for news of others, *missed* when some may be lost."""

    def ring(self, topic: bytes) -> None:
        """Tell the others soon that there is news of *topic*, a hash."""

    async def stop(self) -> None:
        """Tell what is still to tell, then listen no more."""


class NoBell:
    """For a database that one process has to itself."""

    def start(self, heard: Heard, missed: Callable[[], None]) -> None:
        """Hear nothing: there is nobody else."""

    def ring(self, topic: bytes) -> None:
        """Tell nobody."""

    async def stop(self) -> None:
        """Do nothing."""
