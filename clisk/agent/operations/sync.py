"""sync, sync.*, relay.set: news out and in, and how things stand."""

from __future__ import annotations

from pydantic import Field

from clisk.agent.caller import Caller
from clisk.agent.core import Agent
from clisk.agent.registry import Answer, Done, NoParams, Params, operation
from clisk.agent.settings import Settings, save_settings
from clisk.agent.sync_driver import SyncDriver
from clisk.agent.sync_status import SyncStatusAnswer, evidence_file, sync_status
from clisk.errors import CliskError
from clisk_sync.founding import clock_ms
from clisk_sync.journal import Journal
from clisk_sync.report import SyncReport


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
        alerts=alerts_of(report),
    )


def alerts_of(report: SyncReport) -> list[Alert]:
    """Return the faults that *report* names."""
    return [
        Alert(error=type(each).__name__, message=str(each), advice=each.advice)
        for each in report.alerts
    ]


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


class SyncStatusParams(Params):
    """*everything*: with alerts that were acknowledged."""

    everything: bool = False


@operation("sync.status", SyncStatusParams, SyncStatusAnswer, counts_as_use=False)
async def status(
    agent: Agent, _caller: Caller, params: SyncStatusParams
) -> SyncStatusAnswer:
    """Tell how things stand with relay and devices, and what was found; asks nobody."""
    driver = agent.driver
    return await agent.thread.run(
        lambda: sync_status(driver, now_ms=clock_ms(), everything=params.everything)
    )


class CodeAnswer(Answer):
    """The code to compare, and what it speaks of."""

    code: str
    vault_id: str
    records: int


@operation("sync.code", NoParams, CodeAnswer)
async def code(agent: Agent, _caller: Caller, _params: NoParams) -> CodeAnswer:
    """Give the safety code of what this device believes; asks nobody."""
    driver = agent.driver

    def work() -> CodeAnswer:
        return CodeAnswer(
            code=driver.safety_code(),
            vault_id=driver.vault.id.hex(),
            records=len(driver.membership.records),
        )

    return await agent.thread.run(work)


class AcknowledgeParams(Params):
    """The alerts that were seen, by their numbers; none: all there are."""

    ids: list[int] = Field(default_factory=list, max_length=1000)


class AcknowledgeAnswer(Answer):
    """How many alerts are acknowledged now that were not."""

    count: int


@operation("sync.acknowledge", AcknowledgeParams, AcknowledgeAnswer)
async def acknowledge(
    agent: Agent, _caller: Caller, params: AcknowledgeParams
) -> AcknowledgeAnswer:
    """Note that alerts were seen: they are listed no more; their evidence stays."""
    driver = agent.driver

    def work() -> AcknowledgeAnswer:
        journal = Journal(driver.vault.storage)
        new = {each.id for each in journal.evidence() if each.acknowledged_ms is None}
        now_ms = clock_ms()
        with driver.vault.storage.transaction():
            for name in params.ids or sorted(new):
                if not journal.acknowledge(name, now_ms):
                    raise CliskError(
                        f"there is no alert {name}", advice="look at: clisk sync status"
                    )
        return AcknowledgeAnswer(count=len(new & set(params.ids or new)))

    return await agent.thread.run(work)


class EvidenceAnswer(Answer):
    """The evidence file in base64: protocol/evidence.md."""

    file: str


@operation("sync.evidence", NoParams, EvidenceAnswer)
async def evidence(agent: Agent, _caller: Caller, _params: NoParams) -> EvidenceAnswer:
    """Give everything that was ever found, with the signed bytes that show it."""
    driver = agent.driver
    return await agent.thread.run(lambda: EvidenceAnswer(file=evidence_file(driver)))
