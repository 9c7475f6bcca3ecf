"""names: what a shell offers when Tab is pressed; no secret, and never as use."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Literal

from pydantic import Field

from clisk.agent.caller import Caller
from clisk.agent.core import Agent
from clisk.agent.labels import labelled_fields
from clisk.agent.places import folders_with_parents, tags_in_use
from clisk.agent.registry import Answer, Params, operation
from clisk.agent.resolve import resolve_item
from clisk.agent.tokens import Tokens
from clisk_vault.vault import Vault


class NamesParams(Params):
    """Names of what, and how they begin, in any case; how many at most.

    *item* is whose fields or attachments are meant, and nothing to the others.
    """

    of: Literal[
        "title",
        "trashed",
        "field",
        "attachment",
        "tag",
        "folder",
        "token",
        "device",
        "revoked",
    ]
    item: str = Field(default="", max_length=1000)
    prefix: str = Field(default="", max_length=1000)
    limit: int = Field(ge=1, le=1000)


class ListedNamesAnswer(Answer):
    """Names, each once, in the order of the alphabet."""

    names: list[str]


@operation("names", NamesParams, ListedNamesAnswer, counts_as_use=False)
async def names(
    agent: Agent, _caller: Caller, params: NamesParams
) -> ListedNamesAnswer:
    """List names for a shell to complete; opens no secret, never counts as use."""
    if params.of in ("device", "revoked"):
        known = await agent.thread.run(lambda: _devices(agent, params.of))
    else:
        known = await agent.vault(lambda vault: _of_vault(agent, vault, params))
    prefix = params.prefix.casefold()
    found = {name for name in known if name.casefold().startswith(prefix)}
    return ListedNamesAnswer(names=sorted(found, key=str.casefold)[: params.limit])


def _of_vault(agent: Agent, vault: Vault, params: NamesParams) -> list[str]:
    listed: dict[str, Callable[[], Iterable[str]]] = {
        "title": lambda: (e.title for e in vault.overviews() if not e.trashed),
        "trashed": lambda: _trashed(vault),
        "field": lambda: _fields(vault, params.item),
        "attachment": lambda: _attachments(vault, params.item),
        "tag": lambda: tags_in_use(vault),
        "folder": lambda: folders_with_parents(vault),
        "token": lambda: _valid_tokens(agent, vault),
    }
    return list(listed[params.of]())


def _trashed(vault: Vault) -> Iterable[str]:
    leftovers = set(vault.purging.leftovers())
    return (e.title for e in vault.overviews() if e.trashed or e.item in leftovers)


def _fields(vault: Vault, meant: str) -> Iterable[str]:
    view = vault.view(resolve_item(vault, meant, everywhere=True))
    return (each.label for each in labelled_fields(view))


def _attachments(vault: Vault, meant: str) -> Iterable[str]:
    item = resolve_item(vault, meant, everywhere=True)
    return (each.name for each in vault.attachments.of(item))


def _valid_tokens(agent: Agent, vault: Vault) -> Iterable[str]:
    now = vault.session.clock()
    rows = Tokens(agent.folder, vault).rows()
    return (row.name for row in rows if row.state(now) == "valid")


def _devices(agent: Agent, of: str) -> list[str]:
    driver = agent.driver
    members, gone = driver.membership.devices, driver.membership.departed
    chosen = (
        members.values() if of == "device" else [each.member for each in gone.values()]
    )
    return [driver.name_of(member) for member in chosen]
