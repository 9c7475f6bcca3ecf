"""reveal: the door to secrets. The vault records each read before it opens one."""

from __future__ import annotations

from pydantic import Field

from clisk.agent.asking import asking
from clisk.agent.caller import Caller
from clisk.agent.confirming import is_confirmed
from clisk.agent.core import Agent
from clisk.agent.labels import find_field, find_version
from clisk.agent.linking import find_shown
from clisk.agent.operations.conflicts import VERSIONS_ARE_LISTED
from clisk.agent.registry import Answer, Params, operation
from clisk.agent.resolve import resolve_exactly, resolve_item
from clisk.agent.tokens import unseen
from clisk_vault.access_record import Use
from clisk_vault.errors import ReadRefused
from clisk_vault.reveal import ReadRequest
from clisk_vault.vault import Vault


class RevealParams(Params):
    """Which field of which item, and why. *exact*: words are not searched for."""

    item: str = Field(min_length=1)
    field: str = Field(min_length=1)
    purpose: str = Field(min_length=1, max_length=200)
    use: str = Use.SHOW.word
    exact: bool = False


class RevealAnswer(Answer):
    """The value, with the names that were meant."""

    item: str
    field: str
    value: str
    conflict: bool


class RevealVersionParams(Params):
    """Which version of which field."""

    item: str = Field(min_length=1)
    field: str = Field(min_length=1)
    version: str


@operation("reveal", RevealParams, RevealAnswer)
async def reveal(agent: Agent, caller: Caller, params: RevealParams) -> RevealAnswer:
    """Give one field of one item; the read of a secret is recorded first.

    A field that is not secret is given without a record, as `view` gives it. Of a
    linked field, the field that it shows is given, and recorded.
    """
    confirmed = is_confirmed(agent, caller)

    def work(vault: Vault) -> RevealAnswer:
        use = Use.of(params.use)
        resolve = resolve_exactly if params.exact else resolve_item
        with asking(vault, caller, use) as asked, unseen(caller.token):
            item = asked.item = resolve(vault, params.item)
            found = find_shown(vault.view(item), params.field)
        value = found.current.text
        who, barred = caller.requester, ""
        if caller.token is not None:
            who, barred = caller.token.admit(
                vault, item, found.name, seed=found.name == "totp"
            )
        if found.secret:
            request = ReadRequest(
                item,
                found.name,
                who,
                params.purpose,
                use=use,
                barred=barred,
                confirmed=confirmed,
            )
            value = vault.reveal(request).expose()
        elif barred:
            vault.record_refusal(who, barred, use=use, item=item)
            raise ReadRefused(barred)
        assert value is not None, "a field is clear, secret or not found"
        return RevealAnswer(
            item=item.hex(),
            field=found.name,
            value=value,
            conflict=bool(found.conflicts),
        )

    return await agent.vault(work)


@operation("reveal.version", RevealVersionParams, RevealAnswer)
async def reveal_version(
    agent: Agent, caller: Caller, params: RevealVersionParams
) -> RevealAnswer:
    """Give one version of a field, current or earlier; always recorded."""
    confirmed = is_confirmed(agent, caller)

    def work(vault: Vault) -> RevealAnswer:
        with asking(vault, caller, Use.COMPARE) as asked:
            item = asked.item = resolve_item(vault, params.item)
            field = find_field(vault.view(item), params.field)
            version = find_version(field, params.version, advice=VERSIONS_ARE_LISTED)
        request = ReadRequest(
            item,
            field.name,
            caller.requester,
            "compare versions",
            version=version.stamp,
            use=Use.COMPARE,
            confirmed=confirmed,
        )
        value = vault.reveal(request)
        return RevealAnswer(
            item=item.hex(),
            field=field.name,
            value=value.expose(),
            conflict=bool(field.conflicts),
        )

    return await agent.vault(work)
