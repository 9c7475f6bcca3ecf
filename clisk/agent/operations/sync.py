"""sync, relay.set, devices: this device among the others."""

from __future__ import annotations

from pydantic import Field

from clisk.agent.caller import Caller
from clisk.agent.core import Agent
from clisk.agent.registry import Answer, Done, NoParams, Params, operation
from clisk.agent.settings import Settings, save_settings
from clisk.agent.sync_driver import SyncDriver


class Alert(Answer):
    """A fault of the relay or of another device."""

    error: str
    message: str
    advice: str


class SyncAnswer(Answer):
    """What one round did."""

    sent: int
    received: int
    changes_sent: int
    changes_received: int
    waiting: int
    refused: int
    alerts: list[Alert]


@operation("sync", NoParams, SyncAnswer)
async def sync(agent: Agent, _caller: Caller, _params: NoParams) -> SyncAnswer:
    """Send everything new and fetch everything new, now."""
    report = await agent.sync(SyncDriver.sync_once)
    return SyncAnswer(
        sent=report.pushed,
        received=report.pulled,
        changes_sent=report.changes_out,
        changes_received=report.changes_in,
        waiting=report.orphans,
        refused=report.quarantined,
        alerts=[
            Alert(error=type(each).__name__, message=str(each), advice=each.advice)
            for each in report.alerts
        ],
    )


class RelayParams(Params):
    """The relay's address."""

    url: str = Field(min_length=1)


@operation("relay.set", RelayParams, Done)
async def set_relay(agent: Agent, _caller: Caller, params: RelayParams) -> Done:
    """Sync through another relay from now on."""
    await agent.sync(lambda driver: driver.use_relay(params.url))
    save_settings(agent.folder, Settings(relay=agent.driver.relay_url))
    return Done()


class DeviceLine(Answer):
    """One member device."""

    device: str
    name: str
    added_ms: int
    added_by: str
    heard_ms: int | None
    this: bool


class DevicesAnswer(Answer):
    """All member devices, in the order in which they came."""

    devices: list[DeviceLine]


@operation("devices", NoParams, DevicesAnswer)
async def devices(agent: Agent, _caller: Caller, _params: NoParams) -> DevicesAnswer:
    """List the devices that belong to the vault."""
    driver = agent.driver
    return await agent.thread.run(lambda: _devices(driver))


def _devices(driver: SyncDriver) -> DevicesAnswer:
    heard = driver.engine.heard() if driver.relay_url else {}
    members = sorted(driver.membership.devices.values(), key=lambda m: m.height)
    return DevicesAnswer(
        devices=[
            DeviceLine(
                device=member.id.hex(),
                name=driver.name_of(member),
                added_ms=member.added_ms,
                added_by=member.added_by.hex(),
                heard_ms=heard[member.id].received_ms if member.id in heard else None,
                this=member.id == driver.vault.device_id,
            )
            for member in members
        ]
    )
