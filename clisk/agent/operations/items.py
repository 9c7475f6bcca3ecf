"""add, edit, trash, restore, list, view: items without their secrets."""

from __future__ import annotations

import asyncio

from pydantic import Field

from clisk.agent import drafting
from clisk.agent.caller import Caller
from clisk.agent.confirming import is_confirmed
from clisk.agent.core import Agent
from clisk.agent.labels import labelled_fields
from clisk.agent.making import Made
from clisk.agent.places import in_folder
from clisk.agent.registry import Answer, Params, operation
from clisk.agent.resolve import resolve_item, search
from clisk.errors import CliskError
from clisk_vault.change_pages import change_page
from clisk_vault.draft import ItemDraft
from clisk_vault.ids import ItemId
from clisk_vault.overview import ItemOverview
from clisk_vault.vault import Vault


class AddParams(Params):
    """A new item; *make*: the kind of SSH key to make for it."""

    type: str
    title: str = Field(min_length=1)
    make: str | None = Field(default=None, max_length=32)
    changes: drafting.Changes = Field(default_factory=drafting.Changes)


class ItemParams(Params):
    """An item, by id, title, or words that only it matches."""

    item: str = Field(min_length=1)


class EditParams(ItemParams):
    """Changes to an item."""

    changes: drafting.Changes


class ItemAnswer(Answer):
    """The id of the item that was meant or made."""

    item: str


class MadeLine(Answer):
    """A password that was made for a field: its strength, and by whose rules."""

    field: str
    entropy_bits: float
    site: str | None


class WrittenAnswer(ItemAnswer):
    """An item that was written, and what was made up for it.

    *change_at*: where the site of a new password has it changed, if that is known.
    """

    made: list[MadeLine]
    change_at: str | None


def _written(
    item: ItemId, made: list[Made], *, change_at: str | None = None
) -> WrittenAnswer:
    lines = [
        MadeLine(
            field=each.field,
            entropy_bits=round(each.generated.entropy_bits, 1),
            site=each.site,
        )
        for each in made
    ]
    return WrittenAnswer(item=item.hex(), made=lines, change_at=change_at)


@operation("add", AddParams, WrittenAnswer)
async def add(agent: Agent, _caller: Caller, params: AddParams) -> WrittenAnswer:
    """Store a new item."""

    def make() -> tuple[ItemDraft, list[Made]]:
        changes, made = drafting.make_up(params.changes)
        made_of = drafting.draft(params.type, params.title, changes, make=params.make)
        return made_of, made

    _ = agent.driver  # locked: nothing is made in vain
    # Beside the vault's thread: a key of RSA takes a second, for which nobody waits.
    draft, made = await asyncio.to_thread(make)
    return await agent.change(lambda vault: _written(vault.add(draft), made))


@operation("edit", EditParams, WrittenAnswer)
async def edit(agent: Agent, caller: Caller, params: EditParams) -> WrittenAnswer:
    """Change fields of an item; earlier values become its history."""
    confirmed = is_confirmed(agent, caller)

    def work(vault: Vault) -> WrittenAnswer:
        item = resolve_item(vault, params.item)
        view = vault.view(item)
        changes, made = drafting.make_up(params.changes, view)
        vault.edit(item, drafting.edit(changes, view), confirmed=confirmed)
        page = None
        if "password" in changes.fields:
            known = (each.text("value") or "" for each in view.elements("uri"))
            page = change_page([*known, *changes.uris])
        return _written(item, made, change_at=page)

    return await agent.change(work)


@operation("trash", ItemParams, ItemAnswer)
async def trash(agent: Agent, _caller: Caller, params: ItemParams) -> ItemAnswer:
    """Move an item to the trash."""

    def work(vault: Vault) -> ItemId:
        item = resolve_item(vault, params.item)
        vault.trash(item)
        return item

    item = await agent.change(work)
    return ItemAnswer(item=item.hex())


@operation("restore", ItemParams, ItemAnswer)
async def restore(agent: Agent, _caller: Caller, params: ItemParams) -> ItemAnswer:
    """Take an item out of the trash."""

    def work(vault: Vault) -> ItemId:
        item = resolve_item(vault, params.item, trashed=True)
        vault.restore(item)
        return item

    item = await agent.change(work)
    return ItemAnswer(item=item.hex())


class ListParams(Params):
    """Which items: all, or those that match every word and every filter."""

    query: str = ""
    trash: bool = False
    archived: bool = False
    type: str | None = None
    tag: str | None = None
    folder: str | None = None
    favourite: bool | None = None
    expired: bool | None = None
    url: str | None = Field(default=None, max_length=8192)
    since_ms: int | None = None
    limit: int | None = Field(default=None, ge=1)


class ItemLine(Answer):
    """One line of a list; nothing in it is secret."""

    item: str
    type: str
    title: str
    username: str
    uris: list[str]
    tags: list[str]
    folder: str
    favourite: bool
    trashed: bool
    archived: bool
    conflict: bool
    has_totp: bool
    has_passkey: bool
    has_attachment: bool
    changed_ms: int
    expires_ms: int | None


class ListAnswer(Answer):
    """The items found, best match first, or by title."""

    items: list[ItemLine]


def _found(vault: Vault, params: ListParams, limit: int) -> list[ItemOverview]:
    """Return what is wanted of the first *limit*; of all, where too few of them are."""
    found = search(
        vault, params.query, trashed=params.trash, near=True, limit=limit or None
    )
    now_ms = vault.session.clock()
    wanted = [each for each in found if _wanted(each, params, now_ms)]
    if limit and len(wanted) < (params.limit or 0):
        return _found(vault, params, 0)
    return wanted


@operation("list", ListParams, ListAnswer)
async def list_items(agent: Agent, _caller: Caller, params: ListParams) -> ListAnswer:
    """List items, without opening any of them; a slip in a word is forgiven."""

    def work(vault: Vault) -> list[ItemOverview]:
        # Where there are other filters, those that pass are not the first so many.
        narrow = params.model_fields_set <= {"query", "limit"}
        found = _found(vault, params, 2 * (params.limit or 0) if narrow else 0)
        if params.url is not None:
            fitting = _for_page(vault, params.url)
            found = [each for each in found if each.item in fitting]
        return found[: params.limit]

    found = await agent.vault(work)
    return ListAnswer(items=[_line(entry) for entry in found])


def _wanted(entry: ItemOverview, params: ListParams, now_ms: int) -> bool:
    expired = entry.expires_ms is not None and entry.expires_ms <= now_ms
    return (
        (params.trash or entry.archived is params.archived)
        and params.type in (None, entry.type)
        and params.favourite in (None, entry.favourite)
        and params.expired in (None, expired)
        and (params.tag is None or params.tag in entry.tags)
        and (params.folder is None or in_folder(entry.folder, params.folder))
        and (params.since_ms is None or entry.changed_ms >= params.since_ms)
    )


def _for_page(vault: Vault, url: str) -> set[ItemId]:
    # Late: the matcher is large, and most lists are not for a page.
    from clisk.agent.fill_candidates import find_candidates
    from konnector_runner.errors import FormatError

    whole = url if "://" in url else f"https://{url}"
    try:
        found = find_candidates(vault, whole, siblings=False).candidates
    except FormatError as err:
        raise CliskError(
            str(err), advice="give a page's address, such as https://example.org/in"
        ) from None
    return {each.overview.item for each in found}


def _line(entry: ItemOverview) -> ItemLine:
    return ItemLine(
        item=entry.item.hex(),
        type=entry.type,
        title=entry.title,
        username=entry.username,
        uris=list(entry.uris),
        tags=list(entry.tags),
        folder=entry.folder,
        favourite=entry.favourite,
        trashed=entry.trashed,
        archived=entry.archived,
        conflict=entry.conflict,
        has_totp=entry.has_totp,
        has_passkey=entry.has_passkey,
        has_attachment=entry.has_attachment,
        changed_ms=entry.changed_ms,
        expires_ms=entry.expires_ms,
    )


class ShownField(Answer):
    """One field: a secret one shows that it is there, never what it is."""

    name: str
    field: str
    value: str | None
    secret: bool
    conflict: bool
    versions: int


class ViewAnswer(Answer):
    """One item as it is shown."""

    item: str
    type: str
    title: str
    fields: list[ShownField]
    created_ms: int
    changed_ms: int
    expires_ms: int | None
    trashed: bool


@operation("view", ItemParams, ViewAnswer)
async def view(agent: Agent, _caller: Caller, params: ItemParams) -> ViewAnswer:
    """Show an item; opens no secret and records nothing."""

    def work(vault: Vault) -> ViewAnswer:
        item = resolve_item(vault, params.item)
        shown = vault.view(item)
        return ViewAnswer(
            item=item.hex(),
            type=shown.type,
            title=shown.title,
            fields=[
                ShownField(
                    name=each.label,
                    field=each.field.name,
                    value=each.field.current.text,
                    secret=each.field.secret,
                    conflict=bool(each.field.conflicts),
                    versions=len(each.field.versions),
                )
                for each in labelled_fields(shown)
            ],
            created_ms=shown.created_ms,
            changed_ms=shown.changed_ms,
            expires_ms=shown.expires_ms,
            trashed=shown.trashed,
        )

    return await agent.vault(work)
