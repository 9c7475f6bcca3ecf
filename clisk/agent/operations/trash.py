"""trash.*: what is in the trash, how long it stays, and forgetting it for good."""

from __future__ import annotations

from pydantic import Field

from clisk.agent.caller import Caller
from clisk.agent.core import Agent
from clisk.agent.registry import Answer, Done, NoParams, Params, operation
from clisk.agent.resolve import resolve_item
from clisk_vault.duplicates import revive
from clisk_vault.ids import ItemId
from clisk_vault.steps import Steps
from clisk_vault.vault import Vault


class TrashLine(Answer):
    """One item in the trash; *leftover*: purged by a device that missed an edit."""

    item: str
    type: str
    title: str
    trashed_ms: int | None
    purged_ms: int | None
    leftover: bool


class TrashAnswer(Answer):
    """The trash, and for how many days things stay in it; 0: for ever."""

    days: int
    items: list[TrashLine]


_DAY_MS = 24 * 60 * 60 * 1000


@operation("trash.list", NoParams, TrashAnswer)
async def list_trash(agent: Agent, _caller: Caller, _params: NoParams) -> TrashAnswer:
    """List what is in the trash, and what was purged elsewhere but not here."""

    def work(vault: Vault) -> TrashAnswer:
        leftovers, days = set(vault.purging.leftovers()), vault.purging.days()
        lines = []
        for each in vault.overviews():
            leftover = each.item in leftovers
            if not each.trashed and not leftover:
                continue
            since = vault.purging.trashed_ms(each.item) if each.trashed else None
            until = since + days * _DAY_MS if since and days and not leftover else None
            lines.append(
                TrashLine(
                    item=each.item.hex(),
                    type=each.type,
                    title=each.title,
                    trashed_ms=since,
                    purged_ms=until,
                    leftover=leftover,
                )
            )
        return TrashAnswer(days=days, items=lines)

    return await agent.vault(work)


class PurgeParams(Params):
    """Items in the trash; none named: all of it."""

    items: list[str] = Field(default_factory=list)


class PurgeAnswer(Answer):
    """The ids of what was forgotten, or made."""

    items: list[str]


@operation("trash.empty", PurgeParams, PurgeAnswer)
async def empty_trash(
    agent: Agent, _caller: Caller, params: PurgeParams
) -> PurgeAnswer:
    """Forget items in the trash with their history, on every device, for good."""

    def work(vault: Vault) -> Steps[list[ItemId]]:
        chosen = [_in_trash(vault, meant) for meant in params.items]
        if not params.items:
            chosen = [each.item for each in vault.overviews() if each.trashed]
        yield from vault.purging.purging(chosen)
        return chosen

    items = await agent.change_in_steps(work)
    return PurgeAnswer(items=[item.hex() for item in items])


@operation("trash.restore", PurgeParams, PurgeAnswer)
async def restore_all(agent: Agent, caller: Caller, params: PurgeParams) -> PurgeAnswer:
    """Take items out of the trash; of a leftover a new item is made."""

    def work(vault: Vault) -> list[ItemId]:
        leftovers = set(vault.purging.leftovers())
        chosen = [_in_trash(vault, meant) for meant in params.items]
        vault.edit_many(
            (item, {"trashed": None}) for item in chosen if item not in leftovers
        )
        return [
            revive(vault, item, caller.requester) if item in leftovers else item
            for item in chosen
        ]

    items = await agent.change(work)
    return PurgeAnswer(items=[item.hex() for item in items])


def _in_trash(vault: Vault, meant: str) -> ItemId:
    leftovers = vault.purging.leftovers()
    for each in vault.overviews():
        if each.item in leftovers and meant in (each.title, each.item.hex()):
            return each.item
    return resolve_item(vault, meant, trashed=True)


class KeepParams(Params):
    """For how many days things stay in the trash; 0: until they are purged."""

    days: int = Field(ge=0)


@operation("trash.keep", KeepParams, Done)
async def keep_days(agent: Agent, _caller: Caller, params: KeepParams) -> Done:
    """Choose for how long things stay in the trash, on every device."""
    await agent.change(lambda vault: vault.purging.keep_days(params.days))
    return Done()
