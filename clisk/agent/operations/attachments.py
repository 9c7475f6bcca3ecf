"""attach.*: files that belong to items. Each one read is recorded before."""

from __future__ import annotations

import base64
import binascii
from datetime import UTC, datetime

from pydantic import Field

from clisk.agent.asking import asking
from clisk.agent.caller import Caller
from clisk.agent.confirming import is_confirmed
from clisk.agent.core import Agent
from clisk.agent.operations.items import ItemParams
from clisk.agent.registry import Answer, Done, Secret, operation
from clisk.agent.resolve import resolve_item
from clisk.errors import CliskError
from clisk_vault.access_record import Use
from clisk_vault.attachment_store import Attachment
from clisk_vault.ids import ItemId
from clisk_vault.reveal import ReadRequest
from clisk_vault.vault import Vault


class AttachParams(ItemParams):
    """A file for an item: its bytes in base64."""

    name: str = Field(min_length=1, max_length=255)
    data: Secret
    media_type: str = ""


class AttachmentLine(Answer):
    """One attachment; nothing of what is in it."""

    id: str
    name: str
    size: int
    media_type: str
    created: str
    here: bool


class AttachmentsAnswer(Answer):
    """The attachments of an item, in the order they were added."""

    item: str
    attachments: list[AttachmentLine]


class AttachmentParams(ItemParams):
    """An attachment of an item, by name or id."""

    name: str = Field(min_length=1)


class FileAnswer(Answer):
    """The bytes of an attachment, in base64."""

    name: str
    media_type: str
    data: str


@operation("attach.add", AttachParams, AttachmentsAnswer)
async def attach(
    agent: Agent, _caller: Caller, params: AttachParams
) -> AttachmentsAnswer:
    """Attach a file to an item."""
    try:
        data = base64.b64decode(params.data.expose(), validate=True)
    except (binascii.Error, ValueError):
        raise CliskError(
            "the file did not arrive in base64",
            advice="the program that asked is at fault: update it, or report it",
        ) from None

    def work(vault: Vault) -> AttachmentsAnswer:
        item = resolve_item(vault, params.item)
        if any(each.name == params.name for each in vault.attachments.of(item)):
            raise CliskError(
                "the item has an attachment of this name",
                advice="give it another with --name, or remove that one first",
            )
        now = datetime.fromtimestamp(vault.session.clock() // 1000, UTC)
        vault.attachments.add(
            item,
            params.name,
            data,
            media_type=params.media_type,
            created=now.isoformat(),
        )
        return _answer(vault, item)

    return await agent.change(work)


@operation("attach.list", ItemParams, AttachmentsAnswer)
async def list_attachments(
    agent: Agent, _caller: Caller, params: ItemParams
) -> AttachmentsAnswer:
    """List the attachments of an item; opens none."""
    return await agent.vault(
        lambda vault: _answer(vault, resolve_item(vault, params.item, everywhere=True))
    )


@operation("attach.get", AttachmentParams, FileAnswer)
async def read_attachment(
    agent: Agent, caller: Caller, params: AttachmentParams
) -> FileAnswer:
    """Give the bytes of an attachment; the read is recorded first."""
    confirmed = is_confirmed(agent, caller)

    def work(vault: Vault) -> FileAnswer:
        with asking(vault, caller, Use.ATTACHMENT) as asked:
            item = asked.item = resolve_item(vault, params.item, everywhere=True)
            found = _find(vault, item, params.name)
        data = vault.attachments.read(
            ReadRequest(
                item,
                found.field,
                caller.requester,
                "clisk attach get",
                confirmed=confirmed,
            )
        )
        return FileAnswer(
            name=found.name,
            media_type=found.media_type,
            data=base64.b64encode(data).decode(),
        )

    return await agent.vault(work)


@operation("attach.remove", AttachmentParams, Done)
async def remove_attachment(
    agent: Agent, _caller: Caller, params: AttachmentParams
) -> Done:
    """Take an attachment off an item; it stays in the item's history."""

    def work(vault: Vault) -> None:
        item = resolve_item(vault, params.item)
        vault.attachments.remove(item, _find(vault, item, params.name).element)

    await agent.change(work)
    return Done()


class RemovedLine(Answer):
    """A file that was taken off an item; nothing of what is in it."""

    id: str
    name: str
    size: int
    removed_ms: int


class RemovedAnswer(Answer):
    """The files that were taken off an item, the last one first."""

    item: str
    removed: list[RemovedLine]


@operation("attach.removed", ItemParams, RemovedAnswer)
async def list_removed(
    agent: Agent, _caller: Caller, params: ItemParams
) -> RemovedAnswer:
    """List the files that were taken off an item; opens none."""

    def work(vault: Vault) -> RemovedAnswer:
        item = resolve_item(vault, params.item, everywhere=True)
        lines = [
            RemovedLine(
                id=each.element,
                name=each.name,
                size=each.size,
                removed_ms=each.removed_ms,
            )
            for each in vault.attachments.removed(item)
        ]
        return RemovedAnswer(item=item.hex(), removed=lines)

    return await agent.vault(work)


@operation("attach.restore", AttachmentParams, AttachmentsAnswer)
async def restore_attachment(
    agent: Agent, _caller: Caller, params: AttachmentParams
) -> AttachmentsAnswer:
    """Bring back a file that was taken off an item; opens none."""

    def work(vault: Vault) -> AttachmentsAnswer:
        item = resolve_item(vault, params.item)
        found = [
            each
            for each in vault.attachments.removed(item)
            if params.name in (each.name, each.element)
        ]
        if len(found) != 1:
            raise CliskError(
                "no file of that name was taken off the item"
                if not found
                else f"{len(found)} files of that name were taken off the item",
                advice="clisk attach list ITEM --removed shows names and ids",
            )
        if any(each.name == found[0].name for each in vault.attachments.of(item)):
            raise CliskError(
                "the item has an attachment of this name",
                advice="take that one off first: clisk attach rm ITEM NAME",
            )
        vault.attachments.restore(item, found[0].element)
        return _answer(vault, item)

    return await agent.change(work)


def _find(vault: Vault, item: ItemId, meant: str) -> Attachment:
    found = [
        each
        for each in vault.attachments.of(item)
        if meant in (each.name, each.element)
    ]
    if len(found) != 1:
        raise CliskError(
            "the item has no such attachment"
            if not found
            else f"{len(found)} attachments have this name",
            advice="clisk attach list ITEM shows names and ids",
        )
    return found[0]


def _answer(vault: Vault, item: ItemId) -> AttachmentsAnswer:
    return AttachmentsAnswer(
        item=item.hex(),
        attachments=[
            AttachmentLine(
                id=each.element,
                name=each.name,
                size=each.size,
                media_type=each.media_type,
                created=each.created,
                here=not each.missing_chunks,
            )
            for each in vault.attachments.of(item)
        ],
    )
