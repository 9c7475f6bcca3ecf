"""The records that this device may sign: protocol/membership.md §6.

Each door is asked again on every new head, and says None where there is nothing
left to do: so whoever loses a race signs anew what still makes sense.
"""

from __future__ import annotations

from collections.abc import Callable

from clisk_sync.founding import (
    add_record,
    device_name,
    rename_record,
    revoke_record,
    rotate_record,
)
from clisk_sync.intake import Intake
from clisk_sync.journal import Journal
from clisk_sync.membership import Membership
from clisk_sync.ports import VaultPort
from clisk_vault.device import DevicePublic
from clisk_vault.errors import VaultError
from clisk_vault.ids import DeviceId
from clisk_vault.keys import EpochSecret
from clisk_vault.primitives import Random


class Registrar:
    """Makes membership records with this device's keys; appends none."""

    def __init__(
        self,
        vault: VaultPort,
        journal: Journal,
        intake: Intake,
        *,
        clock: Callable[[], int],
        random: Random,
    ) -> None:
        self._vault = vault
        self._journal = journal
        self._intake = intake
        self._clock = clock
        self._random = random

    def revocation(self, membership: Membership, device: DeviceId) -> bytes | None:
        """Return the record that revokes *device*, None where it is revoked.

        The cut is the newest envelope of it that was verified here.

        Raises:
            MembershipError: it is the last member, or never was one.
        """
        if device in membership.departed:
            return None
        return revoke_record(
            membership,
            self._vault.secrets,
            self._secret(membership),
            device,
            self._intake.frontier.chain(device).mark,
            clock=self._clock,
            random=self._random,
        )

    def kit(self, membership: Membership, kit: DevicePublic, name: str) -> bytes | None:
        """Return the record that makes a recovery kit a member, None if it is one."""
        if kit.id in membership.devices:
            return None
        return add_record(
            membership,
            self._vault.secrets,
            self._secret(membership),
            kit,
            name,
            dormant=True,
            clock=self._clock,
            random=self._random,
        )

    def successor(self, membership: Membership, device: DevicePublic) -> bytes | None:
        """Return the record by which this device goes on under other keys."""
        if device.id in membership.devices:
            return None
        own = self._vault.secrets.public.id
        return add_record(
            membership,
            self._vault.secrets,
            self._secret(membership),
            device,
            self.name_of(membership, own),
            succeeds=own,
            clock=self._clock,
            random=self._random,
        )

    def owed_ends(self, membership: Membership) -> list[DeviceId]:
        """Return what this device was before, and would have become, while it lasts.

        A crash between the record of a successor and its keys' way into the file
        leaves a member that nobody is. The file remembers it: another copy of the
        same backup, which somebody may be, it does not know.
        """
        own = membership.devices.get(self._vault.secrets.public.id)
        if own is None or own.succeeds is None or not self._has_secret(membership):
            return []
        ended = {own.succeeds, *self._journal.successors()} - {own.id}
        return [each for each in membership.devices if each in ended]

    def owed_end(self, membership: Membership) -> bytes | None:
        """Return the record that ends the first of owed_ends(), None without one."""
        ends = self.owed_ends(membership)
        return self.revocation(membership, ends[0]) if ends else None

    def rotation(self, membership: Membership) -> bytes:
        """Return the record that begins a new epoch."""
        return rotate_record(
            membership,
            self._vault.secrets,
            self._secret(membership),
            clock=self._clock,
            random=self._random,
        )

    def owed_rotation(self, membership: Membership) -> bytes | None:
        """Return rotation() while a device that left knows the newest secret."""
        if not membership.owes_rotation or not self._has_secret(membership):
            return None
        return self.rotation(membership)

    def new_name(self, membership: Membership, name: str) -> bytes:
        """Return the record that gives this device another name."""
        return rename_record(
            membership,
            self._vault.secrets,
            self._secret(membership),
            name,
            clock=self._clock,
            random=self._random,
        )

    def may_seal(self, membership: Membership) -> bool:
        """Tell whether the newest epoch's secret is here, and no departed one's."""
        return self._has_secret(membership) and not membership.owes_rotation

    def name_of(self, membership: Membership, device: DeviceId) -> str:
        """Return a device's name, or the start of its id where it does not open."""
        epochs = self._vault.epochs
        secrets = {number: epochs.secret(number) for number in epochs.numbers()}
        try:
            return device_name(membership.known(device), secrets)
        except (VaultError, KeyError):
            return f"device {device.hex()[:8]}"

    def _has_secret(self, membership: Membership) -> bool:
        return membership.epoch in self._vault.epochs.numbers()

    def _secret(self, membership: Membership) -> EpochSecret:
        return self._vault.epochs.secret(membership.epoch)
