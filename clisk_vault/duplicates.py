"""Items that may be one and the same, and making one of them.

Found by what is not secret: type, user name and site, or title. Merging reads the
secrets of what is merged, each read recorded first, and loses none: what cannot
stand beside the kept value becomes an earlier one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence

from clisk_vault.access_record import Requester, Use
from clisk_vault.attachment_store import KIND as ATTACHMENT
from clisk_vault.draft import FieldValue, ItemDraft
from clisk_vault.errors import CallerError, VaultError
from clisk_vault.ids import ItemId
from clisk_vault.item import TRUE, ItemView
from clisk_vault.item_types import element_field, new_element_ids, split_element
from clisk_vault.overview import ItemOverview
from clisk_vault.reveal import ReadRequest
from clisk_vault.search import normalise
from clisk_vault.steps import Steps, finish
from clisk_vault.vault import Vault

Values = dict[str, FieldValue]
# Said once of an item, and of no use to another.
_OF_ITS_OWN = frozenset(
    {"type", "title", "trashed", "archived", "favourite", "created", "changed",
     "origin", "category", "used", "reprompt", "folder", "password_changed"}
)  # fmt: skip
_HOST = re.compile(r"(?:[a-z][a-z0-9+.-]*://)?(?:www\.)?([^/:?#]+)", re.IGNORECASE)


def find_duplicates(overviews: Iterable[ItemOverview]) -> list[list[ItemOverview]]:
    """Return groups of items that may be the same: see finding_duplicates()."""
    return finish(finding_duplicates(overviews))


def finding_duplicates(
    overviews: Iterable[ItemOverview],
) -> Steps[list[list[ItemOverview]]]:
    """Return groups of items that may be the same, each by title.

    Of one type; logins of one user name and one site; others of one title and user
    name. What is in the trash does not count. All is as *overviews* has it, whatever
    is written between the steps.
    """
    groups: dict[tuple[str, str, str], list[ItemOverview]] = {}
    for done, each in enumerate(overviews):
        yield done
        if not each.trashed:
            for key in _keys(each):
                groups.setdefault(key, []).append(each)
    found = {
        tuple(each.item for each in group): group
        for group in groups.values()
        if len(group) > 1
    }
    return sorted(
        (sorted(group, key=lambda e: (e.title, e.item)) for group in found.values()),
        key=lambda group: normalise(group[0].title),
    )


def _keys(each: ItemOverview) -> set[tuple[str, str, str]]:
    name = normalise(each.username)
    hosts = {_host(uri) for uri in each.uris} - {""}
    if each.type == "login" and hosts:
        return {(each.type, name, host) for host in hosts}
    return {(each.type, name, "title " + normalise(each.title))}


def _host(uri: str) -> str:
    match = _HOST.match(uri)
    return match[1].lower() if match else ""


def merge_items(
    vault: Vault, keep: ItemId, others: Sequence[ItemId], who: Requester
) -> None:
    """Bring all that *others* have into *keep*, and put them into the trash.

    Where both have a field, that of *keep* stands, and the other's becomes one of its
    earlier versions. If one asks for the passphrase again, what comes of them
    does. Either all of it happens or nothing.

    Raises:
        CallerError: an item that is not there, merged with itself, or in conflict.
        ReadRefused, TamperedError: a secret could not be read.
    """
    if keep in others or len(set(others)) < len(others) or not others:
        raise CallerError(
            "merge: name two different items or more", advice="clisk duplicates"
        )
    for item in (keep, *others):
        _check_settled(vault.view(item))
    random = vault.session.random
    kept, kept_values = vault.view(keep), read_values(vault, keep, who, "merge")
    edit: Values = {}
    if any(vault.view(item).asks_passphrase for item in (keep, *others)):
        edit["reprompt"] = TRUE
    files: list[tuple[str, bytes]] = []
    earlier: list[Values] = []
    for item in others:
        values = read_values(vault, item, who, "merge")
        view = vault.view(item)
        earlier.append(_earlier(view, values, kept_values | edit))
        edit |= _brought(values, kept_values | edit, random)
        files += read_files(vault, item, who, "merge")
    with vault.storage.transaction():
        for name, data in files:
            vault.attachments.add(keep, name, data)
        _keep_as_earlier(vault, keep, kept, earlier)
        if edit:
            vault.edit(keep, edit)
        vault.edit_many((item, {"trashed": TRUE}) for item in others)


def revive(vault: Vault, item: ItemId, who: Requester) -> ItemId:
    """Make a new item of one that another device purged, and return its id.

    Raises:
        CallerError: it is not one of vault.purging.leftovers().
        ReadRefused, TamperedError: a secret could not be read.
    """
    if item not in vault.purging.leftovers():
        raise CallerError("the item was not purged by another device")
    values = read_values(vault, item, who, "bring back")
    files = read_files(vault, item, who, "bring back")
    fields = {k: v for k, v in values.items() if k not in ("type", "title", "trashed")}
    view = vault.view(item)
    if view.asks_passphrase:
        fields["reprompt"] = TRUE
    with vault.storage.transaction():
        made = vault.add(ItemDraft(view.type, view.title, fields))
        for name, data in files:
            vault.attachments.add(made, name, data)
        vault.purging.forget_leftover(item)
    return made


def read_values(vault: Vault, item: ItemId, who: Requester, why: str) -> Values:
    """Return every current value of *item*, attachments left out; reads are recorded.

    For another item of this vault, which asks for the passphrase if this one does:
    no value leaves, so the passphrase is not asked for.

    Raises:
        CallerError: there is no such item.
        ReadRefused, TamperedError, FormatError: a value could not be read.
    """
    fields = {
        name: field
        for name, field in vault.view(item).fields.items()
        if not field.current.removed and not name.startswith((ATTACHMENT, "imported."))
    }
    secret = [name for name, field in fields.items() if field.secret]
    requests = (
        ReadRequest(item, name, who, why, use=Use.DUPLICATES, confirmed=True)
        for name in secret
    )
    values: Values = {
        name: field.current.text or ""
        for name, field in fields.items()
        if not field.secret
    }
    for name, answer in zip(secret, vault.reveal_many(requests), strict=True):
        if isinstance(answer, VaultError):
            raise answer
        values[name] = answer
    return values


def read_files(
    vault: Vault, item: ItemId, who: Requester, why: str
) -> list[tuple[str, bytes]]:
    """Return names and bytes of the attachments of *item*, as read_values()."""
    return [
        (
            each.name,
            vault.attachments.read(
                ReadRequest(item, each.field, who, why, confirmed=True)
            ),
        )
        for each in vault.attachments.of(item)
    ]


def _check_settled(view: ItemView) -> None:
    # Of a field in conflict one value would stand and the other be gone unseen.
    if any(each.name not in _OF_ITS_OWN for each in view.conflicts):
        raise CallerError(
            "merge: an item has a conflict that nobody has settled",
            advice="settle it first: clisk conflicts",
        )


def _brought(
    values: Mapping[str, FieldValue],
    there: Mapping[str, FieldValue],
    random: Callable[[int], bytes],
) -> Values:
    """Return what an item adds to the one that is kept."""
    edit: Values = {
        name: value
        for name, value in values.items()
        if _is_common(name) and name not in there
    }
    rows = _rows(there)
    for (kind, _), row in _rows_by_element(values).items():
        if _spell(kind, row) not in rows:
            (element,) = new_element_ids(1, random)
            edit |= {element_field(kind, element, part): v for part, v in row.items()}
    return edit


def _earlier(
    view: ItemView, values: Mapping[str, FieldValue], there: Mapping[str, FieldValue]
) -> Values:
    """Return what an item has in the place of another value that is kept."""
    found: Values = {
        name: value
        for name, value in values.items()
        if _is_common(name) and name in there and _text(there[name]) != _text(value)
    }
    if view.title and view.title != _text(there.get("title", "")):
        found["title"] = view.title
    return found


def _is_common(name: str) -> bool:
    return name not in _OF_ITS_OWN and split_element(name) is None


def _keep_as_earlier(
    vault: Vault, keep: ItemId, kept: ItemView, earlier: Sequence[Values]
) -> None:
    """Give fields of *keep* the *earlier* values, and then what stood before again.

    What *keep* did not have is written by the caller, afterwards.
    """
    for values in earlier:
        if values:
            vault.edit(keep, values)
    for name in dict.fromkeys(name for values in earlier for name in values):
        if name in kept.fields:
            vault.settle(keep, name, kept.fields[name].current.stamp)


def _rows_by_element(
    values: Mapping[str, FieldValue],
) -> dict[tuple[str, str], Values]:
    rows: dict[tuple[str, str], Values] = {}
    for name, value in values.items():
        parts = split_element(name)
        if parts is not None:
            rows.setdefault(parts[:2], {})[parts[2]] = value
    return rows


def _rows(values: Mapping[str, FieldValue]) -> set[tuple[str, ...]]:
    return {_spell(kind, row) for (kind, _), row in _rows_by_element(values).items()}


def _spell(kind: str, row: Mapping[str, FieldValue]) -> tuple[str, ...]:
    return (kind, *(f"{part}={_text(row[part])}" for part in sorted(row)))


def _text(value: FieldValue) -> str:
    return value if isinstance(value, str) else value.expose()
