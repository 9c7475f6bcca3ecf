"""log.retention, log.prune: how long the log keeps what its entries say."""

from __future__ import annotations

from pydantic import Field

from clisk.agent.caller import Caller
from clisk.agent.core import Agent
from clisk.agent.registry import Answer, NoParams, Params, operation
from clisk_vault.access_record import Retention
from clisk_vault.retention import PrunePlan
from clisk_vault.vault import Vault

_MOST = (1 << 32) - 1


class RetentionAnswer(Answer):
    """The written policy; both null: there is none, and everything is kept."""

    keep_days: int | None
    keep_entries: int | None


class RetentionParams(Params):
    """The new policy; neither: keep everything."""

    keep_days: int | None = Field(default=None, ge=1, le=_MOST)
    keep_entries: int | None = Field(default=None, ge=1, le=_MOST)


class PruneParams(Params):
    """*dry_run*: only tell."""

    dry_run: bool = False


class PruneAnswer(Answer):
    """Contents of *count* entries before *below* were, or would be, erased.

    *held_by_grants*: so many more, were they not what counts a grant's reads.
    """

    policy: str
    below: int
    count: int
    held_by_grants: int
    dry_run: bool


@operation("log.retention", NoParams, RetentionAnswer)
async def retention(
    agent: Agent, _caller: Caller, _params: NoParams
) -> RetentionAnswer:
    """Tell how long the log of this device keeps what its entries say."""
    return _answer(await agent.vault(lambda vault: vault.retention.policy()))


@operation("log.retention.write", RetentionParams, RetentionAnswer)
async def write(
    agent: Agent, _caller: Caller, params: RetentionParams
) -> RetentionAnswer:
    """Write the retention policy of this device's log; nothing is erased by it yet."""
    policy = None
    if params.keep_days is not None or params.keep_entries is not None:
        policy = Retention(params.keep_days, params.keep_entries)
    await agent.vault(lambda vault: vault.retention.write_policy(policy))
    return _answer(policy)


@operation("log.prune", PruneParams, PruneAnswer)
async def prune(agent: Agent, _caller: Caller, params: PruneParams) -> PruneAnswer:
    """Erase what old entries say, by the written policy and on record."""

    def work(vault: Vault) -> PrunePlan:
        return vault.retention.plan() if params.dry_run else vault.retention.prune()

    plan = await agent.vault(work)
    return PruneAnswer(
        policy=str(plan.policy),
        below=plan.below,
        count=plan.count,
        held_by_grants=plan.held_by_grants,
        dry_run=params.dry_run,
    )


def _answer(policy: Retention | None) -> RetentionAnswer:
    return RetentionAnswer(
        keep_days=None if policy is None else policy.keep_days,
        keep_entries=None if policy is None else policy.keep_entries,
    )
