"""Which access logs a question is about: of this device, of another, of all.

Other devices' logs are held here sealed, as far as they have come with the sync.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from clisk.agent.log_check import members, own_logs
from clisk.agent.sync_driver import SyncDriver
from clisk.errors import CliskError
from clisk_sync.membership import Member
from clisk_vault.errors import FormatError, TamperedError, UnsupportedError
from clisk_vault.log_index import find_in, moments_in
from clisk_vault.log_page import LogFilter
from clisk_vault.log_summary import Moment
from clisk_vault.log_view import LogView, split_origin

_SHORTEST_ID = 6


@dataclass(frozen=True, slots=True)
class ChosenLog:
    """A log, and the device that wrote it."""

    driver: SyncDriver
    member: Member
    log: LogView

    @property
    def incarnation(self) -> int:
        """Which log of that device it is, from 1."""
        return split_origin(self.log.origin)[1]

    def find(
        self, wanted: LogFilter, *, before: int | None = None, limit: int | None = None
    ) -> list[int]:
        """Return the indexes of the records that match, newest first.

        Raises:
            CliskError: an entry is not what it was when it was written.
        """
        vault = self.driver.vault
        with self._named():
            if self.log is vault.log:
                return vault.log_index.find(wanted, before=before, limit=limit)
            return find_in(self.log, wanted, before=before, limit=limit)

    def moments(self, wanted: LogFilter) -> list[Moment]:
        """Return the records that match, oldest first, for a summary.

        Raises as find().
        """
        vault = self.driver.vault
        with self._named():
            if self.log is vault.log:
                return list(vault.log_index.moments(wanted))
            return moments_in(self.log, wanted)

    @contextmanager
    def _named(self) -> Iterator[None]:
        """Say of which log it is that an entry is not what it was."""
        try:
            yield
        except (TamperedError, FormatError, UnsupportedError) as err:
            raise CliskError(
                f"log {self.incarnation} of {self.driver.name_of(self.member)}: {err}",
                advice="see all that is wrong with it: clisk log verify --all-devices",
            ) from err


def member_meant(driver: SyncDriver, device: str) -> Member:
    """Return who is or was a member under this name, or id from its beginning on.

    Raises:
        CliskError: nobody, or several.
    """
    meant = [
        each
        for each in members(driver)
        if driver.name_of(each) == device
        or (len(device) >= _SHORTEST_ID and each.id.hex().startswith(device))
    ]
    if len(meant) != 1:
        found = f"{len(meant)} devices are meant" if meant else "no device is meant"
        raise CliskError(found, advice="look at: clisk devices")
    return meant[0]


def choose_logs(
    driver: SyncDriver,
    *,
    device: str | None = None,
    all_devices: bool = False,
    incarnation: int | None = None,
) -> list[ChosenLog]:
    """Return the logs that are meant, each device's oldest first; never none.

    Without *device* and *all_devices*, those of this device.

    Raises:
        CliskError: no such device, or there is no such log of it here.
    """
    vault = driver.vault
    if all_devices:
        chosen = members(driver)
    elif device is not None:
        chosen = [member_meant(driver, device)]
    else:
        chosen = [driver.membership.known(vault.device_id)]
    found = [
        ChosenLog(driver, member, log)
        for member in chosen
        for log in (
            own_logs(driver)
            if member.id == vault.device_id
            else vault.witness.logs(member.id)
        )
    ]
    found = [each for each in found if incarnation in {None, each.incarnation}]
    if not found:
        raise CliskError(
            "there is no such log here",
            advice="logs of other devices come with: clisk sync",
        )
    return found
