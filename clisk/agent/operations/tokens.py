"""token.*: make, list, revoke, and present a token for scripts."""

from __future__ import annotations

import os

from pydantic import Field

from clisk.agent.caller import Caller
from clisk.agent.core import Agent
from clisk.agent.linking import find_shown
from clisk.agent.registry import Answer, Done, NoParams, Params, Secret, operation
from clisk.agent.resolve import resolve_item
from clisk.agent.tokens import (
    TokenError,
    TokenReads,
    TokenRow,
    Tokens,
    record_unknown,
    spell_token,
    token_digest,
)
from clisk.errors import CliskError
from clisk_vault.ids import ItemId
from clisk_vault.vault import Vault

_DAY = 24 * 3600


class CreateTokenParams(Params):
    """Whose token, for what, how often, how long."""

    name: str = Field(min_length=1, max_length=100, pattern=r"^[A-Za-z0-9._-]+$")
    item: str = Field(min_length=1)
    fields: list[str] = Field(min_length=1, max_length=32)
    uses: int = Field(ge=1, le=1_000_000)
    seconds: int = Field(ge=1, le=366 * _DAY)


class CreateTokenAnswer(Answer):
    """The token, which is shown this once, and what it is for."""

    name: str
    token: str
    item: str
    fields: list[str]
    expires_ms: int


class TokenLine(Answer):
    """One token, without itself."""

    name: str
    item: str
    title: str
    fields: list[str]
    state: str
    uses_left: int
    made_ms: int
    expires_ms: int
    used_ms: int | None


class TokensAnswer(Answer):
    """The tokens of this device, in the order in which they were made."""

    tokens: list[TokenLine]


class TokenNameParams(Params):
    """Which token."""

    name: str = Field(min_length=1)


class UseTokenParams(Params):
    """The token itself."""

    token: Secret


@operation("token.create", CreateTokenParams, CreateTokenAnswer)
async def create_token(
    agent: Agent, _caller: Caller, params: CreateTokenParams
) -> CreateTokenAnswer:
    """Make a token that lets a script read named fields of one item."""

    def work(vault: Vault) -> CreateTokenAnswer:
        item = resolve_item(vault, params.item)
        view = vault.view(item)
        if view.asks_passphrase:
            raise TokenError(
                "the item asks for the passphrase again, which no token can give",
                advice="if a script shall have it: clisk edit ITEM --clear reprompt",
            )
        fields = sorted({find_shown(view, each).name for each in params.fields})
        token = spell_token(os.urandom(32))
        now = vault.session.clock()
        row = TokenRow(
            name=params.name,
            digest=token_digest(token),
            item=item.hex(),
            fields=tuple(fields),
            uses_left=params.uses,
            made_ms=now,
            expires_ms=now + params.seconds * 1000,
        )
        Tokens(agent.folder, vault).add(row)
        return CreateTokenAnswer(
            name=row.name,
            token=token.expose(),
            item=row.item,
            fields=fields,
            expires_ms=row.expires_ms,
        )

    return await agent.vault(work)


@operation("token.list", NoParams, TokensAnswer)
async def list_tokens(agent: Agent, _caller: Caller, _params: NoParams) -> TokensAnswer:
    """List the tokens of this device, ended ones too; none is shown."""

    def work(vault: Vault) -> TokensAnswer:
        now = vault.session.clock()
        lines = [
            TokenLine(
                name=row.name,
                item=row.item,
                title=vault.title(ItemId(bytes.fromhex(row.item))) or "",
                fields=list(row.fields),
                state=row.state(now),
                uses_left=row.uses_left,
                made_ms=row.made_ms,
                expires_ms=row.expires_ms,
                used_ms=row.used_ms,
            )
            for row in Tokens(agent.folder, vault).rows()
        ]
        return TokensAnswer(tokens=lines)

    return await agent.vault(work)


@operation("token.revoke", TokenNameParams, Done)
async def revoke_token(agent: Agent, _caller: Caller, params: TokenNameParams) -> Done:
    """End a token, for good; a connection that showed it gets nothing more."""
    await agent.vault(lambda vault: Tokens(agent.folder, vault).revoke(params.name))
    return Done()


@operation("token.use", UseTokenParams, Done, counts_as_use=False)
async def use_token(agent: Agent, caller: Caller, params: UseTokenParams) -> Done:
    """Confine this connection to what a token covers, for good."""
    if caller.token is not None:
        raise CliskError(
            "this connection has shown a token already",
            advice="open another connection for another token",
        )
    try:
        digest = token_digest(params.token)
    except TokenError:
        await agent.vault(record_unknown)
        raise
    await agent.vault(lambda vault: Tokens(agent.folder, vault).admitted(vault, digest))
    caller.token = TokenReads(agent.folder, digest)
    return Done()
