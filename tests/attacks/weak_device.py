"""A member's device without the guards: what the real one is held against.

It is given the same bytes as the real device, by the same relay, and knows the same
keys. Who signed is checked, and then what was signed is believed: it hands to the
parser whatever comes, inflates without bound, counts no operations, keeps all that
waits, takes whatever fails for damage, and shows the value that is dated last.
"""

from __future__ import annotations

from typing import cast

from automerge.core import ROOT, Document

from clisk_sync.envelope import parse_unverified_envelope
from clisk_sync.envelope_content import Stream
from clisk_vault.errors import FormatError
from clisk_vault.ids import ItemId
from tests.sync.world import Device

_STREAM, _BATCH = 1, 5
_NOWHERE = ItemId(bytes(16))


class WeakDevice:
    """The keys of a real device, documents of its own, and no guard."""

    def __init__(self, real: Device) -> None:
        self._real = real
        self._relay = real.world.relay.vault(real.vault_id, real.secrets)
        self._position = 0
        self.documents: dict[ItemId, bytes] = {}
        # Documents that it threw away, with what it took for damage.
        self.lost: dict[ItemId, Exception] = {}
        # How often bytes got to the parser of the document library.
        self.parsed = 0

    async def sync(self) -> None:
        """Take in all that the relay gives."""
        async for position, data in self._relay.read(self._position):
            self._position = max(position, self._position)
            for item, change in self._changes(data):
                self.merge(item, change)

    def _changes(self, data: bytes) -> list[tuple[ItemId, bytes]]:
        try:
            unverified = parse_unverified_envelope(data)
        except FormatError:
            return [(_NOWHERE, data)]  # of an older format, perhaps: let it see
        header, engine = unverified.unverified_header, self._real.engine
        key = engine.membership.known(header.author).public.signing
        secret = self._real.vault.epochs.secret(header.epoch)
        content = cast(
            "dict[int, object]", read_cbor(unverified.verify(key).open(secret))
        )
        if content[_STREAM] != Stream.ITEMS:
            return []
        return cast("list[tuple[ItemId, bytes]]", content[_BATCH])

    def merge(self, item: ItemId, change: bytes) -> None:
        """Put *change* to what there is, as the manual's first page has it."""
        self.parsed += 1
        saved = self.documents.get(item, b"")
        try:
            self.documents[item] = Document.load(saved + change).save()
        except Exception as err:  # noqa: BLE001  # the weakness: all of it is damage
            self.documents.pop(item, None)
            self.lost[item] = err

    def operations(self, item: ItemId) -> int:
        """Return how many operations a document has come to hold."""
        changes = Document.load(self.documents[item]).get_changes([])
        return max(each.max_op for each in changes)

    def dated(self, item: ItemId) -> dict[str, object]:
        """Return all titles of an item by their stamps."""
        document = Document.load(self.documents[item])
        found = dict[str, object]()
        for key in document.keys(ROOT):
            field, _, stamp = key.partition("/")
            got = document.get(ROOT, key) if field == "title" else None
            if got is not None and isinstance(got[0], tuple):
                found[stamp] = got[0][1]
        return found

    def title(self, item: ItemId) -> object:
        """Return the title that is dated last; None where there is none."""
        dated = self.dated(item)
        return dated[max(dated)] if dated else None

    def titles(self) -> list[object]:
        """Return the titles of all items that it can show."""
        shown = (self.title(item) for item in self.documents)
        return sorted(filter(None, shown), key=str)

    def comparisons(self, item: ItemId, *, patience: int) -> int:
        """Look for conflicts, each value with each other; tell after how many it is
        done, or out of patience.
        """
        stamps, compared = list(self.dated(item)), 0
        for one in stamps:
            for other in stamps:
                compared += 1
                if one < other and compared >= patience:
                    return compared
        return compared


def read_cbor(data: bytes) -> object:
    """Return what *data* says, by a call for each level and no count of them."""
    return _read(data, 0)[0]


def _read(data: bytes, at: int) -> tuple[object, int]:
    kind, size = data[at] >> 5, data[at] & 31
    at += 1
    if size >= 24:
        width = 1 << size - 24
        size, at = int.from_bytes(data[at : at + width]), at + width
    if kind in {2, 3}:
        return data[at : at + size], at + size
    if kind < 2:
        return size, at
    parts = []
    for _ in range(size * (kind - 3)):  # a list, or a map of twice as many
        part, at = _read(data, at)
        parts.append(part)
    if kind == 4:
        return parts, at
    return dict(zip(parts[::2], parts[1::2], strict=True)), at
