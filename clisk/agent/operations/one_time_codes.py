"""totp, totp.import: codes of the moment, and seeds from pictures."""

from __future__ import annotations

from pydantic import Field

from clisk.agent.asking import asking
from clisk.agent.caller import Caller
from clisk.agent.confirming import is_confirmed
from clisk.agent.core import Agent
from clisk.agent.linking import find_shown
from clisk.agent.operations.items import ItemParams
from clisk.agent.registry import Answer, Params, Secret, operation
from clisk.agent.resolve import resolve_exactly, resolve_item
from clisk.agent.tokens import unseen
from clisk.errors import CliskError
from clisk_vault.access_record import Use
from clisk_vault.draft import Edit, ItemDraft
from clisk_vault.ids import ItemId
from clisk_vault.one_time_code import Seed, code_at, parse_many, parse_seed, spell_seed
from clisk_vault.reveal import ReadRequest
from clisk_vault.vault import Vault


class CodeParams(ItemParams):
    """A login, and the field that holds the seed. *exact*: as `reveal` has it."""

    field: str = "totp"
    exact: bool = False
    purpose: str = Field(default="clisk totp", min_length=1, max_length=200)


class CodeAnswer(Answer):
    """The code of this moment, and for how long it counts."""

    item: str
    title: str
    code: str
    period: int
    left_seconds: int


@operation("totp", CodeParams, CodeAnswer)
async def totp(agent: Agent, caller: Caller, params: CodeParams) -> CodeAnswer:
    """Give the one-time code of this moment; the read of its seed is recorded first."""
    confirmed = is_confirmed(agent, caller)

    def work(vault: Vault) -> CodeAnswer:
        resolve = resolve_exactly if params.exact else resolve_item
        with asking(vault, caller, Use.TOTP) as asked:
            with unseen(caller.token):
                item = asked.item = resolve(vault, params.item)
            view = vault.view(item)
            if params.field == "totp" and not caller.token and not view.has("totp"):
                raise CliskError(
                    "the item has no one-time codes",
                    advice="add a seed: clisk scan PICTURE --item ITEM, or"
                    " clisk edit ITEM --ask totp",
                )
            with unseen(caller.token):
                field = find_shown(view, params.field)
        who, barred = caller.requester, ""
        if caller.token is not None:
            who, barred = caller.token.admit(vault, item, field.name)
        request = ReadRequest(
            item,
            field.name,
            who,
            params.purpose,
            use=Use.TOTP,
            barred=barred,
            confirmed=confirmed,
        )
        seed = parse_seed(vault.reveal(request))
        made = code_at(seed, vault.session.clock() // 1000)
        return CodeAnswer(
            item=item.hex(),
            title=view.title,
            code=made.code.expose(),
            period=made.period,
            left_seconds=made.left_seconds,
        )

    return await agent.vault(work)


class SeedsParams(Params):
    """What a QR code said, and the login it is for; none: found, or made."""

    text: Secret
    item: str | None = None
    replace: bool = False
    dry_run: bool = False


class SeedLine(Answer):
    """One seed, and what became of it."""

    item: str
    title: str
    account: str
    action: str


class SeedsAnswer(Answer):
    """Every seed of the code."""

    seeds: list[SeedLine]


@operation("totp.import", SeedsParams, SeedsAnswer)
async def import_seeds(
    agent: Agent, _caller: Caller, params: SeedsParams
) -> SeedsAnswer:
    """Store the seeds of a QR code, all or none: in a login, or in new ones.

    In a dry run nothing is stored, and the id of a login to be made names nothing.
    """
    seeds = parse_many(params.text)
    if params.item is not None and len(seeds) > 1:
        raise CliskError(
            f"the code holds {len(seeds)} seeds, not one for a single item",
            advice="leave out --item: each goes to the login it is for, or a new one",
        )

    def work(vault: Vault) -> list[SeedLine]:
        return list(_store(vault, seeds, params))

    return SeedsAnswer(seeds=await agent.change(work))


def _store(vault: Vault, seeds: list[Seed], params: SeedsParams) -> list[SeedLine]:
    edits: list[tuple[ItemId, Edit]] = []
    drafts: list[ItemDraft] = []
    lines: list[SeedLine] = []
    for seed in seeds:
        text = spell_seed(seed)
        if params.item is not None:
            item: ItemId | None = resolve_item(vault, params.item)
        else:
            item = _login_of(vault, seed)
        title = seed.issuer or seed.account or "one-time code"
        if item is None:
            new = ItemId(vault.session.random(16))
            drafts.append(
                ItemDraft(
                    "login",
                    title,
                    {"username": seed.account, "totp": text},
                    item=new,
                )
            )
            lines.append(_line(new, title, seed, "added"))
            continue
        view = vault.view(item)
        if view.has("totp") and not params.replace:
            raise CliskError(
                "a login that a seed is for has one already; nothing was stored",
                advice="--replace puts the new one in its place",
            )
        edits.append((item, {"totp": text}))
        lines.append(_line(item, view.title, seed, "set"))
    if params.dry_run:
        return lines
    with vault.storage.transaction():
        vault.add_many(drafts)
        vault.edit_many(edits)
    return lines


def _login_of(vault: Vault, seed: Seed) -> ItemId | None:
    """Return the one login that is called as the seed says, or None."""
    issuer, account = seed.issuer.casefold(), seed.account.casefold()
    found = [
        each.item
        for each in vault.overviews()
        if each.type == "login"
        and not each.trashed
        and issuer
        and each.title.casefold() == issuer
        and each.username.casefold() == account
    ]
    return found[0] if len(found) == 1 else None


def _line(item: ItemId, title: str, seed: Seed, action: str) -> SeedLine:
    return SeedLine(item=item.hex(), title=title, account=seed.account, action=action)
