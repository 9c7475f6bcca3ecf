"""What an export of ours brings home to the vault that it is of: known by its values.

Our writers give each item the id that it has here. Where the vault still has such an
item, and every value of the file with it, there is nothing to add.
"""

from __future__ import annotations

import base64
import binascii
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import replace

from clisk_vault.access_record import Requester, Use
from clisk_vault.errors import NotHereError, TamperedError
from clisk_vault.ids import ITEM_ID_LENGTH, ItemId
from clisk_vault.item_types import split_element
from clisk_vault.reveal import ReadRequest
from clisk_vault.steps import Steps
from clisk_vault.transfer.imported import (
    Action,
    ForeignFile,
    ForeignItem,
    ImportPlan,
    PlannedItem,
)
from clisk_vault.transfer.outgoing import Outgoing
from clisk_vault.transfer.take_out import TakenOut, take_out
from clisk_vault.vault import Vault

_WHY = "compare with an import"
_PAGE = 64
# Where an item came from changes on the way; the others are made from the key itself
# where a file lacks them.
_MADE_HERE = frozenset(
    {"origin", "ssh.public_key", "ssh.fingerprint", "ssh.key_type"}
)  # fmt: skip


def leaving_own(
    vault: Vault, file: ForeignFile, plan: ImportPlan, who: Requester
) -> Steps[ImportPlan]:
    """Return *plan* of *file* with what the vault has already left as it is.

    For that the secrets of the items in question are read, for *who*, each read
    recorded first. An item that asks for the passphrase again is not opened: whether
    a value is its own would be told without it. One that is gone when its turn comes is
    not there; one that is written after its turn keeps what was written.

    Raises:
        ReadRefused, TamperedError, FormatError: a secret could not be read.
    """
    known = {each.item: each.trashed for each in vault.overviews()}
    asked: dict[int, ItemId] = {}
    for at, (foreign, planned) in enumerate(zip(file.items, plan.items, strict=True)):
        item = _own_id(foreign.key) if planned.action is Action.ADD else None
        if item is None or item not in known:
            continue
        if known[item] is (foreign.fields.get("trashed") == "true"):
            asked[at] = item
    found = yield from _there(vault, file.items, asked, who)
    return replace(
        plan,
        items=tuple(
            _left(each, found[at]) if at in found else each
            for at, each in enumerate(plan.items)
        ),
    )


def _there(
    vault: Vault,
    items: Sequence[ForeignItem],
    asked: Mapping[int, ItemId],
    who: Requester,
) -> Steps[dict[int, ItemId]]:
    places, found = list(asked), dict[int, ItemId]()
    for begin in range(0, len(places), _PAGE):
        yield begin
        page = [
            at
            for at in places[begin : begin + _PAGE]
            if vault.title(asked[at]) is not None
            and not vault.view(asked[at]).asks_passphrase
        ]
        ours = {asked[at] for at in page}
        taken = {
            each.item: each
            for each in take_out(
                vault, sorted(ours), purpose=_WHY, who=who, use=Use.DUPLICATES
            )
        }
        for at in page:
            if _has_all(vault, taken[asked[at]], items[at], who):
                found[at] = asked[at]
    return found


def _left(planned: PlannedItem, item: ItemId) -> PlannedItem:
    return replace(
        planned, item=item, action=Action.SKIP, changes=(), edit={}, files=()
    )


def _own_id(key: str | None) -> ItemId | None:
    """Return the id that our writers spell so: as Bitwarden, CXF and KeePass do."""
    try:
        return ItemId(uuid.UUID(key or "").bytes)
    except ValueError:
        pass
    try:
        raw = base64.b64decode(f"{key}==", altchars=b"-_", validate=False)
    except (binascii.Error, ValueError):
        return None
    return ItemId(raw) if len(raw) == ITEM_ID_LENGTH else None


def _has_all(
    vault: Vault, taken: TakenOut, foreign: ForeignItem, who: Requester
) -> bool:
    """Whether every value of *foreign* is one that the item has, or had."""
    ours, earlier = taken.outgoing.fields, _earlier(taken.outgoing)
    rows = _rows(ours)
    fields = {
        name: value if isinstance(value, str) else value.expose()
        for name, value in foreign.fields.items()
    }
    for name, value in fields.items():
        if split_element(name) is not None or ours.get(name) == value:
            continue
        made = name == "origin" or (name in _MADE_HERE and name not in ours)
        if not made and (name, value) not in earlier:
            return False
    for (kind, _), row in _rows(fields).items():
        if kind == "history":
            there = (row.get("field", "password"), row.get("password")) in earlier
        else:
            same = (other for (k, _), other in rows.items() if k == kind)
            there = any(row.items() <= other.items() for other in same)
        if not there:
            return False
    return _has_files(vault, taken, foreign, who)


def _has_files(
    vault: Vault, taken: TakenOut, foreign: ForeignItem, who: Requester
) -> bool:
    for file in foreign.attached:
        alike = [
            each
            for each in taken.files
            if (each.name, each.size) == (file.name, len(file.data))
        ]
        asked = (
            ReadRequest(taken.item, each.field, who, _WHY, use=Use.DUPLICATES)
            for each in alike
        )
        if not any(_is(vault, each, file.data) for each in asked):
            return False
    return True


def _is(vault: Vault, asked: ReadRequest, data: bytes) -> bool:
    """Whether a file is *data*; one that is not here yet, or not whole, is not."""
    try:
        return vault.attachments.read(asked) == data
    except (NotHereError, TamperedError):
        return False


def _earlier(item: Outgoing) -> set[tuple[str, str | None]]:
    """Return the values that fields had before, with their names."""
    rows = [row for (kind, _), row in _rows(item.fields).items() if kind == "history"]
    return {
        *((each.name, each.value) for each in item.earlier),
        *((row.get("field", "password"), row.get("password")) for row in rows),
    }


def _rows(fields: Mapping[str, str]) -> dict[tuple[str, str], dict[str, str]]:
    found: dict[tuple[str, str], dict[str, str]] = {}
    for name, value in fields.items():
        parts = split_element(name)
        if parts is not None:
            found.setdefault((parts[0], parts[1]), {})[parts[2]] = value
    return found
