"""What sync needs from a vault; `clisk_vault.Vault` has it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Protocol

from clisk_vault.change_chunk import ChangeHash
from clisk_vault.device import DevicePublic, DeviceSecrets
from clisk_vault.errors import VaultError
from clisk_vault.ids import DeviceId, ItemId, VaultId
from clisk_vault.keys import EpochSecret
from clisk_vault.pending import PendingChange
from clisk_vault.replica import Arrival, HeldChange, IncomingChange
from clisk_vault.storage import Storage


class ReplicaPort(Protocol):
    """Changes out, changes in; every call joins the transaction around it."""

    def pending(self, limit_changes: int, limit_bytes: int) -> Sequence[PendingChange]:
        """Return the oldest unsent changes within both limits, one at least."""
        ...

    def forget(self, rowids: Iterable[int]) -> None:
        """Drop the unsent changes with these numbers: an envelope has them now."""
        ...

    def unsent(self) -> int:
        """Return how many changes wait to be sent."""
        ...

    def resend(self, item_id: ItemId, change: bytes) -> None:
        """Queue a change of this file's again."""
        ...

    def held_items(self) -> Sequence[ItemId]:
        """Return the id of everything of which changes are here, ascending."""
        ...

    def held(self, item: ItemId) -> Sequence[HeldChange]:
        """Return the changes of *item*, each after those it has seen."""
        ...

    def unsent_hashes(self, item: ItemId) -> set[ChangeHash]:
        """Return the hashes of this device's unsent changes of *item*."""
        ...

    def purged_in(self, changes: Iterable[bytes]) -> set[ItemId]:
        """Return the items that *changes* of the settings say are purged."""
        ...

    def is_purged(
        self, item: ItemId, changes: Iterable[bytes], also: Collection[ItemId]
    ) -> bool:
        """Tell whether *item*, or what its *changes* belong to, is purged."""
        ...

    def apply_all(self, arrived: Sequence[IncomingChange]) -> Sequence[Arrival]:
        """Bring in verified changes and return what became of each."""
        ...


class EpochsPort(Protocol):
    """The epoch secrets that this device holds."""

    @property
    def current(self) -> int:
        """The number under which new things are sealed."""
        ...

    def numbers(self) -> list[int]:
        """Return the numbers of all that are held."""
        ...

    def secret(self, number: int) -> EpochSecret:
        """Return one of them."""
        ...

    def add(self, number: int, secret: EpochSecret) -> None:
        """Keep one more; adding the same again changes nothing."""
        ...


class WitnessPort(Protocol):
    """What other devices say of logs; every call joins the transaction around it."""

    def hear(
        self,
        author: DevicePublic,
        messages: Sequence[bytes],
        known: Callable[[DeviceId], DevicePublic | None],
    ) -> Sequence[VaultError]:
        """Take in what a verified member says; return what is not as it should be."""
        ...


class TellerPort(Protocol):
    """What there is to say of logs; every call joins the transaction around it."""

    def has_answers(self) -> bool:
        """Tell whether something is to be said, whatever the hour."""
        ...

    def next_messages(self, *, now: bool) -> Sequence[bytes]:
        """Return what is to be said next, and take it as said."""
        ...


class VaultPort(Protocol):
    """An unlocked vault, as sync sees it: no items, no fields, no passphrase."""

    @property
    def id(self) -> VaultId:
        """The vault's id."""
        ...

    @property
    def secrets(self) -> DeviceSecrets:
        """This device's keys."""
        ...

    @property
    def storage(self) -> Storage:
        """The open vault file."""
        ...

    @property
    def replica(self) -> ReplicaPort:
        """Changes out, changes in."""
        ...

    @property
    def witness(self) -> WitnessPort:
        """Logs of other devices, in."""
        ...

    @property
    def teller(self) -> TellerPort:
        """Logs, out."""
        ...

    @property
    def epochs(self) -> EpochsPort:
        """The epoch secrets."""
        ...

    def found_restored(self) -> None:
        """Hear, once, that this file is an older copy; joins the transaction."""
        ...
