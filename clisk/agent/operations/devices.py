"""devices and what can be done with them: find, revoke, rename, renew, rotate."""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import Field

from clisk.agent import renewal
from clisk.agent.at_once import at_once
from clisk.agent.caller import Caller
from clisk.agent.core import Agent
from clisk.agent.exposure import Exposed, changed_since, exposure_of
from clisk.agent.registry import Answer, NoParams, Params, Secret, operation
from clisk.agent.sync_driver import SyncDriver
from clisk.errors import CliskError
from clisk_sync.device_name import check_name
from clisk_sync.membership import Departed, Member
from clisk_vault.vault import Vault

_MIN_PREFIX = 6


class NoSuchDeviceError(CliskError):
    """No member is meant."""

    default_advice = "look at: clisk devices"


class AmbiguousDeviceError(CliskError):
    """Several members have that name."""

    default_advice = "use the id that clisk devices shows"


class NameTakenError(CliskError):
    """Another member has that name."""

    default_advice = "choose another; those that are taken: clisk devices"


class DeviceLine(Answer):
    """One member device."""

    device: str
    name: str
    added_ms: int
    added_by: str
    added_by_name: str
    heard_ms: int | None
    this: bool
    dormant: bool


class RevokedLine(Answer):
    """One device that was a member; *last_counted*: its last envelope that counts."""

    device: str
    name: str
    added_ms: int
    added_by: str
    added_by_name: str
    heard_ms: int | None
    revoked_ms: int
    revoked_by: str
    revoked_by_name: str
    last_counted: int
    this: bool


class DevicesAnswer(Answer):
    """All member devices in the order in which they came, then those revoked."""

    devices: list[DeviceLine]
    revoked: list[RevokedLine]
    epoch: int
    safety_code: str


class DeviceParams(Params):
    """A device's name, or the beginning of its id."""

    device: str = Field(min_length=1)


class ExposedLine(Answer):
    """An item that a revoked device could read; its reads, by its own log.

    *changed*: all that it opens something with was written after the device was
    revoked, and by others.
    """

    item: str
    title: str
    type: str
    username: str
    trashed: bool
    reads: int
    last_read_ms: int | None
    changed: bool


class RevokeAnswer(Answer):
    """A device that is no member any more, and what it could read, worst first.

    *reads_known_ms*: up to when its access log is here; None: nothing of it is.
    """

    device: str
    name: str
    revoked_ms: int
    revoked_by: str
    this: bool
    epoch: int
    could_read: list[ExposedLine]
    reads_known_ms: int | None


class RenameParams(Params):
    """The new name."""

    name: str


class RenameAnswer(Answer):
    """This device with its new name."""

    device: str
    name: str


class RenewParams(Params):
    """The passphrase of this device, asked for once more."""

    passphrase: Secret


class RenewAnswer(Answer):
    """What this device is now, and what it was."""

    device: str
    before: str
    name: str
    unsent: int


class RotateAnswer(Answer):
    """The epoch that began."""

    epoch: int


@operation("devices", NoParams, DevicesAnswer)
async def devices(agent: Agent, _caller: Caller, _params: NoParams) -> DevicesAnswer:
    """List the devices that belong to the vault, and those that were revoked."""
    driver = agent.driver
    return await agent.thread.run(lambda: _devices(driver))


@operation("devices.find", DeviceParams, DeviceLine)
async def find(agent: Agent, _caller: Caller, params: DeviceParams) -> DeviceLine:
    """Tell which member a name or the beginning of an id means."""
    driver = agent.driver
    return await agent.thread.run(
        lambda: _line(driver, _resolve(driver, params.device))
    )


@operation("devices.revoke", DeviceParams, RevokeAnswer)
async def revoke(agent: Agent, _caller: Caller, params: DeviceParams) -> RevokeAnswer:
    """End the membership of a device, and list what it could read.

    It gets no secret of the new epoch; the relay and all devices refuse what it writes.
    """

    async def work(driver: SyncDriver) -> RevokeAnswer:
        member = _resolve(driver, params.device)
        departed = await driver.engine.revoke(member.id)
        return _revoked(driver, departed)

    with at_once():
        return await agent.sync(work)


@operation("devices.exposed", DeviceParams, RevokeAnswer)
async def exposed(agent: Agent, _caller: Caller, params: DeviceParams) -> RevokeAnswer:
    """List once more what a revoked device could read, and what was changed since."""
    driver = agent.driver

    def work() -> RevokeAnswer:
        departed = {
            each.member.id: each for each in driver.membership.departed.values()
        }
        gone = (each.member for each in departed.values())
        return _revoked(driver, departed[_meant(driver, gone, params.device).id])

    return await agent.thread.run(work)


@operation("devices.rename", RenameParams, RenameAnswer)
async def rename(agent: Agent, _caller: Caller, params: RenameParams) -> RenameAnswer:
    """Give this device another name, which all devices will show."""
    check_name(params.name)

    async def work(driver: SyncDriver) -> RenameAnswer:
        own, members = driver.vault.device_id, driver.membership.devices.values()
        others = (driver.name_of(each) for each in members if each.id != own)
        if params.name in others:
            raise NameTakenError("another device of this vault has that name")
        await driver.engine.rename(params.name)
        return RenameAnswer(device=driver.vault.device_id.hex(), name=params.name)

    with at_once():
        return await agent.sync(work)


@operation("devices.renew", RenewParams, RenewAnswer)
async def renew(agent: Agent, _caller: Caller, params: RenewParams) -> RenewAnswer:
    """Go on as another device, where this one was restored from a backup or copied.

    The old identity ends at its newest envelope; nothing that was only here is lost.
    """
    before = agent.driver.vault.device_id
    await renewal.renew(agent, params.passphrase)
    driver = agent.driver

    def work() -> RenewAnswer:
        own = driver.vault.device_id
        return RenewAnswer(
            device=own.hex(),
            before=before.hex(),
            name=driver.name_of(driver.membership.member(own)),
            unsent=driver.vault.replica.unsent(),
        )

    return await agent.thread.run(work)


@operation("devices.rotate", NoParams, RotateAnswer)
async def rotate(agent: Agent, _caller: Caller, _params: NoParams) -> RotateAnswer:
    """Begin a new epoch: what is written from now on is under a new secret."""

    async def work(driver: SyncDriver) -> RotateAnswer:
        return RotateAnswer(epoch=await driver.engine.rotate())

    with at_once():
        return await agent.sync(work)


def _resolve(driver: SyncDriver, meant: str) -> Member:
    """Return the one member that *meant* names; raises as _meant()."""
    return _meant(driver, driver.membership.devices.values(), meant)


def _meant(driver: SyncDriver, among: Iterable[Member], meant: str) -> Member:
    """Return the one of *among* that *meant* names; a name as it is comes first.

    Raises:
        NoSuchDeviceError, AmbiguousDeviceError: none, or several.
    """
    members = list(among)
    named = [each for each in members if driver.name_of(each) == meant]
    prefix = meant.lower() if len(meant) >= _MIN_PREFIX else "-"
    found = named or [each for each in members if each.id.hex().startswith(prefix)]
    if not found:
        raise NoSuchDeviceError("no device of this vault has that name or id")
    if len(found) > 1:
        raise AmbiguousDeviceError(f"{len(found)} devices have that name")
    return found[0]


def _devices(driver: SyncDriver) -> DevicesAnswer:
    membership = driver.membership
    members = sorted(membership.devices.values(), key=lambda m: m.height)
    departed = sorted(membership.departed.values(), key=lambda d: d.height)
    return DevicesAnswer(
        devices=[_line(driver, member) for member in members],
        revoked=[_revoked_line(driver, each) for each in departed],
        epoch=membership.epoch,
        safety_code=driver.safety_code(),
    )


def _line(driver: SyncDriver, member: Member) -> DeviceLine:
    return DeviceLine(
        device=member.id.hex(),
        name=driver.name_of(member),
        added_ms=member.added_ms,
        added_by=member.added_by.hex(),
        added_by_name=driver.name_of(driver.membership.known(member.added_by)),
        heard_ms=_heard_ms(driver, member),
        this=member.id == driver.vault.device_id,
        dormant=member.dormant,
    )


def _revoked_line(driver: SyncDriver, departed: Departed) -> RevokedLine:
    member = departed.member
    return RevokedLine(
        device=member.id.hex(),
        name=driver.name_of(member),
        added_ms=member.added_ms,
        added_by=member.added_by.hex(),
        added_by_name=driver.name_of(driver.membership.known(member.added_by)),
        heard_ms=_heard_ms(driver, member),
        revoked_ms=departed.revoked_ms,
        revoked_by=departed.by.hex(),
        revoked_by_name=driver.name_of(driver.membership.known(departed.by)),
        last_counted=departed.cut.number,
        this=member.id == driver.vault.device_id,
    )


def _heard_ms(driver: SyncDriver, member: Member) -> int | None:
    heard = driver.engine.heard() if driver.relay_url else {}
    return heard[member.id].received_ms if member.id in heard else None


def _revoked(driver: SyncDriver, departed: Departed) -> RevokeAnswer:
    member, this = departed.member, driver.vault.device_id
    exposure = exposure_of(driver.vault, member.id)
    return RevokeAnswer(
        device=member.id.hex(),
        name=driver.name_of(member),
        revoked_ms=departed.revoked_ms,
        revoked_by=departed.by.hex(),
        this=member.id == this,
        epoch=driver.membership.epoch,
        could_read=[
            _exposed_line(driver.vault, each, departed) for each in exposure.items
        ],
        reads_known_ms=exposure.known_ms,
    )


def _exposed_line(vault: Vault, exposed: Exposed, departed: Departed) -> ExposedLine:
    overview, revoked_ms = exposed.overview, departed.revoked_ms
    return ExposedLine(
        item=overview.item.hex(),
        title=overview.title,
        type=overview.type,
        username=overview.username,
        trashed=overview.trashed,
        reads=exposed.reads,
        last_read_ms=exposed.last_read_ms,
        # The overview first: most items need not be opened for it.
        changed=overview.changed_ms > revoked_ms
        and changed_since(vault.view(overview.item), departed.member.id, revoked_ms),
    )
