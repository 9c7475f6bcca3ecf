"""Keeps an open vault in step, in the background and on demand.

Everything here runs on the vault's thread and its loop: syncing reads and
writes the vault between two waits for the network.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from clisk.agent.journal import describe_fault, log
from clisk.errors import CliskError
from clisk_sync.engine import SyncEngine
from clisk_sync.errors import SyncError
from clisk_sync.following import Outcome
from clisk_sync.founding import clock_ms, device_name
from clisk_sync.frontier_store import load_frontier
from clisk_sync.http_transport import HttpRelay
from clisk_sync.journal import Journal
from clisk_sync.membership import Member, Membership
from clisk_sync.relay_client import HttpVaultTransport, check_invite
from clisk_sync.report import SyncReport
from clisk_sync.safety_code import safety_code
from clisk_vault.errors import VaultError
from clisk_vault.ids import DeviceId
from clisk_vault.primitives import VerifyKey
from clisk_vault.vault import Vault


class NoRelayError(CliskError):
    """This device was never told which relay to use."""

    default_advice = "start one with clisk relay, then: clisk sync --relay URL"

    def __init__(self, message: str = "no relay is set for this vault") -> None:
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why the last round failed, and when."""

    error: SyncError | VaultError
    at_ms: int


class SyncDriver:
    """One vault's membership, engine and background task."""

    def __init__(
        self,
        vault: Vault,
        relay_url: str | None,
        *,
        invite: str = "",
        on_news: Callable[[], None] = lambda: None,
    ) -> None:
        self.vault = vault
        self._on_news = on_news
        self.relay_url = relay_url
        self.last_sync_ms: int | None = None
        self.trouble: Trouble | None = None
        self._kept = Journal(vault.storage).membership(vault.id)
        self._relay: HttpRelay | None = None
        self._engine: SyncEngine | None = None
        self._transport: HttpVaultTransport | None = None
        self._following: asyncio.Task[None] | None = None
        # Grants are signed by any member: the vault asks here for their keys.
        vault.trust(self._signer)
        if relay_url is not None:
            self._begin(relay_url, invite)

    def _begin(self, url: str, invite: str) -> None:
        vault = self.vault
        self._relay = HttpRelay(url)
        self._transport = HttpVaultTransport(
            self._relay,
            vault.id,
            device=vault.device_id,
            signing=vault.secrets.signing,
            invite=invite,
        )
        self._engine = SyncEngine(vault, self._transport)
        self.relay_url = self._relay.origin
        self._following = asyncio.create_task(self._follow(self._engine))

    async def _follow(self, engine: SyncEngine) -> None:
        try:
            await engine.follow(asyncio.Event(), tell=self._heard)
        except (SyncError, VaultError) as err:
            self.trouble = Trouble(err, clock_ms())
            log.error("sync stopped: %s", describe_fault(err))
            self._on_news()

    def _heard(self, what: Outcome) -> None:
        if isinstance(what, SyncReport):
            self.last_sync_ms = clock_ms()
            self.trouble = None
            for alert in what.alerts:
                log.warning("sync alert: %s", type(alert).__name__)
        else:
            self.trouble = Trouble(what, clock_ms())
            log.info("sync failed: %s", type(what).__name__)
        self._on_news()

    async def stop(self) -> None:
        """End the background task and close the connections."""
        following, self._following = self._following, None
        if following is not None:
            following.cancel()
            with suppress(asyncio.CancelledError):
                await following
        if self._relay is not None:
            await self._relay.aclose()

    async def use_relay(self, url: str, *, invite: str = "") -> None:
        """Sync through the relay at *url* from now on.

        Raises:
            SyncError: not an address that a relay may have.
        """
        check_invite(invite)
        with_it = HttpRelay(url)
        await with_it.aclose()
        await self.stop()
        self._begin(url, invite)

    @property
    def engine(self) -> SyncEngine:
        """The engine; raises NoRelayError where there is no relay."""
        if self._engine is None:
            raise NoRelayError
        return self._engine

    @property
    def transport(self) -> HttpVaultTransport:
        """This vault on the relay; raises NoRelayError."""
        if self._transport is None:
            raise NoRelayError
        return self._transport

    @property
    def known_relay(self) -> str:
        """The relay's address; raises NoRelayError."""
        if self.relay_url is None:
            raise NoRelayError
        return self.relay_url

    async def sync_once(self) -> SyncReport:
        """Send and fetch everything now, news of the access log too.

        Raises:
            NoRelayError, TransportError, RelayRefused: nothing is lost.
        """
        try:
            report = await self.engine.sync_once(tell_logs=True)
        except SyncError as err:
            self._heard(err)
            raise
        self._heard(report)
        if self._following is not None and self._following.done():
            # Whatever had ended it is over.
            self._following = asyncio.create_task(self._follow(self.engine))
        return report

    def nudge(self) -> None:
        """Say that there is something to send."""
        if self._engine is not None:
            self._engine.nudge()

    @property
    def is_revoked(self) -> bool:
        """Whether this device is known to be no member any more."""
        return self.vault.device_id in self.membership.departed

    @property
    def membership(self) -> Membership:
        """Who belongs to the vault, as verified so far."""
        return self._engine.membership if self._engine else self._kept

    def safety_code(self) -> str:
        """Return what to compare with another screen: protocol/safety-code.md."""
        storage, own = self.vault.storage, self.vault.device_id
        return safety_code(self.membership, load_frontier(storage, own))

    def name_of(self, member: Member) -> str:
        """Return a member's name, or a word for one that cannot be opened."""
        epochs = self.vault.epochs
        try:
            return device_name(
                member, {number: epochs.secret(number) for number in epochs.numbers()}
            )
        except VaultError:
            return "(name cannot be read)"

    def device_names(self) -> dict[DeviceId, str]:
        """Return the name of everybody that is or was a member."""
        membership = self.membership
        members = [
            *membership.devices.values(),
            *(each.member for each in membership.departed.values()),
        ]
        return {member.id: self.name_of(member) for member in members}

    def _signer(self, device: DeviceId) -> VerifyKey | None:
        member = self.membership.devices.get(device)
        return None if member is None else member.public.signing
