"""archive, favourite, tags, folders, history: what a person does to keep order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Literal

from pydantic import Field

from clisk.agent.asking import asking
from clisk.agent.caller import Caller
from clisk.agent.confirming import is_confirmed
from clisk.agent.core import Agent
from clisk.agent.labels import find_field, find_version, labelled_fields
from clisk.agent.operations.items import ItemAnswer, ItemParams
from clisk.agent.operations.reading import RevealAnswer
from clisk.agent.places import check_folder, check_tag, in_folder, tags_in_use
from clisk.agent.registry import Answer, Done, NoParams, Params, operation
from clisk.agent.resolve import resolve_item
from clisk_vault.access_record import Use
from clisk_vault.attachment_store import KIND as ATTACHMENT
from clisk_vault.draft import FieldValue, elements
from clisk_vault.ids import DeviceId, ItemId
from clisk_vault.item import TRUE
from clisk_vault.item_types import element_field, split_element
from clisk_vault.overview import ItemOverview
from clisk_vault.reveal import ReadRequest
from clisk_vault.vault import Vault
from clisk_vault.versions import FieldView, Version


class ArrangeParams(Params):
    """Items, and what is changed about where they are found."""

    items: list[str] = Field(min_length=1)
    favourite: bool | None = None
    archived: bool | None = None
    trashed: Literal[True] | None = None
    """Taking out of the trash may make a new item: trash.restore does that."""
    folder: str | None = None
    add_tags: list[str] = Field(default_factory=list)
    remove_tags: list[str] = Field(default_factory=list)


class ArrangeAnswer(Answer):
    """The ids of the items that were meant."""

    items: list[str]


@operation("arrange", ArrangeParams, ArrangeAnswer)
async def arrange(
    agent: Agent, _caller: Caller, params: ArrangeParams
) -> ArrangeAnswer:
    """Favour, archive, tag, move or trash items, all of them or none."""

    def work(vault: Vault) -> list[ItemId]:
        items = [resolve_item(vault, meant) for meant in params.items]
        for tag in params.remove_tags:
            check_tag(vault, tag)
        edits = [(item, _arranged(vault, item, params)) for item in items]
        vault.edit_many((item, edit) for item, edit in edits if edit)
        return items

    items = await agent.change(work)
    return ArrangeAnswer(items=[item.hex() for item in items])


def _arranged(
    vault: Vault, item: ItemId, params: ArrangeParams
) -> dict[str, FieldValue | None]:
    view = vault.view(item)
    edit: dict[str, FieldValue | None] = {}
    if params.favourite is not None and params.favourite != view.favourite:
        edit["favourite"] = TRUE if params.favourite else None
    if params.archived is not None and params.archived != view.has("archived"):
        now = datetime.fromtimestamp(vault.session.clock() // 1000, UTC)
        edit["archived"] = now.isoformat() if params.archived else None
    if params.trashed:
        edit["trashed"] = TRUE
    if params.folder is not None and params.folder != (view.text("folder") or ""):
        edit["folder"] = params.folder or None
    new = [tag for tag in dict.fromkeys(params.add_tags) if tag not in view.tags]
    edit |= elements("tag", ({"name": tag} for tag in new), vault.session.random)
    for element in view.elements("tag"):
        if element.text("name") in params.remove_tags:
            edit[element_field("tag", element.id, "name")] = None
    return edit


class NameCount(Answer):
    """A tag or folder, and how many items have it."""

    name: str
    items: int


class NamesAnswer(Answer):
    """All of them, by name."""

    names: list[NameCount]


@operation("tags", NoParams, NamesAnswer)
async def tags(agent: Agent, _caller: Caller, _params: NoParams) -> NamesAnswer:
    """List the tags in use."""
    return await agent.vault(lambda vault: _named(tags_in_use(vault)))


class RenameTagParams(Params):
    """A tag, and what it is to be called."""

    name: str = Field(min_length=1, max_length=200)
    to: str = Field(min_length=1, max_length=200)


@operation("tags.rename", RenameTagParams, ArrangeAnswer)
async def rename_tag(
    agent: Agent, _caller: Caller, params: RenameTagParams
) -> ArrangeAnswer:
    """Call a tag by another name on every item; one that has both keeps one."""

    def work(vault: Vault) -> list[ItemId]:
        check_tag(vault, params.name)
        items = [each.item for each in vault.overviews() if params.name in each.tags]
        vault.edit_many((item, _retagged(vault, item, params)) for item in items)
        return items

    items = await agent.change(work)
    return ArrangeAnswer(items=[item.hex() for item in items])


def _retagged(
    vault: Vault, item: ItemId, params: RenameTagParams
) -> dict[str, FieldValue | None]:
    view = vault.view(item)
    # The first becomes the new one, unless the item has that already.
    free = params.to not in view.tags
    edit: dict[str, FieldValue | None] = {}
    for element in view.elements("tag"):
        if element.text("name") == params.name:
            edit[element_field("tag", element.id, "name")] = params.to if free else None
            free = False
    return edit


@operation("folders", NoParams, NamesAnswer)
async def folders(agent: Agent, _caller: Caller, _params: NoParams) -> NamesAnswer:
    """List the folders, empty ones too."""

    def work(vault: Vault) -> NamesAnswer:
        counts = Counter(vault.tally().folders)
        del counts[""]
        return _named(counts, also=vault.folders())

    return await agent.vault(work)


def _named(counts: Counter[str], also: Iterable[str] = ()) -> NamesAnswer:
    known = sorted({*counts, *also})
    return NamesAnswer(names=[NameCount(name=n, items=counts[n]) for n in known])


class FolderParams(Params):
    """A folder, `/` between the names of nested ones."""

    name: str = Field(min_length=1, max_length=200)


class RenameFolderParams(FolderParams):
    """A folder, and what it is to be called."""

    to: str = Field(min_length=1, max_length=200)


@operation("folders.add", FolderParams, Done)
async def add_folder(agent: Agent, _caller: Caller, params: FolderParams) -> Done:
    """Keep a folder, also while nothing is in it."""
    await agent.change(lambda vault: vault.add_folders([params.name]))
    return Done()


@operation("folders.rename", RenameFolderParams, ArrangeAnswer)
async def rename_folder(
    agent: Agent, _caller: Caller, params: RenameFolderParams
) -> ArrangeAnswer:
    """Call a folder, and those within it, by another name."""

    def work(vault: Vault) -> list[ItemId]:
        moved = [
            (each.item, params.to + each.folder[len(params.name) :])
            for each in _inside(vault, params.name)
        ]
        with vault.storage.transaction():
            vault.edit_many((item, {"folder": name}) for item, name in moved)
            vault.rename_folder(params.name, params.to)
        return [item for item, _ in moved]

    items = await agent.change(work)
    return ArrangeAnswer(items=[item.hex() for item in items])


@operation("folders.remove", FolderParams, ArrangeAnswer)
async def remove_folder(
    agent: Agent, _caller: Caller, params: FolderParams
) -> ArrangeAnswer:
    """Forget a folder and those within it; their items stay, in no folder."""

    def work(vault: Vault) -> list[ItemId]:
        items = [each.item for each in _inside(vault, params.name)]
        with vault.storage.transaction():
            vault.edit_many((item, {"folder": None}) for item in items)
            vault.remove_folder(params.name)
        return items

    items = await agent.change(work)
    return ArrangeAnswer(items=[item.hex() for item in items])


def _inside(vault: Vault, folder: str) -> list[ItemOverview]:
    check_folder(vault, folder)
    return [each for each in vault.overviews() if in_folder(each.folder, folder)]


class HistoryParams(ItemParams):
    """An item, and one of its fields, or all."""

    field: str | None = None


class HistoryVersion(Answer):
    """One value that a field had; a secret one shows that it was there."""

    number: int
    version: str
    time_ms: int
    device: str
    device_name: str
    secret: bool
    removed: bool
    current: bool
    value: str | None


class FieldHistory(Answer):
    """A field with all its versions, the newest first."""

    field: str
    name: str
    versions: list[HistoryVersion]


class HistoryAnswer(Answer):
    """What was ever written, field by field."""

    item: str
    title: str
    fields: list[FieldHistory]


@operation("history", HistoryParams, HistoryAnswer)
async def history(
    agent: Agent, _caller: Caller, params: HistoryParams
) -> HistoryAnswer:
    """List every version of the fields of an item; opens none."""
    driver = agent.driver

    def work(vault: Vault) -> HistoryAnswer:
        names = driver.device_names()
        item = resolve_item(vault, params.item, everywhere=True)
        view = vault.view(item)
        labels = {each.field.name: each.label for each in labelled_fields(view)}
        for each in vault.attachments.removed(item):
            labels[element_field(ATTACHMENT, each.element, "size")] = each.name
        wanted = (
            [name for name in view.fields if _has_history(name)]
            if params.field is None
            else [find_field(view, params.field, removed=True).name]
        )
        return HistoryAnswer(
            item=item.hex(),
            title=view.title,
            fields=[
                FieldHistory(
                    field=name,
                    name=labels.get(name, name),
                    versions=_versions(view.fields[name], names),
                )
                for name in wanted
            ],
        )

    return await agent.vault(work)


def _has_history(name: str) -> bool:
    """Say whether a field is listed: of a file one part stands for all."""
    parts = split_element(name)
    if parts is not None and parts[0] == ATTACHMENT:
        return parts[2] == "size"
    return not name.startswith("imported.")


def _versions(field: FieldView, names: Mapping[DeviceId, str]) -> list[HistoryVersion]:
    heads = {each.stamp for each in field.heads}
    return [
        HistoryVersion(
            number=number,
            version=str(each.stamp),
            time_ms=each.stamp.time_ms,
            device=each.stamp.device.hex(),
            device_name=names.get(each.stamp.device, "unknown device"),
            secret=each.secret,
            removed=each.removed,
            current=each.stamp in heads,
            value=each.text,
        )
        for number, each in enumerate(field.versions, start=1)
    ]


class BringBackParams(ItemParams):
    """One field, and which of its versions, by its stamp.

    Not by its number: what a sync brings may move the numbers.
    """

    field: str = Field(min_length=1)
    version: str


@operation("history.restore", BringBackParams, ItemAnswer)
async def bring_back(
    agent: Agent, caller: Caller, params: BringBackParams
) -> ItemAnswer:
    """Make an earlier version of a field the current one; opens none."""
    confirmed = is_confirmed(agent, caller)

    def work(vault: Vault) -> ItemId:
        item = resolve_item(vault, params.item, everywhere=True)
        field, version = _version(vault, item, params)
        parts = split_element(field)
        gone = {each.element for each in vault.attachments.removed(item)}
        if parts is not None and parts[0] == ATTACHMENT and parts[1] in gone:
            # A part of a file alone would be a file that nothing opens.
            vault.attachments.restore(item, parts[1])
        else:
            vault.settle(item, field, version.stamp, confirmed=confirmed)
        return item

    item = await agent.change(work)
    return ItemAnswer(item=item.hex())


@operation("history.reveal", BringBackParams, RevealAnswer)
async def reveal_earlier(
    agent: Agent, caller: Caller, params: BringBackParams
) -> RevealAnswer:
    """Give an earlier version of a field; always recorded."""
    confirmed = is_confirmed(agent, caller)

    def work(vault: Vault) -> RevealAnswer:
        with asking(vault, caller, Use.HISTORY) as asked:
            item = asked.item = resolve_item(vault, params.item, everywhere=True)
            field, version = _version(vault, item, params)
        request = ReadRequest(
            item,
            field,
            caller.requester,
            "clisk history",
            version=version.stamp,
            confirmed=confirmed,
        )
        value = vault.reveal(request).expose()
        return RevealAnswer(item=item.hex(), field=field, value=value, conflict=False)

    return await agent.vault(work)


def _version(
    vault: Vault, item: ItemId, params: BringBackParams
) -> tuple[str, Version]:
    field = find_field(vault.view(item), params.field, removed=True)
    advice = "clisk history ITEM --field FIELD lists them"
    return field.name, find_version(field, params.version, advice=advice)
