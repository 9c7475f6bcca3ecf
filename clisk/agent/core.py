"""The agent itself: one home folder, at most one open vault, one idle timer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from clisk.agent.idle import IdleTimer
from clisk.agent.journal import log
from clisk.agent.patience import Patience
from clisk.agent.pulse import Pulse
from clisk.agent.run_queue import RunQueue
from clisk.agent.settings import load_settings
from clisk.agent.sync_driver import SyncDriver
from clisk.agent.worker import VaultThread
from clisk.errors import CliskError
from clisk.home import Home
from clisk_vault.elapsed import suspended_time_counts
from clisk_vault.errors import CallerError, LockedError, VaultError
from clisk_vault.steps import Steps
from clisk_vault.vault import Vault

Result = TypeVar("Result")


class NoMemberError(CliskError):
    """This device was revoked: what is here can be read, and nothing is added."""

    default_advice = (
        "take it along: clisk export, or clisk backup create;"
        " or join again, in another home folder: clisk join"
    )

    def __init__(self) -> None:
        super().__init__(
            "this device is no member of the vault any more:"
            " what is changed here would reach no other"
        )


IDLE_SECONDS = 15 * 60.0
# A sleeping machine wakes with its timers unfinished: look at least this often.
_LOOK_SECONDS = 15.0


class Agent:
    """Holds the unlocked vault; every operation goes through here."""

    def __init__(
        self,
        home: Home,
        *,
        timer: IdleTimer | None = None,
        clock: Callable[[], float] = suspended_time_counts,
    ) -> None:
        self.home = home
        self.clock = clock
        self.folder = Path(home.folder)
        self.vault_path = Path(home.vault)
        self.thread = VaultThread()
        self.timer = timer or IdleTimer(IDLE_SECONDS)
        self.stopped = asyncio.Event()
        self.runs = RunQueue()
        # Held while a vault is made, joined or unlocked: one at a time.
        self.opening = asyncio.Lock()
        self.pulse = Pulse()
        self.patience = Patience()
        self.times_opened = 0
        # Since the vault was locked, or the agent started; recorded at the unlock.
        self.wrong_passphrases = 0
        self._open: SyncDriver | None = None
        self._in_use = 0

    @property
    def unlocked(self) -> bool:
        """Whether the vault is open."""
        return self._open is not None

    @property
    def driver(self) -> SyncDriver:
        """The open vault with what keeps it in step.

        Raises:
            LockedError: the vault is not open.
        """
        if self._open is None:
            raise LockedError
        return self._open

    async def vault(self, work: Callable[[Vault], Result]) -> Result:
        """Return what *work* makes of the open vault; raises LockedError."""
        vault = self.driver.vault
        loop = asyncio.get_running_loop()

        def watched() -> Result:
            before = vault.storage.rows_written
            try:
                return work(vault)
            finally:
                # A read of a secret writes its record, so it is news as well.
                if vault.storage.rows_written != before:
                    loop.call_soon_threadsafe(self.pulse.strike)

        return await self.thread.run(watched)

    async def in_steps(
        self,
        work: Callable[[Vault], Steps[Result]],
        *,
        on_step: Callable[[int], None] = lambda _done: None,
        check: Callable[[], None] = lambda: None,
    ) -> Result:
        """Do as vault() with what takes long; others are answered between its steps.

        It ends between two steps, and leaves nothing half-written, when the client
        that asked hangs up. On the vault's thread, *on_step* is told how many items are
        done, and *check* may raise before each step.

        Raises:
            LockedError: the vault is not open, or was locked meanwhile.
        """
        vault = self.driver.vault
        loop = asyncio.get_running_loop()

        def watched() -> Steps[Result]:
            storage = vault.storage
            before, steps = storage.rows_written, work(vault)
            try:
                while True:
                    if vault.locked:
                        raise LockedError
                    check()
                    try:
                        on_step(next(steps))
                    except StopIteration as end:
                        result: Result = end.value
                        return result
                    if storage.in_transaction:
                        raise CallerError(
                            "steps: others would write in its transaction"
                        )
                    yield 0
            finally:
                steps.close()
                if not vault.locked and storage.rows_written != before:
                    loop.call_soon_threadsafe(self.pulse.strike)

        return await self.thread.run_steps(watched())

    async def change_in_steps(
        self,
        work: Callable[[Vault], Steps[Result]],
        *,
        on_step: Callable[[int], None] = lambda _done: None,
    ) -> Result:
        """Do as in_steps(), and send to the other devices what *work* changed.

        Raises:
            NoMemberError: as change().
        """
        driver = self.driver
        result = await self.in_steps(
            work, on_step=on_step, check=lambda: _check_member(driver)
        )
        await self.thread.run(driver.nudge)
        return result

    async def change(self, work: Callable[[Vault], Result]) -> Result:
        """Do as vault(), and send to the other devices what *work* changed.

        Raises:
            NoMemberError: they would never hear of it.
        """
        driver = self.driver

        def checked(vault: Vault) -> Result:
            _check_member(driver)
            return work(vault)

        result = await self.vault(checked)
        await self.thread.run(driver.nudge)
        return result

    async def catch_up_with_log(self) -> None:
        """Bring the index of the access log up to date before it is asked; in steps.

        Behind by thousands of entries, after an export say, it would take long at once.
        """
        await self.in_steps(lambda vault: vault.log_index.catching_up())

    async def sync(
        self, work: Callable[[SyncDriver], Coroutine[Any, Any, Result]]
    ) -> Result:
        """Return what *work* returns, done on the vault's thread; raises LockedError.

        It is cancelled when the client that asked hangs up.
        """
        return await self.thread.run_async(work(self.driver))

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """Put off the automatic lock while an operation runs, and start it anew."""
        self._in_use += 1
        self.timer.touch()
        try:
            yield
        finally:
            self._in_use -= 1
            self.timer.touch()

    async def opened(self, vault: Vault) -> None:
        """Take *vault*, just unlocked, and begin to keep it in step."""
        settings = load_settings(self.folder)

        loop = asyncio.get_running_loop()

        def heard() -> None:
            loop.call_soon_threadsafe(self.pulse.strike)

        async def begin() -> SyncDriver:
            return SyncDriver(
                vault, settings.relay, invite=settings.invite, on_news=heard
            )

        self._open = await self.thread.run_async(begin())
        self.times_opened += 1
        self.pulse.strike()
        log.info("unlocked")
        await self.empty_trash()

    async def empty_trash(self) -> None:
        """Forget what was in the trash for long enough; a failure is only logged."""
        try:
            if await self.in_steps(lambda vault: vault.purging.purging_expired()):
                log.info("emptied the trash of what was due")
                await self.thread.run(self.driver.nudge)
        except VaultError as err:
            # Tidying up can wait: a person who unlocks wants to read.
            log.info("trash not emptied: %s", type(err).__name__)

    async def lock(self) -> None:
        """Stop syncing, close the vault and drop every key."""
        driver, self._open = self._open, None
        if driver is not None:
            self.pulse.strike()
            await self.thread.run_async(driver.stop())
            # Between two steps of what still runs, if anything: see in_steps().
            await self.thread.run(driver.vault.lock)
            log.info("locked")

    async def lock_if_idle(self) -> None:
        """Lock when the timer has run out and nothing is going on."""
        if self.unlocked and not self._in_use and self.timer.left_seconds() <= 0:
            log.info("idle")
            await self.lock()

    async def watch_idle(self) -> None:
        """Lock in time; runs as long as the agent."""
        while True:
            await self.lock_if_idle()
            left = self.timer.left_seconds() if self.unlocked else _LOOK_SECONDS
            await asyncio.sleep(min(max(left, 0.2), _LOOK_SECONDS))

    async def close(self) -> None:
        """Lock and end the vault's thread."""
        await self.lock()
        self.thread.close()


def _check_member(driver: SyncDriver) -> None:
    if driver.is_revoked:
        raise NoMemberError
