"""Checks access logs with the keys that the membership gives.

The key of a log's first head, and the witnesses' keys, come from signed records and
never from the log that is checked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from clisk.agent.sync_driver import SyncDriver
from clisk_sync.membership import Member
from clisk_vault.access_log import first_key
from clisk_vault.ids import DeviceId
from clisk_vault.log_view import (
    FIRST_INCARNATION,
    LogView,
    log_origin,
    split_origin,
)
from clisk_vault.note import NoteKey
from clisk_vault.steps import Steps
from clisk_vault.verdict import Verdict
from clisk_vault.witness import witness_key


@dataclass(frozen=True, slots=True)
class Checked:
    """One log, whose it is, and what checking it came to."""

    member: Member
    verdict: Verdict


def members(driver: SyncDriver) -> list[Member]:
    """Return everybody that is or was a member, in the order in which they came."""
    held = driver.membership
    gone = (each.member for each in held.departed.values())
    return sorted([*held.devices.values(), *gone], key=lambda each: each.height)


def witnesses(driver: SyncDriver, device: DeviceId) -> list[NoteKey]:
    """Return the keys that may countersign logs of *device*: the other members'."""
    active = driver.membership.devices.values()
    return [witness_key(each.public) for each in active if each.id != device]


def own_logs(driver: SyncDriver) -> list[LogView]:
    """Return the logs of this device that were closed, and the one it writes."""
    return [*driver.vault.log.earlier(), driver.vault.log]


def first_keys(driver: SyncDriver) -> list[NoteKey]:
    """Return the key of the first head of each log that is known, or has to be."""
    vault = driver.vault
    origins: dict[str, None] = {}
    for member in members(driver):
        own = member.id == vault.device_id
        logs = own_logs(driver) if own else vault.witness.logs(member.id)
        origins[log_origin(vault.id, member.id, FIRST_INCARNATION)] = None
        origins |= dict.fromkeys(log.origin for log in logs)
    keys = []
    for origin in origins:
        device, number = split_origin(origin)
        public = driver.membership.known(device).public
        keys.append(NoteKey(origin, first_key(public, number)))
    return keys


def check_own(driver: SyncDriver) -> Steps[list[Checked]]:
    """Check every log of this device, the one it writes last."""
    return (yield from _check(driver, own_logs(driver)))


def check_others(driver: SyncDriver) -> Steps[list[Checked]]:
    """Check what is here of every other device's logs, revoked devices' too."""
    logs = [
        log
        for member in members(driver)
        if member.id != driver.vault.device_id
        for log in driver.vault.witness.logs(member.id)
    ]
    return (yield from _check(driver, logs))


def _check(driver: SyncDriver, logs: Sequence[LogView]) -> Steps[list[Checked]]:
    checked = list[Checked]()
    for log in logs:
        origin = log.origin
        device, number = split_origin(origin)
        member = driver.membership.known(device)
        verdict = yield from log.verifying(
            first_key(member.public, number),
            peers=witnesses(driver, device),
            seen=driver.vault.witness.cosigned(origin),
            forks=driver.vault.witness.forks(origin),
        )
        checked.append(Checked(member, verdict))
    return checked
