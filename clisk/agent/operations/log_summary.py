"""log.summary: the access log at a glance."""

from __future__ import annotations

import asyncio
from datetime import date

from clisk.agent.caller import Caller
from clisk.agent.core import Agent
from clisk.agent.log_choice import ChosenLog, choose_logs
from clisk.agent.operations.log_list import LogLine, item_meant, log_lines
from clisk.agent.registry import Answer, Params, operation
from clisk_vault.access_record import Outcome, RequesterKind
from clisk_vault.log_page import LogFilter
from clisk_vault.log_summary import Moment, summarise
from clisk_vault.vault import Vault

_MOST = 20


class SummaryParams(Params):
    """From when to when, in milliseconds, and of what; *until_ms* is left out.

    *device*: a name, or the beginning of an id; of its newest log. What is usual is
    then what is usual among the reads that match.
    """

    since_ms: int | None = None
    until_ms: int | None = None
    item: str | None = None
    konnector: str | None = None
    device: str | None = None


class DayCount(Answer):
    """Reads of one local day, `2026-11-26`."""

    day: str
    reads: int


class ReaderCount(Answer):
    """Reads by one reader."""

    kind: str
    name: str
    reads: int


class ItemCount(Answer):
    """Reads of one item."""

    item: str
    title: str | None
    reads: int


class UnusualRead(Answer):
    """A read that stands out, and why: a hint, not a verdict."""

    why: str
    record: LogLine


class SummaryAnswer(Answer):
    """Counts of reads. *hours*: by weekday, Monday first, and local hour."""

    total: int
    hours: list[list[int]]
    days: list[DayCount]
    readers: list[ReaderCount]
    items: list[ItemCount]
    outcomes: dict[str, int]
    unusual: list[UnusualRead]


@operation("log.summary", SummaryParams, SummaryAnswer)
async def summary(
    agent: Agent, _caller: Caller, params: SummaryParams
) -> SummaryAnswer:
    """Count the reads by hour, day, reader and item, and name those that stand out."""
    driver = agent.driver
    await agent.catch_up_with_log()

    def moments() -> tuple[ChosenLog, list[Moment]]:
        *_, chosen = choose_logs(driver, device=params.device)
        return chosen, chosen.moments(_filter(driver.vault, params))

    chosen, reads = await agent.thread.run(moments)
    # Not in the vault's thread: of a long log it takes a while, and others wait there.
    found = await asyncio.to_thread(summarise, reads)

    def work() -> SummaryAnswer:
        vault = driver.vault
        newest = list(reversed(found.unusual))[:_MOST]
        shown = log_lines(vault, [index for index, _ in newest], log=chosen.log)
        lines = {line.index: line for line in shown}
        return SummaryAnswer(
            total=found.total,
            hours=found.hours,
            days=[
                DayCount(day=date.fromordinal(day).isoformat(), reads=reads)
                for day, reads in sorted(found.days.items())
            ],
            readers=[
                ReaderCount(
                    kind=RequesterKind(kind).name.lower(), name=name, reads=reads
                )
                for (kind, name), reads in found.readers.most_common(_MOST)
            ],
            items=[
                ItemCount(item=item.hex(), title=vault.title(item), reads=reads)
                for item, reads in found.items.most_common(_MOST)
            ],
            outcomes={
                Outcome(outcome).name.lower(): reads
                for outcome, reads in found.outcomes.items()
            },
            unusual=[
                UnusualRead(why=why.value, record=lines[index])
                for index, why in newest
                if index in lines
            ],
        )

    return await agent.thread.run(work)


def _filter(vault: Vault, params: SummaryParams) -> LogFilter:
    return LogFilter(
        kind=None if params.konnector is None else RequesterKind.KONNECTOR,
        name=params.konnector,
        item=None if params.item is None else item_meant(vault, params.item),
        since_ms=params.since_ms,
        until_ms=params.until_ms,
    )
