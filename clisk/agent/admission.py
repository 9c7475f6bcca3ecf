"""The member's side of a pairing: one code, one newcomer, one client that asked."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from clisk.agent.journal import log
from clisk.agent.sync_driver import SyncDriver
from clisk_sync import pair
from clisk_sync.device_name import free_name
from clisk_sync.errors import SyncError
from clisk_sync.founding import add_record, clock_ms
from clisk_sync.http_transport import HttpRelay
from clisk_sync.pairing import MemberPairing, Newcomer
from clisk_sync.relay_client import HttpMailboxTransport

_TELL_SECONDS = 10.0


class Admission:
    """Lets one device in, once its six digits were typed here."""

    def __init__(self, driver: SyncDriver) -> None:
        self._driver = driver
        # Its own connection: a vault that locks meanwhile closes the driver's, and
        # the newcomer still has to be told.
        self._relay = HttpRelay(driver.known_relay)
        self._mailboxes = HttpMailboxTransport(self._relay)
        self._pairing = MemberPairing(
            relay=self._relay.origin,
            vault=driver.vault.id,
            member=driver.vault.device_id,
            clock=clock_ms,
        )
        self._waiting = False

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
        newcomer = await pair.wait_for_knock(self._pairing, self._mailboxes)
        self._waiting = True
        return newcomer

    async def confirm(self, digits: str) -> Newcomer:
        """Let the newcomer in if *digits* are those that it shows.

        Its name may have got a number, so that no two devices bear one.

        Raises:
            WrongDigits: try again.
            PairingClosed: that was the last try.
        """
        newcomer = self._pairing.enter(digits)
        engine = self._driver.engine
        await pair.admit(self._pairing, self._mailboxes, self._append, engine.handover)
        self._waiting = False
        member = engine.membership.member(newcomer.device.id)
        return replace(newcomer, name=self._driver.name_of(member))

    async def end(self) -> None:
        """End it; a newcomer that still waits is told, if the relay can be reached."""
        self._pairing.close()
        try:
            if self._waiting:
                async with asyncio.timeout(_TELL_SECONDS):
                    await pair.refuse(self._pairing, self._mailboxes)
        except (SyncError, TimeoutError):
            log.info("a newcomer could not be told that its pairing is over")
        finally:
            await self._relay.aclose()

    async def _append(self, newcomer: Newcomer) -> bytes:
        # Built on the newest membership, so that a second device that was let in
        # elsewhere at the same time costs a retry and not a fork.
        driver = self._driver
        await driver.sync_once()
        engine, vault = driver.engine, driver.vault
        membership = engine.membership
        taken = {driver.name_of(each) for each in membership.devices.values()}
        record = add_record(
            membership,
            vault.secrets,
            vault.epochs.secret(membership.epoch),
            newcomer.device,
            free_name(newcomer.name, taken),
        )
        await driver.transport.append_record(record)
        engine.adopt(membership.extend(record))
        return record
