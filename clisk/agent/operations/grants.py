"""grants.*: what konnectors may read."""

from __future__ import annotations

from pydantic import Field

from clisk.agent.caller import Caller
from clisk.agent.core import Agent
from clisk.agent.registry import Answer, Done, NoParams, Params, operation
from clisk.agent.resolve import resolve_item
from clisk.errors import CliskError
from clisk_vault.errors import FormatError
from clisk_vault.grant_record import DIGEST_BYTES, MAX_READS, MAX_TEXT
from clisk_vault.grants import GrantState
from clisk_vault.ids import GRANT_ID_LENGTH, GrantId, parse_hex
from clisk_vault.vault import Vault

_DAY_MS = 86_400_000


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
    max_reads: int | None
    reads: int
    plaintext: list[str]
    code_version: str | None
    bundle: str | None


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
    await agent.catch_up_with_log()

    def work(vault: Vault) -> GrantsAnswer:
        return GrantsAnswer(
            grants=[grant_line(vault, each) for each in vault.grants()],
            spoilt=[
                SpoiltLine(place=each.field, reason=str(each.error))
                for each in vault.spoilt_grants()
            ],
        )

    return await agent.vault(work)


def grant_line(vault: Vault, state: GrantState) -> GrantLine:
    """Return one grant as it is shown. *reads* are those on this device."""
    grant = state.grant
    return GrantLine(
        grant=grant.id.hex(),
        konnector=grant.konnector,
        digest=grant.digest.hex(),
        item=grant.item.hex(),
        title=vault.title(grant.item) or "",
        fields=list(grant.fields),
        origins=list(grant.origins),
        purpose=grant.purpose,
        created_ms=grant.created_ms,
        expires_ms=grant.expires_ms,
        given_by=state.given_by.hex(),
        state=vault.grant_standing(state).value,
        max_reads=grant.max_reads,
        reads=vault.log_index.uses(grant.id),
        plaintext=list(grant.plaintext_to_konnector),
        code_version=grant.code_version,
        bundle=None if grant.bundle is None else grant.bundle.hex(),
    )


class AddGrantParams(Params):
    """Whose code may read what, and fill it in where."""

    konnector: str = Field(min_length=1, max_length=64)
    digest: str
    item: str = Field(min_length=1)
    fields: list[str] = Field(min_length=1)
    origins: list[str] = Field(min_length=1)
    days: int | None = Field(default=None, ge=1, le=3650)
    max_reads: int | None = Field(default=None, ge=1, le=MAX_READS)
    plaintext: list[str] = Field(default_factory=list)
    code_version: str | None = Field(default=None, max_length=MAX_TEXT)
    bundle: str | None = None
    purpose: str = Field(default="log in and collect", min_length=1, max_length=200)


class GrantAnswer(Answer):
    """The id of the grant."""

    grant: str


@operation("grants.add", AddGrantParams, GrantAnswer)
async def add(agent: Agent, _caller: Caller, params: AddGrantParams) -> GrantAnswer:
    """Grant a konnector's code fields of one item on named origins."""
    digest = parse_hex(params.digest, length=DIGEST_BYTES, what="konnector digest")
    bundle = None
    if params.bundle is not None:
        bundle = parse_hex(params.bundle, length=DIGEST_BYTES, what="bundle digest")

    def work(vault: Vault) -> GrantId:
        expires_ms = None
        if params.days is not None:
            expires_ms = vault.grant_clock_ms() + params.days * _DAY_MS
        return vault.grant(
            konnector=params.konnector,
            digest=digest,
            item=resolve_item(vault, params.item),
            fields=params.fields,
            origins=params.origins,
            purpose=params.purpose,
            expires_ms=expires_ms,
            max_reads=params.max_reads,
            plaintext_to_konnector=params.plaintext,
            code_version=params.code_version,
            bundle=bundle,
        ).id

    grant = await agent.change(work)
    return GrantAnswer(grant=grant.hex())


class RevokeParams(Params):
    """Which grant."""

    grant: str


@operation("grants.revoke", RevokeParams, Done)
async def revoke(agent: Agent, _caller: Caller, params: RevokeParams) -> Done:
    """Take a grant back, for good."""
    try:
        raw = parse_hex(params.grant, length=GRANT_ID_LENGTH, what="grant id")
    except FormatError as err:
        raise CliskError(str(err), advice="look at: clisk grants list") from None
    grant = GrantId(raw)
    await agent.change(lambda vault: vault.revoke_grant(grant))
    return Done()
