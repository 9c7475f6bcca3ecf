"""Taking items out of the vault, every secret through reveal() and into the log."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from clisk_vault.access_record import Requester, RequesterKind, Use
from clisk_vault.errors import VaultError
from clisk_vault.hlc import Stamp
from clisk_vault.ids import ItemId
from clisk_vault.item import ItemView
from clisk_vault.item_types import ELEMENTS
from clisk_vault.reveal import ReadRequest
from clisk_vault.transfer.outgoing import Earlier, Outgoing, renumbered
from clisk_vault.vault import Vault

_FILE = "attachment."
Values: TypeAlias = "dict[tuple[str, Stamp | None], str]"


@dataclass(frozen=True, slots=True)
class TakenFile:
    """An attachment that belongs to an item; its content is read on its own."""

    name: str
    field: str
    size: int


@dataclass(frozen=True, slots=True)
class TakenOut:
    """An item with its values, and the files that it has."""

    item: ItemId
    outgoing: Outgoing
    files: tuple[TakenFile, ...]


def exporter(purpose: str) -> tuple[Requester, str]:
    """Return who asks, and why, as an export is recorded."""
    return Requester(RequesterKind.EXPORT, "command line"), purpose


def take_out(
    vault: Vault,
    items: Sequence[ItemId],
    *,
    purpose: str,
    who: Requester | None = None,
    use: Use = Use.EXPORT,
) -> list[TakenOut]:
    """Return *items* with every current value and every earlier password.

    It is an export that asks, unless *who* and *use* say something else.

    Some at a time, please: all that is returned is readable. The records of 64 reads
    are on disk before the first of their seals is opened. Whoever exports has typed
    the passphrase for it.

    Raises:
        ReadRefused: a record could not be written; nothing more is read.
        TamperedError, FormatError: a sealed value was changed.
    """
    views = {item: vault.view(item) for item in items}
    asking = who or exporter(purpose)[0]
    requests = [
        ReadRequest(item, name, asking, purpose, version=at, use=use, confirmed=True)
        for item, view in views.items()
        for name, at in _secrets(view)
    ]
    values: dict[ItemId, Values] = {item: {} for item in items}
    answers = vault.reveal_many(requests)
    for request, answer in zip(requests, answers, strict=True):
        if isinstance(answer, VaultError):
            raise answer
        values[request.item][request.field, request.version] = answer.expose()
    return [_taken(vault, item, view, values[item]) for item, view in views.items()]


def read_file(vault: Vault, item: ItemId, field: str, *, purpose: str) -> bytes:
    """Return the content of an attachment; its read is recorded first."""
    who, why = exporter(purpose)
    asked = ReadRequest(item, field, who, why, use=Use.EXPORT, confirmed=True)
    return vault.attachments.read(asked)


def _secrets(view: ItemView) -> Iterator[tuple[str, Stamp | None]]:
    """Yield the secret fields, and every earlier password by its stamp."""
    for name, field in view.fields.items():
        if field.current.secret and not name.startswith(_FILE):
            yield name, None
    password = view.fields.get("password")
    if password is None:
        return
    # A value that was brought back stands twice; it is one.
    seen = {each.source for each in password.heads}
    for version in password.history:
        if version.secret and version.source not in seen:
            seen.add(version.source)
            yield "password", version.stamp


def _taken(
    vault: Vault,
    item: ItemId,
    view: ItemView,
    values: Values,
) -> TakenOut:
    fields: dict[str, str] = {}
    for name in _ordered(view):
        version = view.fields[name].current
        if version.text is not None:
            fields[name] = version.text
        elif (name, None) in values:
            fields[name] = values[name, None]
    secret = {n for n in fields if view.fields[n].current.secret}
    spelt = renumbered(fields)
    # The order is kept, so old names and new ones go side by side.
    names = dict(zip(fields, spelt, strict=True))
    earlier = (
        Earlier(field, stamp.time_ms, value)
        for (field, stamp), value in values.items()
        if stamp is not None
    )
    return TakenOut(
        item,
        Outgoing(
            item.hex(), spelt, frozenset(names[n] for n in secret), tuple(earlier)
        ),
        tuple(
            TakenFile(each.name, each.field, each.size)
            for each in vault.attachments.of(item)
        ),
    )


def _ordered(view: ItemView) -> Iterator[str]:
    """Yield the names of all fields with a value, elements in their own order."""
    seen = set()
    for kind in ELEMENTS:
        if kind != "attachment":
            for element in view.elements(kind):
                for part in element.parts:
                    name = f"{kind}.{element.id}.{part}"
                    seen.add(name)
                    yield name
    for name, field in view.fields.items():
        if not (name in seen or field.current.removed or name.startswith(_FILE)):
            yield name
