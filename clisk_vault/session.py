"""What an unlocked vault holds: the open file, the keys, the clock.

Each part of the vault leans on one Session. lock() empties it, and from then
on every part refuses, whoever still holds a reference to it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from clisk_vault.device import DeviceSecrets
from clisk_vault.document import new_actor
from clisk_vault.errors import LockedError
from clisk_vault.hlc import HybridClock
from clisk_vault.ids import DeviceId, VaultId
from clisk_vault.local_seal import TableSeal
from clisk_vault.primitives import Random
from clisk_vault.storage import Storage

Clock: TypeAlias = Callable[[], int]
"""Milliseconds since the epoch."""


def wall_clock() -> int:
    """Return the system's time in milliseconds since the epoch."""
    return time.time_ns() // 1_000_000


@dataclass(frozen=True, slots=True)
class _Open:
    storage: Storage
    secrets: DeviceSecrets


class Session:
    """An unlocked vault, until it is closed."""

    def __init__(
        self,
        storage: Storage,
        secrets: DeviceSecrets,
        vault_id: VaultId,
        *,
        clock: Clock,
        random: Random,
    ) -> None:
        self.vault_id = vault_id
        self.device_id: DeviceId = secrets.public.id
        self.clock = clock
        self.stamps = HybridClock(self.device_id, clock)
        self.random = random
        # Fresh in every session: two copies of one file never write as one actor.
        self.actor = new_actor(self.device_id, random)
        self._open: _Open | None = _Open(storage, secrets)
        self._seals: dict[str, TableSeal] = {}

    def _opened(self) -> _Open:
        if self._open is None:
            raise LockedError
        return self._open

    @property
    def storage(self) -> Storage:
        """The open vault file; raises LockedError once locked."""
        return self._opened().storage

    @property
    def secrets(self) -> DeviceSecrets:
        """This device's keys; raises LockedError once locked."""
        return self._opened().secrets

    @property
    def locked(self) -> bool:
        """Whether the keys are gone."""
        return self._open is None

    def table(self, name: str) -> TableSeal:
        """Return the seal for the rows of table *name*."""
        secrets = self._opened().secrets
        seal = self._seals.get(name)
        if seal is None:
            seal = TableSeal(secrets.storage, self.vault_id, name, random=self.random)
            self._seals[name] = seal
        return seal

    def close(self) -> None:
        """Drop the keys and close the file; harmless when done already."""
        if self._open is not None:
            storage, self._open = self._open.storage, None
            self._seals.clear()
            storage.close()
