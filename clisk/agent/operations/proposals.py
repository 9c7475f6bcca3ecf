"""proposals.accept: what a konnector wants saved, once a person said yes.

Not named konnector.*, so a connection that serves a konnector cannot ask for it.
"""

from __future__ import annotations

import os

from pydantic import Field

from clisk.agent.caller import Caller
from clisk.agent.confirming import is_confirmed
from clisk.agent.core import Agent
from clisk.agent.konnector_session import vault_field
from clisk.agent.registry import Answer, Params, Secret, operation
from clisk.agent.resolve import resolve_item
from clisk_vault.access_record import Requester, RequesterKind, Use
from clisk_vault.draft import FieldValue, elements
from clisk_vault.grants import Standing
from clisk_vault.ids import ItemId, parse_hex
from clisk_vault.item_types import Secrecy, secrecy
from clisk_vault.keys import SecretText
from clisk_vault.reveal import ReadRequest
from clisk_vault.vault import Vault


class AcceptParams(Params):
    """Whose proposal, for which item, and the values by the konnector's names."""

    konnector: str = Field(min_length=1, max_length=64)
    digest: str
    item: str = Field(min_length=1)
    values: dict[str, Secret] = Field(max_length=64)


class AcceptAnswer(Answer):
    """The konnector's names of what was new, and is saved now."""

    saved: list[str]


@operation("proposals.accept", AcceptParams, AcceptAnswer)
async def accept(agent: Agent, caller: Caller, params: AcceptParams) -> AcceptAnswer:
    """Save what a konnector proposed; earlier values stay in the item's history.

    A name that the item does not know becomes a hidden field of the item's, under
    that very name, and the konnector is granted it where it has a grant.
    """
    digest = parse_hex(params.digest, length=32, what="konnector digest")
    confirmed = is_confirmed(agent, caller)

    def work(vault: Vault) -> list[str]:
        item = resolve_item(vault, params.item)
        view = vault.view(item)
        edit: dict[str, FieldValue] = {}
        rows: list[dict[str, FieldValue]] = []
        saved: list[str] = []
        for name, value in sorted(params.values.items()):
            field = vault_field(view, name)
            if field is None:
                rows.append({"name": name, "kind": "hidden", "hidden": value})
                saved.append(name)
            elif field not in edit and not _is_known(
                vault, item, field, value, confirmed=confirmed
            ):
                clear = secrecy(field) is Secrecy.CLEAR
                edit[field] = value.expose() if clear else value
                saved.append(name)
        made = elements("custom", rows, os.urandom)
        if edit or made:
            vault.edit(item, {**edit, **made}, confirmed=confirmed)
        hidden = [field for field in made if field.endswith(".hidden")]
        if hidden:
            _grant_too(vault, item, digest, hidden)
        return saved

    return AcceptAnswer(saved=await agent.change(work))


def _is_known(
    vault: Vault, item: ItemId, field: str, value: SecretText, *, confirmed: bool
) -> bool:
    view = vault.view(item).fields.get(field)
    if view is None or view.current.removed:
        return False
    if view.current.text is not None:
        return view.current.text == value.expose()
    # Comparing is a read too: it is recorded as one.
    who = Requester(RequesterKind.PROGRAM, "clisk konnector run")
    request = ReadRequest(
        item,
        field,
        who,
        "compared with a proposal",
        use=Use.COMPARE,
        confirmed=confirmed,
    )
    return vault.reveal(request) == value


def _grant_too(vault: Vault, item: ItemId, digest: bytes, fields: list[str]) -> None:
    """Let the konnector that made these fields have them, on the sites it has."""
    for state in vault.grants():
        grant = state.grant
        if (grant.item, grant.digest) != (item, digest):
            continue
        if vault.grant_standing(state) is Standing.VALID:
            vault.grant(
                konnector=grant.konnector,
                digest=digest,
                item=item,
                fields=fields,
                origins=grant.origins,
                purpose="what it proposed itself",
                expires_ms=grant.expires_ms,
            )
            return
