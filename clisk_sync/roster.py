"""Membership records in and out: protocol/membership.md §5.1.

Keeps the verified list on disk and unwraps what new records bring.
"""

from __future__ import annotations

from collections.abc import Callable

from clisk_sync.errors import (
    KitUsed,
    MembershipRollback,
    PeerError,
    SyncError,
    UnknownVaultError,
)
from clisk_sync.founding import open_epochs
from clisk_sync.journal import Journal, State
from clisk_sync.membership import Membership
from clisk_sync.ports import VaultPort
from clisk_sync.record import parse_unverified_record
from clisk_sync.report import Tally
from clisk_sync.transport import VaultTransport
from clisk_vault.errors import FormatError, TamperedError, VaultError
from clisk_vault.keys import EpochSecret


class Roster:
    """The membership of one vault, kept in step with a relay."""

    def __init__(
        self, vault: VaultPort, journal: Journal, clock: Callable[[], int]
    ) -> None:
        self._vault = vault
        self._journal = journal
        self._clock = clock
        self.membership = journal.membership(vault.id)

    async def pull(self, transport: VaultTransport, tally: Tally) -> None:
        """Verify what the relay has, keep what is new, give back what it lost.

        Records that must not be believed become alerts, and change nothing.

        Raises:
            TransportError, RelayRefused: the relay.
            UnsupportedError: a kind of record that this program does not read.
        """
        try:
            records = await transport.records()
        except UnknownVaultError:
            await self._bring_all(transport, tally)
            return
        try:
            membership = self.membership.advance(records)
        except MembershipRollback as set_back:
            self._alert(set_back, tally)
            await self._give_back(transport, len(records))
        except (PeerError, FormatError, TamperedError) as found:
            self._alert(found, tally)
        else:
            self._tell_of_kits(membership, tally)
            try:
                self.take(membership)
            except TamperedError as found:
                self._alert(found, tally)

    def take(self, membership: Membership) -> None:
        """Keep *membership*, which continues the one held, and its new secrets.

        Raises:
            TamperedError: a secret is not as its record says. The membership is
                kept all the same: nobody is to write in the epoch before.
        """
        secrets, fault = self._new_secrets(membership)
        with self._journal.storage.transaction():
            self._journal.keep_membership(membership)
            self._journal.set_state(State.MET, 1)
            for number, secret in secrets.items():
                self._vault.epochs.add(number, secret)
        self.membership = membership
        if fault is not None:
            raise fault

    def _new_secrets(
        self, membership: Membership
    ) -> tuple[dict[int, EpochSecret], TamperedError | None]:
        held = set(self._vault.epochs.numbers())
        own = self._vault.secrets.public.id
        if own not in membership.devices or held >= set(membership.epochs):
            return {}, None
        opened, fault = open_epochs(membership, self._vault.secrets)
        new = {
            number: secret for number, secret in opened.items() if number not in held
        }
        return new, fault

    def _tell_of_kits(self, membership: Membership, tally: Tally) -> None:
        """Say who came in by a recovery kit since the records that are held."""
        own = self._vault.secrets.public.id
        for member in membership.devices.values():
            is_new = member.height > self.membership.head.height
            if not is_new or member.id == own:
                continue
            if membership.known(member.added_by).dormant:
                record = membership.records[member.height]
                found = KitUsed(device=member.id, height=member.height, record=record)
                self._alert(found, tally)

    def _alert(self, found: SyncError | VaultError, tally: Tally) -> None:
        tally.alert(found)
        if isinstance(found, PeerError):
            self._journal.keep_evidence(found, self._clock())

    async def _bring_all(self, transport: VaultTransport, tally: Tally) -> None:
        """Bring the vault to a relay that does not know it, or no longer does."""
        if self._journal.state(State.MET):
            self._alert(MembershipRollback("no longer given", height=0), tally)
        await transport.create(self.membership.records[0])
        await self._give_back(transport, 1)
        with self._journal.storage.transaction():
            self._journal.forget_positions()
            self._journal.set_state(State.MET, 1)

    async def _give_back(self, transport: VaultTransport, height: int) -> None:
        """Send our own records from *height* on; each device sends its own."""
        own = self._vault.secrets.public.id
        for data in self.membership.records[height:]:
            if parse_unverified_record(data).unverified_body.author != own:
                return
            await transport.append_record(data)
