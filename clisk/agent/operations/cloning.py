"""clone: a second item like another."""

from __future__ import annotations

from pydantic import Field

from clisk.agent.asking import asking
from clisk.agent.caller import Caller
from clisk.agent.core import Agent
from clisk.agent.operations.items import ItemParams
from clisk.agent.registry import Answer, operation
from clisk.agent.resolve import resolve_item
from clisk.errors import CliskError
from clisk_vault.access_record import Use
from clisk_vault.clone import Clone, clone_item
from clisk_vault.vault import Vault


class CloneParams(ItemParams):
    """The item, and what the new one is called; else its title and `(copy)`."""

    title: str | None = Field(default=None, min_length=1)


class CloneAnswer(Answer):
    """The new item; how many files came along, and how many passkeys did not."""

    item: str
    title: str
    files: int
    passkeys_left_out: int


@operation("clone", CloneParams, CloneAnswer)
async def clone(agent: Agent, caller: Caller, params: CloneParams) -> CloneAnswer:
    """Make a new item of what another holds now; reads are recorded."""
    if params.title is not None and not params.title.strip():
        raise CliskError("an item needs a title", advice="give it another one")

    def work(vault: Vault) -> Clone:
        with asking(vault, caller, Use.DUPLICATES):
            item = resolve_item(vault, params.item)
        return clone_item(vault, item, caller.requester, title=params.title)

    made = await agent.change(work)
    return CloneAnswer(
        item=made.item.hex(),
        title=made.title,
        files=made.files,
        passkeys_left_out=made.passkeys_left_out,
    )
