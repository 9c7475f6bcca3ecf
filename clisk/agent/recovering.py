"""From a recovery kit to a vault on this device: protocol/recovery.md §5."""

from __future__ import annotations

from pathlib import Path

from clisk.agent.arriving import NewDevice
from clisk_sync.errors import AuthError, KitNotMember, RecordConflictError
from clisk_sync.founding import add_record, unwrap_epochs
from clisk_sync.http_transport import HttpRelay
from clisk_sync.membership import Membership
from clisk_sync.recovery_kit import Kit, kit_device
from clisk_sync.relay_client import HttpVaultTransport
from clisk_vault.access_record import (
    AccessRecord,
    Outcome,
    Requester,
    RequesterKind,
    Use,
)
from clisk_vault.keys import SecretText
from clisk_vault.vault import Vault

# Others may sign records at the same time; so often one is made anew.
_ATTEMPTS = 5


class Recovering:
    """One kit, one attempt; lives on the vault's thread."""

    def __init__(self, kit: Kit, name: str, *, keyring: bool = False) -> None:
        self._kit = kit
        self._name = name
        self._keys = kit_device(kit.secret, kit.vault)
        self._device = NewDevice.enrol(kit.vault, keyring=keyring)
        self._relay = HttpRelay(kit.relay)
        self._transport = HttpVaultTransport(
            self._relay,
            kit.vault,
            device=self._keys.public.id,
            signing=self._keys.signing,
        )

    @property
    def relay_url(self) -> str:
        """The relay that the kit names."""
        return self._relay.origin

    async def come_in(self) -> Membership:
        """Let this device in by the kit, and return the records that say so.

        Raises:
            KitNotMember: another vault's kit, or one that was revoked.
            MembershipError, TamperedError: what the relay gave is not this vault.
            TransportError, RelayRefused: the relay.
        """
        for attempt in range(_ATTEMPTS):
            membership = await self._records()
            secret = unwrap_epochs(membership, self._keys)[membership.epoch]
            record = add_record(
                membership,
                self._keys,
                secret,
                self._device.secrets.public,
                self._name,
            )
            try:
                await self._transport.append_record(record)
            except RecordConflictError:
                if attempt == _ATTEMPTS - 1:
                    raise
            else:
                return membership.extend(record)
        raise AssertionError("the last attempt raises")

    async def _records(self) -> Membership:
        kit = self._keys.public.id
        try:
            records = await self._transport.records()
        except AuthError:
            raise KitNotMember(
                "the relay knows no such kit in that vault",
                advice="compare the vault number and the relay with the page;"
                " or take the newest kit",
            ) from None
        membership = Membership.verify(self._kit.vault, records)
        if kit in membership.departed:
            gone = membership.departed[kit]
            by = gone.by.hex()[:8]
            raise KitNotMember(
                f"this kit was revoked by device {by} (membership record {gone.height})"
            )
        member = membership.devices.get(kit)
        if member is None or not member.dormant:
            raise KitNotMember("that is no kit of this vault")
        return membership

    def make_vault(
        self,
        path: Path,
        membership: Membership,
        passphrase: SecretText,
        *,
        unlock_seconds: float,
    ) -> Vault:
        """Return this device's vault, still empty."""
        anchor = self._kit.anchor
        marks = {} if anchor is None else {anchor.device: anchor.mark}
        return self._device.make_vault(
            path, membership, marks, passphrase, unlock_seconds=unlock_seconds
        )

    async def close(self, path: Path) -> None:
        """Close the connections; *path* is where the vault is, if one came of it."""
        self._device.forget_second_unless_needed(path)
        await self._relay.aclose()


def record_recovery(vault: Vault, purpose: str) -> None:
    """Write into the access log that a kit opens, or has opened, everything."""
    vault.log.append(
        AccessRecord(
            Outcome.GRANTED,
            Requester(RequesterKind.RECOVERY, "recovery kit"),
            purpose,
            vault.device_id,
            vault.session.clock(),
            use=Use.RECOVERY,
        )
    )
