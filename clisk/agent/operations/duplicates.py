"""duplicates, merge: items that may be the same, and making one of them."""

from __future__ import annotations

from pydantic import Field

from clisk.agent.caller import Caller
from clisk.agent.core import Agent
from clisk.agent.registry import Answer, NoParams, Params, operation
from clisk.agent.resolve import resolve_item
from clisk_vault.duplicates import finding_duplicates, merge_items
from clisk_vault.ids import ItemId
from clisk_vault.vault import Vault


class DuplicateLine(Answer):
    """One of several items that may be the same."""

    item: str
    type: str
    title: str
    username: str
    uris: list[str]
    changed_ms: int


class DuplicatesAnswer(Answer):
    """Groups of items that may be the same."""

    groups: list[list[DuplicateLine]]


@operation("duplicates", NoParams, DuplicatesAnswer)
async def duplicates(
    agent: Agent, _caller: Caller, _params: NoParams
) -> DuplicatesAnswer:
    """List items that may be the same; no secret is read for it."""
    groups = await agent.in_steps(lambda vault: finding_duplicates(vault.overviews()))
    return DuplicatesAnswer(
        groups=[
            [
                DuplicateLine(
                    item=each.item.hex(),
                    type=each.type,
                    title=each.title,
                    username=each.username,
                    uris=list(each.uris),
                    changed_ms=each.changed_ms,
                )
                for each in group
            ]
            for group in groups
        ]
    )


class MergeAnswer(Answer):
    """The item that stays, and those that are in the trash now."""

    item: str
    trashed: list[str]


class MergeParams(Params):
    """The item that stays, and those that go into it."""

    keep: str = Field(min_length=1)
    items: list[str] = Field(min_length=1)


@operation("merge", MergeParams, MergeAnswer)
async def merge(agent: Agent, caller: Caller, params: MergeParams) -> MergeAnswer:
    """Bring what items have into one, and put them into the trash; reads recorded."""

    def work(vault: Vault) -> list[ItemId]:
        keep, *others = [
            resolve_item(vault, meant) for meant in (params.keep, *params.items)
        ]
        merge_items(vault, keep, others, caller.requester)
        return [keep, *others]

    keep, *others = await agent.change(work)
    return MergeAnswer(item=keep.hex(), trashed=[item.hex() for item in others])
