"""log.keys, log.export: what somebody outside needs to check a log."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from clisk.agent.caller import Caller
from clisk.agent.core import Agent
from clisk.agent.log_check import first_keys, witnesses
from clisk.agent.progress import Counter, with_progress
from clisk.agent.registry import Answer, NoParams, Params, operation
from clisk_vault.errors import CallerError
from clisk_vault.log_bundle import BundleFacts
from clisk_vault.log_export import exporting_log
from clisk_vault.steps import Steps
from clisk_vault.vault import Vault
from clisk_vault.witness import witness_key


class LogKeysAnswer(Answer):
    """Keys in C2SP's spelling: of each device's log, and that each witnesses with."""

    logs: list[str]
    witnesses: list[str]


@operation("log.keys", NoParams, LogKeysAnswer)
async def keys(agent: Agent, _caller: Caller, _params: NoParams) -> LogKeysAnswer:
    """List the keys that the logs of the vault's devices are checked with."""
    driver = agent.driver

    def work() -> LogKeysAnswer:
        active = driver.membership.devices.values()
        return LogKeysAnswer(
            logs=[key.encode() for key in first_keys(driver)],
            witnesses=[witness_key(each.public).encode() for each in active],
        )

    return await agent.thread.run(work)


class ExportParams(Params):
    """Where to, and which entries are opened for the reader."""

    folder: str = Field(min_length=1, max_length=4096)
    open: list[int] = Field(default=[], max_length=1_000_000)
    open_all: bool = False


class ExportAnswer(Answer):
    """What was written; with the entry that records it, if any was opened."""

    origin: str
    size: int
    opened: int


@operation("log.export", ExportParams, ExportAnswer)
async def export(agent: Agent, caller: Caller, params: ExportParams) -> ExportAnswer:
    """Write this device's log to a new folder; what is opened is recorded first."""
    driver, count = agent.driver, Counter()
    folder = Path(params.folder)
    if not folder.is_absolute():
        raise CallerError("log export: not a whole path")

    def work(vault: Vault) -> Steps[tuple[BundleFacts, int]]:
        opened = range(vault.log.size) if params.open_all else set(params.open)
        facts = yield from exporting_log(
            vault.session,
            vault.log,
            folder,
            who="command line",
            peers=witnesses(driver, vault.device_id),
            open_entries=opened,
            seen=vault.witness.cosigned(vault.log.origin),
        )
        return facts, len(opened)

    doing = agent.in_steps(work, on_step=count.count)
    facts, opened = await with_progress(caller, doing, count.read)
    return ExportAnswer(origin=facts.origin, size=facts.size, opened=opened)
