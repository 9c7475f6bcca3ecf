"""A second item like another: its current values and its files, under another title.

The secrets are read for it, each read recorded first. What is of one item alone stays
behind: its history, its passkeys and what grants allow.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from clisk_vault.access_record import Requester, Use
from clisk_vault.attachment_store import Attachment
from clisk_vault.draft import FieldValue, ItemDraft
from clisk_vault.duplicates import read_values
from clisk_vault.ids import ItemId
from clisk_vault.item import TRUE, ItemView
from clisk_vault.item_types import element_field, new_element_ids, split_element
from clisk_vault.password_age import password_changed_ms
from clisk_vault.primitives import Random
from clisk_vault.reveal import ReadRequest
from clisk_vault.search import normalise
from clisk_vault.vault import Vault

# Said of the one item: when and from where it came, and where it lies.
_OF_ITS_OWN = frozenset(
    {"type", "title", "trashed", "archived", "created", "changed", "used", "origin"}
)
# A site knows a passkey, and its counter, as one key in one place: two of it fall out.
_LEFT_OUT = ("passkey.", "history.")
_WHY = "clone"


@dataclass(frozen=True, slots=True)
class Clone:
    """The new item, and what it has and has not of the other."""

    item: ItemId
    title: str
    files: int
    passkeys_left_out: int


def clone_item(
    vault: Vault, item: ItemId, who: Requester, *, title: str | None = None
) -> Clone:
    """Make a new item of what *item* holds now; all of it or nothing.

    *title* None: that of *item* with `(copy)` behind it. A password keeps its age, for
    it is the same password.

    Raises:
        CallerError: there is no such item.
        NotHereError: a file of it has not come whole from its device yet.
        ReadRefused, TamperedError, FormatError: a value could not be read.
    """
    view = vault.view(item)
    files = vault.attachments.of(item)
    values = {
        name: value
        for name, value in read_values(vault, item, who, _WHY).items()
        if name not in _OF_ITS_OWN and not name.startswith(_LEFT_OUT)
    }
    if view.asks_passphrase:
        values["reprompt"] = TRUE
    contents = [(each, _read(vault, each, who)) for each in files]
    if "password" in values:
        changed = datetime.fromtimestamp(password_changed_ms(view) / 1000, UTC)
        values["password_changed"] = changed.isoformat()
    fields = _renumbered(values, view, vault.session.random)
    called = title or _title(vault, view.title)
    with vault.storage.transaction():
        made = vault.add(ItemDraft(view.type, called, fields))
        for each, data in contents:
            vault.attachments.add(
                made,
                each.name,
                data,
                media_type=each.media_type,
                created=each.created,
            )
    return Clone(made, called, len(files), len(view.elements("passkey")))


def _read(vault: Vault, file: Attachment, who: Requester) -> bytes:
    request = ReadRequest(
        file.item, file.field, who, _WHY, use=Use.ATTACHMENT, confirmed=True
    )
    return vault.attachments.read(request)


def _renumbered(
    values: Mapping[str, FieldValue], view: ItemView, random: Random
) -> dict[str, FieldValue]:
    """Return *values* with new ids for elements, so that they keep their order.

    What is written at once is shown by id, and not by when it came into the other item.
    """
    kinds = {parts[0] for name in values if (parts := split_element(name))}
    ids = {
        (kind, each.id): new
        for kind in kinds
        for each, new in zip(
            view.elements(kind),
            new_element_ids(len(view.elements(kind)), random),
            strict=True,
        )
    }

    def name_of(name: str) -> str:
        parts = split_element(name)
        if parts is None or parts[:2] not in ids:
            return name
        return element_field(parts[0], ids[parts[:2]], parts[2])

    made = {name_of(name): value for name, value in values.items()}
    for element in view.elements("custom"):
        # A linked field names the field that it shows.
        shows = element.text("value")
        if element.text("kind") == "linked" and shows:
            linked = element_field("custom", ids["custom", element.id], "value")
            made[linked] = name_of(shows)
    return made


def _title(vault: Vault, title: str) -> str:
    """Return a title that no item has."""
    taken = {normalise(each.title) for each in vault.overviews()}
    number = 1
    while normalise(made := _copied(title, number)) in taken:
        number += 1
    return made


def _copied(title: str, number: int) -> str:
    return f"{title} (copy)" if number == 1 else f"{title} (copy {number})"
