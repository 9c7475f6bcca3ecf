"""sync.compact: pack all there is, so that the relay may delete what it covers."""

from __future__ import annotations

import asyncio

from clisk.agent.caller import Caller
from clisk.agent.core import Agent
from clisk.agent.operations.sync import Alert, alerts_of
from clisk.agent.registry import Answer, NoParams, operation
from clisk.agent.sync_driver import SyncDriver
from clisk_sync.compaction import Compacted
from clisk_sync.report import SyncReport

_TELL_EVERY_SECONDS = 0.5


class CompactAnswer(Answer):
    """What came of it. *made*: by this device; else another was first, or nothing new.

    *waiting_for*: names of devices whose signature the relay still waits for.
    """

    made: bool
    height: int
    envelopes: int
    bytes: int
    snapshot_bytes: int
    waiting_for: list[str]
    alerts: list[Alert]


@operation("sync.compact", NoParams, CompactAnswer)
async def compact(agent: Agent, caller: Caller, _params: NoParams) -> CompactAnswer:
    """Make a snapshot of the vault, and put it on the relay."""
    # Written on the vault's thread, read here: one tuple, never half of one.
    at = [("reading", 0, 0)]

    async def work(driver: SyncDriver) -> tuple[SyncReport, Compacted, list[str]]:
        def tell(doing: str, done: int, of: int) -> None:
            at[0] = (doing, done, of)

        report, done = await driver.engine.compact(progress=tell)
        names = driver.device_names()
        return report, done, [names.get(each, "") for each in done.waiting_for]

    task = asyncio.ensure_future(agent.sync(work))
    try:
        while not (await asyncio.wait({task}, timeout=_TELL_EVERY_SECONDS))[0]:
            told = dict(zip(("doing", "done", "of"), at[0], strict=True))
            await caller.send_event("progress", told)
    finally:
        task.cancel()
    report, compacted, waiting = task.result()
    return CompactAnswer(
        made=compacted.made,
        height=compacted.height,
        envelopes=compacted.envelopes,
        bytes=compacted.bytes,
        snapshot_bytes=compacted.snapshot_bytes,
        waiting_for=waiting,
        alerts=alerts_of(report),
    )
