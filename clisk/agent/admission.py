"""The member's side of a pairing: one code, one newcomer, one client that asked."""

from __future__ import annotations

from clisk.agent.sync_driver import SyncDriver
from clisk_sync import pair
from clisk_sync.errors import PairingClosed
from clisk_sync.founding import add_record, clock_ms
from clisk_sync.pairing import MemberPairing, Newcomer


class Admission:
    """Lets one device in, once its six digits were typed here."""

    def __init__(self, driver: SyncDriver) -> None:
        self._driver = driver
        self._pairing = MemberPairing(
            relay=driver.relay_url or "",
            vault=driver.vault.id,
            member=driver.vault.device_id,
            clock=clock_ms,
        )

    @classmethod
    async def begin(cls, driver: SyncDriver) -> Admission:
        """Return a new code, after making sure that the relay has this vault."""
        await driver.sync_once()
        return cls(driver)

    @property
    def url(self) -> str:
        """The code; a secret for two minutes."""
        return self._pairing.code.url()

    @property
    def expires_ms(self) -> int:
        """Until when somebody may knock."""
        return self._pairing.code.expires_ms

    async def wait(self) -> Newcomer:
        """Return who knocked with this code."""
        return await pair.wait_for_knock(self._pairing, self._driver.mailboxes)

    async def confirm(self, digits: str) -> Newcomer:
        """Let the newcomer in if *digits* are the ones that it shows.

        Raises:
            WrongDigits: try again.
            PairingClosed: that was the last try; the newcomer is told.
        """
        mailboxes = self._driver.mailboxes
        try:
            newcomer = self._pairing.enter(digits)
        except PairingClosed:
            await pair.refuse(self._pairing, mailboxes)
            raise
        engine = self._driver.engine
        await pair.admit(self._pairing, mailboxes, self._append, engine.handover)
        return newcomer

    async def give_up(self) -> None:
        """End it; the code opens nothing any more."""
        self._pairing.close()

    async def _append(self, newcomer: Newcomer) -> bytes:
        # Built on the newest membership, so that a second device that was let in
        # elsewhere at the same time costs a retry and not a fork.
        driver = self._driver
        await driver.sync_once()
        engine, vault = driver.engine, driver.vault
        membership = engine.membership
        record = add_record(
            membership,
            vault.secrets,
            vault.epochs.secret(membership.epoch),
            newcomer.device,
            newcomer.name,
        )
        await driver.transport.append_record(record)
        engine.adopt(membership.extend(record))
        return record
