"""sync, relay.set: news out and in."""

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
    """The relay's address, and an invitation where it asks for one."""

    url: str = Field(min_length=1)
    invite: str = ""


@operation("relay.set", RelayParams, Done)
async def set_relay(agent: Agent, _caller: Caller, params: RelayParams) -> Done:
    """Sync through another relay from now on."""
    await agent.sync(lambda driver: driver.use_relay(params.url, invite=params.invite))
    save_settings(
        agent.folder,
        Settings(relay=agent.driver.relay_url, invite=params.invite),
    )
    return Done()
