"""fill.*: which items are for a page, and their values for that page only.

`fill.open` confines its connection for good to filling one item: the process that
drives the browser looks at a stranger's page, and needs nothing else.
"""

from __future__ import annotations

from dataclasses import replace

from pydantic import Field

from clisk.agent import drafting
from clisk.agent.asking import asking
from clisk.agent.caller import Caller
from clisk.agent.confirming import is_confirmed
from clisk.agent.core import Agent
from clisk.agent.fill_session import AUTOFILL, FillSession
from clisk.agent.registry import Answer, Params, operation
from clisk.agent.resolve import resolve_item
from clisk.errors import CliskError
from clisk_vault.access_record import Use
from clisk_vault.errors import PassphraseNeededError, ReadRefused
from clisk_vault.ids import ItemId
from clisk_vault.one_time_code import code_at, parse_seed
from clisk_vault.reveal import ReadRequest
from clisk_vault.vault import Vault

_FIELDS = ("username", "password", "totp")


class PageParams(Params):
    """The page to be filled."""

    url: str = Field(min_length=1, max_length=8192)


class FillCandidate(Answer):
    """An item that is for the page, or would be if the page were its sibling."""

    item: str
    title: str
    username: str
    sibling_of: str | None


class CandidatesAnswer(Answer):
    """The items for a page, by title; *refusal* says why there is none."""

    items: list[FillCandidate]
    refusal: str | None


class FindParams(PageParams):
    """The page, and whether other domains with the same accounts count."""

    siblings: bool = False


@operation("fill.find", FindParams, CandidatesAnswer)
async def find(agent: Agent, _caller: Caller, params: FindParams) -> CandidatesAnswer:
    """List the logins that are for a page; nothing is read."""
    # Late, here and below: the matcher is large, and an agent may never fill.
    from clisk.agent.fill_candidates import find_candidates

    def work(vault: Vault) -> CandidatesAnswer:
        found = find_candidates(vault, params.url, siblings=params.siblings)
        rows = [
            FillCandidate(
                item=each.overview.item.hex(),
                title=each.overview.title,
                username=each.overview.username,
                sibling_of=each.sibling_of,
            )
            for each in found.candidates
        ]
        refusal = None if found.refusal is None else found.refusal.value
        return CandidatesAnswer(items=rows, refusal=refusal)

    return await agent.vault(work)


class OpenFillParams(PageParams):
    """The page and the item."""

    item: str = Field(min_length=1)


class FillSite(Answer):
    """One address of the item, and how it is compared."""

    uri: str
    mode: str


class OpenFillAnswer(Answer):
    """What the engine needs to know: no value."""

    item: str
    title: str
    sites: list[FillSite]
    fields: list[str]


@operation("fill.open", OpenFillParams, OpenFillAnswer)
async def open_fill(
    agent: Agent, caller: Caller, params: OpenFillParams
) -> OpenFillAnswer:
    """Confine this connection to filling one item, on one page at a time.

    It may be asked again for another page, as a login goes on, and never for
    another item. Each time the item's addresses must cover the page. An item that
    asks for the passphrase again needs it once a connection.
    """
    from clisk.agent.fill_sites import session_for, sites_of

    before = caller.fill
    confirmed = is_confirmed(agent, caller) or (before is not None and before.confirmed)

    def work(vault: Vault) -> tuple[FillSession, OpenFillAnswer]:
        with asking(vault, caller, Use.FILL):
            item = _item(vault, caller, params.item)
        view = vault.view(item)
        with asking(vault, caller, Use.FILL) as found:
            found.item, found.why = item, "the passphrase was not typed again"
            if view.asks_passphrase and not confirmed:
                raise PassphraseNeededError
        answer = OpenFillAnswer(
            item=item.hex(),
            title=view.title,
            sites=[FillSite(uri=s.uri, mode=s.mode.value) for s in sites_of(view)],
            fields=[name for name in _FIELDS if view.has(name)],
        )
        with asking(vault, caller, Use.FILL) as found:
            found.item, found.why = item, "the page is not one of the item's"
            session = session_for(item, view, params.url)
        return replace(session, confirmed=confirmed), answer

    caller.fill, answer = await agent.vault(work)
    return answer


def _item(vault: Vault, caller: Caller, meant: str) -> ItemId:
    if caller.fill is None:
        return resolve_item(vault, meant)
    # By nothing but its id: a refusal that lists what words may mean tells of others.
    if caller.fill.item.hex() != meant:
        raise CliskError(
            "this connection fills another item, and nothing else",
            advice="the program that asked is at fault: update it, or report it",
        )
    return caller.fill.item


class RenewParams(Params):
    """The origin of the page that asks for a new password."""

    origin: str = Field(max_length=300)


class RenewedAnswer(Answer):
    """Which version of the password was the current one; null: there was none.

    By its stamp, for `history.restore`: what a sync brings may move the numbers.
    """

    earlier: str | None


@operation("fill.renew", RenewParams, RenewedAnswer)
async def renew(agent: Agent, caller: Caller, params: RenewParams) -> RenewedAnswer:
    """Give the item a new password, made by the rules that its site publishes.

    It is stored before anybody sees it; the one before stays in the history. It is
    then read as any other: fill.release.
    """
    wanted = drafting.Changes(generate=["password"])

    def work(vault: Vault) -> RenewedAnswer:
        with asking(vault, caller, Use.FILL, who=AUTOFILL) as asked:
            asked.item = None if caller.fill is None else caller.fill.item
            asked.why = "another page"
            session = _session(caller, params.origin)
        view = vault.view(session.item)
        changes, _ = drafting.make_up(wanted, view)
        vault.edit(session.item, drafting.edit(changes, view))
        before = view.fields["password"].current if view.has("password") else None
        return RenewedAnswer(earlier=None if before is None else str(before.stamp))

    return await agent.change(work)


def _session(caller: Caller, origin: str) -> FillSession:
    session = caller.fill
    if session is None:
        raise CliskError(
            "say which page is filled first: fill.open",
            advice="the program that asked is at fault: update it, or report it",
        )
    if origin != session.origin:
        raise ReadRefused(
            "the page is not the one that was opened",
            advice="fill that page by itself: clisk fill URL",
        )
    return session


class FillReleaseParams(Params):
    """Which field, for the page that was opened, why."""

    field: str = Field(min_length=1, max_length=200)
    origin: str = Field(max_length=300)
    purpose: str = Field(min_length=1, max_length=200)


class FillReleaseAnswer(Answer):
    """The value; of `totp` the code of this moment, never its seed."""

    value: str


@operation("fill.release", FillReleaseParams, FillReleaseAnswer)
async def release(
    agent: Agent, caller: Caller, params: FillReleaseParams
) -> FillReleaseAnswer:
    """Give one field for the page that was opened; recorded before."""

    def work(vault: Vault) -> str:
        with asking(vault, caller, Use.FILL, who=AUTOFILL) as asked:
            asked.item = None if caller.fill is None else caller.fill.item
            asked.why = "another page, or a field that is not filled"
            session = _session(caller, params.origin)
            if params.field not in _FIELDS:
                raise ReadRefused(
                    "this field is not one that is filled",
                    advice="read it yourself: clisk get ITEM -f FIELD",
                )
        is_code = params.field == "totp"
        request = ReadRequest(
            session.item,
            params.field,
            AUTOFILL,
            params.purpose,
            session.origin,
            use=Use.TOTP if is_code else None,
            confirmed=session.confirmed,
        )
        value = vault.reveal(request)
        if is_code:
            value = code_at(parse_seed(value), vault.session.clock() // 1000).code
        return value.expose()

    return FillReleaseAnswer(value=await agent.vault(work))
