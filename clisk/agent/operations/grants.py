"""grants.*: what konnectors may read."""

from __future__ import annotations

import time

from pydantic import Field

from clisk.agent.caller import Caller
from clisk.agent.core import Agent
from clisk.agent.registry import Answer, Done, NoParams, Params, operation
from clisk.agent.resolve import resolve_item
from clisk_vault.grant_record import DIGEST_BYTES
from clisk_vault.grants import GrantState
from clisk_vault.ids import GRANT_ID_LENGTH, GrantId, ItemId, parse_hex
from clisk_vault.vault import Vault


class GrantLine(Answer):
    """One grant."""

    grant: str
    konnector: str
    digest: str
    item: str
    title: str
    fields: list[str]
    origins: list[str]
    purpose: str
    created_ms: int
    expires_ms: int | None
    given_by: str
    state: str


class SpoiltLine(Answer):
    """What stands where a grant should, and allows nothing."""

    place: str
    reason: str


class GrantsAnswer(Answer):
    """All grants, oldest first."""

    grants: list[GrantLine]
    spoilt: list[SpoiltLine]


@operation("grants.list", NoParams, GrantsAnswer)
async def list_grants(agent: Agent, _caller: Caller, _params: NoParams) -> GrantsAnswer:
    """List the grants, revoked and expired ones too."""

    def work(vault: Vault) -> GrantsAnswer:
        titles = {line.item: line.title for line in vault.overviews()}
        return GrantsAnswer(
            grants=[_line(each, titles) for each in vault.grants()],
            spoilt=[
                SpoiltLine(place=each.field, reason=str(each.error))
                for each in vault.spoilt_grants()
            ],
        )

    return await agent.vault(work)


def _line(state: GrantState, titles: dict[ItemId, str]) -> GrantLine:
    grant = state.grant
    return GrantLine(
        grant=grant.id.hex(),
        konnector=grant.konnector,
        digest=grant.digest.hex(),
        item=grant.item.hex(),
        title=titles.get(grant.item, ""),
        fields=list(grant.fields),
        origins=list(grant.origins),
        purpose=grant.purpose,
        created_ms=grant.created_ms,
        expires_ms=grant.expires_ms,
        given_by=state.given_by.hex(),
        state=_state(state),
    )


def _state(state: GrantState) -> str:
    expires = state.grant.expires_ms
    if state.revoked:
        return "revoked"
    if expires is not None and time.time_ns() // 1_000_000 >= expires:
        return "expired"
    return "valid"


class AddGrantParams(Params):
    """Whose code may read what, and fill it in where."""

    konnector: str = Field(min_length=1, max_length=64)
    digest: str
    item: str = Field(min_length=1)
    fields: list[str] = Field(min_length=1)
    origins: list[str] = Field(min_length=1)
    days: int | None = Field(default=None, ge=1, le=3650)


class GrantAnswer(Answer):
    """The id of the grant."""

    grant: str


@operation("grants.add", AddGrantParams, GrantAnswer)
async def add(agent: Agent, _caller: Caller, params: AddGrantParams) -> GrantAnswer:
    """Grant a konnector's code fields of one item on named origins."""
    digest = parse_hex(params.digest, length=DIGEST_BYTES, what="konnector digest")
    expires_ms = None
    if params.days is not None:
        expires_ms = time.time_ns() // 1_000_000 + params.days * 86_400_000

    def work(vault: Vault) -> GrantId:
        return vault.grant(
            konnector=params.konnector,
            digest=digest,
            item=resolve_item(vault, params.item),
            fields=params.fields,
            origins=params.origins,
            purpose="log in and collect",
            expires_ms=expires_ms,
        ).id

    grant = await agent.change(work)
    return GrantAnswer(grant=grant.hex())


class RevokeParams(Params):
    """Which grant."""

    grant: str


@operation("grants.revoke", RevokeParams, Done)
async def revoke(agent: Agent, _caller: Caller, params: RevokeParams) -> Done:
    """Take a grant back, for good."""
    grant = GrantId(parse_hex(params.grant, length=GRANT_ID_LENGTH, what="grant id"))
    await agent.change(lambda vault: vault.revoke_grant(grant))
    return Done()
