"""health: what is wrong with the passwords; each read of one is recorded."""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field

from clisk.agent.caller import Caller
from clisk.agent.core import Agent
from clisk.agent.progress import Counter, with_progress
from clisk.agent.registry import Answer, Params, operation
from clisk_vault.change_pages import change_page
from clisk_vault.ids import ItemId
from clisk_vault.steps import Steps
from clisk_vault.vault import Vault

if TYPE_CHECKING:
    from clisk_vault.health import Checkup, Finding

# What a new password mends.
_MENDED_SO = ("breached", "weak", "reused", "old")


class HealthParams(Params):
    """When a password is old, what is soon, and where breached ones are looked up."""

    old_days: int = Field(default=365, ge=0)
    soon_days: int = Field(default=30, ge=0, le=36_500)
    breaches: str | None = None
    online: bool = False
    service: str | None = None


class HealthFinding(Answer):
    """One fault of one item; no value.

    *change_at*: where its site has the password changed, of a fault of that; for a
    person, who decides. Null: not known.
    """

    item: str
    title: str
    username: str
    fault: str
    says: str
    others: list[str]
    change_at: str | None


class HealthAnswer(Answer):
    """How many passwords were examined, and what was found, the worst first."""

    examined: int
    asked_service: int
    findings: list[HealthFinding]


@operation("health", HealthParams, HealthAnswer)
async def health(agent: Agent, caller: Caller, params: HealthParams) -> HealthAnswer:
    """Examine every password on this device; reads are recorded.

    Only if it is asked to does it ask a service, and then for ranges by five digits.
    """
    # Late: estimating strength needs large tables, and an agent may never be asked.
    # In a thread, so that others are answered while they are read.
    await asyncio.to_thread(importlib.import_module, "clisk_vault.health")
    from clisk.breach_service import SERVICE, fetch_ranges
    from clisk_vault.breaches import PREFIX_CHARS, open_breaches
    from clisk_vault.health import examining, worst_first

    counter = Counter()

    def work(vault: Vault) -> Steps[Checkup]:
        source = open_breaches(Path(params.breaches)) if params.breaches else None
        return examining(
            vault,
            caller.requester,
            old_days=params.old_days,
            soon_days=params.soon_days,
            breaches=source,
        )

    doing = agent.in_steps(work, on_step=counter.count)
    found = await with_progress(caller, doing, counter.read)
    findings: list[Finding] = list(found.findings)
    prefixes = {digest[:PREFIX_CHARS] for digest in found.digests.values()}
    if params.online:
        ranges = await fetch_ranges(prefixes, service=params.service or SERVICE)
        findings += await agent.in_steps(
            lambda vault: _seen_online(vault, found.digests, ranges)
        )
    pages = await agent.vault(lambda vault: _change_pages(vault, findings))
    return HealthAnswer(
        examined=found.examined,
        asked_service=len(prefixes) if params.online else 0,
        findings=[
            HealthFinding(
                item=each.item.hex(),
                title=each.title,
                username=each.username,
                fault=each.fault.value,
                says=each.says,
                others=[other.hex() for other in each.others],
                change_at=pages.get(each.item)
                if each.fault.value in _MENDED_SO
                else None,
            )
            for each in worst_first(findings)
        ],
    )


def _change_pages(vault: Vault, findings: Sequence[Finding]) -> dict[ItemId, str]:
    wanted = {each.item for each in findings}
    pages = {
        each.item: change_page(each.uris)
        for each in vault.overviews()
        if each.item in wanted
    }
    return {item: page for item, page in pages.items() if page is not None}


def _seen_online(
    vault: Vault, digests: Mapping[ItemId, str], ranges: Mapping[str, Sequence[str]]
) -> Steps[list[Finding]]:
    """Return what *ranges* say of the passwords that had *digests*.

    By the titles at its first step: what was edited since then was not asked about.
    """
    from clisk_vault.breaches import PREFIX_CHARS, seen_in_range
    from clisk_vault.health import breached

    found: list[Finding] = []
    for each in vault.overviews():
        digest = digests.get(each.item)
        if digest is not None:
            times = seen_in_range(ranges[digest[:PREFIX_CHARS]], digest)
            found += breached(each, times)
            yield len(found)
    return found
