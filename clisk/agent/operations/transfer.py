"""import.*: items from another password manager, all of them or none.

The client has read the file, so no parser of a stranger's format runs where the
keys are. It hands the items over in parts; the last step plans, and does, it all.
"""

from __future__ import annotations

import base64
import binascii

from pydantic import Field

from clisk.agent import hardening
from clisk.agent.caller import Caller
from clisk.agent.core import Agent
from clisk.agent.progress import Counter, with_progress
from clisk.agent.registry import Answer, Done, Params, Secret, operation
from clisk.agent.staged_import import StagedImport, StagingError
from clisk_vault.item_types import Secrecy, secrecy
from clisk_vault.steps import Steps
from clisk_vault.transfer.imported import (
    Action,
    Attached,
    ForeignItem,
    ImportPlan,
    PlannedItem,
    importing,
    planning,
)
from clisk_vault.transfer.own_export import leaving_own
from clisk_vault.vault import Vault

_PAGE = 1000


class ImportBeginParams(Params):
    """Where the items come from, and the folders there are."""

    source: str = Field(pattern=r"^[a-z0-9]{1,24}$")
    folders: list[str] = Field(default=[], max_length=100_000)


class StagedItem(Params):
    """One item, in our fields."""

    key: str | None = None
    place: str = Field(max_length=200)
    fields: dict[str, Secret]
    kept_aside: list[str] = Field(default=[])


class ImportItemsParams(Params):
    """Some of the items, in their order."""

    items: list[StagedItem] = Field(max_length=10_000)


class ImportFileParams(Params):
    """A file of the item that came last, in base64."""

    name: str = Field(max_length=1024)
    data: Secret


class ImportFinishParams(Params):
    """Whether anything shall happen."""

    dry_run: bool = False


class ImportFinishAnswer(Answer):
    """How many items were, or would be, added, merged and left as they are; and how
    many files are, or would be, attached.
    """

    dry_run: bool
    added: int
    merged: int
    skipped: int
    folders: int
    files: int


class ImportReportParams(Params):
    """From which item on to tell."""

    start: int = Field(ge=0)


class ImportedItem(Answer):
    """One item of the file, and what was, or would be, done with it."""

    item: str
    action: str
    type: str
    title: str
    fields: list[str]
    files: list[str]
    kept_aside: list[str]


class ImportReportAnswer(Answer):
    """Some of the items, in their order; fewer than 1,000 are the last."""

    items: list[ImportedItem]


@operation("import.begin", ImportBeginParams, Done)
async def begin(agent: Agent, caller: Caller, params: ImportBeginParams) -> Done:
    """Begin an import; one that was begun before by this client is forgotten."""
    _ = agent.driver  # locked: said before anything is handed over
    if caller.staged is None:
        caller.at_hang_up.callback(_forget, caller)
    caller.staged = StagedImport(params.source, tuple(params.folders))
    return Done()


@operation("import.items", ImportItemsParams, Done)
async def items(_agent: Agent, caller: Caller, params: ImportItemsParams) -> Done:
    """Take some of the items; nothing of them is in the vault yet."""
    staged = _staged(caller)
    for each in params.items:
        texts = {name: value.expose() for name, value in each.fields.items()}
        fields = {
            name: each.fields[name] if secrecy(name) is Secrecy.SECRET else text
            for name, text in texts.items()
        }
        item = ForeignItem(
            key=each.key,
            place=each.place,
            fields=fields,
            kept_aside=tuple(each.kept_aside),
        )
        staged.add(item, sum(len(n) + len(text) for n, text in texts.items()))
    return Done()


@operation("import.file", ImportFileParams, Done)
async def file(_agent: Agent, caller: Caller, params: ImportFileParams) -> Done:
    """Take a file that belongs to the item that came last."""
    try:
        data = base64.b64decode(params.data.expose(), validate=True)
    except (binascii.Error, ValueError):
        raise StagingError("a file that is not base64") from None
    _staged(caller).attach(Attached(params.name, data))
    return Done()


@operation("import.finish", ImportFinishParams, ImportFinishAnswer)
async def finish(
    agent: Agent, caller: Caller, params: ImportFinishParams
) -> ImportFinishAnswer:
    """Plan the import and, unless it is a dry run, do it in one transaction.

    A client that hangs up before its end, by Ctrl-C say, leaves nothing behind.
    """
    staged, counter = _staged(caller), Counter()

    def work(vault: Vault) -> Steps[tuple[ImportPlan, int]]:
        file = staged.file()

        def review(plan: ImportPlan) -> Steps[ImportPlan]:
            return leaving_own(vault, file, plan, caller.requester)

        if params.dry_run:
            plan = yield from review((yield from planning(vault, file)))
            return plan, len(set(plan.folders) - set(vault.folders()))
        plan, done = yield from importing(vault, file, review)
        vault.storage.shrink()
        return plan, done.folders

    do = agent.in_steps if params.dry_run else agent.change_in_steps
    doing = do(work, on_step=counter.count)
    plan, folders = await with_progress(caller, doing, counter.read)
    staged.plan = plan
    staged.items.clear()
    return ImportFinishAnswer(
        dry_run=params.dry_run,
        added=plan.count(Action.ADD),
        merged=plan.count(Action.MERGE),
        skipped=plan.count(Action.SKIP),
        folders=folders,
        files=sum(len(each.files) for each in plan.items),
    )


@operation("import.report", ImportReportParams, ImportReportAnswer)
async def report(
    _agent: Agent, caller: Caller, params: ImportReportParams
) -> ImportReportAnswer:
    """Tell, item by item, what the last import of this client did, or would do."""
    plan = _staged(caller).plan
    if plan is None:
        raise StagingError("the import is not finished")
    page = plan.items[params.start : params.start + _PAGE]
    return ImportReportAnswer(items=[_line(each) for each in page])


def _forget(caller: Caller) -> None:
    """Drop the parts and the plan: tens of megabytes, in a process that stays."""
    caller.staged = None
    hardening.give_back_memory()


def _staged(caller: Caller) -> StagedImport:
    if caller.staged is None:
        raise StagingError("no import was begun on this connection")
    return caller.staged


def _line(planned: PlannedItem) -> ImportedItem:
    return ImportedItem(
        item=planned.item.hex(),
        action=planned.action.value,
        type=planned.type,
        title=planned.title,
        fields=list(planned.changes),
        files=[each.name for each in planned.files],
        kept_aside=list(planned.kept_aside),
    )
