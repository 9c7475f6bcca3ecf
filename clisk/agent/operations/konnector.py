"""konnector.*: what a run may ask, after it has said whose code runs.

`konnector.open` confines its connection for good: from then on it can ask for
the fields granted to that code, for that item, and for nothing else.
"""

from __future__ import annotations

from pydantic import Field

from clisk.agent.caller import Caller
from clisk.agent.core import Agent
from clisk.agent.konnector_session import (
    KonnectorSession,
    konnector_field,
    vault_field,
)
from clisk.agent.operations.items import ItemAnswer
from clisk.agent.registry import Answer, NoParams, Params, operation
from clisk.agent.resolve import resolve_item
from clisk.errors import CliskError
from clisk_vault.grant_record import DIGEST_BYTES, Grant
from clisk_vault.grants import Standing
from clisk_vault.ids import parse_hex
from clisk_vault.reveal import ReadRequest
from clisk_vault.vault import Vault


class OpenParams(Params):
    """Whose code runs, and about which item."""

    konnector: str = Field(min_length=1, max_length=64)
    digest: str
    item: str = Field(min_length=1)


@operation("konnector.open", OpenParams, ItemAnswer)
async def open_session(agent: Agent, caller: Caller, params: OpenParams) -> ItemAnswer:
    """Confine this connection to one konnector and one item, for good."""
    if caller.konnector is not None:
        raise CliskError("this connection serves a konnector already")
    digest = parse_hex(params.digest, length=DIGEST_BYTES, what="konnector digest")
    item = await agent.vault(lambda vault: resolve_item(vault, params.item))
    caller.konnector = KonnectorSession(params.konnector, digest, item)
    return ItemAnswer(item=item.hex())


class KonnectorField(Answer):
    """One field that was granted and has a value; may its code have the plaintext?"""

    name: str
    secret: bool
    plaintext: bool


class FieldsAnswer(Answer):
    """What the account has, as far as it was granted."""

    fields: list[KonnectorField]


@operation("konnector.fields", NoParams, FieldsAnswer)
async def fields(agent: Agent, caller: Caller, _params: NoParams) -> FieldsAnswer:
    """List the granted fields that the item has; nothing is read."""
    session = _session(caller)

    def work(vault: Vault) -> FieldsAnswer:
        view = vault.view(session.item)
        granted = _granted(vault, session)
        handed = {name for one in granted for name in one.plaintext_to_konnector}
        names = {name for one in granted for name in one.fields if view.has(name)}
        return FieldsAnswer(
            fields=[
                KonnectorField(
                    name=konnector_field(name),
                    secret=view.fields[name].secret,
                    plaintext=name in handed or not view.fields[name].secret,
                )
                for name in sorted(names)
            ]
        )

    return await agent.vault(work)


class ReleaseParams(Params):
    """Which field, for which page, why. No origin: for the konnector's code."""

    field: str = Field(min_length=1, max_length=200)
    origin: str | None = Field(default=None, max_length=300)
    purpose: str = Field(min_length=1, max_length=200)


class ReleaseAnswer(Answer):
    """The value."""

    value: str


@operation("konnector.release", ReleaseParams, ReleaseAnswer)
async def release(agent: Agent, caller: Caller, params: ReleaseParams) -> ReleaseAnswer:
    """Give one granted field for one origin; recorded before, refusals too."""
    session = _session(caller)
    request = ReadRequest(
        session.item,
        vault_field(params.field),
        session.requester,
        params.purpose,
        origin=params.origin,
    )
    value = await agent.vault(lambda vault: vault.reveal(request))
    return ReleaseAnswer(value=value.expose())


def _session(caller: Caller) -> KonnectorSession:
    if caller.konnector is None:
        raise CliskError("say which konnector runs first: konnector.open")
    return caller.konnector


def _granted(vault: Vault, session: KonnectorSession) -> list[Grant]:
    return [
        state.grant
        for state in vault.grants()
        if state.grant.digest == session.digest
        and state.grant.item == session.item
        and vault.grant_standing(state) is Standing.VALID
    ]
