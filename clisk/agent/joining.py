"""The newcomer's side of a pairing: from a code to a vault on this device."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from clisk.agent.arriving import NewDevice
from clisk_sync import pair
from clisk_sync.envelope_content import Mark
from clisk_sync.founding import clock_ms
from clisk_sync.http_transport import HttpRelay
from clisk_sync.membership import Membership
from clisk_sync.pairing import NewcomerPairing
from clisk_sync.pairing_code import parse_pairing_code
from clisk_sync.pairing_messages import Frontier
from clisk_sync.relay_client import HttpMailboxTransport, HttpVaultTransport
from clisk_vault.keys import SecretText
from clisk_vault.vault import Vault


@dataclass(frozen=True, slots=True)
class Admitted:
    """What the records say, checked from the genesis up, and what to reach."""

    membership: Membership
    frontier: Frontier


class Joining:
    """One code, one attempt; lives on the vault's thread."""

    def __init__(self, url: str, name: str, *, keyring: bool = False) -> None:
        code = parse_pairing_code(url)
        self._device = NewDevice.enrol(code.vault, keyring=keyring)
        self._pairing = NewcomerPairing(
            code, self._device.secrets.public, name, clock=clock_ms
        )
        self._relay = HttpRelay(code.relay)
        self._mailboxes = HttpMailboxTransport(self._relay)

    @property
    def relay_url(self) -> str:
        """The relay that the code names."""
        return self._relay.origin

    async def knock(self) -> str:
        """Return the six digits to show."""
        return await pair.knock(self._pairing, self._mailboxes)

    async def wait(self) -> Admitted:
        """Return once the member has let this device in and the records prove it.

        Raises:
            PairingFailed, MembershipError, ...: what the relay gave does not.
        """
        await pair.wait_for_welcome(self._pairing, self._mailboxes)
        vault_id = self._pairing.code.vault
        transport = HttpVaultTransport(
            self._relay,
            vault_id,
            device=self._device.secrets.public.id,
            signing=self._device.secrets.signing,
        )
        membership = Membership.verify(vault_id, await transport.records())
        return Admitted(membership, self._pairing.finish(membership))

    def make_vault(
        self,
        path: Path,
        admitted: Admitted,
        passphrase: SecretText,
        *,
        unlock_seconds: float,
    ) -> Vault:
        """Return this device's vault, still empty."""
        marks = {device: Mark(*mark) for device, mark in admitted.frontier.items()}
        return self._device.make_vault(
            path,
            admitted.membership,
            marks,
            passphrase,
            unlock_seconds=unlock_seconds,
        )

    async def close(self, path: Path) -> None:
        """Close the connections; *path* is where the vault is, if one came of it."""
        self._device.forget_second_unless_needed(path)
        await self._relay.aclose()
