"""import: items from another password manager, all of them or none."""

from __future__ import annotations

from typing import Literal

from clisk.agent.caller import Caller
from clisk.agent.core import Agent
from clisk.agent.progress import with_progress
from clisk.agent.registry import Answer, Params, Secret, operation
from clisk_vault.transfer.bitwarden import plan_import
from clisk_vault.transfer.imported import ImportPlan, PlannedItem, run_plan
from clisk_vault.vault import Vault


class ImportParams(Params):
    """What the file holds, and whether anything shall happen."""

    format: Literal["bitwarden"]
    text: Secret
    dry_run: bool = False


class ImportedItem(Answer):
    """One item of the file, and what was, or would be, done with it."""

    item: str
    action: str
    type: str
    title: str
    fields: list[str]
    kept_aside: list[str]


class ImportAnswer(Answer):
    """Every item of the file, in its order."""

    dry_run: bool
    items: list[ImportedItem]


class _Counter:
    """Written by the vault's thread, read by the loop that tells the client."""

    def __init__(self) -> None:
        self.items = 0

    def one_more(self) -> None:
        self.items += 1

    async def read(self) -> int:
        return self.items


@operation("import", ImportParams, ImportAnswer)
async def import_items(
    agent: Agent, caller: Caller, params: ImportParams
) -> ImportAnswer:
    """Plan an import and, unless it is a dry run, do it in one transaction."""
    count = _Counter()

    def work(vault: Vault) -> ImportPlan:
        plan = plan_import(vault, params.text.expose().encode())
        if not params.dry_run:
            run_plan(vault, plan, on_item=count.one_more)
        return plan

    plan = await with_progress(caller, agent.change(work), count.read)
    return ImportAnswer(
        dry_run=params.dry_run, items=[_line(each) for each in plan.items]
    )


def _line(planned: PlannedItem) -> ImportedItem:
    return ImportedItem(
        item=planned.item.hex(),
        action=planned.action.value,
        type=planned.type,
        title=planned.title,
        fields=list(planned.changes),
        kept_aside=list(planned.kept_aside),
    )
