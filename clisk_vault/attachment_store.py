"""The attachments of items: chunks in documents of their own, read through reveal().

Spec: protocol/item.md §8.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from clisk_vault.access_record import Use
from clisk_vault.attachment import (
    BLOB_BYTES,
    BlobPlace,
    chunk_count,
    chunk_id,
    join_chunks,
    new_content,
    parse_blob,
    parse_content,
    seal_chunks,
    spell_content,
)
from clisk_vault.draft import FieldValue
from clisk_vault.entry import Entries
from clisk_vault.errors import CallerError, FormatError, NotHereError
from clisk_vault.hlc import Stamp
from clisk_vault.ids import ItemId
from clisk_vault.item import ElementView, ItemView
from clisk_vault.item_store import ItemStore
from clisk_vault.item_types import (
    ELEMENTS,
    element_field,
    new_element_ids,
    split_element,
)
from clisk_vault.item_write import choose
from clisk_vault.reveal import Reader, ReadRequest
from clisk_vault.session import Session

KIND = "attachment"
_MAX_NAME_CHARS = 255


@dataclass(frozen=True, slots=True)
class Attachment:
    """One attachment as it is listed; nothing of its content."""

    item: ItemId
    element: str
    name: str
    size: int
    media_type: str
    created: str
    missing_chunks: int
    """Chunks that have not come from another device yet."""

    @property
    def field(self) -> str:
        """The secret field to ask for when it is read."""
        return element_field(KIND, self.element, "content")


@dataclass(frozen=True, slots=True)
class RemovedAttachment:
    """A file that was taken off an item, and what of its parts stood last."""

    item: ItemId
    element: str
    name: str
    size: int
    removed_ms: int
    parts: Mapping[str, Stamp]
    """By field, the newest version of each that holds something."""


class Attachments:
    """Adds, lists, reads and removes them."""

    def __init__(self, session: Session, items: ItemStore, reader: Reader) -> None:
        self._session = session
        self._items = items
        self._reader = reader

    def add(
        self,
        item: ItemId,
        name: str,
        data: bytes,
        *,
        media_type: str = "",
        created: str = "",
    ) -> str:
        """Attach *data* to *item*, all or nothing, and return the element's id.

        Raises:
            CallerError: no such item, a name that no file has, or too many bytes.
        """
        check_name(name)
        self._items.load(item)
        random = self._session.random
        content, blob = new_content(data, random), random(BLOB_BYTES)
        place = BlobPlace(self._session.vault_id, item, blob)
        (element,) = new_element_ids(1, random)
        row: dict[str, FieldValue] = {
            "name": name,
            "size": str(len(data)),
            "media_type": media_type,
            "created": created,
            "blob": blob.hex(),
            "content": spell_content(content),
        }
        edit = {element_field(KIND, element, p): v for p, v in row.items() if v != ""}
        with self._session.storage.transaction():
            for number, sealed in enumerate(seal_chunks(data, content, place, random)):
                self._items.add_apart(
                    chunk_id(blob, number), {"chunk": sealed, "chunk.of": item.hex()}
                )
            self._items.write([(item, edit)])
        return element

    def of(self, item: ItemId) -> list[Attachment]:
        """Return the attachments of *item*, in the order they were added.

        Raises:
            CallerError: there is no such item.
        """
        view = self._items.load(item).view
        return [self._line(item, each) for each in view.elements(KIND)]

    def read(self, request: ReadRequest) -> bytes:
        """Return the bytes of an attachment, after the record of it is on disk.

        The request names the field of an Attachment.

        Raises:
            NotHereError: not all of its chunks are here; nothing was read.
            ReadRefused, TamperedError, FormatError: as Reader.reveal().
            CallerError: the field is not the content of an attachment.
        """
        parts = split_element(request.field)
        if parts is None or parts[::2] != (KIND, "content"):
            raise CallerError("attachment: not the field of one")
        for each in self.of(request.item):
            if each.element == parts[1]:
                _check_here(each.missing_chunks)
        asked = replace(request, use=request.use or Use.ATTACHMENT)
        content = parse_content(self._reader.reveal(asked))
        view = self._items.load(request.item).view
        blob = parse_blob(view.text(element_field(KIND, parts[1], "blob")))
        place = BlobPlace(self._session.vault_id, request.item, blob)
        return join_chunks(self._chunks(blob, content.chunks), content, place)

    def remove(self, item: ItemId, element: str) -> None:
        """Take an attachment off *item*; its chunks stay until the item is purged.

        Raises:
            CallerError: there is no such item, or attachment.
        """
        if all(each.element != element for each in self.of(item)):
            raise CallerError(
                "the item has no such attachment",
                advice="look at: clisk attach list ITEM",
            )
        view = self._items.load(item).view
        fields = (element_field(KIND, element, spec.name) for spec in ELEMENTS[KIND])
        gone = {field: None for field in fields if view.has(field)}
        self._items.write([(item, gone)])

    def removed(self, item: ItemId) -> list[RemovedAttachment]:
        """Return the files that were taken off *item*, the last one first.

        Raises:
            CallerError: there is no such item.
        """
        view = self._items.load(item).view
        here = {each.id for each in view.elements(KIND)}
        elements = {
            parts[1]
            for name in view.fields
            if (parts := split_element(name)) is not None and parts[0] == KIND
        }
        found = (_removed(item, view, each) for each in sorted(elements - here))
        return sorted(filter(None, found), key=lambda each: -each.removed_ms)

    def restore(self, item: ItemId, element: str) -> None:
        """Bring back a file that was taken off *item*, all of its parts at once.

        No seal is opened for it.

        Raises:
            CallerError: there is no such item, or no such file was taken off.
        """
        found = [each for each in self.removed(item) if each.element == element]
        if not found:
            raise CallerError(
                "no such file was taken off the item",
                advice="look at: clisk attach list ITEM --removed",
            )

        def composer(view: ItemView, stamp: Stamp) -> Entries:
            return {
                key: value
                for name, version in found[0].parts.items()
                for key, value in choose(view, stamp, name, version).items()
            }

        self._items.write_entries(item, composer)

    def _line(self, item: ItemId, element: ElementView) -> Attachment:
        size = _number(element.text("size"))
        return Attachment(
            item,
            element.id,
            element.text("name") or "",
            size,
            element.text("media_type") or "",
            element.text("created") or "",
            self._missing(element.text("blob"), size),
        )

    def _missing(self, blob_text: str | None, size: int) -> int:
        count = chunk_count(size)
        try:
            blob = parse_blob(blob_text)
        except FormatError:
            return count
        return sum(not self._items.has(chunk_id(blob, at)) for at in range(count))

    def _chunks(self, blob: bytes, count: int) -> Iterator[bytes]:
        for number in range(count):
            stored = self._items.apart(chunk_id(blob, number))
            _check_here(stored is None)
            assert stored is not None
            # The first that was written: a chunk is written once.
            sealed = next(
                (v for k, v in sorted(stored.entries.items()) if k[:6] == "chunk/"), ""
            )
            if not isinstance(sealed, bytes):
                raise FormatError("attachment: a chunk without its content")
            yield sealed


def _removed(item: ItemId, view: ItemView, element: str) -> RemovedAttachment | None:
    parts: dict[str, Stamp] = {}
    texts: dict[str, str] = {}
    removed_ms = 0
    for spec in ELEMENTS[KIND]:
        field = view.fields.get(element_field(KIND, element, spec.name))
        if field is None:
            continue
        removed_ms = max(removed_ms, field.current.stamp.time_ms)
        last = next((each for each in field.versions if not each.removed), None)
        if last is not None:
            parts[field.name] = last.stamp
            texts[spec.name] = last.text or ""
    if not texts.get("name"):
        return None
    size = _number(texts.get("size"))
    return RemovedAttachment(item, element, texts["name"], size, removed_ms, parts)


def check_name(name: str) -> None:
    """Refuse what is no name of a file.

    Raises:
        CallerError: empty, over 255 characters, or a path.
    """
    if not name or len(name) > _MAX_NAME_CHARS or set(name) & set("/\\\0\n"):
        raise CallerError(
            "attachment: not the name of a file",
            advice=f"give it a name of up to {_MAX_NAME_CHARS} characters, no folders",
        )


def _check_here(missing: int) -> None:
    if missing:
        raise NotHereError("the attachment has not come whole from its device yet")


def _number(text: str | None) -> int:
    if text is None or not text.isascii() or not text.isdigit() or len(text) > 8:
        return 0
    return int(text)
