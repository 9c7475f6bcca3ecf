"""export.*: items with all their values, to a client that writes them to a file.

Every value passes through reveal, whose records are on disk first. The passphrase
is asked for once more: an open screen is not enough.
"""

from __future__ import annotations

import base64

from pydantic import Field

from clisk.agent import opening
from clisk.agent.caller import Caller
from clisk.agent.core import Agent
from clisk.agent.places import check_folder, check_tag, in_folder
from clisk.agent.registry import Answer, Params, Secret, operation
from clisk.errors import CliskError
from clisk_vault.ids import ItemId
from clisk_vault.overview import ItemOverview
from clisk_vault.transfer.take_out import TakenOut, read_file, take_out
from clisk_vault.vault import Vault

PAGE = 64


class ExportError(CliskError):
    """An export was asked for in a way that nobody allowed."""

    default_advice = "the program that asked is at fault: update it, or report it"


class ExportBeginParams(Params):
    """The passphrase, what it is for, and which items: all, unless narrowed."""

    passphrase: Secret
    format: str = Field(pattern=r"^[a-z0-9-]{1,24}$")
    trash: bool = False
    folder: str | None = None
    tag: str | None = None


class ExportBeginAnswer(Answer):
    """How many items there are, and the folders."""

    items: int
    folders: list[str]


class ExportItemsParams(Params):
    """From which item on."""

    start: int = Field(ge=0)


class ExportedEarlier(Answer):
    """A value that a field had before."""

    name: str
    time_ms: int
    value: str


class ExportedFile(Answer):
    """An attachment; its content is asked for by its field."""

    name: str
    field: str
    size: int


class ExportedItem(Answer):
    """An item with every value that it has."""

    item: str
    fields: dict[str, str]
    secret: list[str]
    earlier: list[ExportedEarlier]
    files: list[ExportedFile]


class ExportItemsAnswer(Answer):
    """The next items; none at the end."""

    items: list[ExportedItem]


class ExportFileParams(Params):
    """Which file of which item."""

    item: str = Field(pattern=r"^[0-9a-f]{32}$")
    field: str = Field(max_length=64)


class ExportFileAnswer(Answer):
    """Its bytes, in base64."""

    data: str


@operation("export.begin", ExportBeginParams, ExportBeginAnswer)
async def begin(
    agent: Agent, caller: Caller, params: ExportBeginParams
) -> ExportBeginAnswer:
    """Allow this client to read everything, for one export."""
    _ = agent.driver  # locked: said before a passphrase is tried
    await opening.unlock(agent, params.passphrase, caller.requester, opens=False)

    def work(vault: Vault) -> tuple[list[ItemId], list[str]]:
        if params.folder is None and params.tag is None:
            folders = vault.folders()
        else:
            folders = _check_narrowing(vault, params)
        chosen = [each.item for each in vault.overviews() if _wanted(each, params)]
        return chosen, folders

    items, folders = await agent.vault(work)
    caller.exporting = f"export to {params.format}", tuple(items)
    return ExportBeginAnswer(items=len(items), folders=folders)


def _check_narrowing(vault: Vault, params: ExportBeginParams) -> list[str]:
    """Return the folders that come along: those that the chosen items are in."""
    if params.folder is not None:
        check_folder(vault, params.folder)
    if params.tag is not None:
        check_tag(vault, params.tag)
    chosen = [each for each in vault.overviews() if _wanted(each, params)]
    return sorted({each.folder for each in chosen if each.folder})


def _wanted(entry: ItemOverview, params: ExportBeginParams) -> bool:
    return (
        (params.trash or not entry.trashed)
        and (params.folder is None or in_folder(entry.folder, params.folder))
        and (params.tag is None or params.tag in entry.tags)
    )


@operation("export.items", ExportItemsParams, ExportItemsAnswer)
async def items(
    agent: Agent, caller: Caller, params: ExportItemsParams
) -> ExportItemsAnswer:
    """Give the next items with their values; each read is recorded first."""
    purpose, everything = _exporting(caller)
    page = everything[params.start : params.start + PAGE]

    def work(vault: Vault) -> list[TakenOut]:
        return take_out(vault, page, purpose=purpose)

    return ExportItemsAnswer(items=[_spell(each) for each in await agent.vault(work)])


@operation("export.file", ExportFileParams, ExportFileAnswer)
async def file(
    agent: Agent, caller: Caller, params: ExportFileParams
) -> ExportFileAnswer:
    """Give the content of an attachment; the read is recorded first."""
    purpose, everything = _exporting(caller)
    item = ItemId(bytes.fromhex(params.item))
    if item not in everything:
        raise ExportError("the item is not part of this export")
    data = await agent.vault(
        lambda vault: read_file(vault, item, params.field, purpose=purpose)
    )
    return ExportFileAnswer(data=base64.b64encode(data).decode())


def _exporting(caller: Caller) -> tuple[str, tuple[ItemId, ...]]:
    if caller.exporting is None:
        raise ExportError(
            "no export was begun on this connection", advice="clisk export FILE"
        )
    return caller.exporting


def _spell(taken: TakenOut) -> ExportedItem:
    outgoing = taken.outgoing
    return ExportedItem(
        item=outgoing.id,
        fields=outgoing.fields,
        secret=sorted(outgoing.secret),
        earlier=[
            ExportedEarlier(name=each.name, time_ms=each.time_ms, value=each.value)
            for each in outgoing.earlier
        ],
        files=[
            ExportedFile(name=each.name, field=each.field, size=each.size)
            for each in taken.files
        ],
    )
