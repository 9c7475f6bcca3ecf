"""What one round of sync did, for people and programs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from clisk_sync.errors import SyncError
from clisk_vault.document import Applied, Orphan
from clisk_vault.errors import VaultError
from clisk_vault.ids import DeviceId
from clisk_vault.replica import Arrival

_MAX_ALERTS: Final = 100


@dataclass(frozen=True, slots=True)
class Heard:
    """The newest envelope of a device: by its author's clock and by ours.

    *written_ms* is a claim, 0 where the inside could not be read.
    """

    number: int
    written_ms: int
    received_ms: int


@dataclass(frozen=True, slots=True)
class SetAside:
    """An envelope of a member's whose inside could not be used. It is kept."""

    author: DeviceId
    number: int
    reason: str


@dataclass(frozen=True, slots=True)
class SyncReport:
    """What went out and came in, and everything that was not as it should be.

    *alerts* are faults of the relay or of another device; each has its advice.
    *quarantined* counts changes that the vault refused.
    """

    pushed: int
    pulled: int
    changes_out: int
    changes_in: int
    orphans: int
    quarantined: int
    set_aside: tuple[SetAside, ...]
    alerts: tuple[SyncError | VaultError, ...]
    heard: Mapping[DeviceId, Heard]


@dataclass(slots=True)
class Tally:
    """A report while it grows."""

    pushed: int = 0
    pulled: int = 0
    # What the relay gave and nobody could use.
    refused: int = 0
    changes_out: int = 0
    changes_in: int = 0
    orphans: int = 0
    quarantined: int = 0
    set_aside: list[SetAside] = field(default_factory=list)
    alerts: list[SyncError | VaultError] = field(default_factory=list)

    def alert(self, found: SyncError | VaultError) -> None:
        """Add *found*, once a sync for one thing; a flood is cut off."""
        known = len(self.alerts) >= _MAX_ALERTS
        if not known and str(found) not in {str(each) for each in self.alerts}:
            self.alerts.append(found)

    def has(self, kind: type[SyncError]) -> bool:
        """Tell whether something of that kind was found."""
        return any(isinstance(each, kind) for each in self.alerts)

    def count(self, outcomes: Iterable[Arrival]) -> None:
        """Count what became of changes that were handed to the vault."""
        for outcome in outcomes:
            if isinstance(outcome, Applied):
                self.changes_in += 1
            elif isinstance(outcome, Orphan):
                self.orphans += 1
            else:
                self.quarantined += 1

    def report(self, heard: Mapping[DeviceId, Heard]) -> SyncReport:
        """Return the finished report."""
        return SyncReport(
            pushed=self.pushed,
            pulled=self.pulled,
            changes_out=self.changes_out,
            changes_in=self.changes_in,
            orphans=self.orphans,
            quarantined=self.quarantined,
            set_aside=tuple(self.set_aside),
            alerts=tuple(self.alerts),
            heard=heard,
        )
