"""konnector.*: what a run may ask, after it has said whose code runs.

`konnector.open` confines its connection for good: from then on it can ask for
the fields granted to that code, for that item, and for nothing else.
"""

from __future__ import annotations

from pydantic import Field

from clisk.agent.asking import asking
from clisk.agent.caller import Caller
from clisk.agent.confirming import is_confirmed
from clisk.agent.core import Agent
from clisk.agent.konnector_session import (
    KonnectorSession,
    kept_field,
    konnector_field,
    vault_field,
)
from clisk.agent.operations.items import ItemAnswer
from clisk.agent.registry import Answer, Done, NoParams, Params, Secret, operation
from clisk.agent.resolve import resolve_item
from clisk.errors import CliskError
from clisk_vault.access_record import Requester, RequesterKind, Use
from clisk_vault.errors import PassphraseNeededError, ReadRefused
from clisk_vault.grant_record import DIGEST_BYTES, Grant
from clisk_vault.grants import Standing
from clisk_vault.ids import ItemId, parse_hex
from clisk_vault.keys import SecretText
from clisk_vault.reveal import ReadRequest
from clisk_vault.vault import Vault

NO_GRANT = "there is no grant for this konnector and item"
_MAX_KEPT = 64 * 1024
_MAX_KEPT_FIELDS = 64


class OpenParams(Params):
    """Whose code runs, and about which item."""

    konnector: str = Field(min_length=1, max_length=64)
    digest: str
    item: str = Field(min_length=1)


@operation("konnector.open", OpenParams, ItemAnswer)
async def open_session(agent: Agent, caller: Caller, params: OpenParams) -> ItemAnswer:
    """Confine this connection to one konnector and one item, for good.

    An item that asks for the passphrase again needs it before, for the whole run.
    """
    if caller.konnector is not None:
        raise CliskError(
            "this connection serves a konnector already",
            advice="the program that asked is at fault: update it, or report it",
        )
    digest = parse_hex(params.digest, length=DIGEST_BYTES, what="konnector digest")
    who = Requester(RequesterKind.KONNECTOR, params.konnector, digest)

    confirmed = is_confirmed(agent, caller)

    def work(vault: Vault) -> ItemId:
        with asking(vault, caller, Use.HAND_OVER, who=who) as asked:
            item = asked.item = resolve_item(vault, params.item)
            asked.why = "the passphrase was not typed again"
            # Already here: the run's browser may hold a session of that account.
            if vault.view(item).asks_passphrase and not confirmed:
                raise PassphraseNeededError
        return item

    item = await agent.vault(work)
    caller.konnector = KonnectorSession(params.konnector, digest, item, confirmed)
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
                    name=konnector_field(view, name),
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

    def work(vault: Vault) -> SecretText:
        view = vault.view(session.item)
        request = ReadRequest(
            session.item,
            # A name that means nothing is refused, and recorded, as it came.
            vault_field(view, params.field) or params.field,
            session.requester,
            params.purpose,
            origin=params.origin,
            confirmed=session.confirmed,
        )
        return vault.reveal(request)

    value = await agent.vault(work)
    return ReleaseAnswer(value=value.expose())


class KeepParams(Params):
    """A value of the konnector's own making, and its name."""

    name: str = Field(min_length=1, max_length=256)
    value: Secret


@operation("konnector.keep", KeepParams, Done)
async def keep(agent: Agent, caller: Caller, params: KeepParams) -> Done:
    """Keep a secret that the konnector made, for itself and this item alone.

    A session cookie, the account's data, the identity that the site shows. What
    was kept under the same name before stays in the field's history.
    """
    session = _session(caller)
    if len(params.value.expose()) > _MAX_KEPT:
        raise CliskError(
            f"a konnector keeps at most {_MAX_KEPT} characters a value",
            advice="the konnector is at fault: report it to whoever wrote it",
        )
    field = kept_field(session.name, params.name)

    def work(vault: Vault) -> None:
        _need_grant(vault, session)
        view = vault.view(session.item)
        if not view.has(field) and sum(f.startswith("kept.") for f in view.fields) >= (
            _MAX_KEPT_FIELDS
        ):
            raise CliskError(
                f"an item keeps at most {_MAX_KEPT_FIELDS} such values",
                advice="the konnector is at fault: report it to whoever wrote it",
            )
        vault.edit(session.item, {field: params.value})

    await agent.change(work)
    return Done()


class KeptParams(Params):
    """The name that a value was kept under."""

    name: str = Field(min_length=1, max_length=256)
    purpose: str = Field(min_length=1, max_length=200)


class KeptAnswer(Answer):
    """The value, if there is one."""

    value: str | None


@operation("konnector.kept", KeptParams, KeptAnswer)
async def kept(agent: Agent, caller: Caller, params: KeptParams) -> KeptAnswer:
    """Give back what the konnector kept itself; recorded before."""
    session = _session(caller)
    field = kept_field(session.name, params.name)
    # The program asks, and names the konnector: no grant speaks of a field that the
    # konnector makes up, and it can only reach its own.
    request = ReadRequest(
        session.item,
        field,
        Requester(RequesterKind.PROGRAM, session.name, session.digest),
        params.purpose,
        use=Use.HAND_OVER,
        confirmed=session.confirmed,
    )

    def work(vault: Vault) -> str | None:
        with asking(vault, caller, Use.HAND_OVER, who=session.requester) as asked:
            asked.item, asked.why = session.item, NO_GRANT
            _need_grant(vault, session)
        if not vault.view(session.item).has(field):
            return None
        return vault.reveal(request).expose()

    return KeptAnswer(value=await agent.vault(work))


def _need_grant(vault: Vault, session: KonnectorSession) -> None:
    if not _granted(vault, session):
        raise ReadRefused(NO_GRANT)


def _session(caller: Caller) -> KonnectorSession:
    if caller.konnector is None:
        raise CliskError(
            "say which konnector runs first: konnector.open",
            advice="the program that asked is at fault: update it, or report it",
        )
    return caller.konnector


def _granted(vault: Vault, session: KonnectorSession) -> list[Grant]:
    return [
        state.grant
        for state in vault.grants()
        if state.grant.digest == session.digest
        and state.grant.item == session.item
        and vault.grant_standing(state) is Standing.VALID
    ]
