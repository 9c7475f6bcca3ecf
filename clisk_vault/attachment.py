"""Attachments: what names, seals and checks the chunks of a file.

Pure: bytes in, bytes out. Where chunks are kept is attachment_store.py's affair,
and the content key leaves its seal by reveal() alone.

Spec: protocol/item.md §8. Vectors: item/attachment-*.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from clisk_vault import cbor
from clisk_vault.cose import decrypt0, encrypt0
from clisk_vault.entry import MAX_VALUE_BYTES
from clisk_vault.errors import CallerError, FormatError, TamperedError
from clisk_vault.ids import ITEM_ID_LENGTH, ItemId, VaultId
from clisk_vault.keys import ContentKey, SecretText
from clisk_vault.labels import Label
from clisk_vault.primitives import Random, sha256

CHUNK_BYTES = 46 * 1024
MAX_ATTACHMENT_BYTES = 10 * 1024 * 1024
BLOB_BYTES = 16

_CONTENT = re.compile(r"1 (0|[1-9][0-9]{0,7}) ([0-9a-f]{64}) ([0-9a-f]{64})", re.ASCII)
_BLOB = re.compile(rf"[0-9a-f]{{{2 * BLOB_BYTES}}}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Content:
    """What opens the chunks of one attachment, and says what they add up to."""

    size: int
    digest: bytes
    key: ContentKey

    @property
    def chunks(self) -> int:
        """How many chunks there are; one at least."""
        return chunk_count(self.size)


@dataclass(frozen=True, slots=True)
class BlobPlace:
    """Where the chunks of one attachment belong."""

    vault: VaultId
    item: ItemId
    blob: bytes

    def context(self, number: int, chunks: int) -> bytes:
        """Return what the seal of one chunk is bound to."""
        return cbor.encode([self.vault, self.item, self.blob, number, chunks])


def chunk_count(size: int) -> int:
    """Return into how many chunks *size* bytes are cut."""
    return max(1, -(-size // CHUNK_BYTES))


def chunk_id(blob: bytes, number: int) -> ItemId:
    """Return the id of the document that holds one chunk."""
    digest = sha256(Label.CHUNK_ID.value, blob, number.to_bytes(4))
    return ItemId(digest[:ITEM_ID_LENGTH])


def new_content(data: bytes, random: Random = os.urandom) -> Content:
    """Return what a new attachment of *data* is opened by.

    Raises:
        CallerError: more than an attachment may hold.
    """
    if len(data) > MAX_ATTACHMENT_BYTES:
        raise CallerError(
            f"attachment: {len(data):,} bytes, at most {MAX_ATTACHMENT_BYTES:,}"
            " are allowed",
            advice="keep the file elsewhere, and its password or place here",
        )
    return Content(len(data), sha256(data), ContentKey(random(ContentKey.LENGTH)))


def spell_content(content: Content) -> SecretText:
    """Return the text of the field `content`."""
    return SecretText(
        f"1 {content.size} {content.digest.hex()} {content.key.expose().hex()}"
    )


def parse_content(text: SecretText) -> Content:
    """Return what spell_content() wrote.

    Raises:
        FormatError: another spelling, or larger than an attachment may be.
    """
    match = _CONTENT.fullmatch(text.expose())
    if match is None or int(match[1]) > MAX_ATTACHMENT_BYTES:
        raise FormatError("attachment: content is not a size, a digest and a key")
    return Content(
        int(match[1]), bytes.fromhex(match[2]), ContentKey(bytes.fromhex(match[3]))
    )


def parse_blob(text: str | None) -> bytes:
    """Return the bytes that name an attachment's chunks.

    Raises:
        FormatError: not 32 hex digits.
    """
    if text is None or _BLOB.fullmatch(text) is None:
        raise FormatError("attachment: does not say where its chunks are")
    return bytes.fromhex(text)


def seal_chunks(
    data: bytes, content: Content, place: BlobPlace, random: Random = os.urandom
) -> Iterator[bytes]:
    """Yield the sealed chunks of *data*, in order."""
    for number in range(content.chunks):
        yield encrypt0(
            content.key,
            data[number * CHUNK_BYTES : (number + 1) * CHUNK_BYTES],
            label=Label.CHUNK,
            context=place.context(number, content.chunks),
            random=random,
        )


def join_chunks(sealed: Iterable[bytes], content: Content, place: BlobPlace) -> bytes:
    """Return the bytes of an attachment from all of its chunks, in order.

    Raises:
        FormatError: not a sealed chunk.
        TamperedError: moved, changed, left out, or other bytes than were attached.
    """
    parts = [
        decrypt0(
            content.key,
            chunk,
            label=Label.CHUNK,
            context=place.context(number, content.chunks),
            max_bytes=MAX_VALUE_BYTES,
        )
        for number, chunk in enumerate(sealed)
    ]
    data = b"".join(parts)
    if len(data) != content.size or sha256(data) != content.digest:
        raise TamperedError("attachment: not the bytes that were attached")
    return data
